// The code's own table of stream states against the one written from the RFC, cell by cell, and then the
// connection's behaviour against the same cells.

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

const FRAMES: Readonly<Record<string, (stream: number) => Buffer>> = {
  DATA: (id) => frame(0, 0, id, Buffer.from('x')),
  'DATA+ES': (id) => frame(0, 1, id, Buffer.from('x')),
  HEADERS: (id) => headers(id, [['x-t', '1']], false),
  'HEADERS+ES': (id) => headers(id, [['x-t', '1']]),
  PRIORITY: (id) => frame(2, 0, id, Buffer.alloc(5)),
  RST_STREAM: (id) => frame(3, 0, id, uint32(8)),
  PUSH_PROMISE: (id) => frame(5, 4, id, uint32(2)),
  WINDOW_UPDATE: (id) => frame(8, 0, id, uint32(1)),
  CONTINUATION: (id) => frame(9, 4, id),
}

/** Bring stream 1 of a client connection into a state, by frames alone. */
function inState(state: string) {
  const proxy = memoryProxy()
  const far = proxy.client()
  const end = state === 'half-closed-remote' || state === 'closed-ended'
  if (state !== 'idle') {
    far.send(headers(1, REQUEST, end))
    proxy.greet(proxy.backends[0])
  }
  if (state === 'half-closed-local' || state === 'closed-ended')
    proxy.backends[0].send(headers(1, [[':status', '200']]))
  if (state === 'closed-reset-by-us')
    proxy.backends[0].send(frame(0, 0, 1, Buffer.from('DATA before a head')))
  if (state === 'closed-reset-by-peer') far.send(frame(3, 0, 1, uint32(8)))
  far.take()
  return { ...proxy, far }
}

t.test('a frontend does what the grid says', (t) => {
  for (const row of rows) {
    // What the server ended early it resets as well: these states do not last (spec/exchange.md).
    if (row.state === 'half-closed-local' || row.state === 'closed-reset-by-us') continue
    const { far } = inState(row.state)
    const send =
      row.state === 'idle' && row.frame.startsWith('HEADERS')
        ? headers(1, REQUEST, row.frame.endsWith('ES'))
        : FRAMES[row.frame](1)
    far.send(send)
    const answers = framesOf(far.take())
    const goaway = answers.find((each) => each.type === 7)
    const reset = answers.find((each) => each.type === 3 && each.stream === 1)
    const said =
      goaway !== undefined
        ? `connection:${CODES[goaway.payload.readUInt32BE(4)]}`
        : reset !== undefined
          ? `stream:${CODES[reset.payload.readUInt32BE(0)]}`
          : 'nothing'
    const expected = row.server.includes(':') ? row.server : 'nothing'
    t.equal(said, expected, `${row.state} ${row.frame}`)
  }
  t.end()
})
