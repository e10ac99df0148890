// Breakpoints by the name of a filter.

import t from 'tap'
import type { Cause, Continuation } from '../../src/continuation/index.js'
import { Breakpoint, placeOf } from '../../src/debugger/breakpoints.js'
import { exchangeSteps, PASS } from '../../src/proxy/index.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { filtered, use } from '../filters/small-proxy.js'

const PROGRAMS = [exchangeSteps as never]

/** Returns where each of these places stops one request that passes three filters, of which one waits. */
function stopsOf(places: readonly string[]): Record<string, string[]> {
  const stops: Record<string, string[]> = {}
  const points = places.map((text, at) => {
    const place = placeOf(text, PROGRAMS)
    if (typeof place === 'string') throw new Error(place)
    stops[text] = []
    return new Breakpoint(at, {
      place,
      condition: null,
      hits: 1,
      once: false,
      lastPlace: false,
      log: null,
    })
  })
  let waited = 0
  const p = filtered(
    [
      use('outer', { response: () => PASS }),
      use('slow', { request: (x) => (waited++ < 2 ? x.pause(10) : PASS), response: () => PASS }),
      use('inner', { request: () => PASS, attempt: () => PASS }),
    ],
    REQUEST,
    {
      gate: {
        holds(continuation: Continuation, cause: Cause, from: number) {
          for (const [at, point] of points.entries())
            if (point.isAt(continuation, cause, from))
              stops[places[at]].push(`${continuation.stepName} ${cause}`)
          return false
        },
      },
    },
  )
  p.pollset.advance(10)
  p.pollset.advance(10)
  p.backends[0].send(HELLO)
  p.backends[0].send(headers(1, [[':status', '200']]))
  t.equal(p.proxy.logged, 1)
  return stops
}

const HELLO = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])

t.test('filter NAME stops before each of its phases, and once for each', async (t) => {
  const stops = stopsOf([
    'filter slow',
    'filter slow:wait',
    'filter inner',
    'filter outer',
    'filter other',
    'exchange.filterRequest(slow)',
    'exchange.filterResponse(outer)',
    'exchange.filterRequest(inner)',
    'exchange.filterRequest',
  ])
  t.strictSame(stops, {
    'filter slow': ['filterRequest goto', 'filterResponse goto'],
    'filter slow:wait': ['filterRequest arm', 'filterRequest arm'],
    'filter inner': ['filterRequest goto', 'filterAttempt goto'],
    'filter outer': ['filterResponse goto'],
    'filter other': [],
    'exchange.filterRequest(slow)': ['filterRequest goto'],
    'exchange.filterResponse(outer)': ['filterResponse goto'],
    'exchange.filterRequest(inner)': ['filterRequest goto'],
    'exchange.filterRequest': ['filterRequest goto'],
  })
})

t.test('a place says what is wrong with it', async (t) => {
  t.match(
    placeOf('exchange.lease(slow)', PROGRAMS),
    /^no filter is called in lease: they are called in filterRequest, /,
  )
  t.match(placeOf('filter', PROGRAMS), /is not filter NAME, LIFE\.STEP/)
})
