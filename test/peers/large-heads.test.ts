// A response head larger than we take, from Node's own HTTP/2 server, and nginx that closes a connection
// after a number of requests: what either does to one request, it does not do to its neighbours.

import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { nginx } from '../../tools/testbed/nginx.js'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { get, setUp } from '../world/proxy-world.js'
import { soon } from '../world/soon.js'

t.test('node:http2 sends a head of 80 KB beside 60 requests: that one fails, once', async (t) => {
  let large = 0
  let connections = 0
  const waiting: (() => void)[] = []
  const origin = createServer({ maxSendHeaderBlockLength: 1_000_000 })
  origin.on('session', () => connections++)
  origin.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => {})
    if (path !== '/large') {
      waiting.push(() => {
        stream.respond({ ':status': 200 })
        stream.end('twelve bytes')
      })
      return
    }
    large++
    const fields = Array.from({ length: 80 }, (_, i) => [`x-${i}`, 'v'.repeat(1000)])
    stream.respond({ ':status': 200, ...Object.fromEntries(fields) })
    stream.end()
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const { port } = origin.address() as AddressInfo
  const setting = await setUp(
    () => t.fail('this backend is not asked'),
    {},
    {
      routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
    },
  )
  const client = setting.client()
  const others = Array.from({ length: 60 }, (_, i) => get(client, `/${i}`))
  while (waiting.length < 60) await soon()
  const answer = await get(client, '/large')
  t.same([answer.status, answer.headers['x-fermata']], [502, 'stream-error'])
  for (const each of waiting) each()
  t.same(new Set((await Promise.all(others)).map((each) => each.status)), new Set([200]))
  t.same([large, connections], [1, 1], 'it was sent once, and all on one connection')
  await setting.close()
})

t.test('nginx with keepalive_requests', { skip: unlessInstalled('nginx') }, async (t) => {
  for (const keep of [1, 7]) {
    const port = await nginx(t, {
      listen: 'http2',
      server: `keepalive_requests ${keep};`,
      files: { small: 'twelve bytes' },
    })
    const setting = await setUp(
      () => t.fail('this backend is not asked'),
      {},
      {
        routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
      },
    )
    const client = setting.client()
    const answers = await Promise.all(Array.from({ length: 100 }, () => get(client, '/small')))
    t.same(new Set(answers.map((each) => each.status)), new Set([200]), `${keep}: all are answered`)
    const [engine] = setting.server.proxy.backends.flatMap((each) => each.engines())
    const opens = engine?.opens ?? 0
    t.ok(opens >= 100 / keep && opens <= 2 * (100 / keep) + 16, `${opens} connections`)
    await setting.close()
  }
})
