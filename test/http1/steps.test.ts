// Steps of a request, counted in the trace: a kept-alive exchange between two HTTP/1.1 connections takes one
// step of the backend's connection and two of the client's.

import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { once, setUp } from '../world/proxy-world.js'

const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ntwelve bytes'

t.test('no step is taken twice', async (t) => {
  const origin = createServer((socket) =>
    socket.on('data', () => socket.write(RESPONSE)).on('error', () => {}),
  )
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  t.teardown(() => void origin.close())
  const lines: string[] = []
  const setting = await setUp(
    () => t.fail('this backend is not asked'),
    {},
    {
      routes: [{ host: '', prefix: '/', url: `http://127.0.0.1:${(origin.address() as AddressInfo).port}` }],
      trace: (line) => void lines.push(line.trim()),
    },
  )
  const client = connect(Number(new URL(setting.url).port), '127.0.0.1')
  const ask = async () => {
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(client, 'data')
  }
  await ask()
  lines.length = 0
  await ask()
  client.destroy()
  await setting.close()
  const steps = lines.map((line) => line.split(' ').slice(1, 4).join(' '))
  const second = steps.slice(0, steps.indexOf('m1/r2 log done') + 2)
  t.same(second, [
    'm1 readMessages suspend',
    'm1/r2 receive goto',
    'm1/r2 route goto',
    'm1/r2 balance goto',
    'm1/r2 lease goto',
    'm1/r2 sendHead goto',
    'm1/r2 awaitHead suspend',
    'b1 readMessages suspend',
    'm1/r2 awaitHead goto',
    'm1/r2 filterResponse goto',
    'm1/r2 transfer suspend',
    'm1/r2 transfer goto',
    'm1/r2 finish goto',
    'm1/r2 log done',
    'm1 readMessages suspend',
  ])
})
