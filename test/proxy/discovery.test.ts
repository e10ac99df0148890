// Discovery of endpoints against spec/discovery.md, on a simulated name system with its clock.

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import {
  Discovery,
  type DiscoveryOptions,
  discoveryLife,
  type FoundEndpoint,
  type ProxyLimits,
  proxyLimits,
} from '../../src/proxy/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()

const NAME = 'shop.internal'
const SERVICE = '_http._tcp.internal'
const PLAIN: DiscoveryOptions = {
  kind: 'dns',
  name: NAME,
  port: 80,
  leastMs: 5_000,
  mostMs: 30_000,
  servers: [],
  search: null,
}
const SRV: DiscoveryOptions = { ...PLAIN, kind: 'srv', name: SERVICE, port: 0 }

/** Counts the look-ups of each name. */
class Asked extends MemoryPollset {
  readonly queried: string[] = []
  override query(question: Parameters<MemoryPollset['query']>[0]) {
    this.queried.push(question.name)
    return super.query(question)
  }
}

/** A discovery, what it has told in words, and its name system. */
function discovering(options: DiscoveryOptions = PLAIN, limits: Partial<ProxyLimits> = {}, chance = () => 0) {
  const pollset = new Asked()
  const world = createWorld(pollset)
  world.scheduler.tracer = seen
  const told: string[] = []
  const say = (each: readonly FoundEndpoint[]) =>
    each.map(({ address, weight }) => (weight === 1 ? address : `${address}*${weight}`)).join(' ')
  const discovery = new Discovery(
    world,
    options,
    { ...proxyLimits, ...limits },
    {
      found: (found, leftOut) => told.push(`${say(found)}${leftOut > 0 ? ` +${leftOut}` : ''}`),
      failed: (why) => told.push(`failed: ${why}`),
      returned: () => told.push('returned'),
    },
    chance,
  )
  const start = () => {
    discovery.start()
    pollset.run()
  }
  /** Returns what was told since. */
  const news = () => told.splice(0)
  return { pollset, world, discovery, start, news }
}

const target = (host: string, port = 80, priority = 1, weight = 1) => ({ host, port, priority, weight })

t.test('D1: the TTL is how long an answer holds, between least and most', async (t) => {
  for (const [ttlMs, ms] of [
    [0, 5_000],
    [7_000, 7_000],
    [600_000, 30_000],
    [undefined, 30_000],
  ] as const) {
    const { pollset, start, news } = discovering()
    const answer = (address: string) =>
      pollset.answer('addresses', NAME, { addresses: [address], ...(ttlMs === undefined ? {} : { ttlMs }) })
    answer('192.0.2.1')
    start()
    t.strictSame(news(), ['192.0.2.1:80'])
    answer('192.0.2.2')
    pollset.advance(ms - 1)
    t.strictSame(news(), [])
    pollset.advance(1)
    t.strictSame(news(), ['192.0.2.2:80'], `${ttlMs}: after ${ms} ms`)
  }
})

t.test('D2: the same addresses in another order are no change; one address counts once', async (t) => {
  const { pollset, start, news } = discovering()
  pollset.answer('addresses', NAME, { addresses: ['192.0.2.2', '192.0.2.1', '192.0.2.2'], ttlMs: 0 })
  start()
  t.strictSame(news(), ['192.0.2.1:80 192.0.2.2:80'])
  pollset.answer('addresses', NAME, { addresses: ['192.0.2.1', '192.0.2.2'], ttlMs: 0 })
  pollset.advance(60_000)
  t.strictSame(news(), [])
  t.equal(pollset.queried.length, 13)
})

t.test('D2: addresses of IPv6 have their brackets', async (t) => {
  const { pollset, start, news } = discovering()
  pollset.answer('addresses', NAME, { addresses: ['2001:db8::1'] })
  start()
  t.strictSame(news(), ['[2001:db8::1]:80'])
})

t.test('D3: what fails keeps the last endpoints, and is told once, and once when it is over', async (t) => {
  for (const fault of ['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT', 'EBADRESP']) {
    const { pollset, discovery, start, news } = discovering()
    pollset.answer('addresses', NAME, { addresses: ['192.0.2.1'], ttlMs: 5_000 })
    start()
    news()
    pollset.answer('addresses', NAME, { fault })
    pollset.advance(300_000)
    t.strictSame(news(), [`failed: ${fault}`])
    t.strictSame(discovery.describe().endpoints, ['192.0.2.1:80'])
    pollset.answer('addresses', NAME, { addresses: ['192.0.2.1'], ttlMs: 5_000 })
    pollset.advance(30_000)
    t.strictSame(news(), ['returned'], 'nothing has changed')
  }
})

t.test('D3: silence keeps them too', async (t) => {
  const { pollset, discovery, start, news } = discovering(PLAIN, { discoveryTimeoutMs: 2_000 })
  pollset.answer('addresses', NAME, { addresses: ['192.0.2.1'], ttlMs: 5_000 })
  start()
  news()
  pollset.answer('addresses', NAME, null)
  pollset.advance(6_999)
  t.strictSame(news(), [])
  pollset.advance(1)
  t.strictSame(news(), ['failed: no answer within proxy.discoveryTimeoutMs=2000'])
  pollset.answer('addresses', NAME, { addresses: ['192.0.2.2'] })
  pollset.advance(1_000)
  t.strictSame(news(), ['returned', '192.0.2.2:80'])
  t.equal(discovery.failures, 0)
})

t.test(
  'D4: failed look-ups are repeated after 1 s, 2 s and so on to most, less by up to a quarter',
  async (t) => {
    const pauses = (chance: number) => {
      const { pollset, start } = discovering(PLAIN, {}, () => chance)
      const at: number[] = []
      let asked = 0
      start()
      for (let second = 0; second < 100; second += 0.25) {
        if (pollset.queried.length > asked) at.push(second)
        asked = pollset.queried.length
        pollset.advance(250)
      }
      return at
    }
    t.strictSame(pauses(0), [0, 1, 3, 7, 15, 31, 61, 91])
    t.strictSame(pauses(1), [0, 0.75, 2.25, 5.25, 11.25, 23.25, 45.75, 68.25, 90.75])
  },
)

t.test('D5: the targets of the lowest priority that has an address, with their weights', async (t) => {
  const { pollset, start, news } = discovering(SRV)
  pollset.answer('services', SERVICE, {
    services: [target('a.internal', 81, 2), target('b.internal', 82, 1, 3), target('c.internal', 83, 1, 0)],
  })
  for (const [name, address] of [
    ['a.internal', '192.0.2.1'],
    ['b.internal', '192.0.2.2'],
    ['c.internal', '192.0.2.3'],
  ])
    pollset.answer('addresses', name, { addresses: [address] })
  start()
  t.strictSame(news(), ['192.0.2.2:82*3 192.0.2.3:83'])
  t.strictSame(
    pollset.queried,
    [SERVICE, 'b.internal.', 'c.internal.', 'a.internal.'],
    'names of targets are complete',
  )
  pollset.answer('services', SERVICE, {
    services: [target('a.internal', 81, 2), target('d.internal', 84, 1), target('e.internal', 85, 1)],
  })
  pollset.advance(30_000)
  t.strictSame(news(), ['192.0.2.1:81'], 'no target of the first priority has an address')
})

t.test('D5: weights above 256 are scaled', async (t) => {
  const { pollset, start, news } = discovering(SRV)
  pollset.answer('services', SERVICE, {
    services: [target('a', 1, 1, 65_535), target('b', 2, 1, 32_768), target('c', 3, 1, 1)],
  })
  for (const name of ['a', 'b', 'c']) pollset.answer('addresses', name, { addresses: ['192.0.2.1'] })
  start()
  t.strictSame(news(), ['192.0.2.1:1*256 192.0.2.1:2*128 192.0.2.1:3'])
})

t.test('D5: weights are scaled by those of the priority that is taken', async (t) => {
  const { pollset, start, news } = discovering(SRV)
  for (const [name, host] of [
    ['main', '192.0.2.1'],
    ['other', '192.0.2.2'],
    ['gone', ''],
    ['backup', '192.0.2.9'],
  ]) {
    pollset.answer('addresses', name, host === '' ? { fault: 'ENODATA' } : { addresses: [host], ttlMs: 0 })
  }
  pollset.answer('services', SERVICE, {
    services: [
      target('main', 80, 1, 1),
      target('other', 80, 1, 3),
      target('gone', 80, 1, 60_000),
      target('backup', 80, 2, 65_535),
    ],
  })
  start()
  t.strictSame(news(), ['192.0.2.1:80 192.0.2.2:80*3'], 'of targets that have an address')
  for (const name of ['main', 'other']) pollset.answer('addresses', name, { fault: 'ENODATA' })
  pollset.advance(5_000)
  t.strictSame(news(), ['192.0.2.9:80*256'])
})

t.test('D6: a target is one endpoint, and stays at its address while it has it', async (t) => {
  const { pollset, start, news } = discovering(SRV)
  pollset.answer('services', SERVICE, { services: [target('a.internal')] })
  const at = (...addresses: string[]) =>
    pollset.answer('addresses', 'a.internal', { addresses, ttlMs: 5_000 })
  at('192.0.2.5', '192.0.2.4')
  start()
  t.strictSame(news(), ['192.0.2.4:80'])
  at('192.0.2.3', '192.0.2.4')
  pollset.advance(5_000)
  t.strictSame(news(), [])
  at('192.0.2.9')
  pollset.advance(5_000)
  t.strictSame(news(), ['192.0.2.9:80'])
})

t.test('D6: a target that cannot be looked up now stays where it was', async (t) => {
  for (const answer of [{ fault: 'ESERVFAIL' }, null]) {
    const { pollset, start, news } = discovering(SRV, { discoveryTimeoutMs: 1_000 })
    pollset.answer('services', SERVICE, { services: [target('a.internal'), target('b.internal')] })
    pollset.answer('addresses', 'a.internal', { addresses: ['192.0.2.1'], ttlMs: 5_000 })
    pollset.answer('addresses', 'b.internal', { addresses: ['192.0.2.2'] })
    start()
    t.strictSame(news(), ['192.0.2.1:80 192.0.2.2:80'])
    pollset.answer('addresses', 'a.internal', answer)
    pollset.answer('addresses', 'b.internal', { addresses: ['192.0.2.3'] })
    pollset.advance(6_000)
    t.strictSame(news(), ['192.0.2.1:80 192.0.2.3:80'])
  }
})

t.test('D7: a service without targets, and targets without addresses, are failures', async (t) => {
  const { pollset, start, news } = discovering(SRV, { discoveryTimeoutMs: 1_000 })
  pollset.answer('services', SERVICE, { services: [target('.')] })
  start()
  t.strictSame(news(), ['failed: there is no such service'])
  const other = discovering(SRV, { discoveryTimeoutMs: 1_000 })
  other.pollset.answer('services', SERVICE, { services: [target('a.internal')] })
  other.start()
  t.strictSame(other.news(), ['failed: no target of the service has an address'])
  const silent = discovering(SRV, { discoveryTimeoutMs: 1_000 })
  silent.pollset.answer('services', SERVICE, { services: [target('a.internal')] })
  silent.pollset.answer('addresses', 'a.internal', null)
  silent.start()
  silent.pollset.advance(1_000)
  t.strictSame(silent.news(), ['failed: no answer within proxy.discoveryTimeoutMs=1000'])
})

t.test('D8: past discoveredEndpointsMax the same endpoints are left out each time', async (t) => {
  const { pollset, start, news } = discovering(PLAIN, { discoveredEndpointsMax: 2 })
  pollset.answer('addresses', NAME, { addresses: ['192.0.2.3', '192.0.2.1', '192.0.2.2'], ttlMs: 0 })
  start()
  t.strictSame(news(), ['192.0.2.1:80 192.0.2.2:80 +1'])
  pollset.answer('addresses', NAME, { addresses: ['192.0.2.2', '192.0.2.3', '192.0.2.1'], ttlMs: 0 })
  pollset.advance(5_000)
  t.strictSame(news(), [])
})

t.test('D8: and of targets: those past the limit of the priority that is taken count', async (t) => {
  const { pollset, start, news } = discovering(SRV, { discoveredEndpointsMax: 2 })
  const names = ['a', 'b', 'c', 'd']
  const serve = (...priorities: number[]) =>
    pollset.answer('services', SERVICE, {
      services: priorities.map((each, at) => target(names[at], at + 1, each)),
    })
  for (const name of names) pollset.answer('addresses', name, { addresses: ['192.0.2.1'] })
  serve(1, 1, 1, 2)
  start()
  t.strictSame(news(), ['192.0.2.1:1 192.0.2.1:2 +1'])
  t.strictSame(pollset.queried, [SERVICE, 'a.', 'b.'], 'their addresses are not asked for')
  serve(1, 1, 1, 1)
  pollset.advance(30_000)
  t.strictSame(news(), ['192.0.2.1:1 192.0.2.1:2 +2'], 'the number alone has changed')
  serve(1, 1, 2, 2)
  pollset.advance(30_000)
  t.strictSame(news(), ['192.0.2.1:1 192.0.2.1:2'])
  for (const name of ['a', 'b']) pollset.answer('addresses', name, { fault: 'ENODATA' })
  pollset.advance(30_000)
  t.strictSame(news(), ['failed: none of the first 2 targets of the service has an address'])
})

t.test('D10: closed, it asks and tells nothing any more', async (t) => {
  for (const [name, act] of [
    [
      'while it asks',
      (each: ReturnType<typeof discovering>) => each.pollset.answer('services', SERVICE, null),
    ],
    [
      'while it asks for targets',
      (each: ReturnType<typeof discovering>) => each.pollset.answer('addresses', 'a', null),
    ],
    ['between', () => {}],
  ] as const) {
    const each = discovering(SRV)
    each.pollset.answer('services', SERVICE, { services: [target('a')] })
    each.pollset.answer('addresses', 'a', { addresses: ['192.0.2.1'] })
    act(each)
    each.start()
    each.news()
    const { length } = each.pollset.queried
    each.discovery.close()
    each.pollset.advance(100_000)
    t.equal(each.discovery.finished, true, name)
    t.strictSame(each.news(), [], name)
    t.equal(each.pollset.queried.length, length, name)
    t.strictSame([...each.world.scheduler.alive()], [])
  }
})

t.test('D10: closed in the turn in which its answer has come, it tells nothing', async (t) => {
  for (const addresses of [['192.0.2.1'], []]) {
    const { pollset, discovery, news } = discovering()
    pollset.answer('addresses', NAME, addresses.length > 0 ? { addresses } : { fault: 'ENOTFOUND' })
    discovery.start()
    pollset.one()
    discovery.close()
    pollset.run()
    t.strictSame(news(), [])
    t.equal(discovery.finished, true)
  }
})

t.test('its edges and the ends of its waits are those declared', async (t) => {
  t.strictSame(seen.taken(discoveryLife.edges), declared(discoveryLife.edges))
  t.strictSame(seen.waitsEnded(discoveryLife.edges), [
    'answer until: cancelled, late, ready',
    'sleep until: cancelled, late',
    'targets until: cancelled, late, ready',
  ])
})
