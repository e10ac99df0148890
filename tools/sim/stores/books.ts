// The books of a store that processes share: which questions were asked, run and answered, which purges each
// process has heard of, and since when. They are kept from the rules of the pages (K24, Y40, Y42, G20).

import { Violation } from '../ledger.js'
import type { StreamEntry } from './data.js'

/** A purge, as it is written. */
export interface PurgeText {
  readonly url?: string
  readonly prefix?: string
  readonly tag?: string
  readonly all?: true
}

/** The bounds that a limit lets a process pass by itself. */
interface OwnBounds {
  burst: number
  perMs: number
  delay: number
}

/** A purge that a process has done. */
interface Done {
  readonly what: PurgeText
  readonly at: number
  /** Responses of the origin that there were. */
  readonly responses: number
}

export class StoreBooks {
  /** Faults so far, for which a question may have no answer. */
  faults = 0
  /** Purges whose outcome is not told. */
  untold = 0
  private numbered = 0
  private broken: Violation | null = null
  private readonly limits = new Set<string>()
  private readonly delays = new Set<number>([0])
  private readonly bounds: OwnBounds = { burst: 0, perMs: 0, delay: 0 }
  private readonly asked = new Set<string>()
  /** By tag: the string that the store has made. */
  private readonly made = new Map<string, string>()
  /** Tags of questions that were answered wrongly. */
  private readonly wrong = new Set<string>()
  private readonly alone = new Map<string, number[]>()
  private readonly done: Done[][] = [[], []]

  breaks(property: string, message: string): void {
    this.broken ??= new Violation(property, message)
  }

  /** After a turn. */
  look(): void {
    if (this.broken !== null) throw this.broken
  }

  // Limits (K24, Y40)

  /** A configuration has this limit, of which a process lets pass this part by itself. */
  configured(burst: number, perMs: number, delay: number, share: number): void {
    this.limits.add([burst, perMs, 1].join(' '))
    this.delays.add(delay)
    const { bounds } = this
    bounds.burst = Math.max(bounds.burst, 1, burst * share)
    bounds.perMs = Math.max(bounds.perMs, perMs * share)
    bounds.delay = Math.max(bounds.delay, delay)
  }

  /** Returns the tag of the next question. */
  asks(process: number): string {
    const tag = `#${process}.${this.numbered++}`
    this.asked.add(tag)
    return tag
  }

  /** The store has run a script. Those of a filter end with their tag. */
  ran(key: string, args: readonly string[], text: string): void {
    const tag = args.at(-1) ?? ''
    if (!tag.startsWith('#')) return
    if (!this.asked.has(tag)) this.breaks('Y40', `nobody has asked ${tag} of ${key}`)
    if (this.made.has(tag)) this.breaks('Y40', `${tag} of ${key} is run twice`)
    this.made.set(tag, text)
    if (args.length < 5) return
    const [burst, perMs, cost, most] = args.map(Number)
    if (!this.limits.has([burst, perMs, cost].join(' ')) || !this.delays.has(most))
      this.breaks('K24', `no configuration counts ${key} by ${args.join(' ')}`)
  }

  answeredWrongly(words: readonly string[]): void {
    this.wrong.add(words.at(-1) ?? '')
  }

  /** A question has this answer. */
  answered(tag: string, text: string): void {
    if (this.wrong.has(tag)) return
    const made = this.made.get(tag)
    if (made !== text)
      this.breaks('Y40', `${tag} is answered by ${text}, and the store has made ${made ?? 'nothing'} for it`)
  }

  /** A process has let a request pass by itself: there is a bound to that. */
  passedAlone(process: number, key: string, now: number): void {
    const { burst, perMs, delay } = this.bounds
    const id = `${process} ${key}`
    const times = this.alone.get(id) ?? []
    this.alone.set(id, times)
    times.push(now)
    for (let at = 0; at < times.length; at++) {
      // Those that were held were counted before: one that leaves meanwhile is not.
      const most = burst + perMs * (now - times[at] + 2 * delay)
      if (times.length - at > most + 1e-6)
        this.breaks('K24', `process ${process} lets ${times.length - at} pass alone for ${key}, not ${most}`)
    }
  }

  // Purges (G20)

  /** A process has done a purge. */
  purged(process: number, what: PurgeText, at: number, responses: number): void {
    this.done[process].push({ what, at, responses })
  }

  /** Returns the number of the first response that a request of this process may get, which began then. */
  least(process: number, key: string, since: number): number {
    let least = 0
    for (const { what, at, responses } of this.done[process])
      if (at < since && isOf(what, key)) least = Math.max(least, responses)
    return least
  }
}

/** The host of all URLs of readers. */
const ORIGIN = 'http://sim'

export const urlOf = (key: string): string => `${ORIGIN}${key}`
/** The tag of the responses to this key. */
export const tagOf = (key: string): string => `tag-${key.at(-1)}`

const isOf = ({ url, prefix, tag, all }: PurgeText, key: string): boolean =>
  all === true ||
  url === urlOf(key) ||
  (prefix !== undefined && urlOf(key).startsWith(prefix)) ||
  tag === tagOf(key)

/** The place of one reader in a stream (Y42). */
export class Followed {
  /** The place of the last entry that it was told of. */
  private place = -1
  /** When it last said that it may have missed entries; null since the last entry. */
  private missedAt: number | null = null
  private isOpen = true
  private readonly log: readonly StreamEntry[]
  private readonly books: StoreBooks

  constructor(log: readonly StreamEntry[], books: StoreBooks) {
    this.log = log
    this.books = books
  }

  /** The reader tells of an entry: the next one, unless it may have missed those before it. */
  told(text: string): void {
    const { log, place, missedAt, books } = this
    const found = log.find((each) => each.text === text)
    if (!this.isOpen) books.breaks('Y42', `an entry is told of behind the end: ${text}`)
    // One that began again at the end of a stream that was lost may tell of the same again.
    if (found === undefined || (found.place <= place && missedAt === null)) {
      books.breaks('Y42', `an entry is told of twice, or was not written: ${text}`)
      return
    }
    for (const skipped of log.slice(place + 1, found.place))
      if (missedAt === null || skipped.at > missedAt)
        books.breaks('Y42', `an entry is left out: ${skipped.text}`)
    this.place = found.place
    this.missedAt = null
  }

  missed(now: number): void {
    this.missedAt = now
  }

  close(): void {
    this.isOpen = false
  }

  /** True if it has heard of all that was written. */
  get isUpToDate(): boolean {
    const { log, place, missedAt } = this
    const [next] = log.slice(place + 1)
    return !this.isOpen || next === undefined || (missedAt !== null && (log.at(-1)?.at ?? 0) <= missedAt)
  }
}
