// spec/attacks.md, connections-too-many: the bound on client connections, at a real listener.

import { connect } from 'node:net'
import t from 'tap'
import { get, once, setUp } from '../world/proxy-world.js'

t.test('connections-too-many: one more is closed as it comes, those that are there go on', async (t) => {
  const setting = await setUp((stream) => stream.respond({ ':status': 200 }, { endStream: true }), {
    connectionsMax: 3,
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
  // Its place is free again: asked for until it is had.
  let status = 0
  while (status !== 200) status = (await get(setting.client(), '/')).status
  for (const each of idle) each.destroy()
  await setting.close()
})
