// Looks at all living requests for a list or an overview, a slice in each turn, so that any number of
// requests keeps no turn from its sockets for long. The answer is made and written in slices too.
// Requests that come after its beginning are not seen. A request that ends before its row is made is
// counted, and has no row.

import type { Continuation, Watcher } from '../continuation/index.js'
import { endsWorld, type Waiter } from '../pollset/index.js'
import type { Condition } from './conditions.js'
import { Foremost, type KeyOrder, leastFirst, numbersInText } from './foremost.js'
import { Pieces } from './pieces.js'
import type { Moment, RowKey, Tally, Target } from './target.js'
import { type TurnShare, units } from './turn-share.js'

/** The question of a survey. */
export interface SurveyQuestion {
  /** The condition: other requests have no row; null: all have one. */
  readonly condition: Condition<Moment> | null
  readonly by: RowKey
  readonly reversed: boolean
  /** The number of rows: the first of the matching requests. */
  readonly limit: number
  /** True: the overview is wanted too. */
  readonly overview: boolean
}

/** Is given the results of a survey, unless it was stopped: the answer in pieces, or an error. */
export interface Surveyor {
  /**
   * Is told that the answer is made. It is JSON of this many bytes, which come in pieces,
   * also in later turns.
   */
  surveyed(bytes: number): void
  surveyPiece(bytes: Buffer): void
  /** All pieces have come. */
  surveyOver(): void
  /** Is told of an error of ours: no survey comes. */
  surveyFailed(error: unknown): void
}

/** The continuations that are visited between two yields. */
const LOOKS = 8

const orderOf = (by: RowKey): KeyOrder => (by === 'id' ? numbersInText : leastFirst)

export class Survey implements Waiter, Watcher {
  private readonly target: Target
  private readonly question: SurveyQuestion
  private readonly share: TurnShare
  private readonly surveyor: Surveyor
  private readonly tally: Tally | null
  private readonly foremost: Foremost<Continuation>
  private readonly moment = { continuation: null as unknown as Continuation, from: '-' }
  /** The work to do: it yields the amount that is done. */
  private readonly work: Generator<number, void>
  /**
   * The next continuation to visit. When it ends, the next one takes its place: the survey watches for that.
   */
  private next: Continuation | null
  private isWatching = false
  private isOver = false
  private total = 0
  private matched = 0

  constructor(target: Target, question: SurveyQuestion, share: TurnShare, surveyor: Surveyor) {
    const { by, reversed, limit, overview } = question
    this.target = target
    this.question = question
    this.share = share
    this.surveyor = surveyor
    this.tally = overview ? target.tally() : null
    this.foremost = new Foremost(limit, orderOf(by), reversed)
    this.next = target.world.scheduler.newest
    this.work = this.all()
  }

  /** Begins the survey, which may end at once. */
  begin(): void {
    this.resume()
  }

  /** Ends the survey before its answer, or in the middle of it. */
  stop(): void {
    this.isOver = true
    this.next = null
    if (this.isWatching) this.target.world.scheduler.unwatch(this)
    this.isWatching = false
  }

  wake(): void {}

  resume(): void {
    if (this.isOver) return
    try {
      if (this.slice()) return
    } catch (error) {
      this.stop()
      if (endsWorld(error)) throw error
      this.surveyor.surveyFailed(error)
      return
    }
    const { scheduler, pollset } = this.target.world
    if (!this.isWatching) scheduler.watch(this)
    this.isWatching = true
    pollset.queueLater(this)
  }

  ended(continuation: Continuation): void {
    if (continuation === this.next) this.next = continuation.aliveNext
  }

  /** Does the work of a turn. Returns true if nothing is left. */
  private slice(): boolean {
    const { share, work } = this
    share.begin()
    for (;;) {
      const { done, value } = work.next()
      if (done === true) return true
      if (!share.spend(value)) return false
    }
  }

  private *all(): Generator<number, void> {
    while (this.next !== null) yield this.looks()
    const pieces = new Pieces()
    yield* this.counts(pieces)
    yield* this.rows(pieces)
    const { all, bytes } = pieces.end()
    this.surveyor.surveyed(bytes)
    for (const each of all) {
      this.surveyor.surveyPiece(each)
      yield units.piece
    }
    this.stop()
    this.surveyor.surveyOver()
  }

  /** Visits the next few. Returns the amount of work. */
  private looks(): number {
    const { target, tally, moment, foremost } = this
    const { condition, by } = this.question
    let work = 0
    while (this.next !== null && work < LOOKS) {
      const each = this.next
      this.next = each.aliveNext
      work += units.look
      tally?.add(each)
      if (!target.isRequest(each)) continue
      this.total++
      moment.continuation = each
      if (condition !== null) work += units.test
      if (condition !== null && !condition.test(moment)) continue
      this.matched++
      foremost.add(each, target.keyOf(each, by))
    }
    return work
  }

  /** Writes everything except the rows. */
  private *counts(pieces: Pieces): Generator<number, void> {
    const { tally, total, matched } = this
    const overview = tally === null ? {} : yield* tally.overview()
    let before = '{'
    for (const [name, value] of Object.entries({ ...overview, total, matched })) {
      pieces.add(`${before}"${name}":`)
      before = ','
      if (Array.isArray(value)) yield* list(pieces, value)
      else pieces.add(JSON.stringify(value))
    }
  }

  private *rows(pieces: Pieces): Generator<number, void> {
    const { foremost, target } = this
    const shown: Continuation[] = []
    while (foremost.size > 0) {
      shown.push(foremost.takeLast())
      yield units.look
    }
    let before = ',"rows":['
    for (let each = shown.pop(); each !== undefined; each = shown.pop()) {
      const row = each.finished ? null : target.row(each)
      if (row !== null) {
        pieces.add(before + JSON.stringify(row))
        before = ','
      }
      yield units.row
    }
    pieces.add(before === ',' ? ']}' : `${before}]}`)
  }
}

/** Writes a list, an element at a time. */
function* list(pieces: Pieces, all: readonly unknown[]): Generator<number, void> {
  pieces.add('[')
  for (const [at, each] of all.entries()) {
    pieces.add((at === 0 ? '' : ',') + JSON.stringify(each))
    yield units.row
  }
  pieces.add(']')
}
