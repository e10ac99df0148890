// Where a proxy is mounted: node:http, node:http2, Express, Koa and Fastify; and bodies that another
// middleware has read before.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ask, asked, http1Backend, http2Backend, mounted, portOf, proxyFor } from './servers.js'

const load = createRequire(import.meta.url)

type ExpressMiddleware = (request: IncomingMessage, reply: ServerResponse, next: () => void) => void
interface ExpressApp extends RequestListener {
  use(path: string | ExpressMiddleware | object, ...more: unknown[]): void
}
interface Express {
  (): ExpressApp
  json(options?: object): ExpressMiddleware
  urlencoded(options: object): ExpressMiddleware
  text(): ExpressMiddleware
}
const express = load('express') as Express

interface KoaApp {
  use(middleware: unknown): void
  callback(): RequestListener
}
const Koa = load('koa') as new () => KoaApp

async function served(t: Test, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return portOf(server)
}

t.test('V11: Express, at a path, behind middleware that sets fields', async (t) => {
  const proxy = proxyFor(t, { target: await http1Backend(t) })
  const app = express()
  app.use('/api', proxy.middleware())
  const port = await served(t, app)
  const told = await ask(port, { path: '/api/x?y=1', method: 'POST', body: 'abc' })
  t.equal(asked(told).url, '/x?y=1')
  t.equal(asked(told).body, 'abc')
  t.equal(told.headers['x-powered-by'], 'Express')
  t.equal((await ask(port, { path: '/other' })).status, 404)
})

t.test('V11: Koa waits for the answer', async (t) => {
  const proxy = proxyFor(t, { target: await http1Backend(t) })
  const app = new Koa()
  const order: string[] = []
  app.use(async (_context: unknown, next: () => Promise<void>) => {
    await next()
    order.push('after')
  })
  app.use(proxy.middleware({ pathRewrite: { '^/api': '' } }))
  const port = await served(t, app.callback())
  t.equal(asked(await ask(port, { path: '/api/koa' })).url, '/koa')
  t.strictSame(order, ['after'])
})

t.test('V11: Fastify, as a plugin with a prefix, bodies and WebSockets included', async (t) => {
  const backend = await http1Backend(t)
  const proxy = proxyFor(t, { target: backend })
  const app = fastify()
  app.addHook('onRequest', async (_request, reply) => void reply.header('x-hook', 'ran'))
  app.post('/own', async (request) => request.body)
  app.register(proxy.fastify as never, { prefix: '/api', websocket: true } as never)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const headers = { 'content-type': 'application/json' }
  const told = await ask(port, { path: '/api/f?q', method: 'POST', headers, body: '{"a": 1}' })
  t.match(asked(told), { url: '/f?q', body: '{"a": 1}' })
  t.equal(told.headers['x-hook'], 'ran')
  t.equal(asked(await ask(port, { path: '/api' })).url, '/')
  t.equal((await ask(port, { path: '/own', method: 'POST', headers, body: '{"b":2}' })).body, '{"b":2}')
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/ws`)
  socket.on('error', () => {})
  await once(socket, 'open')
  socket.terminate()
})

t.test('V11: node:http2 by its compatibility API, to backends of both versions', async (t) => {
  for (const url of [await http1Backend(t), (await http2Backend(t)).url]) {
    const proxy = proxyFor(t, { target: url })
    const server = createHttp2Server((request, reply) => proxy.web(request, reply)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => void server.close())
    const session = connectHttp2(`http://127.0.0.1:${portOf(server)}`)
    t.teardown(() => session.destroy())
    const stream = session.request({ ':path': '/two', ':method': 'POST', 'x-a': ['1', '2'] })
    stream.end('body')
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
    t.match(head, { ':status': 200, 'content-type': 'application/json' })
    let body = ''
    for await (const chunk of stream) body += chunk
    t.match(JSON.parse(body), { method: 'POST', url: '/two', body: 'body', headers: { 'x-a': '1, 2' } })
  }
})

t.test('V5: a body that a parser has read is sent again, with the right length', async (t) => {
  const target = await http1Backend(t)
  const proxy = proxyFor(t, { target })
  const app = express()
  app.use(express.json())
  app.use(express.urlencoded({ extended: false }))
  app.use(express.text())
  app.use(proxy.middleware())
  const port = await served(t, app)
  for (const [type, body, sent] of [
    ['application/json', '{ "a":  [1, "ü"] }', '{"a":[1,"ü"]}'],
    ['application/x-www-form-urlencoded', 'a=1&b=x%20y&b=z', 'a=1&b=x+y&b=z'],
    ['text/plain', 'as it is', 'as it is'],
    ['application/octet-stream', 'unread', 'unread'],
  ] as const) {
    const told = asked(await ask(port, { method: 'POST', headers: { 'content-type': type }, body }))
    t.equal(told.body, sent, type)
    t.equal(Number(told.headers['content-length']), Buffer.byteLength(sent), type)
  }
  const keeping = express()
  keeping.use(
    express.json({
      verify: (request: { rawBody?: Buffer }, _reply: unknown, bytes: Buffer) => {
        request.rawBody = bytes
      },
    }),
  )
  keeping.use(proxy.middleware())
  const headers = { 'content-type': 'application/json' }
  const told = await ask(await served(t, keeping), { method: 'POST', headers, body: '{ "a":  1 }' })
  t.equal(asked(told).body, '{ "a":  1 }', 'bytes that were kept go first')
})

t.test('V5: a body that was read and cannot be told fails at once, and names the reader', async (t) => {
  const proxy = proxyFor(t, { target: await http1Backend(t) })
  const errors: string[] = []
  proxy.on('error', (error) => errors.push(error.message))
  const port = await mounted(t, proxy, (request, reply) => {
    request.resume().on('end', () => proxy.web(request, reply))
  })
  const form = { 'content-type': 'multipart/form-data; boundary=x' }
  t.equal((await ask(port, { method: 'POST', path: '/up', headers: form, body: '--x--' })).status, 500)
  t.match(errors, [/the body of POST \/up was read before the proxy .* multer or busboy: mount the proxy/])
  t.equal((await ask(port, { method: 'GET' })).status, 200, 'where there is none, nothing was read')
})

t.test('V5: a program may give another body', async (t) => {
  const proxy = proxyFor(t, { target: await http1Backend(t) })
  const port = await mounted(t, proxy, (request, reply) => {
    const body = request.url === '/stream' ? Readable.from([Buffer.from('from '), Buffer.from('it')]) : 'text'
    if (request.url === '/stream') request.headers['content-length'] = undefined
    proxy.web(request, reply, { body })
  })
  t.match(asked(await ask(port, { method: 'POST', body: 'of the client' })), {
    body: 'text',
    headers: { 'content-length': '4' },
  })
  t.equal(asked(await ask(port, { path: '/stream', method: 'POST', body: 'x' })).body, 'from it')
})
