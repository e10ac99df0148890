// The bounds of the connection grid, row by row: the verdict past each, that there is none before it, that it
// is counted, and that another connection notices nothing.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Field, FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { serveHttp2 } from '../../src/http2/index.js'
import {
  block,
  type Frame,
  frame,
  framesOf,
  headers,
  PREFACE,
  REQUEST,
  tableOf,
  uint32,
} from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { faced, type Role, rolesOf, saidIn } from '../world/faced.js'

const rows = tableOf(readFileSync('spec/http2/connection-grid.md', 'utf8'), 'Bounds')
const STATUS: [string, string][] = [[':status', '200']]
type Faced = ReturnType<typeof faced>

const many = (count: number, make: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

/** A list of fields of some 100 octets each, as one block in HEADERS and CONTINUATIONs. */
function list(stream: number, first: readonly (readonly [string, string])[], count: number): Buffer {
  const all = block([
    ...first,
    ...Array.from({ length: count }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(90)]),
  ])
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < all.length; at += 16_000) {
    const last = at + 16_000 >= all.length
    const part = all.subarray(at, at + 16_000)
    frames.push(frame(at === 0 ? 1 : 9, (at === 0 ? 1 : 0) | (last ? 4 : 0), stream, part))
  }
  return Buffer.concat(frames)
}

/** Octets of the peer that stay below the bound, and octets that go past it. */
interface Excess {
  readonly within: (role: Role) => Buffer
  readonly past: (role: Role) => Buffer
  readonly limits?: Parameters<typeof faced>[1]
  /** It is not octets alone that pass the bound. */
  readonly meanwhile?: (it: Faced) => void
  readonly before?: (it: Faced) => void
}

const heads = (role: Role): [number, readonly (readonly [string, string])[]] =>
  role === 'server' ? [3, REQUEST] : [1, STATUS]
const blockOf = (role: Role) => Buffer.from(headers(...heads(role)).subarray(9))
const continued = (role: Role, frames: number, size: number, closes: boolean) => {
  const [id] = heads(role)
  const parts = [
    frame(1, role === 'server' ? 1 : 0, id, blockOf(role)),
    many(frames, () => frame(9, 0, id, Buffer.alloc(size, 0x88))),
  ]
  return Buffer.concat(closes ? [...parts, frame(9, 4, id)] : parts)
}
const EMPTY: Readonly<Record<string, (role: Role) => Buffer>> = {
  DATA: () => frame(0, 0, 1),
  PRIORITY: () => frame(2, 0, 1, Buffer.alloc(5)),
  unknown: () => frame(0xee, 0, 0),
  PING: () => frame(6, 0, 0, Buffer.alloc(8)),
  SETTINGS: () => frame(4, 0, 0),
}
const resets = (role: Role, count: number) =>
  role === 'client'
    ? Buffer.alloc(0)
    : many(count, (i) => Buffer.concat([headers(2 * i + 3, REQUEST), frame(3, 0, 2 * i + 3, uint32(8))]))

const BOUNDS: Readonly<Record<string, readonly Excess[]>> = {
  'header-list-too-large': [{ within: () => list(3, REQUEST, 200), past: () => list(5, REQUEST, 260) }],
  'response-header-list-too-large': [{ within: () => Buffer.alloc(0), past: () => list(1, STATUS, 260) }],
  'field-block-large': [
    { within: () => Buffer.alloc(0), past: (role) => continued(role, 5, 16_000, true) },
    // Up to the very bound of what is discarded.
    {
      limits: { http2: { headerBlockBytesMax: 1024, headerBlockDiscardMax: 16_041 } },
      within: () => Buffer.alloc(0),
      past: (role) => continued(role, 1, 16_041 - blockOf(role).length, true),
    },
  ],
  'response-field-block-large': [
    { within: () => Buffer.alloc(0), past: (role) => continued(role, 5, 16_000, true) },
  ],
  'continuations-many': [
    {
      limits: { http2: { continuationsMax: 4, continuationsDiscardMax: 8 } },
      within: (role) => continued(role, 3, 0, false),
      past: () => Buffer.concat([many(4, () => frame(9, 0, 3)), frame(9, 4, 3)]),
    },
  ],
  'response-continuations-many': [
    {
      limits: { http2: { continuationsMax: 4, continuationsDiscardMax: 8 } },
      within: (role) => continued(role, 3, 0, false),
      past: () => Buffer.concat([many(4, () => frame(9, 0, 1)), frame(9, 4, 1)]),
    },
  ],
  'field-block-too-large': [
    {
      within: (role) => continued(role, 16, 16_000, false),
      past: (role) => frame(9, 0, heads(role)[0], Buffer.alloc(16_000, 0x88)),
    },
  ],
  'continuations-too-many': [
    {
      limits: { http2: { continuationsMax: 4, continuationsDiscardMax: 8 } },
      within: (role) => continued(role, 8, 0, false),
      past: (role) => frame(9, 0, heads(role)[0]),
    },
  ],
  'streams-too-many': [
    {
      limits: { http2: { concurrentStreamsMax: 3 } },
      within: () => Buffer.concat([headers(3, REQUEST, false), headers(5, REQUEST, false)]),
      past: () => headers(7, REQUEST, false),
    },
  ],
  'resets-too-many': [
    {
      limits: { http2: { resetsBurst: 10 } },
      within: (role) => resets(role, 10),
      past: () => Buffer.concat([headers(101, REQUEST), frame(3, 0, 101, uint32(8))]),
    },
    {
      limits: { http2: { resetsBurst: 10 } },
      within: (role) => resets(role, 10),
      past: () => Buffer.concat([headers(101, REQUEST), frame(8, 0, 101, uint32(0))]),
    },
  ],
  'control-frames-queued-too-many': [
    {
      limits: { http2: { idleFramesBurst: 100_000 } },
      before: ({ peer }) => {
        peer.reading = false
      },
      within: () => many(500, () => EMPTY.PING('server')),
      past: () => many(1_000, () => EMPTY.PING('server')),
      meanwhile: ({ peer }) => {
        peer.reading = true
        peer.drain()
      },
    },
  ],
  'empty-frames-too-many': Object.values(EMPTY).map((make) => ({
    // Some went into the handshake.
    limits: { http2: { idleFramesBurst: 40 } },
    within: (role: Role) =>
      Buffer.concat([...(role === 'client' ? [headers(1, STATUS, false)] : []), many(35, () => make(role))]),
    past: (role: Role) => many(10, () => make(role)),
  })),
}

/** Reads the answer of `status:NNN`: it is the first head of its connection, so a new table reads it. */
function verdictIn(answers: readonly Frame[], expected: string): string {
  const head = answers.find((each) => each.type === 1)?.payload
  if (!expected.startsWith('status:') || head === undefined) return saidIn(answers)
  const out: Field[] = []
  const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  decoder.decode(head, 0, head.length, out, 65_536, 256)
  return `status:${out[0].value}`
}

for (const row of rows.filter((each) => each.rule !== 'settings-ack-late')) {
  t.test(row.rule, (t) => {
    const ways = BOUNDS[row.rule]
    if (ways === undefined) throw new Error(`no test of ${row.rule}`)
    for (const role of rolesOf(row.role)) {
      for (const way of ways) {
        const it = faced(role, way.limits)
        const neighbour = it.proxy.client()
        way.before?.(it)
        it.peer.send(way.within(role))
        t.match(saidIn(framesOf(it.peer.take())), /^ok$/, 'not yet')
        t.notOk(it.peer.ended, `${role}: not yet`)
        const before = { ...it.proxy.http2.counts }
        it.peer.send(way.past(role))
        way.meanwhile?.(it)
        t.equal(verdictIn(framesOf(it.peer.take()), row.verdict), row.verdict, `${role}: past it`)
        t.equal(it.peer.ended, row.verdict.startsWith('connection'), `${role}: the end`)
        t.notSame(it.proxy.http2.counts, before, `${role}: it is counted`)
        neighbour.send(frame(6, 0, 0, Buffer.alloc(8)))
        t.same(
          framesOf(neighbour.take()).map((each) => each.type),
          [6],
          'its neighbour notices nothing',
        )
      }
    }
    t.end()
  })
}

/** A connection of this role whose peer has sent its SETTINGS and not acknowledged ours. */
function late(role: Role) {
  const proxy = memoryProxy()
  const advance = (ms: number) => proxy.pollset.advance(ms)
  if (role === 'client') {
    proxy.client().send(headers(1, REQUEST, false))
    proxy.backends[0].take()
    proxy.backends[0].send(frame(4, 0, 0))
    proxy.backends[0].take()
    return { peer: proxy.backends[0], advance }
  }
  const socket = proxy.pollset.socket()
  serveHttp2(proxy.http2, socket, proxy.proxy)
  socket.far.send(Buffer.concat([PREFACE, frame(4, 0, 0)]))
  socket.far.take()
  return { peer: socket.far, advance }
}

t.test('settings-ack-late', (t) => {
  const row = rows.find((each) => each.rule === 'settings-ack-late')
  t.ok(row, 'the row')
  for (const role of rolesOf(row?.role ?? 'both')) {
    for (const busy of [false, true]) {
      const it = late(role)
      it.advance(6_000)
      t.notOk(it.peer.ended, 'not yet')
      for (let at = 0; at < 10; at++) {
        if (busy && !it.peer.ended) it.peer.send(frame(6, 1, 0, Buffer.alloc(8)))
        it.advance(1_000)
      }
      t.equal(saidIn(framesOf(it.peer.take())), row?.verdict, `${role}, ${busy ? 'busy' : 'silent'}`)
      t.ok(it.peer.ended, 'the end')
    }
    const it = late(role)
    it.peer.send(frame(4, 1, 0))
    it.advance(12_000)
    t.notOk(it.peer.ended, `${role}: acknowledged in time`)
  }
  t.end()
})
