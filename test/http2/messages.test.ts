// Malformed and well-formed messages, row by row of the page written from RFC 9113 §8, through real connections.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Frame, frame, framesOf, REQUEST, tableOf } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { type Message, parse } from '../world/message-text.js'

/** Literals without indexing, of any length. */
function block(fields: readonly [string, string][]): Buffer {
  const text = (s: string) => {
    const length = s.length < 127 ? [s.length] : [127, ((s.length - 127) & 127) | 128, (s.length - 127) >> 7]
    return Buffer.concat([Buffer.from(length), Buffer.from(s, 'latin1')])
  }
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

function framesFor(m: Message, stream: number): Buffer {
  const ends = (last: boolean) => (last && !m.open ? 1 : 0)
  const final = m.heads.length - 1
  const parts = m.heads.map((head, at) =>
    frame(1, 4 | ends(at === final && m.body === 0 && m.trailers === null), stream, block(head)),
  )
  if (m.body > 0) parts.push(frame(0, ends(m.trailers === null), stream, Buffer.alloc(m.body)))
  if (m.trailers !== null) parts.push(frame(1, 4 | ends(true), stream, block(m.trailers)))
  return Buffer.concat(parts)
}

const CODES = ['NO_ERROR', 'PROTOCOL_ERROR']
const resetOf = (frames: Frame[]) => {
  const goaway = frames.find((each) => each.type === 7)
  if (goaway !== undefined) return `connection:${goaway.payload.readUInt32BE(4)}`
  const reset = frames.find((each) => each.type === 3 && each.stream === 1)
  // NO_ERROR: the request was answered before it ended.
  return reset === undefined || reset.payload.readUInt32BE(0) === 0
    ? 'ok'
    : `stream:${CODES[reset.payload.readUInt32BE(0)] ?? reset.payload.readUInt32BE(0)}`
}

const rows = tableOf(readFileSync('spec/http2/messages.md', 'utf8'), 'Messages')

t.test('requests', (t) => {
  for (const row of rows.filter((each) => each.side === 'request')) {
    const proxy = memoryProxy()
    const far = proxy.client()
    far.send(framesFor(parse(row.fields), 1))
    t.equal(resetOf(framesOf(far.take())), row.verdict, `${row.rule}: ${row.fields}`)
    far.take()
    far.send(frame(6, 0, 0, Buffer.alloc(8)))
    t.equal(framesOf(far.take()).filter((each) => each.type === 6).length, 1, 'the connection goes on')
  }
  t.end()
})

t.test('responses', (t) => {
  for (const row of rows.filter((each) => each.side === 'response')) {
    const message = parse(row.fields)
    const proxy = memoryProxy()
    const far = proxy.client()
    const request = REQUEST.map(([name, value]): [string, string] => [
      name,
      name === ':method' ? message.method : value,
    ])
    far.send(frame(1, 5, 1, block(request)))
    const backend = proxy.backends[0]
    if (backend === undefined) continue
    proxy.greet(backend)
    far.take()
    backend.send(framesFor(message, 1))
    const verdict = resetOf(framesOf(backend.take()))
    t.equal(verdict, row.verdict, `${row.rule}: ${row.fields}`)
    if (row.verdict !== 'ok') {
      const answers = framesOf(far.take())
      const ended = answers.some((each) => each.type <= 1 && (each.flags & 1) !== 0)
      const refused = answers.find((each) => each.type === 1)
      t.ok(answers.some((each) => each.type === 3) || (refused !== undefined && ended), 'the client is told')
    }
  }
  t.end()
})
