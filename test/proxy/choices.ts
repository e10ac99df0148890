// Stories of the choice of an endpoint, run by choice.test.ts, and by edges.test.ts for the edges that they
// take.

import type { Test } from 'tap'
import { balancerOptions } from '../../src/balancing/index.js'
import { changes } from '../../src/proxy/changes.js'
import { Discovery, Exchange, proxyLimits, settingsOf } from '../../src/proxy/index.js'
import { frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { active } from '../balancing/members.js'
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
const THREE: MemoryProxyOptions = { ...TURNS, endpoints: 3 }
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

/** A proxy whose backend has no endpoint before its first look-up ends, which is not answered; and requests. */
function looking(seen: Seen, options: MemoryProxyOptions = {}, requests = 1) {
  const proxy = memoryProxy({}, { ...options, seen })
  const { pollset, world, backend } = proxy
  const endpoints = [...backend.endpoints]
  pollset.answer('addresses', 'shop', null)
  backend.replace([])
  const asks = { kind: 'dns', name: 'shop', port: 9, leastMs: 5_000, mostMs: 30_000 } as const
  const discovery: Discovery = new Discovery(
    world,
    { ...asks, servers: [], search: null },
    proxyLimits,
    { found: () => backend.replace(endpoints), failed: () => backend.wake(), returned: () => {} },
    () => 0,
  )
  backend.discovery = discovery
  discovery.start()
  const far = proxy.client()
  for (let i = 0; i < requests; i++) far.send(headers(2 * i + 1, REQUEST))
  return { proxy, far, endpoints, discovery, pollset, backend }
}

/** A balancer whose members get no request before a check has passed. */
const CHECKED: MemoryProxyOptions = {
  backendOptions: {
    balancer: balancerOptions(
      { policy: 'round-robin', key: null, bound: 0, slowStartMs: 0, affinity: null },
      { active, passive: null, panic: 0 },
      null,
    ),
  },
}

const CHECKED_TWO: MemoryProxyOptions = {
  endpoints: 2,
  backendOptions: { ...CHECKED.backendOptions, retryBudget: { ratio: 0.2, perSecond: 10 } },
}

export const STORIES: readonly (readonly [string, (t: Test, seen: Seen) => void])[] = [
  [
    'B40: a backend that has left the configuration serves the retries of its exchanges',
    (t, seen) => {
      const { proxy, far } = started(seen)
      const { backend } = proxy
      far.send(GET)
      proxy.greet(proxy.backends[0])
      backend.retire()
      t.equal(backend.endpoints.length, 2)
      proxy.backends[0].destroy()
      proxy.greet(proxy.beside[0])
      t.equal(backend.endpoints.length, 2)
      proxy.beside[0].send(OK)
      t.equal(statusOf(far), '200')
      t.equal(backend.endpoints.length, 0, 'it closes with its last exchange')
    },
  ],
  [
    'B40: and of those whose only endpoint has lost their connection',
    (t, seen) => {
      const { proxy, far } = started(seen, { ...TURNS, endpoints: 1 })
      const { backend } = proxy
      far.send(GET)
      proxy.greet(proxy.backends[0])
      backend.retire()
      proxy.backends[0].destroy()
      proxy.greet(proxy.backends[1])
      proxy.backends[1].send(OK)
      t.equal(statusOf(far), '200')
      t.equal(backend.endpoints.length, 0)
    },
  ],
  [
    'B40: while a retry pauses, too; and without exchanges it closes at once',
    (t, seen) => {
      const { proxy, far } = started(seen, { ...ON_503, endpoints: 1 })
      const { backend, pollset } = proxy
      far.send(GET)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(answer('503', ['retry-after', '1']))
      backend.retire()
      t.equal(backend.endpoints.length, 1)
      pollset.advance(1_000)
      proxy.backends[0].send(headers(3, [[':status', '200']]))
      t.match(decoded(far.take()), { ':status': '200' })
      t.equal(backend.endpoints.length, 0)
      const other = started(seen).proxy.backend
      other.retire()
      t.equal(other.endpoints.length, 0)
    },
  ],
  [
    'B40: a request that waits for the first look-up of a backend that leaves is refused',
    (t, seen) => {
      const { far, backend, discovery, pollset } = looking(seen)
      t.equal(backend.waits.size, 1)
      discovery.close()
      backend.retire()
      pollset.run()
      t.equal(statusOf(far), '503')
    },
  ],
  [
    'B40: a debugger gives a request to another backend: the first one closes',
    (t, seen) => {
      const { proxy, far } = started(seen, { ...TURNS, beside: '/beside' })
      const { backend } = proxy
      const held = holdAt(proxy, 'lease')
      far.send(GET)
      backend.retire()
      t.equal(backend.endpoints.length, 2)
      t.equal(changes.setBackend(held(), 'h2c://beside'), null)
      t.equal(backend.endpoints.length, 0)
    },
  ],
  [
    'B2: an endpoint that is down is not another one: no retry is paid for',
    (t, seen) => {
      const { proxy, far } = started(seen, CHECKED_TWO, (each) => each.refuse())
      const { backend, pollset } = proxy
      const [up, down] = backend.endpoints.map((each) => each.member)
      backend.balancer.checked(up, true, pollset.now)
      for (let i = 0; i < 3; i++) backend.balancer.checked(down, false, pollset.now)
      far.send(GET)
      t.match(steps(proxy), /^receive route balance lease refuse/)
      t.match(backend.budget?.describe(), { granted: 0 })
      t.equal(statusOf(far), '502')
    },
  ],
  [
    'an endpoint that refuses connections: the request goes to the other',
    (t, seen) => {
      const { proxy, far } = started(seen, TURNS, (each) => each.refuse())
      far.send(GET)
      proxy.greet(proxy.beside[0])
      proxy.beside[0].send(OK)
      t.match(
        steps(proxy),
        /^receive route balance lease retry balance lease sendHead awaitHead filterResponse transfer/,
      )
      t.equal(statusOf(far), '200')
    },
  ],
  [
    'B39: an endpoint that cannot be reached is not asked again at once, and is found when it is back',
    (t, seen) => {
      const { proxy, far } = started(seen, TURNS, (each) => each.refuse())
      const { member } = proxy.backend.endpoints[0]
      let asked = 0
      const ask = () => {
        const id = 2 * asked++ + 1
        far.send(headers(id, REQUEST))
        return steps(proxy, `m1/s${id}`)
      }
      t.equal(ask(), 'receive route balance lease retry balance lease')
      proxy.greet(proxy.beside[0])
      proxy.accept()
      for (let i = 0; i < 5; i++) t.match(ask(), /^receive route balance lease sendHead awaitHead$/)
      t.equal(proxy.backends.length, 0, 'nobody asks it')
      t.ok(member.trialAt > 0)
      proxy.pollset.advance(1_000)
      ask()
      ask()
      t.equal(proxy.backends.length, 1, 'one tries it')
      proxy.greet(proxy.backends[0])
      t.equal(member.trialAt, 0, 'it is reached')
    },
  ],
  [
    'a response that is cut short after another endpoint has refused the connection: it has no refusal',
    (t, seen) => {
      const { proxy, far } = started(seen, TURNS, (each) => each.refuse())
      const cut: Exchange[] = []
      proxy.proxy.watch({ ended() {}, aborted: (x) => cut.push(x) })
      far.send(GET)
      proxy.greet(proxy.beside[0])
      proxy.beside[0].send(answer('200'))
      proxy.beside[0].destroy()
      t.equal(cut.length, 1, 'the log tells it')
      t.equal(cut[0].refusal, null)
    },
  ],
  [
    'R8: an endpoint that refuses connections counts as one attempt, and not for one that was sent before',
    (t, seen) => {
      const { proxy, far } = started(seen, THREE, (each) => each.refuseBeside())
      far.send(GET)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].destroy()
      proxy.greet(proxy.third[0])
      proxy.third[0].send(OK)
      t.equal(statusOf(far), '200')
    },
  ],
  [
    'R8: two endpoints that refuse connections and one whose connection dies are three attempts',
    (t, seen) => {
      const { proxy, far } = started(seen, THREE, (each) => {
        each.refuse()
        each.refuseBeside()
      })
      far.send(GET)
      proxy.greet(proxy.third[0])
      proxy.third[0].destroy()
      t.equal(statusOf(far), '502')
      t.equal(proxy.third.length, 1)
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
    'R14: a status of retry.on: after a pause the request goes to the other endpoint',
    (t, seen) => {
      const { proxy, far } = started(seen, ON_503)
      far.send(GET)
      const [backend] = proxy.backends
      proxy.greet(backend)
      backend.send(answer('503'))
      t.match(steps(proxy), /filterResponse retry$/)
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
    'R14: one second of Retry-After is waited for, more passes to the client',
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
      t.match(steps(proxy), /filterResponse retry abort log$/)
      t.equal(
        proxy.backend.endpoints.reduce((all, each) => all + each.member.load, 0),
        0,
      )
    },
  ],
  [
    'R15: no budget for retries: the status passes',
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
      t.match(steps(proxy), /filterResponse transfer$/)
    },
  ],
  [
    'R15: no budget for retries: a connection that dies before it answers costs its request',
    (t, seen) => {
      for (const [perSecond, status] of [
        [0, '502'],
        [1, undefined],
      ] as const) {
        const { proxy, far } = started(seen, {
          ...TURNS,
          backendOptions: { ...TURNS.backendOptions, retryBudget: { ratio: 0, perSecond } },
        })
        far.send(GET)
        proxy.greet(proxy.backends[0])
        proxy.backends[0].destroy()
        t.equal(proxy.beside.length, perSecond, 'the other endpoint')
        if (status !== undefined) t.equal(statusOf(far), status)
      }
    },
  ],
  [
    'R15: no budget for retries: an endpoint that refuses connections costs the request',
    (t, seen) => {
      const none = { ratio: 0, perSecond: 0 }
      const options = { ...TURNS, backendOptions: { ...TURNS.backendOptions, retryBudget: none } }
      const { proxy, far } = started(seen, options, (each) => each.refuse())
      far.send(GET)
      t.equal(statusOf(far), '502')
      t.equal(proxy.beside.length, 0)
    },
  ],
  [
    'R15: a request whose session closes before it was sent pays once',
    (t, seen) => {
      const half = { ratio: 0.5, perSecond: 0 }
      const options = { ...TURNS, backendOptions: { ...TURNS.backendOptions, retryBudget: half } }
      const { proxy, far } = started(seen, options)
      const held = holdAt(proxy, 'sendHead')
      far.send(GET)
      proxy.greet(proxy.backends[0])
      const x = held()
      proxy.backends[0].destroy()
      proxy.world.scheduler.gate = null
      proxy.world.scheduler.release(x)
      proxy.pollset.run()
      proxy.greet(proxy.beside[0])
      proxy.beside[0].destroy()
      t.equal(statusOf(far), '502')
      t.equal(proxy.backend.budget?.describe().tokens, 0.5)
    },
  ],
  [
    'R15: a request that is not sent again, as its client has sent FIN, takes no token',
    (t, seen) => {
      const one = { ratio: 1, perSecond: 0 }
      const options = { ...TURNS, backendOptions: { ...TURNS.backendOptions, retryBudget: one } }
      const { proxy, far } = started(seen, { ...options, clients: 'http/1.1' })
      far.send(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'))
      proxy.greet(proxy.backends[0])
      far.end()
      proxy.backends[0].destroy()
      t.match(far.take().toString('latin1'), /^HTTP\/1\.1 502 /)
      t.equal(proxy.backend.budget?.describe().tokens, 1)
    },
  ],
  [
    'B40: a backend that is configured no longer serves its exchanges, retries included, then closes',
    (t, seen) => {
      const { proxy, far } = started(seen)
      const { backend } = proxy
      const held = holdAt(proxy, 'balance')
      far.send(GET)
      const x = held()
      backend.retire()
      t.equal(backend.endpoints.length, 2)
      proxy.world.scheduler.gate = null
      proxy.world.scheduler.release(x)
      proxy.pollset.run()
      proxy.greet(proxy.backends[0])
      proxy.backends[0].destroy()
      proxy.greet(proxy.beside[0])
      proxy.beside[0].send(OK)
      t.equal(statusOf(far), '200')
      t.equal(backend.endpoints.length, 0)
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
    'a debugger cannot give an exchange to a backend without an endpoint: it stays with the one that it has',
    (t, seen) => {
      const proxy = memoryProxy({}, { seen, beside: '/beside' })
      const held = holdAt(proxy, 'lease')
      const far = proxy.client()
      far.send(GET)
      const x = held()
      const { endpoint } = x
      const [, beside] = proxy.proxy.backends
      beside.replace([])
      t.match(changes.setBackend(x, beside.name), /endpoint/)
      t.ok(x.endpoint === endpoint)
      proxy.world.scheduler.gate = null
      proxy.world.scheduler.release(x)
      proxy.pollset.run()
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(OK)
      t.equal(statusOf(far), '200')
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
  [
    'requests that come before the first look-up has ended wait for its endpoints',
    (t, seen) => {
      const { proxy, far, endpoints, backend } = looking(seen, {}, 3)
      t.equal(steps(proxy), 'receive route balance')
      t.equal(backend.waits.size, 3)
      backend.replace(endpoints)
      proxy.pollset.run()
      t.equal(backend.waits.size, 0)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(OK)
      t.equal(statusOf(far), '200')
      t.match(steps(proxy), /^receive route balance lease sendHead/)
      t.match(steps(proxy, 'm1/s5'), /^receive route balance lease/)
    },
  ],
  [
    'the first look-up is not waited for longer than timeouts.connect',
    (t, seen) => {
      const { proxy, far, backend } = looking(seen, IN_100_MS)
      proxy.pollset.advance(99)
      t.equal(steps(proxy), 'receive route balance')
      proxy.pollset.advance(1)
      t.equal(statusOf(far), '503')
      t.equal(proxy.proxy.outcomes.get('no-endpoint'), 1)
      t.equal(steps(proxy), 'receive route balance refuse log')
      t.equal(backend.waits.size, 0)
    },
  ],
  [
    'the first look-up fails: the requests that wait are refused, and none waits any more',
    (t, seen) => {
      const { proxy, far, discovery } = looking(seen, {
        settings: { timeouts: { ...timeouts, connectMs: 60_000 } },
      })
      proxy.pollset.advance(proxyLimits.discoveryTimeoutMs)
      t.equal(discovery.failures, 1)
      t.equal(statusOf(far), '503')
      far.send(headers(3, REQUEST))
      t.equal(steps(proxy, 'm1/s3'), 'receive route balance refuse log')
    },
  ],
  [
    'the client leaves before the first look-up has ended',
    (t, seen) => {
      const { proxy, far, backend } = looking(seen)
      far.send(frame(3, 0, 1, uint32(8)))
      t.equal(steps(proxy), 'receive route balance abort log')
      t.equal(backend.waits.size, 0)
    },
  ],
  [
    'no more requests wait for an endpoint than limits.pending allows',
    (t, seen) => {
      const { proxy, backend } = looking(seen, { backendOptions: { waitingMax: 2 } }, 3)
      t.equal(backend.waits.size, 2)
      t.equal(proxy.proxy.outcomes.get('queue-full'), 1)
    },
  ],
  [
    'a wait for an endpoint says for what it waits; held, its time stands still',
    (t, seen) => {
      const { proxy, far, discovery, backend } = looking(seen, IN_100_MS)
      const [wait] = backend.waits
      t.strictSame(wait.holders(), [{ subject: discovery, reason: 'looks up shop for the first time' }])
      const { scheduler } = proxy.world
      const [x] = [...scheduler.alive()].filter((each) => each instanceof Exchange)
      scheduler.hold(x)
      proxy.pollset.advance(500)
      scheduler.release(x)
      proxy.pollset.advance(99)
      t.equal(steps(proxy), 'receive route balance')
      proxy.pollset.advance(1)
      t.equal(statusOf(far), '503')
    },
  ],
  [
    'B17: a request waits for the first check to pass',
    (t, seen) => {
      const { proxy, far } = started(seen, CHECKED)
      const { backend, pollset } = proxy
      far.send(GET)
      t.equal(steps(proxy), 'receive route balance')
      t.match([...backend.waits][0].holders(), [{ reason: 'no health check has passed yet' }])
      pollset.advance(500)
      backend.balancer.checked(backend.endpoints[0].member, true, pollset.now)
      pollset.run()
      t.match(steps(proxy), /^receive route balance lease/)
      t.equal(backend.waits.size, 0)
    },
  ],
  [
    'B17: without a result in time it goes to an endpoint that is not checked yet',
    (t, seen) => {
      const { proxy, far } = started(seen, CHECKED)
      far.send(GET)
      proxy.pollset.advance(1_999)
      t.equal(steps(proxy), 'receive route balance')
      proxy.pollset.advance(1)
      t.match(steps(proxy), /^receive route balance lease/)
    },
  ],
]
