// Looks at all living requests for a list or an overview, a slice in each turn: however many there are, no
// turn is kept from its sockets for long. The answer is made and written in slices too. What has come since
// it began is not seen. One that ends before its row is made is counted, and has no row.

import type { Continuation, Watcher } from '../continuation/index.js'
import { endsWorld, type Waiter } from '../pollset/index.js'
import type { Condition } from './conditions.js'
import { Foremost, type KeyOrder, leastFirst, numbersInText } from './foremost.js'
import { Pieces } from './pieces.js'
import type { Moment, RowKey, Tally, Target } from './target.js'
import { type TurnShare, units } from './turn-share.js'

/** What is asked. */
export interface SurveyQuestion {
  /** Requests that it does not match have no row; null: all have one. */
  readonly condition: Condition<Moment> | null
  readonly by: RowKey
  readonly reversed: boolean
  /** The rows that are made: the first of those that match. */
  readonly limit: number
  /** The overview is asked for too. */
  readonly overview: boolean
}

/** Is told what a survey has found, unless it was stopped: the answer in pieces, or an error. */
export interface Surveyor {
  /** The answer is made. It is JSON of this many bytes, which come in pieces, in later turns too. */
  surveyed(bytes: number): void
  surveyPiece(bytes: Buffer): void
  /** All pieces have come. */
  surveyOver(): void
  /** The error is one of ours, and no survey comes. */
  surveyFailed(error: unknown): void
}

/** The continuations that are looked at between two yields. */
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
  /** All that is to be done: it yields how much it has done. */
  private readonly work: Generator<number, void>
  /** The next to look at. When it ends, the one behind it is: it watches for that. */
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

  /** Begins. It may end at once. */
  begin(): void {
    this.resume()
  }

  /** Ends without an answer, or in the middle of it. */
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

  /** Does the work of a turn. Returns whether nothing is left. */
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

  /** Looks at the next few. Returns how much work it was. */
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

  /** Writes all but the rows. */
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
