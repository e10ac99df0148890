// The code's own table of stream states against the one written from the RFC, cell by cell, and then the
// behaviour of real connections of both roles against the same cells.

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
import { answersPing, exchangeOn, faced, saidIn, streamOf, told } from '../world/faced.js'
import { frame, framesOf, headers, REQUEST, tableOf, uint32 } from '../world/frames.js'
import { memoryProxy } from '../world/memory-proxy.js'

const rows = tableOf(readFileSync('spec/http2/stream-grid.md', 'utf8'), 'Received')
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

/**
 * A connection of this role with a stream brought to this state by frames alone. The exchange is held before it
 * finishes, since it would at once reset what it has no more use for.
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
  const stateNow = () => streamOf(exchange, role).state.toLowerCase().replaceAll('_', '-')
  return { proxy, peer, id, stateNow }
}

const cellOf = (state: string, name: string) =>
  rows.find((each) => each.state === state && each.frame === name) as Record<string, string>

/** `server X, client Y`, or one for both. */
const nextOf = (row: Record<string, string>, role: Role) => {
  const next = new RegExp(`${role} ([a-z-]+|=)`).exec(row.next)?.[1] ?? row.next
  return row[role].startsWith('stream') ? 'closed-reset-by-us' : next === '=' ? row.state : next
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
      // What DATA is now tells the state, of a stream that has gone too.
      peer.send(FRAMES.DATA(role, next, id))
      t.equal(saidIn(framesOf(peer.take()), id), told(cellOf(next, 'DATA')[role]), `${name}: next, by DATA`)
    }
    t.end()
  })
}

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
