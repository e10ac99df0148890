// Sessions whose protocol the handshake decides, in memory: one session to the engine, whatever carries it;
// and the whole life of a dial, its edges and its waits (design: Tests).

import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { Engine, engineLimits, LEASED, Lease, UNLEASED } from '../../src/engine/index.js'
import { createHttpWorld, dialledSessions, EXTENDED_CONNECT, UPGRADE } from '../../src/http/index.js'
import { createHttp1, http1SessionOn } from '../../src/http1/index.js'
import { createHttp2, http2SessionOn } from '../../src/http2/index.js'
import type { ExchangeSession } from '../../src/proxy/index.js'
import type { DialTarget } from '../../src/transport/index.js'
import { dialLife, dialLimits } from '../../src/transport/index.js'
import { frame } from '../../tools/testbed/frames.js'
import { type FarEnd, MemoryPollset, type Served } from '../../tools/testbed/memory-pollset.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()
const CONNECT_MS = 5_000
const LIMITS = { ...dialLimits, connectMs: CONNECT_MS }

function dialling(
  served: Served,
  to: Partial<DialTarget> = {},
  alpn = 'http/1.1',
  pollset = new MemoryPollset(),
) {
  const base = createWorld(pollset)
  base.scheduler.tracer = seen
  const world = createHttpWorld(base)
  const [http1, http2] = [createHttp1(world), createHttp2(world)]
  const tls = pollset.tlsClient({ serverName: '', alpn: [alpn], verify: true })
  const target: DialTarget = { host: '192.0.2.9', port: 9, tls, ...to }
  const fars: FarEnd[] = []
  pollset.serveFar(target, (far) => fars.push(far), served)
  const [on1, on2] = [http1SessionOn(http1, target), http2SessionOn(http2, target)]
  const factory = dialledSessions<ExchangeSession>(world, target, LIMITS, (socket, reports, id) =>
    (socket.secured?.protocol === 'h2' ? on2 : on1)(socket, reports, id),
  )
  const engine = new Engine<ExchangeSession>(world, 'https://backend', factory, engineLimits)
  const lease = new Lease<ExchangeSession>({ id: 'm1/s1' })
  engine.lease(lease)
  const { opening } = engine
  pollset.run()
  return { pollset, engine, lease, fars, opening, http2 }
}

function unleased(t: Test, { lease, engine }: ReturnType<typeof dialling>, code: string, text: string): void {
  t.equal(lease.readiness, UNLEASED)
  t.match(lease.fault, { code, detail: text, retry: 'safe', side: 'backend' })
  t.equal(engine.sessions.length, 0)
}

t.test('HTTP/1.1, as ALPN says', (t) => {
  const { lease, engine, opening } = dialling('accept')
  t.equal(lease.readiness, LEASED)
  const session = lease.take()
  t.match(
    session,
    { capacity: 1, leased: 1, state: 'open', features: EXTENDED_CONNECT | UPGRADE },
    'a tunnel can be asked for',
  )
  t.equal(opening, 1, 'while it is opened')
  t.equal(engine.opening, 0, 'and then')
  t.match(session.id, /^b/)
  engine.freed(session)
  t.equal(session.leased, 0)
  t.end()
})

t.test('HTTP/2, as ALPN says', (t) => {
  const { lease, http2, engine, fars, pollset } = dialling('accept', {}, 'h2')
  t.equal(lease.readiness, 0, 'the backend has not greeted yet')
  fars[0].send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
  t.equal(lease.readiness, LEASED)
  const session = lease.take()
  t.equal(session.capacity, http2.limits.backendStreamsMax)
  t.match(fars[0].received.toString('latin1'), /^PRI \* HTTP\/2\.0/)
  engine.freed(session)
  engine.close()
  pollset.run()
  fars[0].end()
  t.equal(engine.sessions.length, 0, 'closed, and told as what it was to the engine')
  t.end()
})

t.test('a Unix-domain socket needs no name', (t) => {
  const { lease } = dialling('accept', { host: '', port: 0, path: '/run/backend' })
  t.equal(lease.readiness, LEASED)
  t.end()
})

t.test('refused', (t) => {
  unleased(t, dialling('refuse'), 'backend-not-connected', '192.0.2.9:9: ECONNREFUSED')
  t.end()
})

t.test('a name of nobody', (t) => {
  unleased(t, dialling('accept', { host: 'nobody.invalid' }), 'backend-not-resolved', 'ENOTFOUND')
  t.end()
})

for (const [title, served, host] of [
  ['a name that is resolved late', 'accept', 'never.example'],
  ['not connected in time', 'hang', '192.0.2.9'],
] as const) {
  t.test(title, (t) => {
    const dial = dialling(served, { host })
    t.equal(dial.lease.readiness, 0)
    dial.pollset.advance(CONNECT_MS)
    unleased(t, dial, 'backend-not-connected', 'ETIMEDOUT')
    t.end()
  })
  t.test(`${title}: given up before`, (t) => {
    const { engine, pollset, lease } = dialling(served, { host })
    engine.close()
    pollset.run()
    t.equal(engine.sessions.length, 0)
    t.match(lease.fault, { code: 'engine-closed' })
    t.end()
  })
}

// A name with several addresses (RFC 8305)

/** The result of a connect to each address of the name `many`, in the order of its look-up. */
function named(addresses: readonly (readonly [string, Served])[]) {
  const pollset = new MemoryPollset()
  const tried: string[] = []
  const fars: FarEnd[] = []
  pollset.name(
    'many',
    addresses.map(([host]) => host),
  )
  for (const [host, served] of addresses) {
    const connected = (far: FarEnd) => {
      tried.push(host)
      fars.push(far)
    }
    pollset.serveFar({ host, port: 9 }, connected, served)
  }
  return { ...dialling('accept', { host: 'many' }, 'http/1.1', pollset), tried, fars }
}

const [FIRST, SECOND, THIRD, FOURTH] = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']
const { connectAttemptMs, connectAddressesMax } = LIMITS

t.test('E32: an address that refuses: the next is tried at once', (t) => {
  const { lease, tried, pollset } = named([
    [FIRST, 'refuse'],
    [SECOND, 'accept'],
    [THIRD, 'accept'],
  ])
  t.equal(lease.readiness, LEASED)
  t.strictSame(tried, [SECOND], 'and no more than needed')
  t.equal(pollset.now, 0)
  t.end()
})

t.test('an address that says nothing: the next is tried beside it', (t) => {
  const { lease, tried, fars, pollset } = named([
    [FIRST, 'hang'],
    [SECOND, 'accept'],
  ])
  pollset.advance(connectAttemptMs - 1)
  t.strictSame(tried, [FIRST], 'after a while')
  pollset.advance(1)
  t.strictSame(tried, [FIRST, SECOND])
  t.equal(lease.readiness, LEASED)
  t.ok(fars[0].closed, 'and the first is dropped')
  t.notOk(fars[1].closed)
  t.end()
})

t.test('the first is still taken when it is the first to answer', (t) => {
  const { lease, fars, pollset } = named([
    [FIRST, 'hang'],
    [SECOND, 'hang'],
  ])
  pollset.advance(connectAttemptMs)
  fars[0].accept()
  t.equal(lease.readiness, LEASED)
  t.strictSame(
    fars.map(({ closed }) => closed),
    [false, true],
  )
  t.end()
})

t.test('all refuse: the families took turns, and each is named', (t) => {
  const all = [FIRST, SECOND, '2001:db8::1', '2001:db8::2', THIRD]
  const dial = named(all.map((host) => [host, 'refuse']))
  const inTurns = [FIRST, '2001:db8::1', SECOND, '2001:db8::2', THIRD]
  unleased(
    t,
    dial,
    'backend-not-connected',
    `many:9: ${inTurns.map((host) => `ECONNREFUSED (${host})`).join(', ')}`,
  )
  t.end()
})

t.test(
  'none answers: three are waited for at once, the oldest makes room, and there is one deadline',
  (t) => {
    const dial = named([FIRST, SECOND, THIRD, FOURTH].map((host) => [host, 'hang']))
    const shared = 2 * connectAttemptMs + (CONNECT_MS - 2 * connectAttemptMs) / 2
    dial.pollset.advance(shared - 1)
    t.strictSame(dial.tried, [FIRST, SECOND, THIRD], 'and has its share of the time before')
    dial.pollset.advance(1)
    t.strictSame(dial.tried, [FIRST, SECOND, THIRD, FOURTH])
    t.strictSame(
      dial.fars.map(({ closed }) => closed),
      [true, false, false, false],
    )
    t.equal(dial.lease.readiness, 0)
    dial.pollset.advance(CONNECT_MS - shared)
    unleased(t, dial, 'backend-not-connected', `ETIMEDOUT (${FOURTH})`)
    t.ok(dial.fars.every(({ closed }) => closed))
    t.end()
  },
)

t.test('given up while two are tried: both are dropped', (t) => {
  const { engine, pollset, fars } = named([
    [FIRST, 'hang'],
    [SECOND, 'hang'],
  ])
  pollset.advance(connectAttemptMs)
  engine.close()
  pollset.run()
  t.strictSame(
    fars.map(({ closed }) => closed),
    [true, true],
  )
  t.end()
})

t.test('so many addresses are tried, and no more', (t) => {
  const all = Array.from({ length: connectAddressesMax + 1 }, (_, at) => `192.0.2.${at + 1}`)
  const { lease, tried } = named(
    all.map((host, at) => [host, at < connectAddressesMax ? 'refuse' : 'accept']),
  )
  t.equal(lease.readiness, UNLEASED)
  t.strictSame(tried, [])
  t.end()
})

t.test('the edges seen are the edges declared', (t) => {
  t.strictSame(seen.taken(dialLife.edges), declared(dialLife.edges))
  t.strictSame(
    seen.waitsEnded(dialLife.edges),
    ['connect until', 'resolve until'].map((wait) => `${wait}: cancelled, late, ready`),
  )
  t.end()
})
