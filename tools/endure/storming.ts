// A storm of retries: all endpoints answer 503, and each such answer is a reason to send the request again.

import { Load, type Tally } from './load.js'
import { type Pace, passed } from './pace.js'
import { withEndpoints } from './place.js'

export interface StormFigures {
  readonly tally: Tally
  /** The requests that the client sent in each second, and those that the endpoints have seen. */
  readonly seconds: readonly { readonly offered: number; readonly seen: number }[]
  readonly offered: number
  readonly seen: number
  /** Since the server started. */
  readonly lastedSeconds: number
}

export const storm = (lasts: Pace): Promise<StormFigures> =>
  withEndpoints(', retry: { on: [503] }', 503, async ({ port, endpoints, startedAt }) => {
    const load = new Load({
      port,
      http1: 16,
      http2: { connections: 2, streams: 16 },
      paths: ['/h2c/small'],
    })
    await passed(lasts, load)
    const tally = await load.stop()
    const lastedSeconds = (Date.now() - startedAt) / 1_000
    const counts = await Promise.all(endpoints.map((each) => each.seen()))
    const seenIn = (second: number): number => counts.reduce((sum, each) => sum + (each[second] ?? 0), 0)
    const seconds = Object.keys(load.sentIn).map(Number)
    const all = counts.flatMap((each) => Object.values(each)).reduce((sum, each) => sum + each, 0)
    return {
      tally,
      seconds: seconds.map((each) => ({ offered: load.sentIn[each] ?? 0, seen: seenIn(each) })),
      offered: tally.sent,
      seen: all,
      lastedSeconds,
    }
  })
