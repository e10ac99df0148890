// The data of a simulated server of Redis that is a store of filters: levels of rateLimit, and streams of
// purges. Scripts are known by their text, and done here by the rules of the page, not by the code of src.

import { GCRA } from '../../../src/filters/rate-limit/shared-buckets.js'
import { sha1Of } from '../../../src/pollset/index.js'
import { APPEND } from '../../../src/redis/stream-reader.js'

/** The tolerance of sums of fractions. */
const ROUNDING = 1e-6

export interface StreamEntry {
  readonly id: string
  /** The id of the one before it, when it was appended. */
  readonly after: string
  readonly text: string
  /** Its place among all that were ever appended to this stream. */
  readonly place: number
  readonly at: number
}

class Stream {
  /** Those that are there. */
  entries: StreamEntry[] = []
  /** All that were ever appended. */
  readonly log: StreamEntry[] = []
}

export class StoreData {
  private readonly levels = new Map<string, { level: number; at: number }>()
  private readonly streams = new Map<string, Stream>()
  /** By digest: the scripts that it knows. */
  private readonly scripts = new Map<string, string>()
  private numbered = 0

  stream(key: string): Stream {
    let found = this.streams.get(key)
    if (found === undefined) {
      found = new Stream()
      this.streams.set(key, found)
    }
    return found
  }

  /** Forgets the scripts, as SCRIPT FLUSH and a start do. */
  forgetScripts(): void {
    this.scripts.clear()
  }

  /** Loses all that it has. */
  lose(): void {
    this.levels.clear()
    this.scripts.clear()
    for (const each of this.streams.values()) each.entries = []
  }

  /** Drops the oldest entries of all streams. @param left at least 1 */
  trim(left: number): void {
    for (const each of this.streams.values()) each.entries = each.entries.slice(-left)
  }

  /** Returns the text of this script, whose text or digest is given; null if it is not known. */
  script(name: string, what: string): string | null {
    if (name === 'evalsha') return this.scripts.get(what) ?? null
    this.scripts.set(sha1Of(what), what)
    return what
  }

  /** Runs a script for a key. Returns the string that it answers. */
  run(script: string, key: string, args: readonly string[], now: number): string {
    if (script === GCRA) return this.count(key, args.map(Number), now)
    if (script === APPEND) return this.append(key, args[0], now)
    return 'OK'
  }

  /** Adds a request to the level of its key, if it conforms within the time that it may be held. */
  count(key: string, [burst, perMs, cost, most]: readonly number[], now: number): string {
    const kept = this.levels.get(key)
    const level = kept === undefined ? 0 : Math.max(0, kept.level - (now - kept.at) * perMs)
    const over = level + cost - burst
    const wait = over > ROUNDING ? over / perMs : 0
    const passes = wait <= most
    const after = passes ? level + cost : level
    if (passes) this.levels.set(key, { level: after, at: now })
    return `${passes ? 1 : 0} ${wait} ${after}`
  }

  append(key: string, text: string, now: number): string {
    const { entries, log } = this.stream(key)
    const after = entries.at(-1)?.id ?? '0-0'
    const entry = { id: `${Math.floor(now) + 1}-${this.numbered++}`, after, text, place: log.length, at: now }
    entries.push(entry)
    log.push(entry)
    return entry.id
  }

  /** The entries behind this id. */
  behind(key: string, id: string): StreamEntry[] {
    const [ms, number] = id.split('-').map(Number)
    return this.stream(key).entries.filter((each) => {
      const [itsMs, itsNumber] = each.id.split('-').map(Number)
      return itsMs > ms || (itsMs === ms && itsNumber > number)
    })
  }
}
