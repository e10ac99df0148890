// Tunnels and the clock, and early ends, in memory: tunnels that open late, tunnels that are idle, and sides
// that end before the other has begun. From either HTTP version to either, and to the target of a CONNECT.

import t, { type Test } from 'tap'
import type { SomeLimits } from '../../../src/server/index.js'
import { type Frame, frame, framesOf, headers } from '../../../tools/testbed/frames.js'
import type { FarEnd } from '../../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../../tools/testbed/memory-proxy.js'
import { acceptOf, handshake } from './tunnel-world.js'

type Version = 'http/1.1' | 'h2c'
const VERSIONS: readonly Version[] = ['http/1.1', 'h2c']
const PAIRS = VERSIONS.flatMap((front) => VERSIONS.map((back) => [front, back] as const))

const DATA = 0
const RST_STREAM = 3
const END_STREAM = 1
const TARGET = '192.0.2.9:9'
/** SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3). */
const SETTINGS = Buffer.concat([frame(4, 0, 0, Buffer.from('000800000001', 'hex')), frame(4, 1, 0)])

const lines = (fields: Readonly<Record<string, string>>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

/** One side of a tunnel, in whichever version: the octets that it sends, and those that it has received. */
class End {
  readonly far: FarEnd
  private readonly version: Version | 'tcp'
  constructor(far: FarEnd, version: Version | 'tcp') {
    this.far = far
    this.version = version
  }
  say(text: string): void {
    this.far.send(this.version === 'h2c' ? frame(DATA, 0, 1, Buffer.from(text)) : Buffer.from(text))
  }
  end(): void {
    if (this.version === 'h2c') this.far.send(frame(DATA, END_STREAM, 1))
    else this.far.end()
  }
  /** Since the last time: octets, then `END` or `GONE`, in whichever way it is said. */
  heard(): string {
    const { far } = this
    if (this.version !== 'h2c')
      return far.take().toString('latin1') + (far.closed ? 'GONE' : far.ended ? 'END' : '')
    const frames = framesOf(far.take()).filter((each) => each.stream === 1)
    const said = (each: Frame) =>
      each.type === RST_STREAM
        ? 'GONE'
        : each.type === DATA
          ? each.payload.toString() + ((each.flags & END_STREAM) !== 0 ? 'END' : '')
          : ''
    return frames.map(said).join('')
  }
}

function proxyOf(limits: SomeLimits, options: MemoryProxyOptions) {
  const proxy = memoryProxy(limits, options)
  const outcomes: string[] = []
  proxy.proxy.watch({ ended: ({ outcome }) => outcomes.push(outcome) })
  return { ...proxy, outcomes }
}

/** An open WebSocket, as far as the proxy knows. */
function webSocket(front: Version, back: Version, limits: SomeLimits) {
  const proxy = proxyOf(limits, { clients: front, speaks: back })
  const client = proxy.client()
  if (front === 'http/1.1')
    client.send(Buffer.from(`GET /chat HTTP/1.1\r\nHost: a\r\n${lines(handshake())}\r\n`))
  else client.send(connectHead([':protocol', 'websocket'], [':scheme', 'http'], [':path', '/chat']))
  const [backend] = proxy.backends
  if (back === 'h2c') {
    backend.send(SETTINGS)
    backend.take()
    backend.send(headers(1, [[':status', '200']], false))
  } else {
    const key = /sec-websocket-key: (\S+)/.exec(backend.take().toString())?.[1] ?? ''
    const fields = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-accept': acceptOf(key) }
    backend.send(Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines(fields)}\r\n`))
  }
  client.take()
  return { ...proxy, near: new End(client, front), far: new End(backend, back) }
}

const connectHead = (...more: [string, string][]) =>
  headers(1, [[':method', 'CONNECT'], ...more, [':authority', TARGET]], false)

/** A CONNECT that was sent, in the same octets as what follows it. */
function connect(front: Version, limits: SomeLimits = {}, prepare = (_: MemoryProxy) => {}, host = '') {
  const proxy = proxyOf(limits, { clients: front, connect: ['*:*'] })
  prepare(proxy)
  const to = host === '' ? TARGET : `${host}:9`
  const client = proxy.client()
  const head =
    front === 'h2c'
      ? headers(
          1,
          [
            [':method', 'CONNECT'],
            [':authority', to],
          ],
          false,
        )
      : Buffer.from(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`)
  return { ...proxy, client, head, near: new End(client, front) }
}
type MemoryProxy = ReturnType<typeof proxyOf>
type Over = Pick<MemoryProxy, 'proxy' | 'world'>

/** Its CONNECT was answered by 200, in HTTP/2 by the static entry of that (RFC 7541, Appendix A). */
const isOpen = (far: FarEnd, front: Version): boolean =>
  front === 'h2c'
    ? framesOf(far.take()).some((each) => each.type === 1 && each.payload[0] === 0x88)
    : /^HTTP\/1\.1 200 OK\r\ndate: .*\r\n\r\n$/.test(far.take().toString('latin1'))

function nothingLeft(t: Test, { proxy, world }: Over): void {
  t.equal(proxy.begun, proxy.logged, 'the exchange is over (S1)')
  t.equal(proxy.tunnels, 0)
  t.equal(world.memory.bytes, 0)
}

for (const [front, back] of PAIRS) {
  t.test(`${front} to ${back}: a tunnel on which nothing is said for tunnelIdleMs`, (t) => {
    const tunnel = webSocket(front, back, { proxy: { tunnelIdleMs: 1_000 } })
    const { near, far, pollset, outcomes } = tunnel
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      pollset.advance(999)
      from.say('still here')
      t.equal(to.heard(), 'still here', 'a word from either side keeps it')
    }
    pollset.advance(999)
    t.strictSame(outcomes, [])
    // Bytes that have come are noticed at the end of a wait.
    pollset.advance(1_001)
    t.strictSame(outcomes, ['tunnel-idle'])
    t.equal(near.heard(), 'GONE')
    t.equal(far.heard(), 'GONE')
    nothingLeft(t, tunnel)
    t.end()
  })

  t.test(`${front} to ${back}: half a tunnel that stands idle is ended too`, (t) => {
    const tunnel = webSocket(front, back, { proxy: { tunnelIdleMs: 1_000 } })
    const { near, far, pollset, outcomes } = tunnel
    near.say('bye')
    near.end()
    t.equal(far.heard(), 'byeEND')
    pollset.advance(2_001)
    t.strictSame(outcomes, ['tunnel-idle'])
    t.equal(near.heard(), 'GONE')
    t.equal(far.heard(), 'GONE')
    nothingLeft(t, tunnel)
    t.end()
  })
}

for (const front of VERSIONS) {
  const hang = ({ hang }: MemoryProxy) => hang()
  for (const [title, limits, host] of [
    ['a target that never answers', { transport: { connectMs: 1_000 } }, ''],
    [
      'a target that never answers, and nobody waits as long as that',
      { proxy: { leaseTimeoutMs: 1_000 } },
      '',
    ],
    ['a target whose name is never found', { transport: { connectMs: 1_000 } }, 'never.example'],
  ] as const) {
    t.test(`${front}: CONNECT to ${title}: 504`, (t) => {
      const tunnel = connect(front, limits, hang, host)
      const { client, head, pollset, outcomes } = tunnel
      client.send(head)
      pollset.advance(999)
      t.strictSame(outcomes, [])
      pollset.advance(1)
      t.match(client.received.toString('latin1'), /504[\s\S]*connect-late/)
      t.strictSame(outcomes, ['connect-late'])
      nothingLeft(t, tunnel)
      t.end()
    })
  }

  t.test(`${front}: the client leaves while its target does not answer`, (t) => {
    const tunnel = connect(front, {}, hang)
    const { client, head, outcomes } = tunnel
    client.send(head)
    client.destroy()
    t.strictSame(outcomes, ['client-gone'])
    nothingLeft(t, tunnel)
    t.end()
  })

  t.test(`${front}: a CONNECT in which nothing is said does not wake its target's connection`, (t) => {
    const tunnel = connect(front, { proxy: { tunnelIdleMs: 100_000 } })
    const { client, head, pollset, backends, lines, near } = tunnel
    client.send(head)
    t.ok(isOpen(client, front))
    const before = lines.length
    pollset.advance(20_000)
    t.strictSame(
      lines.slice(before).filter((each) => / b\d+ /.test(each)),
      [],
    )
    backends[0].send(Buffer.from('still there'))
    t.match(near.heard(), 'still there')
    client.destroy()
    t.ok(backends[0].wasReset)
    nothingLeft(t, tunnel)
    t.end()
  })

  for (const early of ['', 'early']) {
    t.test(
      `${front}: the client has ended its half with its CONNECT${early && ', and said something'}`,
      (t) => {
        const tunnel = connect(front)
        const { client, head, near, pollset, backends, outcomes } = tunnel
        client.put(head)
        if (early !== '')
          client.put(front === 'h2c' ? frame(DATA, 0, 1, Buffer.from(early)) : Buffer.from(early))
        near.end()
        pollset.run()
        const far = new End(backends[0], 'tcp')
        t.equal(far.heard(), `${early}END`, 'the target hears what was said, and that it was all')
        t.ok(isOpen(client, front))
        far.say('answer')
        far.end()
        t.match(near.heard(), front === 'h2c' ? 'answerEND' : /^answer(END|GONE)$/)
        t.strictSame(outcomes, ['ok'])
        nothingLeft(t, tunnel)
        t.end()
      },
    )
  }

  for (const how of ['ends', 'is gone'] as const) {
    t.test(`${front}: the target ${how} as soon as it is reached`, (t) => {
      const tunnel = connect(front)
      const { client, head, near, pollset, outcomes, backends } = tunnel
      pollset.serveFar({ host: '192.0.2.9', port: 9 }, (far) => {
        backends.push(far)
        far.put(Buffer.from('220 no'))
        if (how === 'ends') far.putEnd()
      })
      client.put(head)
      pollset.run()
      if (how === 'is gone') backends[0].destroy()
      t.match(client.received.toString('latin1'), /220 no/, 'what it said is passed on')
      near.end()
      t.strictSame(outcomes, [how === 'ends' ? 'ok' : 'backend-closed'])
      nothingLeft(t, tunnel)
      t.end()
    })
  }
}
