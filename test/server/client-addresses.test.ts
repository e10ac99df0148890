// spec/attacks.md, comes-back: an address that comes back too often after abuse is refused for a time, and no
// other. The table and what both protocols tell in memory, the rest at a real listener.

import { connect } from 'node:net'
import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { createHttpWorld, type HttpWorld, type StreamAcceptor } from '../../src/http/index.js'
import { createHttp1, serveHttp1 } from '../../src/http1/index.js'
import { createHttp2, serveHttp2 } from '../../src/http2/index.js'
import type { Socket } from '../../src/pollset/index.js'
import { addressKey } from '../../src/proxy/index.js'
import { ClientAddresses, clientAddressLimits } from '../../src/server/client-addresses.js'
import { many, ping, quiet, reset } from '../../tools/attack/attack.js'
import { frame, PREFACE } from '../../tools/testbed/frames.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { get, type Setting, setUp } from '../world/proxy-world.js'

const limits = { ...clientAddressLimits, abusesMax: 3, abuseWindowMs: 100, refusalMs: 50, abusersMax: 4 }
const BAD = '192.0.2.66'
const GOOD = '192.0.2.1'

function abuse(addresses: ClientAddresses, host: string, times: number, now: number): void {
  for (let i = 0; i < times; i++) addresses.abused(host, 1, now)
}

t.test('IPv4 by address, IPv6 by /64, however it is written', (t) => {
  for (const [host, key] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:DB8:0:0:ffff::1', '2001:db8:0:0'],
    ['2001:db8:0:1::1', '2001:db8:0:1'],
    ['2001:0db8:0000:0001:1:2:3:4', '2001:db8:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
  ])
    t.equal(addressKey(host), key, host)
  t.end()
})

t.test('refused from the third abuse on, for its time; then all is forgiven', (t) => {
  const addresses = new ClientAddresses(limits)
  abuse(addresses, BAD, 2, 1_000)
  t.ok(addresses.admit(BAD, 1_000))
  abuse(addresses, BAD, 1, 1_010)
  t.notOk(addresses.admit(BAD, 1_010))
  t.ok(addresses.admit(GOOD, 1_010), 'nobody else')
  t.ok(addresses.admit('', 1_010), 'nor who has no address')
  t.notOk(addresses.admit(BAD, 1_059))
  t.ok(addresses.admit(BAD, 1_060))
  t.match(addresses.describe(), { refused: 2, abusers: 1 })
  // The window began at 1,000.
  abuse(addresses, BAD, 1, 1_100)
  t.ok(addresses.admit(BAD, 1_100))
  t.end()
})

t.test('a refusal is not lifted by what else ends meanwhile', (t) => {
  const addresses = new ClientAddresses(limits)
  abuse(addresses, BAD, 2, 1_000)
  abuse(addresses, BAD, 1, 1_099)
  // The window is over, the refusal is not.
  addresses.abused(BAD, 0.1, 1_110)
  t.notOk(addresses.admit(BAD, 1_111))
  t.ok(addresses.admit(BAD, 1_149))
  t.end()
})

t.test('parts of an abuse add up', (t) => {
  const addresses = new ClientAddresses(limits)
  for (let i = 0; i < 5; i++) t.notOk(addresses.abused(BAD, 0.5, 1_000))
  t.ok(addresses.admit(BAD, 1_000))
  t.ok(addresses.abused(BAD, 0.5, 1_000), 'it is refused from now on')
  t.notOk(addresses.abused(BAD, 1, 1_001), 'as it was before')
  t.notOk(addresses.admit(BAD, 1_000))
  t.end()
})

t.test('the table is bounded: who abused longest ago is forgotten first', (t) => {
  const addresses = new ClientAddresses(limits)
  for (let i = 1; i <= 4; i++) abuse(addresses, `192.0.2.${i}`, 3, 1_000)
  abuse(addresses, '192.0.2.1', 1, 1_001)
  abuse(addresses, '192.0.2.5', 3, 1_002)
  t.match(addresses.describe(), { abusers: 4 })
  t.ok(addresses.admit('192.0.2.2', 1_002))
  for (const i of [1, 3, 4, 5]) t.notOk(addresses.admit(`192.0.2.${i}`, 1_002))
  abuse(addresses, '192.0.2.6', 1, 2_000)
  t.match(addresses.describe(), { abusers: 1 }, 'whose time is over is forgotten by itself')
  t.end()
})

t.test('abusesMax 0: nobody is refused, nothing is remembered', (t) => {
  const addresses = new ClientAddresses({ ...limits, abusesMax: 0 })
  abuse(addresses, BAD, 100, 1_000)
  t.ok(addresses.admit(BAD, 1_000))
  t.match(addresses.describe(), { abusers: 0 })
  t.end()
})

t.test('connections-of-one-address: so many at once, of one address at once', (t) => {
  const addresses = new ClientAddresses({ ...limits, connectionsPerAddressMax: 2 })
  for (const host of ['2001:db8::1', '2001:db8::2']) t.ok(addresses.admit(host, 0))
  t.notOk(addresses.admit('2001:db8::3', 0))
  t.ok(addresses.admit('2001:db8:0:1::3', 0))
  addresses.closed('2001:db8::1')
  t.ok(addresses.admit('2001:db8::3', 0))
  t.end()
})

// At a listener. Attackers come from another loopback address than those of good manners.

const BEGINS = Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0)])

/** Returns everything that came until the end. It ends by an event, so no time is needed. */
function attempt(setting: Setting, octets: Buffer, localAddress: string): Promise<Buffer> {
  const socket = connect({ port: Number(new URL(setting.url).port), host: '127.0.0.1', localAddress })
  const said: Buffer[] = []
  socket.on('error', () => {})
  socket.on('data', (chunk) => said.push(chunk))
  socket.write(octets)
  return new Promise((resolve) => socket.on('close', () => resolve(Buffer.concat(said))))
}

const origin = (more: Parameters<typeof setUp>[1], options: Parameters<typeof setUp>[2] = {}) => {
  return setUp(
    (stream, headers) => {
      if (headers[':path'] !== '/quiet') stream.respond({ ':status': 200 }, { endStream: true })
    },
    more,
    options,
  )
}

/** Attacks until it gets not a word. */
async function refusedAfter(setting: Setting, octets: Buffer, localAddress = '127.0.0.2'): Promise<number> {
  for (let i = 0; i < 50; i++) if ((await attempt(setting, octets, localAddress)).length === 0) return i
  return Number.POSITIVE_INFINITY
}

const FLOODS: Readonly<Record<string, Buffer>> = {
  'rapid-reset': Buffer.concat([
    BEGINS,
    many(30, (i) => Buffer.concat([quiet(2 * i + 1), reset(2 * i + 1)])),
  ]),
  'ping-flood': Buffer.concat([BEGINS, many(30, ping)]),
}

for (const [name, octets] of Object.entries(FLOODS)) {
  t.test(`comes-back, after ${name}: who is cut off comes back so often, and no more`, async (t) => {
    const setting = await origin({
      server: { abusesMax: 3 },
      http2: { resetsBurst: 20, idleFramesBurst: 20 },
    })
    const before = setting.client()
    t.equal((await get(before, '/')).status, 200)
    t.equal(await refusedAfter(setting, octets), 3)
    t.equal(await refusedAfter(setting, octets), 0, 'and stays so')
    t.match(setting.server.describe(), { addresses: { refused: 2, abusers: 1 } })
    for (const client of [before, setting.client()]) t.equal((await get(client, '/')).status, 200)
    await setting.close()
  })
}

// The reports of the protocols about a client whose connection ends, in memory.

/** Returns the reports about clients that send this, and then nothing for 10 s, or leave. */
function told(serve: (world: HttpWorld, socket: Socket, acceptor: StreamAcceptor) => void) {
  const pollset = new MemoryPollset()
  const world = createHttpWorld(createWorld(pollset))
  const heard: string[] = []
  const acceptor: StreamAcceptor = {
    accept: () => {},
    clientClosed: () => heard.push('left'),
    clientAbused: (_client, part) => heard.push(`abused ${part}`),
  }
  return (octets: Buffer, goes: boolean, afterMs = 0): string => {
    heard.length = 0
    const socket = pollset.socket()
    serve(world, socket, acceptor)
    if (octets.length > 0) socket.far.send(octets)
    if (afterMs > 0) pollset.advance(afterMs)
    if (goes) socket.far.end()
    for (let i = 0; i < 20; i++) pollset.advance(1_000)
    return heard.join(', ')
  }
}

t.test('HTTP/2: who goes before it is cut off is told by how near it was', (t) => {
  const tell = told((world, socket, acceptor) => {
    serveHttp2(createHttp2(world, { resetsBurst: 20, resetsPerSecond: 1 }), socket, acceptor)
  })
  const open = (count: number) => many(count, (i) => quiet(2 * i + 1))
  const resets = (count: number) => many(count, (i) => reset(2 * i + 1))
  const all = (...each: readonly Buffer[]) => Buffer.concat([BEGINS, ...each])
  t.equal(tell(all(), true), 'left')
  t.equal(tell(all(open(1)), true), 'left', 'one of twenty is nothing')
  t.equal(tell(all(open(5)), true), 'abused 0.25, left', 'five left open')
  t.equal(tell(all(open(10), resets(10)), true), 'abused 0.5, left', 'ten reset')
  t.equal(tell(all(open(15), resets(10)), true), 'abused 0.75, left', 'and five more left open')
  t.equal(tell(all(open(10), resets(10)), true, 10_000), 'left', 'long ago')
  t.equal(tell(all(open(30), resets(30)), false), 'abused 1, left')
  t.equal(tell(all(many(499, ping)), true), 'abused 0.5, left', 'PING, and the acknowledgement of SETTINGS')
  t.end()
})

t.test('HTTP/1.1: a head that does not end is an abuse, a connection that says nothing is none', (t) => {
  const tell = told((world, socket, acceptor) => {
    serveHttp1(createHttp1(world, { headMs: 2_000, keepAliveMs: 2_000 }), socket, acceptor)
  })
  t.equal(tell(Buffer.from('GET / HTTP/1.1\r\nhost: a'), false), 'abused 1, left')
  t.equal(tell(Buffer.alloc(0), false), 'left')
  t.equal(tell(Buffer.from('GET / HTTP/1.1\r\nhost: a'), true), 'left')
  t.end()
})

t.test('behind a relay, the address that its header tells', async (t) => {
  const setting = await origin(
    { server: { abusesMax: 2 }, http2: { idleFramesBurst: 20 } },
    { acceptProxy: ['127.0.0.2'] },
  )
  const from = (host: string, octets: Buffer) =>
    Buffer.concat([Buffer.from(`PROXY TCP4 ${host} 192.0.2.9 1 2\r\n`), octets])
  const flood = FLOODS['ping-flood']
  t.equal(await refusedAfter(setting, from(BAD, flood)), 2)
  t.equal(
    await refusedAfter(setting, from(GOOD, flood)),
    2,
    'another is counted for itself, by the same relay',
  )
  t.equal(await refusedAfter(setting, flood, '127.0.0.3'), 2, 'and so is one without')
  await setting.close()
})
