// Sockets as they arrive, in memory: what they turn out to speak, however their first octets are cut; and the
// whole life of an arrival, its edges and its waits (design: Tests).

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import type { Socket } from '../../src/pollset/index.js'
import { type AlpnProtocol, ClientHandshake, handshakeLife } from '../../src/server/client-handshake.js'
import { localhost } from '../../tools/testbed/certificates/index.js'
import { type FarEnd, MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()
const ARRIVAL_MS = 1_000

interface Secure {
  readonly alpn: string
  /** The handshake does not come to its end. */
  readonly hangs?: boolean
  /** The bytes that come first in place of a record; null: none. */
  readonly first?: Buffer | null
}

/** With TLS it begins as a handshake does, which is in the octets of {@link RECORD}. */
const RECORD = Buffer.from([0x16, 3, 1])

function arrive(secure: Secure | null = null, before: (socket: Socket) => void = () => {}, relayed = false) {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  world.scheduler.tracer = seen
  const socket = pollset.socket()
  before(socket)
  const told: (AlpnProtocol | 'abused' | 'dropped')[] = []
  const certificates = secure?.hangs === true ? [] : [localhost]
  const tls = secure === null ? null : pollset.tlsServer({ certificates, alpn: [secure.alpn] })
  const arrival = new ClientHandshake(
    world,
    socket,
    { tls, proxyHeaderBytesMax: relayed ? 536 : 0, handshakeMs: ARRIVAL_MS },
    {
      handshakeDone: (_arrival, spoken) => told.push(spoken),
      handshakeDropped: () => told.push('dropped'),
      clientAbused: () => told.push('abused'),
      admits: () => true,
    },
  )
  pollset.run()
  if (secure !== null && !relayed && secure.first !== null) socket.far.send(secure.first ?? RECORD)
  const all = () => {
    let octets = ''
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) octets += chunk.toString('latin1')
    return octets
  }
  return { pollset, far: socket.far, told, arrival, all }
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

t.test('what it speaks, cut at every point, and no octet is lost', (t) => {
  for (const [text, spoken] of [
    [PREFACE, 'h2'],
    ['PRI ', 'h2'],
    ['GET / HTTP/1.1\r\n', 'http/1.1'],
    ['PRIZE / HTTP/1.1\r\n', 'http/1.1'],
    ['PRI\r\n', 'http/1.1'],
    ['PP / HTTP/1.1\r\n', 'http/1.1'],
    ['\x16\x03\x01', 'http/1.1'],
    ['\r\nGET', 'http/1.1'],
  ] as const) {
    for (let cut = 0; cut < text.length; cut++) {
      const { far, told, all } = arrive()
      if (cut > 0) far.send(Buffer.from(text.slice(0, cut), 'latin1'))
      far.send(Buffer.from(text.slice(cut), 'latin1'))
      t.strictSame(told, [spoken], `${JSON.stringify(text)} cut at ${cut}`)
      t.equal(all(), text)
      t.notOk(far.closed)
    }
    const { far, told, all } = arrive()
    for (const octet of text) far.send(Buffer.from(octet, 'latin1'))
    t.strictSame(told, [spoken])
    t.equal(all(), text)
  }
  t.end()
})

t.test('over TLS, ALPN says it', (t) => {
  for (const [alpn, spoken] of [
    ['h2', 'h2'],
    ['http/1.1', 'http/1.1'],
    // No protocol was agreed on.
    ['', 'http/1.1'],
  ] as const) {
    t.strictSame(arrive({ alpn }).told, [spoken])
  }
  t.end()
})

t.test(
  'HTTP in clear text on a listener over TLS: told by its first octet, however cut, and no octet is lost',
  (t) => {
    for (const [text, spoken] of [
      ['GET / HTTP/1.1\r\n', 'http/1.1'],
      ['get / HTTP/1.1\r\n', 'http/1.1'],
      [PREFACE, 'h2'],
    ] as const) {
      for (const relayed of [false, true]) {
        const { far, told, all, arrival } = arrive({ alpn: 'h2', first: null }, () => {}, relayed)
        if (relayed) far.send(Buffer.from('PROXY UNKNOWN\r\n'))
        for (const octet of text) far.send(Buffer.from(octet, 'latin1'))
        t.strictSame(told, [spoken], text)
        t.equal(all(), text)
        t.ok(arrival.inClearText)
      }
    }
    // No method begins so: it is for TLS to refuse.
    for (const first of ['\x15\x03\x01', '\x80\x2e\x01', '\r\n\r\n', '\0'])
      t.notOk(arrive({ alpn: 'h2', first: Buffer.from(first, 'latin1') }).arrival.inClearText)
    t.end()
  },
)

/** The operator's message: its kind, and the end of the sentence. */
t.test('why an arrival was given up', (t) => {
  const handshake = arrive({ alpn: 'h2', hangs: true })
  handshake.pollset.advance(ARRIVAL_MS)
  t.match(handshake.arrival.failure, {
    kind: 'tls-handshake',
    text: /not done within server.handshakeMs=1000$/,
  })
  const left = arrive({ alpn: 'h2', hangs: true })
  left.far.destroy()
  t.match(left.arrival.failure, { kind: 'tls-handshake', text: /ECONNRESET$/ })
  const header = (octets: string, then: (one: ReturnType<typeof arrive>) => void = () => {}) => {
    const one = arrive(null, () => {}, true)
    if (octets !== '') one.far.send(Buffer.from(octets))
    then(one)
    return one.arrival.failure
  }
  t.match(header('GET /'), { kind: 'proxy-header', text: /the first bytes are not one$/ })
  t.match(
    header('PROXY ', ({ pollset }) => pollset.advance(ARRIVAL_MS)),
    { text: /server.handshakeMs=1000$/ },
  )
  t.match(
    header('PROXY ', ({ far }) => far.end()),
    { text: /ended within it$/ },
  )
  t.equal(
    header('', ({ far }) => far.end()),
    null,
    'a health check',
  )
  t.equal(
    header('', ({ pollset }) => pollset.advance(ARRIVAL_MS)),
    null,
  )
  const told = (one: ReturnType<typeof arrive>) => {
    one.arrival.cancel()
    one.pollset.run()
    return one.arrival.failure
  }
  t.equal(told(arrive({ alpn: 'h2', hangs: true })), null, 'we are the ones who end it')
  const silent = arrive({ alpn: 'h2', first: null })
  silent.pollset.advance(ARRIVAL_MS)
  t.equal(silent.arrival.failure, null)
  t.end()
})

const gone: readonly (readonly [string, () => ReturnType<typeof arrive>])[] = [
  [
    'silent for too long',
    () => {
      const one = arrive()
      one.pollset.advance(ARRIVAL_MS)
      return one
    },
  ],
  [
    'trickling what may be a preface',
    () => {
      const one = arrive()
      for (const octet of 'PRI') {
        one.far.send(Buffer.from(octet))
        one.pollset.advance(ARRIVAL_MS / 3 + 1)
      }
      return one
    },
  ],
  [
    'silent in the middle of what may be a preface',
    () => {
      const one = arrive()
      one.far.send(Buffer.from('PR'))
      one.pollset.advance(ARRIVAL_MS)
      return one
    },
  ],
  [
    'ended before it said anything',
    () => {
      const one = arrive()
      one.far.end()
      return one
    },
  ],
  [
    'reset',
    () => {
      const one = arrive()
      one.far.destroy()
      return one
    },
  ],
  [
    'cancelled while it is silent',
    () => {
      const one = arrive()
      one.arrival.cancel()
      one.pollset.run()
      return one
    },
  ],
  [
    'silent for too long, where TLS is spoken',
    () => {
      const one = arrive({ alpn: 'h2', first: null })
      one.pollset.advance(ARRIVAL_MS)
      return one
    },
  ],
  [
    'ended before it said anything, where TLS is spoken',
    () => {
      const one = arrive({ alpn: 'h2', first: null })
      one.far.end()
      return one
    },
  ],
  [
    'cancelled while it is silent, where TLS is spoken',
    () => {
      const one = arrive({ alpn: 'h2', first: null })
      one.arrival.cancel()
      one.pollset.run()
      return one
    },
  ],
  [
    'a handshake that takes too long',
    () => {
      const one = arrive({ alpn: 'h2', hangs: true })
      one.pollset.advance(ARRIVAL_MS)
      return one
    },
  ],
  [
    'cancelled in its handshake',
    () => {
      const one = arrive({ alpn: 'h2', hangs: true })
      one.arrival.cancel()
      one.pollset.run()
      return one
    },
  ],
  [
    'a handshake that fails',
    () => {
      const one = arrive({ alpn: 'h2', hangs: true })
      one.far.destroy()
      return one
    },
  ],
]

/** A client that has begun to speak and does not go on holds us up; a silent one does not. */
const ABUSES = ['silent in the middle of what may be a preface', 'trickling what may be a preface']

for (const [title, run] of gone) {
  t.test(title, (t) => {
    const { told, far } = run()
    t.strictSame(told, ABUSES.includes(title) ? ['abused', 'dropped'] : ['dropped'])
    t.ok(far.closed)
    t.end()
  })
}

t.test('what came before its end counts', (t) => {
  const { told, far } = arrive(null, (socket) => {
    const { far } = socket as Socket & { far: FarEnd }
    far.put(Buffer.from('GET / HTTP/1.1\r\n'))
    far.putEnd()
  })
  t.strictSame(told, ['http/1.1'])
  t.notOk(far.closed)
  t.end()
})

t.test('behind a relay: the PROXY header first, then the rest of its octets', (t) => {
  const relayed = (secure: Secure | null = null) => arrive(secure, () => {}, true)
  const clear = relayed()
  clear.far.send(Buffer.from('PROXY UNKN'))
  t.strictSame(clear.told, [], 'half a header')
  clear.far.send(Buffer.from('OWN\r\nGET /'))
  t.strictSame(clear.told, ['http/1.1'])
  t.equal(clear.all(), 'GET /')
  const secured = relayed({ alpn: 'h2' })
  secured.far.send(Buffer.from('PROXY UNKNOWN\r\n'))
  t.strictSame(secured.told, [], 'TLS has not begun')
  secured.far.send(RECORD)
  t.strictSame(secured.told, ['h2'])
  const wrong = relayed()
  wrong.far.send(Buffer.from('GET / HTTP/1.1\r\n'))
  t.strictSame(wrong.told, ['dropped'])
  const late = relayed()
  late.pollset.advance(ARRIVAL_MS)
  t.strictSame(late.told, ['dropped'])
  const cancelled = relayed()
  cancelled.arrival.cancel()
  cancelled.pollset.run()
  t.strictSame(cancelled.told, ['dropped'])
  t.end()
})

t.test('the edges seen are the edges declared', (t) => {
  t.strictSame(seen.taken(handshakeLife.edges), declared(handshakeLife.edges))
  t.strictSame(
    seen.waitsEnded(handshakeLife.edges),
    ['peek until', 'readProxyHeader until', 'secure until', 'sniff until'].map(
      (wait) => `${wait}: cancelled, late, ready`,
    ),
  )
  t.end()
})
