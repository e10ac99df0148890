// Counts of HTTP/2 that no peer can break: each is asserted where it changes (design: House rules), and each
// assertion bites.

import t from 'tap'
import { ReceiveWindow } from '../../src/http2/receive-window.js'
import type { Http2Stream } from '../../src/http2/stream.js'
import { StreamTable } from '../../src/http2/stream-table.js'
import { endsWorld, InvariantBroken } from '../../src/pollset/index.js'
import { frame, headers } from '../../tools/testbed/frames.js'
import { faced } from '../world/faced.js'

const broken = (message: RegExp) => ({ name: 'InvariantBroken', message })
/** The part of a stream that the table and the queues look at. */
const stream = (streamId: number): Http2Stream =>
  ({ streamId, list: null, listPrev: null, listNext: null }) as unknown as Http2Stream

t.test('a window: what was received is credited once', async (t) => {
  const window = new ReceiveWindow(1_000)
  t.ok(window.received(600, false))
  window.consumed(600)
  t.equal(window.takeCredit(), 600)
  t.ok(window.received(1_000, true))
  t.notOk(window.received(1, true), 'too much is the fault of a peer, and told as such')
  const twice = new ReceiveWindow(1_000)
  t.ok(twice.received(600, true))
  twice.window += 600
  t.throws(() => twice.takeCredit(), broken(/credited once/))
  const lost = new ReceiveWindow(1_000)
  lost.owed = -1
  t.throws(() => lost.received(1, false), broken(/credited once/))
})

t.test('the table: an id is of one stream, and leaves once', async (t) => {
  const table = new StreamTable()
  const one = stream(1)
  table.add(one)
  t.throws(() => table.add(stream(1)), broken(/one stream has this id/))
  table.delete(one)
  table.delete(one)
  t.equal(table.count, 0)
  table.add(stream(3))
  table.count = 0
  t.throws(() => table.delete(table.get(3) as Http2Stream), broken(/leaves the table once/))
})

t.test('one that breaks on a connection ends that connection alone, told and counted', async (t) => {
  const it = faced('server', {}, 2)
  const told: unknown[] = []
  it.proxy.world.scheduler.onCrash = (_, error) => told.push(error)
  const second = it.proxy.client()
  second.send(
    headers(1, [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '/'],
    ]),
  )
  const { output } = it.proxy.frontends[0] as unknown as { output: { sendWindow: number } }
  const table = (it.proxy.frontends[0] as unknown as { streams: { count: number } }).streams
  table.count = 0
  it.client.send(frame(3, 0, 1, Buffer.from([0, 0, 0, 8])))
  t.ok(told[0] instanceof InvariantBroken)
  t.notOk(endsWorld(told[0]))
  t.ok(it.client.closed)
  t.equal(output.sendWindow, 65_535)
  it.backend.send(headers(5, [[':status', '200']]))
  t.ok(second.take().length > 0, 'its sibling is answered')
})
