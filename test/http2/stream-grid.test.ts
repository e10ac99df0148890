// The code's own table of stream states against the one written from the RFC, cell by cell, and then the
// behaviour of real connections of both roles against the same cells: what they do with what they receive,
// and what they send.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import {
  Action,
  actionOf,
  codeOf,
  gridOf,
  type Role,
  StreamEvent,
  StreamState,
  verdict,
} from '../../src/http2/stream-states.js'
import { StreamTable } from '../../src/http2/stream-table.js'
import type { Exchange } from '../../src/proxy/exchange.js'
import { type Frame, frame, framesOf, headers, REQUEST, tableOf, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { answersPing, exchangeOn, faced, saidIn, streamOf, told } from '../world/faced.js'

const page = readFileSync('spec/http2/stream-grid.md', 'utf8')
const rows = tableOf(page, 'Received')
const sentRows = tableOf(page, 'Sent')
const STATES: Readonly<Record<string, number>> = {
  idle: StreamState.IDLE,
  open: StreamState.OPEN,
  'half-closed-local': StreamState.HALF_CLOSED_LOCAL,
  'half-closed-remote': StreamState.HALF_CLOSED_REMOTE,
  'closed-ended': StreamState.CLOSED_ENDED,
  'closed-reset-by-us': StreamState.CLOSED_RESET_BY_US,
  'closed-reset-by-peer': StreamState.CLOSED_RESET_BY_PEER,
}
const WORDS = Object.keys(Action).map((word) => word.toLowerCase())
const CODES = Object.keys(ErrorCode)

t.test('the grids are equal', (t) => {
  let compared = 0
  for (const row of rows) {
    const event = StreamEvent[row.frame.replace('+ES', '_ES') as keyof typeof StreamEvent]
    // An unexpected CONTINUATION is refused by the frame reader, before any stream is asked.
    if (event === undefined) {
      t.equal(row.frame, 'CONTINUATION')
      continue
    }
    for (const role of ['server', 'client'] as Role[]) {
      const cell = verdict(gridOf(role), STATES[row.state], event)
      const word = WORDS[actionOf(cell)]
      const text = word === 'stream' || word === 'connection' ? `${word}:${CODES[codeOf(cell)]}` : word
      t.equal(text, row[role], `${row.state} ${row.frame} ${role}`)
      compared++
    }
  }
  t.equal(compared, 7 * 8 * 2)
  t.end()
})

/** Frames on a stream. HEADERS are what they may be there: a request, a response head, or trailers. */
const FRAMES: Readonly<Record<string, (role: Role, state: string, id: number) => Buffer>> = {
  DATA: (_role, _state, id) => frame(0, 0, id, Buffer.from('x')),
  'DATA+ES': (_role, _state, id) => frame(0, 1, id, Buffer.from('x')),
  HEADERS: (role, state, id) => headers(id, fieldsIn(role, state), false),
  'HEADERS+ES': (role, state, id) => headers(id, fieldsIn(role, state)),
  PRIORITY: (_role, _state, id) => frame(2, 0, id, Buffer.alloc(5)),
  RST_STREAM: (_role, _state, id) => frame(3, 0, id, uint32(8)),
  PUSH_PROMISE: (_role, _state, id) => frame(5, 4, id, uint32(2)),
  WINDOW_UPDATE: (_role, _state, id) => frame(8, 0, id, uint32(1)),
  CONTINUATION: (_role, _state, id) => frame(9, 4, id),
}
const STATUS: [string, string][] = [[':status', '200']]
const fieldsIn = (role: Role, state: string) =>
  role === 'client' ? STATUS : state === 'idle' ? REQUEST : ([['x-t', '1']] as const)

const stateNowOf = (exchange: Exchange, role: Role) => () =>
  streamOf(exchange, role).state.toLowerCase().replaceAll('_', '-')

/**
 * A connection of this role with a stream brought to this state by frames alone. The exchange is held before
 * it finishes, since it would at once reset what it has no more use for.
 */
function inState(role: Role, state: string) {
  const proxy = memoryProxy()
  const { scheduler } = proxy.world
  if (role === 'client' || state !== 'closed-reset-by-us')
    scheduler.gate = { holds: (each) => each.stepName === 'finish' }
  const client = proxy.client()
  const weEnded = state === 'half-closed-local' || state === 'closed-ended'
  const peerEnded = state === 'half-closed-remote' || state === 'closed-ended'
  client.send(headers(1, REQUEST, role === 'server' ? peerEnded : weEnded))
  const backend = proxy.backends[0]
  proxy.greet(backend)
  const exchange = exchangeOn(proxy, 1)
  const peer = role === 'server' ? client : backend
  if (role === 'server' ? weEnded || state === 'closed-reset-by-us' : peerEnded)
    backend.send(headers(1, STATUS))
  if (role === 'client' && state === 'closed-reset-by-us') client.send(frame(3, 0, 1, uint32(8)))
  if (state === 'closed-reset-by-peer') peer.send(frame(3, 0, 1, uint32(8)))
  peer.take()
  const id = state === 'idle' ? 3 : 1
  return { peer, other: role === 'server' ? backend : client, id, stateNow: stateNowOf(exchange, role) }
}

const cellOf = (state: string, name: string) =>
  rows.find((each) => each.state === state && each.frame === name) as Record<string, string>

/** `server X, client Y`, or one for both. */
const nextOf = (row: Record<string, string>, role: Role) => {
  const next = new RegExp(`${role} ([a-z-]+|=)`).exec(row.next)?.[1] ?? row.next
  return row[role].startsWith('stream') ? 'closed-reset-by-us' : next === '=' ? row.state : next
}

/** Tells the state of a stream, even of one that is gone, by the verdict on DATA now. */
function saidToData(peer: FarEnd, role: Role, state: string, id: number): string {
  peer.send(FRAMES.DATA(role, state, id))
  return saidIn(framesOf(peer.take()), id)
}

for (const role of ['server', 'client'] as const) {
  t.test(`a ${role} does what the grid says, cell by cell`, (t) => {
    for (const row of rows) {
      const { peer, id, stateNow } = inState(role, row.state)
      const name = `${row.state} ${row.frame}`
      if (row.state !== 'idle' && stateNow() !== row.state) t.equal(stateNow(), row.state, `${name}: before`)
      // A response has a head before its DATA.
      const running = row.state === 'open' || row.state === 'half-closed-local'
      if (role === 'client' && running && !row.frame.startsWith('HEADERS'))
        peer.send(headers(1, STATUS, false))
      peer.take()
      peer.send(FRAMES[row.frame](role, row.state, id))
      t.equal(saidIn(framesOf(peer.take()), id), told(row[role]), name)
      const next = nextOf(row, role)
      t.equal(peer.ended, next === '-', `${name}: the end`)
      if (next === '-') continue
      t.ok(answersPing(peer), `${name}: PING is answered`)
      if (row.state !== 'idle' && !row.state.startsWith('closed')) t.equal(stateNow(), next, `${name}: next`)
      t.equal(saidToData(peer, role, next, id), told(cellOf(next, 'DATA')[role]), `${name}: next, by DATA`)
    }
    t.end()
  })
}

t.test('a reset that was forgotten: its late frames are ignored, as are those of streams below it', (t) => {
  const table = new StreamTable()
  const last = 2_001
  for (let id = 101; id < 101 + 2 * 256; id += 2) table.rememberReset(id, StreamState.CLOSED_RESET_BY_PEER)
  t.equal(table.stateOf(101, last), StreamState.CLOSED_RESET_BY_PEER, '256 are remembered')
  t.equal(table.stateOf(99, last), StreamState.CLOSED_ENDED, 'it was used, and nothing is known of it')
  table.rememberReset(1_001, StreamState.CLOSED_RESET_BY_US)
  t.equal(table.stateOf(101, last), StreamState.CLOSED_RESET_BY_US, 'the oldest is forgotten')
  t.equal(table.stateOf(99, last), StreamState.CLOSED_RESET_BY_US)
  t.equal(table.stateOf(103, last), StreamState.CLOSED_RESET_BY_PEER)
  t.equal(table.stateOf(999, last), StreamState.CLOSED_ENDED)
  t.equal(table.stateOf(last + 2, last), StreamState.IDLE)
  t.equal(table.stateOf(100, last), StreamState.IDLE)
  t.end()
})

t.test('a stream with an even identifier is idle, also below the highest used', (t) => {
  for (const role of ['server', 'client'] as const) {
    for (const name of ['DATA', 'DATA+ES', 'RST_STREAM', 'WINDOW_UPDATE', 'PRIORITY']) {
      const { peer } = faced(role, {}, 2)
      peer.send(FRAMES[name](role, 'idle', 2))
      t.equal(saidIn(framesOf(peer.take())), told(cellOf('idle', name)[role]), `${name} (${role})`)
    }
    for (const wire of [frame(8, 0, 2, uint32(0)), frame(2, 0, 2, Buffer.alloc(4))]) {
      const { peer } = faced(role, {}, 2)
      peer.send(wire)
      t.match(
        saidIn(framesOf(peer.take())),
        /^connection/,
        'RST_STREAM may not be sent there (RFC 9113 §6.4)',
      )
    }
  }
  t.end()
})

const TRAILERS = [['x-t', '1']] as const
/** More than half a stream's window: it earns credit. */
const BULK = Buffer.concat(Array.from({ length: 3 }, () => frame(0, 0, 1, Buffer.alloc(16_000))))

interface Scene {
  readonly peer: FarEnd
  /** The peer on our other side. */
  readonly other: FarEnd
  readonly id: number
  stateNow(): string
}

/** The octets from our other side that make us send this frame to the peer, in a state in which any do. */
const CAUSES: Readonly<Record<string, (scene: Scene, role: Role, state: string) => void>> = {
  HEADERS: ({ other }, role) => other.send(headers(1, role === 'server' ? STATUS : TRAILERS, false)),
  'HEADERS+ES': ({ other }, role) => other.send(headers(1, role === 'server' ? STATUS : TRAILERS)),
  DATA: ({ other }, role) => {
    if (role === 'server') other.send(headers(1, STATUS, false))
    other.send(frame(0, 0, 1, Buffer.from('x')))
  },
  'DATA+ES': ({ other }, role) => {
    if (role === 'server') other.send(headers(1, STATUS, false))
    other.send(frame(0, 1, 1, Buffer.from('x')))
  },
  // A frame that is not allowed here, and RST_STREAM, by which the other side wants no more of the stream.
  RST_STREAM: ({ peer, other, id }, role, state) => {
    peer.send(FRAMES[role === 'server' && state !== 'idle' ? 'HEADERS' : 'DATA'](role, state, id))
    other.send(frame(3, 0, 1, uint32(8)))
  },
  WINDOW_UPDATE: ({ peer, other }, role, state) => {
    // Until the final head no credit is given back, so that the body can be sent again.
    const backend = role === 'server' ? other : peer
    if (!state.startsWith('closed')) backend.send(headers(1, STATUS, false))
    peer.send(BULK)
  },
}

/** The request to a backend that is connected to, and has not said its SETTINGS: its stream is idle. */
function unsent(name: string): Scene {
  const proxy = memoryProxy()
  const other = proxy.client()
  other.send(headers(1, REQUEST, name === 'HEADERS+ES'))
  const [peer] = proxy.backends
  peer.take()
  return { peer, other, id: 1, stateNow: stateNowOf(exchangeOn(proxy, 1), 'client') }
}

/** Cells of frames that were to leave before the stream came to this state, and leave after: a far end did not read. */
const DELAYED = [
  'half-closed-local WINDOW_UPDATE server',
  'half-closed-remote WINDOW_UPDATE server',
  'half-closed-remote WINDOW_UPDATE client',
  'closed-reset-by-peer WINDOW_UPDATE server',
  'closed-reset-by-peer WINDOW_UPDATE client',
  'half-closed-remote HEADERS+ES client',
  'half-closed-remote DATA client',
  'half-closed-remote DATA+ES client',
]

function delayed(role: Role, state: string, name: string): Scene {
  const scene = inState(role, 'open')
  const { peer, other } = scene
  const credit = name === 'WINDOW_UPDATE'
  // Bytes from the peer earn credit when they leave for the other side.
  const slow = credit ? other : peer
  slow.reading = false
  slow.send(frame(6, 0, 0, Buffer.alloc(8)))
  if (!credit) CAUSES[name](scene, role, 'open')
  else if (role === 'client') peer.send(Buffer.concat([headers(1, STATUS, false), BULK]))
  else peer.send(BULK)
  if (state === 'half-closed-local') other.send(headers(1, STATUS))
  else if (state === 'closed-reset-by-peer') peer.send(frame(3, 0, 1, uint32(8)))
  else peer.send(credit ? frame(0, 1, 1) : headers(1, STATUS))
  peer.take()
  slow.reading = true
  return scene
}

/** The frames that the peer gets of a stream, as the grid names them. */
const NAMES = ['DATA', 'HEADERS', '', 'RST_STREAM', '', '', '', '', 'WINDOW_UPDATE']
const namesOf = (frames: readonly Frame[], id: number): string[] =>
  frames
    .filter((each) => each.stream === id)
    .map(({ type, flags }) => `${NAMES[type]}${type < 2 && (flags & 1) === 1 ? '+ES' : ''}`)

/** Returns everything that a peer gets when this frame is to be sent in this state. */
function sentIn(role: Role, state: string, name: string) {
  const late = DELAYED.includes(`${state} ${name} ${role}`)
  const idle = role === 'client' && state === 'idle'
  const scene = late ? delayed(role, state, name) : idle ? unsent(name) : inState(role, state)
  const before = state === 'idle' ? state : scene.stateNow()
  if (late) for (const far of [scene.peer, scene.other]) far.drain()
  // A frame on a stream that does not exist yet.
  else if (!idle || name === 'DATA' || name === 'DATA+ES') CAUSES[name](scene, role, state)
  else if (name === 'RST_STREAM') scene.other.send(frame(3, 0, 1, uint32(8)))
  if (idle) scene.peer.send(frame(4, 0, 0))
  return { scene, before, names: namesOf(framesOf(scene.peer.take()), scene.id) }
}

for (const role of ['server', 'client'] as const) {
  t.test(`a ${role} sends what the grid says, cell by cell`, (t) => {
    t.equal(sentRows.length, 7 * 6)
    for (const row of sentRows) {
      const cell = `${row.state} ${row.frame}`
      const { scene, before, names } = sentIn(role, row.state, row.frame)
      t.equal(before, row.state, `${cell}: before`)
      let state = row.state
      let sent = false
      for (const name of names) {
        const next = sentRows.find((each) => each.state === state && each.frame === name)?.[role] ?? 'never'
        t.not(next, 'never', `${cell}: ${names.join(', ')}, of which ${name} is never sent in ${state}`)
        sent ||= name === row.frame && state === row.state
        if (next !== '=') state = next
      }
      t.equal(sent, row[role] !== 'never', `${cell}: ${names.join(', ') || 'nothing'} is sent`)
      if (!sent) continue
      if (!state.startsWith('closed')) t.equal(scene.stateNow(), state, `${cell}: next`)
      else
        t.equal(
          saidToData(scene.peer, role, state, scene.id),
          told(cellOf(state, 'DATA')[role]),
          `${cell}: next, by DATA`,
        )
    }
    t.end()
  })
}
