// The connection grid on real connections of both roles, row by row of the page written from RFC 9113: what
// each frame is in each state of the connection, the preface, the form of frames, compression, settings. The
// octets come whole, one by one, and split at every point (spec/README.md). Windows and bounds are in tests
// of their own.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { serveHttp2 } from '../../src/http2/index.js'
import { frame, framesOf, headers, PREFACE, REQUEST, tableOf, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import {
  answersPing,
  faced,
  octetsOf,
  piecesOf,
  type Role,
  rolesOf,
  saidIn,
  sessionOf,
  told,
} from '../world/faced.js'

const page = readFileSync('spec/http2/connection-grid.md', 'utf8')

for (const section of ['Frame form', 'Compression form', 'Settings values']) {
  t.test(section, (t) => {
    for (const row of tableOf(page, section)) {
      const expected = told(row.verdict)
      const name = row.rule ?? `${row.setting} ${row.value}`
      for (const role of rolesOf(row.role)) {
        for (const { way, pieces } of piecesOf(octetsOf(row.wire))) {
          const { peer } = faced(role)
          for (const piece of pieces) peer.put(piece)
          peer.send(Buffer.alloc(0))
          const said = saidIn(framesOf(peer.take()))
          if (said !== expected) t.equal(said, expected, `${name} (${role}), ${way}`)
          const goesOn = !expected.startsWith('connection')
          if (peer.ended === goesOn) t.equal(peer.ended, !goesOn, `${name} (${role}), ${way}: the end`)
          if (goesOn && !answersPing(peer)) t.fail(`${name} (${role}), ${way}: PING is not answered`)
        }
        t.pass(`${name} (${role})`)
      }
    }
    t.end()
  })
}

/** A connection of this role, of which nothing has been read. */
function fresh(role: Role) {
  const proxy = memoryProxy()
  if (role === 'client') proxy.client().send(headers(1, REQUEST))
  else {
    const socket = proxy.pollset.socket()
    proxy.frontends.push(serveHttp2(proxy.http2, socket, proxy.proxy))
    return { proxy, peer: socket.far }
  }
  proxy.backends[0].take()
  return { proxy, peer: proxy.backends[0] }
}

const LIKE_HTTP1 = /^[A-Z]+ /

t.test('Preface form', (t) => {
  for (const row of tableOf(page, 'Preface form')) {
    for (const role of rolesOf(row.role)) {
      for (const { way, pieces } of piecesOf(octetsOf(row.wire))) {
        const { peer } = fresh(role)
        for (const piece of pieces) peer.send(piece)
        const name = `${row.rule} (${role}), ${way}`
        const bytes = peer.take()
        if (row.verdict === 'ok') {
          if (saidIn(framesOf(bytes)) !== 'ok' || !answersPing(peer)) t.fail(name)
          continue
        }
        // A beginning like a request line of HTTP/1 is answered in HTTP/1, if it is recognised by then.
        const text = bytes.toString('latin1')
        const said =
          LIKE_HTTP1.test(octetsOf(row.wire).toString('latin1')) && text.startsWith('HTTP/1.1 505 ')
            ? row.verdict
            : saidIn(framesOf(bytes))
        if (said !== row.verdict || !peer.ended) t.equal(said, row.verdict, name)
      }
      t.pass(`${row.rule} (${role})`)
    }
  }
  t.end()
})

const STATES = ['preface-awaited', 'settings-awaited', 'open', 'field-block', 'going-away', 'closed']
const HEAD = headers(5, REQUEST).subarray(9)

/** Streams 1 and 3 are open, 5 is idle. Where the stream grid decides, it has no objection to these. */
const FRAMES: Readonly<Record<string, (role: Role) => Buffer>> = {
  DATA: (role) =>
    Buffer.concat([...(role === 'client' ? [response(4)] : []), frame(0, 0, 1, Buffer.from('x'))]),
  HEADERS: (role) => (role === 'client' ? response(4) : headers(5, REQUEST)),
  'HEADERS-EH': (role) => (role === 'client' ? response(0) : frame(1, 1, 5, HEAD.subarray(0, 5))),
  PRIORITY: () => frame(2, 0, 1, Buffer.alloc(5)),
  RST_STREAM: () => frame(3, 0, 1, uint32(8)),
  SETTINGS: () => frame(4, 0, 0),
  'SETTINGS+ACK': () => frame(4, 1, 0),
  PUSH_PROMISE: () => frame(5, 4, 1, Buffer.concat([uint32(2), HEAD])),
  PING: () => frame(6, 0, 0, Buffer.alloc(8)),
  GOAWAY: () => frame(7, 0, 0, Buffer.concat([uint32(0x7fffffff), uint32(0)])),
  WINDOW_UPDATE: () => frame(8, 0, 0, uint32(1)),
  CONTINUATION: (role) =>
    frame(9, 4, role === 'client' ? 1 : 5, role === 'client' ? Buffer.alloc(0) : HEAD.subarray(5)),
  'CONTINUATION-EH': (role) => frame(9, 0, role === 'client' ? 1 : 5),
  unknown: () => frame(0xee, 0xff, 1, Buffer.from('x')),
}
const response = (flags: number) => frame(1, flags, 1, headers(1, [[':status', '200']]).subarray(9))

/** A connection of this role brought to this state by frames, and in one by ourselves. */
function inState(role: Role, state: string) {
  if (state === 'preface-awaited' || state === 'settings-awaited') {
    const { proxy, peer } = fresh(role)
    if (state === 'settings-awaited' && role === 'server') peer.send(PREFACE)
    peer.take()
    return { peer, begun: () => proxy.proxy.begun }
  }
  const it = faced(role, {}, 2)
  if (state === 'going-away') {
    if (role === 'server') it.proxy.frontends[0].cancel()
    else sessionOf(it.proxy).close()
    // The client has heard of it, and is told now which was the last.
    it.peer.send(frame(6, 1, 0, Buffer.from('goaway!!')))
  }
  if (state === 'field-block') it.peer.send(FRAMES['HEADERS-EH'](role))
  if (state === 'closed') it.peer.send(frame(6, 0, 1, Buffer.alloc(8)))
  it.peer.take()
  return { peer: it.peer, begun: () => it.proxy.proxy.begun }
}

/** Tells the state that a connection is in, by what it does now. */
function stateOf(role: Role, peer: FarEnd, begun: () => number): string {
  if (!answersPing(peer)) return peer.ended ? 'ended' : 'nothing'
  const before = begun()
  if (role === 'server') peer.send(headers(101, REQUEST))
  const leads = role === 'server' ? begun() === before + 1 : true
  return leads ? 'open' : 'going-away'
}

t.test('Connection states', (t) => {
  const seen = new Set<string>()
  for (const row of tableOf(page, 'Connection states')) {
    seen.add(`${row.state} ${row.frame}`)
    for (const role of ['server', 'client'] as const) {
      const verdict = row[role]
      if (verdict === 'n/a') continue
      const name = `${row.state} ${row.frame} (${role})`
      const { peer, begun } = inState(role, row.state)
      peer.send(FRAMES[row.frame](role))
      const bytes = peer.take()
      if (row.state === 'closed') {
        t.equal(bytes.length, 0, name)
        continue
      }
      // `by-stream`: these frames are such as their stream may get, so nothing is said.
      t.equal(
        saidIn(framesOf(bytes).filter((each) => each.type !== 7 || each.payload.readUInt32BE(4) !== 0)),
        told(verdict),
        name,
      )
      t.equal(peer.ended, verdict.startsWith('connection'), `${name}: the end`)
      if (peer.ended) {
        t.equal(row.next, '-')
        continue
      }
      const next = row.next === '=' ? row.state : row.next
      if (next === 'field-block') {
        peer.send(FRAMES.PING(role))
        t.equal(saidIn(framesOf(peer.take())), 'connection:PROTOCOL_ERROR', `${name}: next`)
      } else if (role === 'client' && next === 'going-away') {
        t.ok(answersPing(peer), `${name}: next`)
      } else t.equal(stateOf(role, peer, begun), next === 'going-away' ? next : 'open', `${name}: next`)
    }
  }
  t.same(
    [...seen],
    STATES.flatMap((state) => Object.keys(FRAMES).map((each) => `${state} ${each}`)),
    'the grid is whole',
  )
  t.end()
})

t.test('a block begun on a connection that goes away returns there', (t) => {
  const { peer, begun } = inState('server', 'going-away')
  peer.send(Buffer.concat([FRAMES['HEADERS-EH']('server'), FRAMES.CONTINUATION('server')]))
  t.equal(stateOf('server', peer, begun), 'going-away')
  t.end()
})

t.test('what comes above the last identifier of our GOAWAY is ignored, whatever it is', (t) => {
  for (const [name, wire] of Object.entries({
    'DATA of a request that crossed it': [headers(5, REQUEST, false), frame(0, 1, 5, Buffer.from('x'))],
    'its trailers': [headers(5, REQUEST, false), headers(5, [['x-t', '1']])],
    'its reset': [headers(5, REQUEST, false), frame(3, 0, 5, uint32(8))],
    'its windows': [headers(5, REQUEST, false), frame(8, 0, 5, uint32(1)), frame(8, 0, 5, uint32(0))],
    'a malformed request': [headers(5, [['x', '1']])],
    'a PRIORITY too short': [headers(5, REQUEST), frame(2, 0, 5, Buffer.alloc(4))],
    'two, and the first again': [headers(7, REQUEST), headers(5, REQUEST), headers(7, [['x-t', '1']])],
  })) {
    const { peer, begun } = inState('server', 'going-away')
    peer.send(Buffer.concat(wire))
    t.equal(saidIn(framesOf(peer.take())), 'ok', name)
    t.equal(stateOf('server', peer, begun), 'going-away', name)
    peer.send(frame(0, 1, 1, Buffer.from('x')))
    t.equal(saidIn(framesOf(peer.take())), 'ok', 'those below it go on')
  }
  t.end()
})

t.test('what is wrong on one connection is nothing to another', (t) => {
  const proxy = memoryProxy()
  const bad = proxy.client()
  const good = proxy.client()
  good.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  bad.send(frame(0, 0, 0, Buffer.from('x')))
  t.equal(saidIn(framesOf(bad.take())), 'connection:PROTOCOL_ERROR')
  proxy.backends[0].send(headers(1, [[':status', '200']]))
  t.equal(framesOf(good.take()).filter((each) => each.type === 1).length, 1)
  t.end()
})
