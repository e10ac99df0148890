// The options of rateLimit in the configuration.

import { z } from 'zod'
import type { OptionReading, OptionTypes } from '../define.js'
import { keyOption } from '../request-key.js'
import { storeShape } from '../store-option.js'

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const REQUESTS_MAX = 1_000_000_000
const WINDOW_MS_MAX = 31 * 86_400_000

/** A number of requests in a time. */
export interface LimitOption {
  readonly requests: number
  readonly windowMs: number
}

/** Reads `100/1s`, and `100/s`. */
function readLimit(text: string): OptionReading<LimitOption> {
  const [, count, time = '1', unit] = /^(\d{1,10}) ?\/ ?(\d{1,8})? ?(ms|s|m|h|d)$/.exec(text) ?? []
  if (unit === undefined)
    return {
      wrong: `${JSON.stringify(text)} is not a limit; write a number of requests and a time, as 100/1s`,
    }
  const requests = Number(count)
  const windowMs = Number(time) * UNITS[unit]
  if (requests < 1 || requests > REQUESTS_MAX)
    return { wrong: `${count} requests are no limit; write 1 to ${REQUESTS_MAX}` }
  if (windowMs < 1 || windowMs > WINDOW_MS_MAX)
    return { wrong: `${time}${unit} is out of bounds; write 1ms to 31d` }
  return { value: { requests, windowMs } }
}

export const rateLimitOptions = (types: OptionTypes) =>
  z.strictObject({
    limit: types.text(
      'The requests that may come in a time, on average. Each worker counts its own, unless a store counts.',
      'requests and a time, as 100/1s',
      readLimit,
    ),
    burst: types
      .count('The requests that may come at once. Default: as many as limit has.', 1, REQUESTS_MAX)
      .optional(),
    cost: types.count('The count of each request. Default: 1.', 1, 1_000_000).optional(),
    key: keyOption(types, 'The key by which requests are counted.').optional(),
    delay: types
      .duration(
        'The longest time for which a request is held until it conforms. One that would have to wait longer is refused. Default: 0.',
        { least: 0, most: 3_600_000 },
      )
      .optional(),
    pending: types
      .count('The most requests that are held. One more is refused. Default: 1000.', 1, 1_000_000)
      .optional(),
    entries: types
      .count(
        'The most keys that have counts of their own. While none of them can be forgotten, new keys share one count. Default: 100000.',
        1,
        10_000_000,
      )
      .optional(),
    fields: types
      .word(
        'The responses with RateLimit and RateLimit-Policy: refusals, those that pass too (all), or none. Default: refusals.',
        ['refusals', 'all', 'none'],
      )
      .optional(),
    store: z
      .strictObject({
        ...storeShape(types),
        timeout: types
          .duration('The longest time for its answer. Default: 50ms.', { least: 1, most: 10_000 })
          .optional(),
        share: types
          .share(
            'The part of the limit that each process lets pass by itself while the store does not answer. Default: 100%.',
          )
          .optional(),
      })
      .describe('Redis, which counts for all processes. Default: each worker counts its own.')
      .optional(),
    shadow: types.flag('Counts and logs, and refuses nothing. Default: false.').optional(),
  })

export type RateLimitOptions = z.output<ReturnType<typeof rateLimitOptions>>
export type CountingStore = NonNullable<RateLimitOptions['store']>
