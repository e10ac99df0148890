// Backends over reloads, against spec/balancing.md: what stays of endpoints, engines, sessions and health, and how
// many first checks begin in a turn.

import t from 'tap'
import type { BackendConfig, ResolverConfig } from '../../src/config/index.js'
import { createWorld } from '../../src/continuation/index.js'
import { Lease } from '../../src/engine/index.js'
import { type Client, createHttpWorld } from '../../src/http/index.js'
import type { TlsClientOptions } from '../../src/pollset/index.js'
import type { Backend, Endpoint } from '../../src/proxy/index.js'
import { Backends } from '../../src/server/backends.js'
import { defaultLimits } from '../../src/server/limits.js'
import { Protocols } from '../../src/server/protocols.js'
import { configurationOf } from '../../src/server/short-form.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { active, passive } from '../balancing/members.js'

const SYSTEM: ResolverConfig = { servers: [], search: null }
const NO_ADDRESS = { host: '', port: 0 }
const CLIENT = { addresses: { from: NO_ADDRESS, to: NO_ADDRESS } } as Client
const TCP = { ...active, kind: 'tcp', unhealthy: 1 } as const
const HEALTH = { active: TCP, passive, panic: 0 }

/** Counts the connections that are begun in each turn. */
class Counted extends MemoryPollset {
  readonly connects: number[] = []
  tlsClients = 0
  override tlsClient(options: TlsClientOptions) {
    this.tlsClients++
    return super.tlsClient(options)
  }
  override connect(...args: Parameters<MemoryPollset['connect']>) {
    this.connects.push(this.turns)
    return super.connect(...args)
  }
}

function setUp(more: Partial<BackendConfig> = {}) {
  const pollset = new Counted()
  const world = createHttpWorld(createWorld(pollset))
  const told: string[] = []
  const backends = new Backends(world, new Protocols(world, defaultLimits), defaultLimits.proxy, {
    unreached: () => {},
    checked: (endpoint, passed) => told.push(`${endpoint} ${passed}`),
    health: () => {},
    discovered: () => {},
    undiscovered: () => {},
    rediscovered: () => {},
  })
  const [plain] = configurationOf({
    listen: [],
    routes: [{ host: '', prefix: '/', url: 'http://192.0.2.1:80' }],
  }).backends
  const endpoints = [
    { address: '192.0.2.1:80', weight: 1 },
    { address: '192.0.2.2:80', weight: 1 },
  ]
  const config: BackendConfig = { ...plain, name: 'shop', endpoints, health: HEALTH, ...more }
  for (const { address } of config.endpoints) {
    const [host, port] = address.split(':')
    // Nothing listens at the second address.
    pollset.serveFar({ host, port: Number(port) }, () => {}, host === '192.0.2.2' ? 'refuse' : undefined)
  }
  const apply = (change: Partial<BackendConfig> = {}, connectMs = 5_000) => {
    const prepared = backends.prepare(new Map([['shop', connectMs]]), SYSTEM)
    prepared.add({ ...config, ...change })
    prepared.commit()
    pollset.run()
  }
  const shop = (): Backend => backends.all()[0]
  const states = () => shop().endpoints.map(({ member }) => member.active)
  return { pollset, backends, config, apply, shop, states, told }
}

/** A lease of an endpoint's engine, with the session that it has opened. */
function leased({ engines }: Endpoint, pollset: Counted) {
  const engine = engines.engineFor(CLIENT)
  const lease = new Lease({ id: 'm1/s1' })
  engine.lease(lease as never)
  pollset.run()
  return { engine, lease, session: lease.session }
}

t.test('B41, E47: other limits and times are set on living engines, and nothing begins anew', async (t) => {
  const { pollset, backends, config, apply, shop, states } = setUp()
  apply()
  t.strictSame(states(), ['up', 'down'])
  const before = [...shop().endpoints]
  const { engine, session } = leased(before[0], pollset)
  t.equal(session?.state, 'open')
  const { length } = pollset.connects
  for (const limits of [
    { ...config.limits, pending: 7 },
    { ...config.limits, pending: 7, sessions: 3, sessionAgeMs: 60_000, streamsPerSession: 9 },
  ]) {
    apply({ limits })
    t.strictSame(shop().endpoints, before)
    t.match(engine.limits, {
      queueMax: 7,
      sessionsMax: limits.sessions ?? defaultLimits.server.http1SessionsMax,
    })
  }
  t.match(engine.limits, { sessionAgeMs: 60_000, streamsPerSessionMax: 9 })
  apply({}, 6_000)
  t.strictSame(shop().endpoints, before)
  t.equal(before[0].engines.connectMs, 6_000)
  t.strictSame(states(), ['up', 'down'])
  t.equal(pollset.connects.length, length, 'no check has begun')
  t.equal(session?.state, 'open')
  t.ok(backends.engines().includes(engine))
})

t.test('B41: the time to connect is the one of the last reload', async (t) => {
  for (const ms of [1_000, 9_000]) {
    const { pollset, apply, shop } = setUp({ health: { ...HEALTH, active: null } })
    apply()
    pollset.serveFar({ host: '192.0.2.1', port: 80 }, () => {}, 'hang')
    apply({}, ms)
    const { lease } = leased(shop().endpoints[0], pollset)
    pollset.advance(ms - 1)
    t.equal(lease.fault, null)
    pollset.advance(1)
    t.match(lease.fault, { code: 'backend-not-connected' })
  }
})

t.test('B41: other connections to an endpoint change nothing of its health and load', async (t) => {
  const { pollset, backends, config, apply, shop, states } = setUp()
  apply()
  const [old, down] = shop().endpoints
  const { engine } = leased(old, pollset)
  shop().begin(old)
  old.member.failures = 3
  for (const share of ['connection', 'process'] as const) {
    const { length } = pollset.connects
    apply({ share })
    const [now, other] = shop().endpoints
    t.not(now.engines, old.engines)
    t.strictSame([now.member, other.member], [old.member, down.member])
    t.strictSame(states(), ['up', 'down'])
    t.match(now.member, { load: 1, failures: 3 })
    t.equal(pollset.connects.length, length + 2, 'checks begin anew, as they may go another way')
    t.ok(backends.engines().includes(engine), 'its last request runs')
  }
  const [now] = shop().endpoints
  shop().begin(now)
  shop().end(old)
  t.notOk(backends.engines().includes(engine), 'closed, though another request runs')
  t.equal(now.member.load, 1)
  apply({ endpoints: config.endpoints.slice(1) })
  leased(now, pollset)
  t.equal(backends.engines().length > 0, true)
  shop().end(now)
  t.equal(backends.engines().length, 0)
})

t.test('B41: another protocol is another endpoint', async (t) => {
  const { apply, shop } = setUp()
  apply()
  const [old] = shop().endpoints
  apply({ protocol: 'h2c' })
  t.not(shop().endpoints[0].member, old.member)
  t.equal(shop().endpoints[0].name, 'h2c://192.0.2.1:80')
})

t.test('B28: a backend of which nothing has changed is left alone', async (t) => {
  const { apply, config, shop, backends } = setUp()
  apply()
  const [endpoint] = shop().endpoints
  const { options } = shop()
  apply(structuredClone(config))
  t.equal(shop().endpoints[0], endpoint)
  t.equal(shop().options, options)
  apply({ endpoints: [{ ...config.endpoints[0], weight: 5 }, config.endpoints[1]] })
  t.equal(shop().endpoints[0], endpoint)
  t.equal(endpoint.member.share, 5)
  t.equal(backends.all().length, 1)
})

t.test('B32: of many endpoints 20 are checked first in a turn', async (t) => {
  const many = Array.from({ length: 50 }, (_, at) => ({ address: `192.0.2.${10 + at}:80`, weight: 1 }))
  const { pollset, apply, told } = setUp({ endpoints: many })
  apply()
  const turns = [...new Set(pollset.connects)]
  t.strictSame(
    turns.map((turn) => pollset.connects.filter((each) => each === turn).length),
    [20, 20, 10],
  )
  t.equal(told.length, 50)
})

t.test('B32: an endpoint that has gone before its first check begins is not checked', async (t) => {
  const many = Array.from({ length: 50 }, (_, at) => ({ address: `192.0.2.${10 + at}:80`, weight: 1 }))
  const { pollset, backends, config, told } = setUp({ endpoints: many })
  const commit = (endpoints: BackendConfig['endpoints']) => {
    const prepared = backends.prepare(new Map(), SYSTEM)
    prepared.add({ ...config, endpoints })
    prepared.commit()
  }
  commit(many)
  commit([...many.slice(0, 2), ...many.slice(40)])
  pollset.run()
  t.equal(told.length, 12)
  told.length = 0
  commit(many)
  backends.close()
  pollset.run()
  t.strictSame(told, [])
})

t.test('endpoints and checks of a backend have the same TLS', async (t) => {
  const { pollset, apply, told } = setUp({ protocol: 'h2' })
  apply()
  t.equal(told.length, 2)
  t.equal(pollset.tlsClients, 1)
  apply({ health: { ...HEALTH, active: { ...TCP, intervalMs: 7_000 } } })
  t.equal(told.length, 4)
  t.equal(pollset.tlsClients, 1)
})
