// The windows of the connection grid, row by row: what we may send and what we have granted, after what the peer
// sends. The numbers are those that our connection and stream tell of themselves, less the credit they have given back.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Frame, frame, framesOf, headers, tableOf } from '../../tools/testbed/frames.js'
import { faced, octetsOf, type Role, rolesOf, saidIn, told } from '../world/faced.js'

const rows = tableOf(readFileSync('spec/http2/connection-grid.md', 'utf8'), 'Flow control')
const INITIAL = 65_535

/** A connection with the windows of a row. */
function before(role: Role, direction: string, connection: number, stream: number) {
  if (direction === 'in')
    return faced(role, { http2: { connectionWindow: connection, streamWindow: stream } })
  const it = faced(role)
  if (connection !== stream) throw new Error('one stream uses as much of one window as of the other')
  if (role === 'server') it.backend.send(headers(1, [[':status', '200']], false))
  for (let left = INITIAL - stream; left > 0; left -= 10_000)
    it.other.send(frame(0, 0, 1, Buffer.alloc(Math.min(left, 10_000))))
  return it
}

const creditIn = (frames: readonly Frame[], stream: number): number =>
  frames
    .filter((each) => each.type === 8 && each.stream === stream)
    .reduce((sum, each) => sum + each.payload.readUInt32BE(0), 0)

/** The windows as a row writes them. */
function windowsOf(it: ReturnType<typeof faced>, direction: string, answers: readonly Frame[]): string {
  if (saidIn(answers).startsWith('connection')) return '-'
  const connection = it.connection()
  const stream = it.stream()
  const gone = stream.state.startsWith('CLOSED_RESET')
  return direction === 'out'
    ? `out ${connection.output.sendWindow}/${gone ? '-' : stream.sendWindow}`
    : `in ${connection.window - creditIn(answers, 0)}/${gone ? '-' : stream.recvWindow - creditIn(answers, 1)}`
}

for (const row of rows) {
  for (const role of rolesOf(row.role)) {
    t.test(`F15, F17, F18: ${row.rule} (${role})`, (t) => {
      const [, direction, connection, stream] = /^(in|out) (\d+)\/(\d+)$/.exec(row.before) ?? []
      const it = before(role, direction, Number(connection), Number(stream))
      const { peer } = it
      t.equal(windowsOf(it, direction, framesOf(peer.take())), row.before, 'before')
      const frames = framesOf(octetsOf(row.wire))
      const answers: Frame[] = []
      let last: Frame[] = []
      for (const each of frames) {
        peer.send(frame(each.type, each.flags, each.stream, each.payload))
        last = framesOf(peer.take())
        answers.push(...last)
      }
      t.equal(saidIn(last), told(row.verdict), 'the verdict')
      t.equal(windowsOf(it, direction, answers), row.after, 'after')
      t.end()
    })
  }
}

t.test('F17, F18: a window below zero: nothing leaves until it is above (RFC 9113 §6.9.2)', (t) => {
  for (const role of ['server', 'client'] as const) {
    const it = before(role, 'out', 5_535, 5_535)
    const dataIn = () =>
      framesOf(it.peer.take())
        .filter((each) => each.type === 0)
        .reduce((sum, each) => sum + each.payload.length, 0)
    t.equal(dataIn(), 60_000)
    it.peer.send(octetsOf('000006 04 00 00000000 0004 00004000'))
    it.other.send(frame(0, 1, 1, Buffer.alloc(5_000)))
    t.equal(dataIn(), 0, 'at -43616')
    it.peer.send(octetsOf('000004 08 00 00000001 0000aa60'))
    t.equal(dataIn(), 0, 'at 0')
    it.peer.send(octetsOf('000004 08 00 00000001 00000001'))
    t.equal(dataIn(), 1, 'at 1')
    it.peer.send(octetsOf('000006 04 00 00000000 0004 0000ffff'))
    t.equal(dataIn(), 4_999, 'back where it was')
  }
  t.end()
})

t.test('F17: an empty end needs no window', (t) => {
  for (const role of ['server', 'client'] as const) {
    const it = faced(role)
    if (role === 'server') it.backend.send(headers(1, [[':status', '200']], false))
    it.peer.send(octetsOf('000006 04 00 00000000 0004 00000000'))
    it.peer.take()
    it.other.send(frame(0, 1, 1))
    const data = framesOf(it.peer.take()).filter((each) => each.type === 0)
    t.same(
      data.map((each) => [each.payload.length, each.flags]),
      [[0, 1]],
    )
  }
  t.end()
})
