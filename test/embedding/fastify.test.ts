// The plugin of Fastify: prefixes with variables, paths that would lead out of them, Location, and closing.

import { once } from 'node:events'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { FastifyPluginOptions } from '../../src/server/index.js'
import { ask, asked, http1Backend, proxyFor } from './servers.js'

async function listening(t: Test, target: string, ...all: readonly FastifyPluginOptions[]) {
  const app = fastify()
  const proxy = proxyFor(t, { target })
  for (const each of all) app.register(proxy.fastify as never, each as never)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { app, port: (app.server.address() as AddressInfo).port }
}

t.test('V11: a prefix may be spelt otherwise, and may have variables', async (t) => {
  const { port } = await listening(
    t,
    await http1Backend(t),
    { prefix: '/api', rewritePrefix: '/inside/' },
    { prefix: '/of/:tenant', rewritePrefix: '/tenants/:tenant' },
  )
  for (const [path, other] of [
    ['/api/a?b=1', '/inside/a?b=1'],
    ['/%61pi/%61', '/inside/%61'],
    ['/api?b=1', '/inside?b=1'],
    ['/of/x%20y/a', '/tenants/x%20y/a'],
  ] as const)
    t.equal(asked(await ask(port, { path })).url, other, path)
})

t.test(
  'V11: no path leads out of its prefix, neither that of a request nor that of a WebSocket',
  async (t) => {
    const { port } = await listening(
      t,
      await http1Backend(t),
      { prefix: '/api', rewritePrefix: '/inside', websocket: true },
      { prefix: '/of/:tenant', rewritePrefix: '/tenants/:tenant', websocket: true },
    )
    for (const path of [
      '/api/../x',
      '/api/%2E%2e/x',
      '/api/a\\..\\..\\x',
      '/api/..%2F..%2Fx',
      '/of/..%2fx/a',
      '/of/%2e%2e/a',
    ]) {
      t.equal((await ask(port, { path })).status, 400, path)
      const upgrade = request({
        port,
        host: '127.0.0.1',
        path,
        agent: false,
        headers: {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        },
      }).end()
      const [answer] = await once(upgrade, 'response')
      t.equal(answer.statusCode, 400, `a WebSocket to ${path}`)
      answer.resume()
    }
    t.equal((await ask(port, { path: '/api/a%5Cb' })).status, 200)
  },
)

t.test('V11: a Location below the inner prefix gets the outer one back', async (t) => {
  const target = await http1Backend(t, (request, reply) => {
    reply.writeHead(201, { location: request.url?.includes('other') ? '/else' : '/inside/new?a=1' }).end()
  })
  const { port } = await listening(t, target, { prefix: '/api', rewritePrefix: '/inside' })
  t.equal((await ask(port, { path: '/api/a' })).headers.location, '/api/new?a=1')
  t.equal((await ask(port, { path: '/api/other' })).headers.location, '/else')
})

t.test(
  'V11: of two prefixes the longer one takes a WebSocket; a plugin that closes cuts its own',
  async (t) => {
    const { app, port } = await listening(
      t,
      await http1Backend(t),
      { prefix: '/a', rewritePrefix: '/short', websocket: true },
      { prefix: '/a/b', rewritePrefix: '/long', websocket: true },
    )
    const socket = new WebSocket(`ws://127.0.0.1:${port}/a/b/c`)
    socket.on('error', () => {})
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await app.close()
    await closed
    t.pass('Fastify has closed')
  },
)
