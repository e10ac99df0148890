// Backends whose endpoints DNS finds, against spec/discovery.md: what a change of the answer, and of the
// configuration, does to their endpoints.

import t from 'tap'
import type { BackendConfig, ResolverConfig } from '../../src/config/index.js'
import { createWorld } from '../../src/continuation/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { type Backend, Exchange } from '../../src/proxy/index.js'
import { Backends } from '../../src/server/backends.js'
import { defaultLimits } from '../../src/server/limits.js'
import { Protocols } from '../../src/server/protocols.js'
import { configurationOf } from '../../src/server/short-form.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { active } from '../balancing/members.js'

const NAME = 'shop.internal'
const SYSTEM: ResolverConfig = { servers: [], search: null }
const dns = { kind: 'dns', name: NAME, port: 80, leastMs: 5_000, mostMs: 30_000 } as const

/** Notes the questions, and the TLS options of connections. */
class Watched extends MemoryPollset {
  readonly questions: Parameters<MemoryPollset['query']>[0][] = []
  readonly serverNames: string[] = []
  override query(question: Parameters<MemoryPollset['query']>[0]) {
    this.questions.push(question)
    return super.query(question)
  }
  override connect(...args: Parameters<MemoryPollset['connect']>) {
    this.serverNames.push(args[2]?.options.serverName ?? '')
    return super.connect(...args)
  }
}

function setUp(more: Partial<BackendConfig> = {}) {
  const pollset = new Watched()
  const world = createHttpWorld(createWorld(pollset))
  const protocols = new Protocols(world, defaultLimits)
  const told: string[] = []
  const backends = new Backends(world, protocols, defaultLimits.proxy, {
    unreached: () => {},
    checked: (endpoint, passed, why) => told.push(`${endpoint} ${passed}: ${why}`),
    health: () => {},
    discovered: (backend, addresses) => told.push(`${backend}: ${addresses.join(' ')}`),
    undiscovered: (_backend, name, why, known) => told.push(`${name}: ${why}, ${known} stay`),
    rediscovered: (_backend, name) => told.push(`${name} is back`),
  })
  const [plain] = configurationOf({
    listen: [],
    routes: [{ host: '', prefix: '/', url: 'http://192.0.2.99:1' }],
  }).backends
  const config: BackendConfig = { ...plain, name: 'shop', endpoints: [], discovery: dns, ...more }
  const apply = (configs: readonly BackendConfig[] = [config], resolver = SYSTEM) => {
    const prepared = backends.prepare(new Map([['shop', 5_000]]), resolver)
    for (const each of configs) prepared.add(each)
    prepared.commit()
    pollset.run()
  }
  const answer = (...addresses: string[]) =>
    pollset.answer('addresses', NAME, addresses.length > 0 ? { addresses, ttlMs: 0 } : { fault: 'ENOTFOUND' })
  const shop = (): Backend => backends.all()[0]
  const names = () => shop().endpoints.map((each) => each.name)
  return { pollset, world, backends, told, config, apply, answer, shop, names }
}

t.test('D9, D11: endpoints that stay keep engines and health, those that go drain', async (t) => {
  const { pollset, backends, apply, answer, shop, names, told } = setUp()
  answer('192.0.2.1', '192.0.2.2')
  apply()
  t.strictSame(names(), ['http://192.0.2.1:80', 'http://192.0.2.2:80'])
  const [gone, stays] = shop().endpoints
  stays.member.failures = 3
  const client = { addresses: { from: { host: '', port: 0 }, to: { host: '', port: 0 } } } as never
  const [engine] = [gone.engines.engineFor(client)]
  shop().begin(gone)
  answer('192.0.2.2', '192.0.2.3')
  pollset.advance(5_000)
  t.strictSame(names(), ['http://192.0.2.2:80', 'http://192.0.2.3:80'])
  t.equal(shop().endpoints[0], stays)
  t.equal(stays.member.failures, 3)
  t.ok(backends.engines().includes(engine), 'a request still runs there')
  shop().end(gone)
  t.notOk(backends.engines().includes(engine), 'closed behind its last request')
  t.strictSame(told, ['shop: 192.0.2.1:80 192.0.2.2:80', 'shop: 192.0.2.2:80 192.0.2.3:80'])
})

t.test('D3, D11: a failure is told with how many endpoints stay', async (t) => {
  const { pollset, apply, answer, told, names } = setUp()
  answer('192.0.2.1')
  apply()
  answer()
  pollset.advance(60_000)
  t.strictSame(names(), ['http://192.0.2.1:80'])
  answer('192.0.2.1')
  pollset.advance(30_000)
  t.strictSame(told, ['shop: 192.0.2.1:80', `${NAME}: ENOTFOUND, 1 stay`, `${NAME} is back`])
})

t.test('D12: a reload that asks the same keeps what was found, and asks nothing', async (t) => {
  const { pollset, apply, answer, config, shop, names } = setUp()
  answer('192.0.2.1')
  apply()
  const [endpoint] = shop().endpoints
  const asked = pollset.questions.length
  apply([{ ...config, limits: { ...config.limits, requests: 7 } }])
  t.equal(pollset.questions.length, asked)
  t.equal(shop().endpoints[0], endpoint)
  t.equal(shop().options.requestsMax, 7)
  answer('192.0.2.2')
  pollset.advance(5_000)
  t.strictSame(names(), ['http://192.0.2.2:80'], 'and goes on with the new configuration')
})

t.test('D12: what is found between the check of a configuration and its commit is kept', async (t) => {
  const { pollset, backends, apply, answer, config, names } = setUp()
  answer('192.0.2.1', '192.0.2.2')
  apply()
  const fixed = {
    ...config,
    name: 'fixed',
    discovery: null,
    endpoints: [{ address: '192.0.2.1:80', weight: 1 }],
  }
  const times = new Map([
    ['shop', 5_000],
    ['fixed', 5_000],
  ])
  const prepared = backends.prepare(times, SYSTEM)
  for (const each of [config, fixed]) prepared.add(each)
  answer('192.0.2.3')
  pollset.advance(5_000)
  prepared.commit()
  t.strictSame(names(), ['http://192.0.2.3:80'])
  const { engines } = backends.all()[1].endpoints[0]
  const client = { addresses: { from: { host: '', port: 0 }, to: { host: '', port: 0 } } } as never
  const { Lease } = await import('../../src/engine/index.js')
  t.equal(engines.engineFor(client).lease(new Lease({ id: 'm1/s1' })), 'queued', 'its engines are not closed')
})

t.test('D12: another question begins anew', async (t) => {
  const { pollset, apply, answer, config, shop, names } = setUp()
  answer('192.0.2.1')
  apply()
  pollset.answer('addresses', 'other.internal', null)
  apply([{ ...config, discovery: { ...dns, name: 'other.internal' } }])
  t.equal(shop().discovery?.pending, true)
  t.strictSame(names(), [], 'requests wait for its first answer')
  pollset.advance(60_000)
  t.equal(pollset.questions.filter((each) => each.name === NAME).length, 1, 'the old one asks no more')
})

t.test(
  'D12: other servers or times are asked at once, and what was found stays until they answer',
  async (t) => {
    for (const change of ['servers', 'times']) {
      const { pollset, apply, answer, config, shop, names } = setUp()
      answer('192.0.2.1')
      apply()
      const [endpoint] = shop().endpoints
      pollset.answer('addresses', NAME, null)
      if (change === 'servers') apply([config], { servers: ['192.0.2.53'], search: ['internal'] })
      else apply([{ ...config, discovery: { ...dns, leastMs: 1_000 } }])
      t.equal(pollset.questions.length, 2)
      if (change === 'servers')
        t.match(pollset.questions[1], { name: NAME, servers: ['192.0.2.53'], search: ['internal'] })
      t.equal(shop().endpoints[0], endpoint)
      answer('192.0.2.2')
      pollset.advance(12_000)
      t.strictSame(names(), ['http://192.0.2.2:80'])
    }
  },
)

t.test('D12: with other servers too, what was found last stays, and not what was found before', async (t) => {
  for (const change of ['servers', 'times']) {
    const { pollset, backends, apply, answer, config, told, names } = setUp()
    answer('192.0.2.1')
    apply()
    const prepared = backends.prepare(
      new Map([['shop', 5_000]]),
      change === 'servers' ? { servers: ['192.0.2.53'], search: null } : SYSTEM,
    )
    prepared.add(change === 'times' ? { ...config, discovery: { ...dns, leastMs: 1_000 } } : config)
    answer('192.0.2.7')
    pollset.advance(5_000)
    t.strictSame(names(), ['http://192.0.2.7:80'], 'found between the check and the commit')
    answer()
    prepared.commit()
    pollset.run()
    t.strictSame(names(), ['http://192.0.2.7:80'])
    t.equal(told.at(-1), `${NAME}: ENOTFOUND, 1 stay`)
  }
})

t.test('D12: fixed endpoints in the place of discovered ones, and a backend that has gone', async (t) => {
  const { pollset, world, apply, answer, config, names } = setUp()
  answer('192.0.2.1')
  apply()
  apply([{ ...config, discovery: null, endpoints: [{ address: '192.0.2.7:1', weight: 1 }] }])
  t.strictSame(names(), ['http://192.0.2.7:1'])
  apply([config])
  t.strictSame(names(), ['http://192.0.2.1:80'])
  apply([])
  const { length } = pollset.questions
  pollset.advance(60_000)
  t.equal(pollset.questions.length, length)
  t.strictSame(
    [...world.scheduler.alive()].filter((each) => !(each instanceof Exchange)),
    [],
  )
})

t.test('D13: certificates are for the name that was looked up, or the target of SRV', async (t) => {
  const target = { host: 'one.internal', port: 443, priority: 0, weight: 0 }
  const health = { passive: null, panic: 0, active: { ...active, kind: 'http' as const } }
  for (const [kind, own, name] of [
    ['dns', null, NAME],
    ['srv', null, 'one.internal'],
    ['dns', 'other.internal', 'other.internal'],
  ] as const) {
    const { pollset, apply, answer, config } = setUp({
      protocol: 'https',
      health,
      discovery: { ...dns, kind },
    })
    answer('192.0.2.1')
    pollset.answer('services', NAME, { services: [target] })
    pollset.answer('addresses', 'one.internal', { addresses: ['192.0.2.1'] })
    apply([{ ...config, tls: { ...config.tls, name: own } }])
    t.strictSame(pollset.serverNames, [name])
  }
})

t.test('D13: active checks name the host that was looked up', async (t) => {
  const health = { passive: null, panic: 0, active }
  const { pollset, apply, answer, told } = setUp({ health })
  let text = ''
  pollset.serveFar({ host: '192.0.2.1', port: 80 }, (far) => {
    pollset.after(1, () => {
      text = far.take().toString('latin1')
      far.send(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
    })
  })
  answer('192.0.2.1')
  apply()
  pollset.advance(100)
  t.match(text, /^host: shop\.internal:80\r$/im)
  t.ok(told.includes('http://192.0.2.1:80 true: status 200'), told.join('; '))
})

t.test('D13: a wrong authority is refused before an answer has come', async (t) => {
  const { config } = setUp({ protocol: 'https' })
  const { NodePollset } = await import('../../src/pollset/index.js')
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const world = createHttpWorld(createWorld(pollset))
  const backends = new Backends(world, new Protocols(world, defaultLimits), defaultLimits.proxy, {} as never)
  const wrong = { ...config, tls: { ...config.tls, ca: 'no PEM' } }
  t.throws(() => backends.prepare(new Map(), SYSTEM).add(wrong))
})
