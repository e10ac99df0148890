// A dial by itself: it reports once, after it has returned, whatever ends it; and what becomes of an opening that its
// engine has given up.

import { createServer, type Socket as NetSocket } from 'node:net'
import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { Engine, engineLimits, Lease, UNLEASED } from '../../src/engine/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { createHttp1, http1Sessions } from '../../src/http1/index.js'
import { CLOSED, CONNECTED, NodePollset, type Socket } from '../../src/pollset/index.js'
import { type Dial, type DialTarget, dial, dialLimits } from '../../src/transport/index.js'
import { type FarEnd, MemoryPollset, type Served } from '../../tools/testbed/memory-pollset.js'
import { once } from '../world/proxy-world.js'

const AT = { host: '192.0.2.9', port: 9 }
const CONNECT_MS = 1_000
const LIMITS = { ...dialLimits, connectMs: CONNECT_MS }

function dialled(served: Served, to: Partial<DialTarget> = {}) {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  const fars: FarEnd[] = []
  pollset.serveFar(AT, (far) => fars.push(far), served)
  const reports: string[] = []
  let socket: Socket | null = null
  const it = dial(world, 'b1', { ...AT, ...to }, LIMITS, {
    connected(connected) {
      socket = connected
      reports.push('connected')
    },
    failed(why, late) {
      reports.push(`${why.code}${late ? ', late' : ''}`)
    },
  })
  t.strictSame(reports, [], 'nothing is reported before it has returned')
  return { it, pollset, fars, reports, world, socketOf: () => socket as Socket | null }
}

t.test('T10: a dial reports a connected socket once, and leaves it to its caller', (t) => {
  const { it, pollset, reports, socketOf } = dialled('accept')
  pollset.run()
  it.cancel()
  pollset.advance(2 * CONNECT_MS)
  t.strictSame(reports, ['connected'])
  t.equal((socketOf()?.readiness ?? 0) & (CONNECTED | CLOSED), CONNECTED, 'and it stays open')
  t.end()
})

t.test('T10: a dial over TLS reports when the handshake is done', (t) => {
  const tls = new MemoryPollset().tlsClient({ serverName: '', alpn: ['h2'], verify: true })
  const { pollset, reports, socketOf } = dialled('accept', { tls })
  pollset.run()
  t.strictSame(reports, ['connected'])
  t.equal(socketOf()?.secured?.protocol, 'h2')
  t.end()
})

t.test(
  'T11: a dial that is cancelled fails once, and closes its sockets: while it resolves, and while it connects',
  (t) => {
    for (const [to, served] of [
      [{ host: 'silent.example' }, 'accept'],
      [{}, 'hang'],
    ] as const) {
      const { it, pollset, fars, reports } = dialled(served, to)
      pollset.run()
      it.cancel()
      pollset.run()
      t.strictSame(reports, ['backend-not-connected'])
      for (const far of fars) far.accept()
      pollset.advance(2 * CONNECT_MS)
      t.equal(reports.length, 1)
      t.strictSame(
        fars.map((far) => far.closed),
        fars.map(() => true),
      )
    }
    t.end()
  },
)

t.test('T11: a dial has one deadline, whatever it waits for', (t) => {
  for (const [to, served] of [
    [{ host: 'silent.example' }, 'accept'],
    [{}, 'hang'],
  ] as const) {
    const { pollset, reports } = dialled(served, to)
    pollset.run()
    pollset.advance(CONNECT_MS - 1)
    t.strictSame(reports, [], 'not before it')
    pollset.advance(1)
    t.match(reports, [/, late$/])
  }
  t.end()
})

t.test('T11: a name without an address, and an address that refuses, fail once', (t) => {
  for (const [to, code] of [
    [{ host: 'a.invalid' }, 'backend-not-resolved'],
    [{}, 'backend-not-connected'],
  ] as const) {
    const { pollset, reports } = dialled('refuse', to)
    pollset.advance(2 * CONNECT_MS)
    t.strictSame(reports, [code])
  }
  t.end()
})

t.test('T11: a dial whose step fails by a defect of ours reports a failure once', (t) => {
  const { it, pollset, fars, reports, world } = dialled('hang')
  const crashes: unknown[] = []
  world.scheduler.onCrash = (_c, error) => crashes.push(error)
  pollset.run()
  it.attempts.advance = () => {
    throw new Error('planted')
  }
  fars[0].accept()
  t.equal(crashes.length, 1)
  t.equal(reports.length, 1)
  t.end()
})

t.test('T11: a caller that fails as it takes the socket is told a failure, and the socket is closed', (t) => {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  const crashes: unknown[] = []
  world.scheduler.onCrash = (_c, error) => crashes.push(error)
  const fars: FarEnd[] = []
  pollset.serveFar(AT, (far) => fars.push(far))
  const failures: string[] = []
  dial(world, 'b1', AT, LIMITS, {
    connected() {
      throw new Error('planted')
    },
    failed: (why) => void failures.push(why.code),
  })
  pollset.run()
  t.strictSame(failures, ['backend-not-connected'])
  t.equal(crashes.length, 1)
  t.ok(fars[0].closed)
  t.end()
})

const LONG_MS = 60_000

/**
 * Dials TLS over a real socket: the peer has the ClientHello, and its handshake waits for the test. The
 * simulated network connects and secures in one.
 */
async function inHandshake(t: Test, connectMs: number) {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const { port } = server.address() as { port: number }
  const tls = pollset.tlsClient({ serverName: 'localhost', alpn: ['h2'], verify: true })
  const target = { host: '127.0.0.1', port, tls }
  const reports: string[] = []
  const accepted = once(server, 'connection')
  let it: Dial | null = null
  const reported = new Promise<void>((resolve) => {
    const report = (text: string) => {
      reports.push(text)
      resolve()
    }
    it = dial(
      createWorld(pollset),
      'b1',
      target,
      { ...dialLimits, connectMs },
      {
        connected: () => report('connected'),
        failed: (why, late) =>
          report(`${why.code} ${why.detail?.replace(/^\S+ /, '')}${late ? ', late' : ''}`),
      },
    )
  })
  const [peer] = (await accepted) as [NetSocket]
  peer.on('error', () => {})
  t.teardown(() => peer.destroy())
  const closed = once(peer, 'close')
  const [hello] = (await Promise.race([once(peer, 'data'), closed])) as [Buffer]
  if (connectMs === LONG_MS)
    t.strictSame([hello[0], reports], [22, []], 'the ClientHello has come, and no more')
  return { it: it as unknown as Dial, peer, reports, reported, closed }
}

t.test(
  'T11: a dial that is cancelled within its TLS handshake fails once, and closes its socket',
  async (t) => {
    const { it, reports, reported, closed } = await inHandshake(t, LONG_MS)
    it.cancel()
    await Promise.all([reported, closed])
    t.strictSame(reports, ['backend-not-connected closed'])
  },
)

t.test('T11: a TLS handshake that is not done at the deadline fails once', async (t) => {
  const { reports, reported, closed } = await inHandshake(t, 1_000)
  await Promise.all([reported, closed])
  t.strictSame(reports, ['backend-not-connected ETIMEDOUT, late'])
})

t.test(
  'T11: a peer that does not speak TLS, or closes within the handshake, fails the dial once',
  async (t) => {
    for (const [act, code] of [
      [(peer: NetSocket) => void peer.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /ERR_SSL_\w+$/],
      [(peer: NetSocket) => void peer.end(), /ECONNRESET$/],
    ] as const) {
      const { peer, reports, reported, closed } = await inHandshake(t, LONG_MS)
      act(peer)
      await Promise.all([reported, closed])
      t.equal(reports.length, 1)
      t.match(reports[0], code)
    }
  },
)

t.test(
  'E44: an opening that its engine gives up fails its waiters at once, and no session comes of it',
  (t) => {
    const pollset = new MemoryPollset()
    const world = createHttpWorld(createWorld(pollset))
    const fars: FarEnd[] = []
    pollset.serveFar(AT, (far) => fars.push(far), 'hang')
    const engine = new Engine(world, 'http://b', http1Sessions(createHttp1(world), AT), engineLimits)
    const lease = new Lease({ id: 'm1/s1' })
    t.equal(engine.lease(lease as never), 'queued')
    pollset.run()
    t.equal(engine.opening, 1)
    engine.close()
    t.equal(lease.readiness, UNLEASED, 'in the same turn')
    fars[0].accept()
    pollset.run()
    t.equal(engine.sessions.length, 0)
    t.equal(engine.opening, 0)
    t.ok(fars[0].closed, 'the connection that was made meanwhile is closed')
    t.end()
  },
)

t.test('E44: an opening that fails after its engine has given it up changes nothing', (t) => {
  for (const fails of [
    (far: FarEnd) => far.destroy(),
    (_far: FarEnd, pollset: MemoryPollset) => pollset.advance(2 * dialLimits.connectMs),
  ]) {
    const pollset = new MemoryPollset()
    const world = createHttpWorld(createWorld(pollset))
    const crashes: unknown[] = []
    world.scheduler.onCrash = (_c, error) => crashes.push(error)
    const fars: FarEnd[] = []
    pollset.serveFar(AT, (far) => fars.push(far), 'hang')
    const engine = new Engine(world, 'http://b', http1Sessions(createHttp1(world), AT), engineLimits)
    const unopened: unknown[] = []
    engine.onUnopened = (why) => unopened.push(why)
    engine.lease(new Lease({ id: 'm1/s1' }) as never)
    pollset.run()
    engine.close()
    fails(fars[0], pollset)
    pollset.run()
    t.strictSame([engine.opening, engine.sessions.length, engine.queued], [0, 0, 0])
    t.strictSame(unopened, [], 'the backend is not told of as unreached')
    t.strictSame(crashes, [])
  }
  t.end()
})
