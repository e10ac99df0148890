// The counts of rateLimit in a store that processes share: the algorithm of buckets.ts as a script that the
// store runs in one step, by its own clock, so the clocks of the processes do not matter.

import { keyedDigest } from '../../pollset/index.js'
import type { FilterContext } from '../define.js'
import { type KeyPart, keyText } from '../request-key.js'
import { type SharedStore, type StoreQuestion, storeUseOf } from '../store.js'
import type { Rate } from './buckets.js'
import type { CountingStore } from './options.js'

const TIMEOUT_MS = 50

/**
 * Adds a request to the level of its key if it conforms, or will within the time that it may be held. The
 * level and the time of the last request are kept until the level has fallen to 0.
 */
export const GCRA = `
local burst, perMs, cost, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local level, at = 0, now
local kept = redis.call('GET', KEYS[1])
if kept then
  local before, since = string.match(kept, '^(%S+) (%S+)$')
  at = tonumber(since)
  level = math.max(0, tonumber(before) - math.max(0, now - at) * perMs)
end
local excess = level + cost - burst
local wait = 0
if excess > 0.000001 then wait = excess / perMs end
local passes = wait <= most
if passes then level = level + cost end
if passes or at > now then
  redis.call('SET', KEYS[1], string.format('%.17g %.17g', level, now), 'PX', math.ceil(level / perMs) + 1)
end
return string.format('%d %.17g %.17g', passes and 1 or 0, wait, level)
`

/** The answer of the store. */
export interface Counted {
  readonly passes: boolean
  /** The ms until the request conforms; 0 if it does now. */
  readonly waitMs: number
  /** The level of its key behind it. */
  readonly level: number
}

export class SharedBuckets {
  readonly timeoutMs: number
  readonly store: SharedStore
  private readonly prefix: string
  /** Digests values that clients have sent: they may be secrets. */
  private readonly digest: ((text: string) => string) | null

  constructor(
    option: CountingStore,
    key: KeyPart | readonly KeyPart[] | undefined,
    windowMs: number,
    context: FilterContext,
  ) {
    this.store = context.store(storeUseOf(option))
    this.timeoutMs = option.timeout ?? TIMEOUT_MS
    this.prefix = `fermata:rateLimit:${JSON.stringify([context.identity, keyText(key), windowMs])}:`
    const isPlain = [key ?? []]
      .flat()
      .every(({ kind }) => kind === 'address' || kind === 'route' || kind === 'host')
    this.digest = isPlain ? null : keyedDigest('fermata')
  }

  /** Returns null if the store should not be asked now. @param mostMs the ms for which it may be held */
  ask(key: string, rate: Rate, cost: number, mostMs: number): StoreQuestion | null {
    const { store, prefix, digest, timeoutMs } = this
    const args = [rate.burst, rate.perMs, cost, mostMs].map(String)
    return store.run(GCRA, prefix + (digest === null ? key : digest(key)), args, timeoutMs)
  }

  /** Returns what the store has counted; null if it has not answered, or nonsense. */
  read({ text }: StoreQuestion): Counted | null {
    const [, passes, wait, level] = /^([01]) (\S+) (\S+)$/.exec(text ?? '') ?? []
    const waitMs = Number(wait)
    if (!(waitMs >= 0 && Number(level) >= 0)) return null
    return { passes: passes === '1', waitMs, level: Number(level) }
  }
}
