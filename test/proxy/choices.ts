// Stories of the choice of an endpoint, run by choice.test.ts, and by edges.test.ts for the edges that they take.

import type { Test } from 'tap'
import { balancerOptions } from '../../src/balancing/index.js'
import { changes } from '../../src/proxy/changes.js'
import { Exchange, proxyLimits, settingsOf } from '../../src/proxy/index.js'
import { frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { decoded } from '../world/decoded.js'
import { stepsOf } from '../world/scenario.js'
import type { Seen } from '../world/seen.js'

const { timeouts, retry } = settingsOf('', proxyLimits)
const GET = headers(1, REQUEST)
const OK = headers(1, [[':status', '200']])
const answer = (status: string, ...fields: [string, string][]): Buffer =>
  headers(1, [[':status', status], ...fields], false)

const statusOf = (far: FarEnd): string | undefined => decoded(far.take())[':status']

type Proxy = ReturnType<typeof memoryProxy>

/** Holds the first exchange that is about to enter this step. */
function holdAt(proxy: Proxy, step: string): () => Exchange {
  let held: Exchange | null = null
  proxy.world.scheduler.gate = {
    holds(each) {
      if (held !== null || !(each instanceof Exchange) || each.stepName !== step) return false
      held = each
      return true
    },
  }
  return () => held as unknown as Exchange
}

const TURNS: MemoryProxyOptions = {
  endpoints: 2,
  backendOptions: {
    balancer: balancerOptions(
      { policy: 'round-robin', key: null, bound: 0, slowStartMs: 0, affinity: null },
      { active: null, passive: null, panic: 0 },
      null,
    ),
  },
}
const ON_503: MemoryProxyOptions = { ...TURNS, settings: { retry: { ...retry, statuses: [503] } } }
const IN_100_MS = { settings: { timeouts: { ...timeouts, connectMs: 100 } } }
/** SETTINGS_MAX_CONCURRENT_STREAMS 1. */
const ONE_STREAM = Buffer.from([0, 3, 0, 0, 0, 1])

const steps = (proxy: Proxy, id = 'm1/s1'): string => stepsOf(proxy.lines, id).join(' ')

/** A proxy to two endpoints, of which the first is chosen first. */
function started(seen: Seen, options: MemoryProxyOptions = TURNS, begin: (proxy: Proxy) => void = () => {}) {
  const proxy = memoryProxy({}, { ...options, seen })
  begin(proxy)
  const far = proxy.client()
  return { proxy, far }
}

export const STORIES: readonly (readonly [string, (t: Test, seen: Seen) => void])[] = [
  [
    'an endpoint that refuses connections: the request goes to the other',
    (t, seen) => {
      const { proxy, far } = started(seen, TURNS, (each) => each.refuse())
      far.send(GET)
      proxy.greet(proxy.beside[0])
      proxy.beside[0].send(OK)
      t.match(
        steps(proxy),
        /^receive route balance lease retry balance lease sendHead awaitHead answer transfer/,
      )
      t.equal(statusOf(far), '200')
    },
  ],
  [
    'all endpoints refuse connections',
    (t, seen) => {
      const { proxy, far } = started(seen, TURNS, (each) => {
        each.refuse()
        each.refuseBeside()
      })
      far.send(GET)
      t.equal(statusOf(far), '502')
      t.equal(steps(proxy), 'receive route balance lease retry balance lease refuse log')
    },
  ],
  [
    'retry.on without connect-failure',
    (t, seen) => {
      const options = { ...TURNS, settings: { retry: { ...retry, connectFailure: false } } }
      const { far } = started(seen, options, (each) => each.refuse())
      far.send(GET)
      t.equal(statusOf(far), '502')
    },
  ],
  [
    'no connection within timeouts.connect: the request goes to the other endpoint',
    (t, seen) => {
      const { proxy, far } = started(seen, { ...TURNS, ...IN_100_MS }, (each) => each.hang())
      far.send(GET)
      proxy.pollset.advance(99)
      t.equal(proxy.beside.length, 0)
      proxy.pollset.advance(1)
      t.equal(proxy.beside.length, 1)
      t.equal(steps(proxy), 'receive route balance lease leaseLate retry balance lease')
    },
  ],
  [
    'no connection within timeouts.connect, and no other endpoint',
    (t, seen) => {
      const { proxy, far } = started(seen, IN_100_MS, (each) => each.hang())
      far.send(GET)
      proxy.pollset.advance(100)
      t.equal(statusOf(far), '504')
      t.equal(steps(proxy), 'receive route balance lease leaseLate refuse log')
    },
  ],
  [
    'a connection is open within timeouts.connect, and full: timeouts.lease counts',
    (t, seen) => {
      const { proxy, far } = started(seen, IN_100_MS)
      far.send(GET)
      far.send(headers(3, REQUEST))
      const [backend] = proxy.backends
      proxy.pollset.advance(50)
      backend.send(Buffer.concat([frame(4, 0, 0, ONE_STREAM), frame(4, 1, 0)]))
      proxy.pollset.advance(60)
      t.equal(steps(proxy, 'm1/s3'), 'receive route balance lease leaseLate lease')
      proxy.pollset.advance(10_000)
      t.equal(statusOf(far), '503')
    },
  ],
  [
    'no endpoint',
    (t, seen) => {
      const { proxy, far } = started(seen, {}, (each) => each.backend.replace([]))
      far.send(GET)
      t.equal(statusOf(far), '503')
      t.equal(steps(proxy), 'receive route balance refuse log')
      t.equal(proxy.proxy.outcomes.get('no-endpoint'), 1)
    },
  ],
  [
    'as many requests as limits.requests allows',
    (t, seen) => {
      const { proxy, far } = started(seen, { backendOptions: { requestsMax: 1 } })
      far.send(GET)
      far.send(headers(3, REQUEST))
      t.equal(statusOf(far), '503')
      t.equal(proxy.proxy.outcomes.get('requests-full'), 1)
      const [backend] = proxy.backends
      proxy.greet(backend)
      backend.send(OK)
      far.take()
      far.send(headers(5, REQUEST))
      t.equal(framesOf(backend.take()).filter((each) => each.type === 1).length, 1, 'its place is free again')
    },
  ],
  [
    'a status of retry.on: after a pause the request goes to the other endpoint',
    (t, seen) => {
      const { proxy, far } = started(seen, ON_503)
      far.send(GET)
      const [backend] = proxy.backends
      proxy.greet(backend)
      backend.send(answer('503'))
      t.match(steps(proxy), /answer retry$/)
      proxy.pollset.advance(25)
      proxy.greet(proxy.beside[0])
      proxy.beside[0].send(answer('503'))
      const both = [backend, proxy.beside[0]]
      for (const each of both) each.take()
      proxy.pollset.advance(50)
      const third = both.find((each) => framesOf(each.take()).some(({ type }) => type === 1))
      third?.send(headers(3, [[':status', '503']], false))
      t.equal(statusOf(far), '503', 'the last attempt is what the client gets')
      t.equal(proxy.proxy.outcomes.get('ok'), undefined, 'its body is owed')
    },
  ],
  [
    'Retry-After: one second is waited for, more is the client’s',
    (t, seen) => {
      const { proxy, far } = started(seen, ON_503)
      far.send(GET)
      const [backend] = proxy.backends
      proxy.greet(backend)
      backend.send(answer('503', ['retry-after', '1']))
      proxy.pollset.advance(999)
      t.equal(proxy.beside.length, 0)
      proxy.pollset.advance(1)
      t.equal(proxy.beside.length, 1)
      proxy.greet(proxy.beside[0])
      proxy.beside[0].send(answer('503', ['retry-after', '2']))
      t.equal(statusOf(far), '503')
    },
  ],
  [
    'the client leaves in the pause before a retry',
    (t, seen) => {
      const { proxy, far } = started(seen, ON_503)
      far.send(GET)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(answer('503', ['retry-after', '1']))
      far.send(frame(3, 0, 1, uint32(8)))
      t.match(steps(proxy), /answer retry abort log$/)
      t.equal(
        proxy.backend.endpoints.reduce((all, each) => all + each.member.load, 0),
        0,
      )
    },
  ],
  [
    'no budget for retries: the status passes',
    (t, seen) => {
      const none = { ratio: 0, perSecond: 0 }
      const { proxy, far } = started(seen, {
        ...ON_503,
        backendOptions: { ...ON_503.backendOptions, retryBudget: none },
      })
      far.send(GET)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(answer('503'))
      t.equal(statusOf(far), '503')
      t.match(steps(proxy), /answer transfer$/)
    },
  ],
  [
    'a debugger answers an exchange that is about to be sent again',
    (t, seen) => {
      const { proxy, far } = started(seen, ON_503)
      far.send(GET)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(answer('503', ['retry-after', '1']))
      const { scheduler } = proxy.world
      const [x] = [...scheduler.alive()].filter((each) => each instanceof Exchange)
      scheduler.hold(x)
      t.equal(changes.setAnswer(x, 418, ''), null)
      t.equal(scheduler.redirect(x, 'respond'), null)
      scheduler.release(x)
      proxy.pollset.run()
      t.equal(statusOf(far), '418')
    },
  ],
  [
    'a CONNECT whose connection closes before it is used asks for another',
    (t, seen) => {
      const proxy = memoryProxy({}, { seen, connect: ['192.0.2.9:9'] })
      const held = holdAt(proxy, 'sendHead')
      const far = proxy.client()
      far.send(
        headers(
          1,
          [
            [':method', 'CONNECT'],
            [':authority', '192.0.2.9:9'],
          ],
          false,
        ),
      )
      const x = held()
      proxy.backends[0].destroy()
      proxy.world.scheduler.gate = null
      proxy.world.scheduler.release(x)
      proxy.pollset.run()
      t.match(steps(proxy), /^receive route lease sendHead retry lease/)
    },
  ],
  [
    'a tunnel that HTTP/2 does not carry goes over HTTP/1.1',
    (t, seen) => {
      const { proxy, far } = started(seen, { tunnels: true })
      const websocket = [
        [':method', 'CONNECT'],
        [':protocol', 'websocket'],
        [':scheme', 'http'],
        [':authority', 'a'],
        [':path', '/'],
      ] as const
      far.send(headers(1, websocket, false))
      proxy.greet(proxy.backends[0])
      t.equal(steps(proxy), 'receive route balance lease sendHead lease sendHead awaitHead')
      t.match(proxy.backends[1].take().toString('latin1'), /^GET \/ HTTP\/1\.1\r\n[\s\S]*upgrade: websocket/)
    },
  ],
]
