// spec/attacks.md, connections-too-many: the bound on client connections, at a real listener.

import { connect, type Socket } from 'node:net'
import t from 'tap'
import { get, type OnStream, once, setUp } from '../world/proxy-world.js'

t.test('connections-too-many: one more is closed as it comes, those that are there go on', async (t) => {
  const setting = await setUp((stream) => stream.respond({ ':status': 200 }, { endStream: true }), {
    server: { connectionsMax: 3 },
  })
  const good = setting.client()
  t.equal((await get(good, '/')).status, 200)
  const port = Number(new URL(setting.url).port)
  const idle = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  await Promise.all(idle.map((each) => once(each, 'connect')))
  t.equal((await get(good, '/')).status, 200)
  const more = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'))
  for (const each of more) each.on('error', () => {})
  await Promise.all(more.map((each) => once(each, 'close')))
  t.equal((await get(good, '/')).status, 200)
  t.match(setting.server.describe(), { clients: 1, arriving: 2, turnedAway: 20 })
  idle[0].destroy()
  // The client asks until the freed place is its own.
  let status = 0
  while (status !== 200) status = (await get(setting.client(), '/')).status
  for (const each of idle) each.destroy()
  await setting.close()
})

t.test('O28: linger-drip: where there are too many, the oldest that lingers goes first', async (t) => {
  const answer: OnStream = (stream) => stream.respond({ ':status': 200 }, { endStream: true })
  const setting = await setUp(answer, { server: { connectionsMax: 4 } })
  const good = setting.client()
  t.equal((await get(good, '/')).status, 200)
  const port = Number(new URL(setting.url).port)
  const closed: number[] = []
  const drips: Socket[] = []
  for (let i = 0; i < 3; i++) {
    const drip = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => drip.destroy())
    drip.on('error', () => {})
    drip.on('close', () => closed.push(i))
    drip.resume().write('nonsense\r\n\r\n')
    // This client has had its answer and our FIN, and keeps its connection.
    await once(drip, 'end')
    drips.push(drip)
  }
  t.match(setting.server.describe(), { clients: 4, lingering: 3, turnedAway: 0 })
  for (const [i, drip] of drips.entries()) {
    const gone = new Promise((resolve) => drip.once('close', resolve))
    t.equal((await get(setting.client(), '/')).status, 200, 'a newcomer is served')
    // The lingering client is ended by a reset, since it goes on sending.
    const next = (): boolean => drip.destroyed || drip.write('x', () => setImmediate(next))
    next()
    await gone
    t.strictSame(closed, [0, 1, 2].slice(0, i + 1), 'the oldest')
  }
  t.match(setting.server.describe(), { clients: 4, lingering: 0, turnedAway: 0, gaveWay: 3 })
  const more = connect(port, '127.0.0.1')
  more.on('error', () => {})
  await once(more, 'close')
  t.equal((await get(good, '/')).status, 200)
  t.match(setting.server.describe(), { clients: 4, turnedAway: 1 })
  await setting.close()
})
