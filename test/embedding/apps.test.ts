// Apps behind Fermata in one process: `backends: { app: { handler } }`.

import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createRequire } from 'node:module'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { type BackendInput, ConfigError, createServer, type ProxyServer } from '../../src/server/index.js'
import { ask, asked, tellRequest, until } from './servers.js'

type App = NonNullable<BackendInput['handler']>

const load = createRequire(import.meta.url)
const express = load('express') as () => RequestListener & { use(listener: unknown): void }
const Koa = load('koa') as new () => { use(middleware: unknown): void; callback(): RequestListener }

const configOf = (handler: App, more: object = {}) => ({
  listeners: { web: { address: '127.0.0.1:0' } },
  backends: { app: { handler } },
  routes: [{ name: 'all', backend: 'app', ...more }],
})

async function serving(
  t: Test,
  handler: App,
  more: object = {},
): Promise<{ port: number; server: ProxyServer; lines: string[] }> {
  const lines: string[] = []
  const server = createServer({ ...configOf(handler, more), log: (line: string) => lines.push(line) })
  const [address] = await server.listen()
  t.teardown(() => server.close(1))
  return { port: address?.port as number, server, lines }
}

t.test(
  'V17: a listener, an Express app, the callback of Koa, routing of Fastify and an http.Server',
  async (t) => {
    const inExpress = express()
    inExpress.use(tellRequest)
    const inKoa = new Koa()
    inKoa.use((context: { req: never; res: never; respond: boolean }) => {
      context.respond = false
      ;(context.res as { statusCode: number }).statusCode = 200
      tellRequest(context.req, context.res)
    })
    const inFastify = fastify()
    inFastify.addContentTypeParser('*', (_request, _payload, done) => done(null))
    inFastify.all('/*', (asking, reply) => {
      reply.hijack()
      tellRequest(asking.raw, reply.raw as never)
    })
    await inFastify.ready()
    t.teardown(() => inFastify.close())
    for (const [name, handler] of Object.entries({
      listener: tellRequest,
      express: inExpress,
      koa: inKoa.callback(),
      fastify: inFastify.routing as RequestListener,
      server: createHttpServer(tellRequest),
    })) {
      const { port, server } = await serving(t, handler as App)
      const body = Buffer.alloc(300_000, 'x')
      const told = asked(await ask(port, { path: '/a?b=1', method: 'POST', body, headers: { 'x-a': 'b' } }))
      t.match(told, { method: 'POST', url: '/a?b=1', headers: { 'x-a': 'b' } }, name)
      t.equal(told.body.length, body.length, name)
      t.equal((await ask(port)).status, 200, `${name}, again`)
      await server.close(1)
    }
  },
)

t.test('V17: HTTP/2 is in front of it, and many requests run at once', async (t) => {
  const { port } = await serving(t, (asking, reply) => {
    setImmediate(() => reply.end(`${asking.httpVersion} ${asking.url} ${asking.socket.remoteAddress}`))
  })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const stream = session.request({ ':path': `/${n}` })
      let text = ''
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      await once(stream, 'end')
      return text
    }),
  )
  t.strictSame(
    answers,
    Array.from({ length: 50 }, (_, n) => `1.1 /${n} 127.0.0.1`),
  )
})

t.test('V17: bodies stream both ways, and who does not read holds up the other side', async (t) => {
  let written = 0
  let isStopped = false
  const chunk = Buffer.alloc(64 * 1024)
  const { port } = await serving(t, (asking, reply) => {
    if (asking.method === 'POST') {
      // An echo, chunk by chunk.
      asking.pipe(reply)
      return
    }
    const more = (): void => {
      while (written < 64 * 1024 * 1024) {
        written += chunk.length
        if (reply.write(chunk)) continue
        isStopped = true
        reply.once('drain', more)
        return
      }
      reply.end()
    }
    more()
  })
  const echo = request({ port, host: '127.0.0.1', method: 'POST', agent: false })
  echo.write('one')
  const [answer] = await once(echo, 'response')
  const [first] = await once(answer, 'data')
  t.equal(String(first), 'one', 'the answer begins before the request ends')
  echo.write('two')
  t.equal(String((await once(answer, 'data'))[0]), 'two')
  echo.end()
  await once(answer, 'end')

  const slow = request({ port, host: '127.0.0.1', agent: false }).end()
  const [unread] = await once(slow, 'response')
  unread.pause()
  await until(() => isStopped)
  let before = -1
  while (before !== written) {
    before = written
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  }
  t.ok(written < 32 * 1024 * 1024, `${written} bytes, and no more`)
  slow.destroy()
})

t.test('V17: a client that leaves is seen by the app, and a response that the app cuts is cut', async (t) => {
  const closed: string[] = []
  let came = 0
  let cut = (): void => {}
  const { port } = await serving(t, (asking, reply) => {
    came++
    cut = () => void reply.destroy()
    reply.on('close', () => closed.push(`${asking.url} ${reply.writableFinished}`))
    reply.on('error', () => {})
    if (asking.url === '/left') return
    reply.writeHead(200, { 'content-length': '100' })
    reply.write('half')
    if (asking.url === '/cut-at-once') cut()
  })
  const leaving = request({ port, host: '127.0.0.1', path: '/left', agent: false }).end()
  leaving.on('error', () => {})
  await until(() => came === 1)
  leaving.destroy()
  await until(() => closed.length === 1)
  t.strictSame(closed, ['/left false'])
  const asking = request({ port, host: '127.0.0.1', path: '/cut', agent: false }).end()
  asking.on('error', () => {})
  const [answer] = await once(asking, 'response')
  answer.on('error', () => {})
  answer.once('data', () => cut())
  await new Promise((resolve) => answer.on('close', resolve))
  t.equal(answer.complete, false)
  t.equal((await ask(port, { path: '/cut-at-once' })).status, 502, 'nothing of it had left')
})

t.test('V17: an app may reset its connection, which costs that request', async (t) => {
  const { port, lines } = await serving(t, (asking, reply) => {
    if (asking.url === '/reset') asking.socket.resetAndDestroy()
    else reply.end(JSON.stringify(asking.socket.address()))
  })
  const told = await ask(port, { path: '/reset' })
  t.equal(told.status, 502)
  t.match((await ask(port)).body, /"address":"127\.0\.0\.1"/)
  t.notMatch(lines.join('\n'), /handler of backend app failed/)
})

t.test('V17: an app that throws, rejects, or never answers costs its own request', async (t) => {
  const server = await serving(
    t,
    ((asking, reply) => {
      if (asking.url === '/throws') throw new Error('thrown by the app')
      if (asking.url === '/rejects') return Promise.reject(new Error('rejected by the app'))
      if (asking.url === '/late') return undefined
      if (asking.url === '/within') {
        reply.write('half')
        throw new Error('too late')
      }
      return reply.end('fine')
    }) as App,
    { timeouts: { head: '100ms' }, errors: 'detailed' },
  )
  const { port, lines } = server
  for (const path of ['/throws', '/rejects']) {
    const told = await ask(port, { path })
    t.equal(told.status, 500, path)
    t.equal(told.headers['x-fermata'], 'handler-failed')
    t.notMatch(told.body, /by the app/, 'clients learn nothing of it')
  }
  const late = await ask(port, { path: '/late' })
  t.equal(late.status, 504)
  t.equal(late.headers['x-fermata'], 'head-late')
  t.equal((await ask(port, { path: '/within' })).status, 502)
  t.equal((await ask(port)).body, 'fine')
  await until(() => lines.some((each) => each.includes('thrown by the app')))
  t.match(lines.join('\n'), /the handler of backend app failed/)
})

t.test('V17: WebSockets need a server with a listener for upgrade; else the answer says so', async (t) => {
  const app = createHttpServer(tellRequest)
  const sockets = new WebSocketServer({ server: app })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`echo ${text}`)))
  t.teardown(() => sockets.close())
  const { port } = await serving(t, app)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`)
  await once(socket, 'open')
  socket.send('hello')
  t.equal(String((await once(socket, 'message'))[0]), 'echo hello')
  socket.close()
  await once(socket, 'close')
  t.equal((await ask(port)).status, 200)

  const without = await serving(t, tellRequest)
  const refused = new WebSocket(`ws://127.0.0.1:${without.port}/`)
  const [, answer] = await once(refused, 'unexpected-response')
  t.equal(answer.statusCode, 501)
  t.equal(answer.headers['x-fermata'], 'no-upgrade')
  refused.on('error', () => {})
  refused.terminate()
})

t.test(
  'V17: a reload with the same app keeps its connections; another app gets the requests from then on',
  async (t) => {
    const connections = new Set<unknown>()
    const app: RequestListener = (asking, reply) => {
      connections.add(asking.socket)
      reply.end('first')
    }
    const { port, server } = await serving(t, app)
    t.equal((await ask(port)).body, 'first')
    await server.apply(configOf(app, { timeouts: { head: '5s' } }))
    t.equal((await ask(port)).body, 'first')
    t.equal(connections.size, 1)
    await server.apply(configOf((_asking, reply) => void reply.end('second')))
    t.equal((await ask(port)).body, 'second')
    const added = server.backends.add('more', { handler: (_asking, reply) => void reply.end('added') })
    await added.applied
    await server.routes.set('all', { backend: 'more' })
    t.equal((await ask(port)).body, 'added')
  },
)

t.test('V17: a handler has no endpoints, protocol, TLS or health checks; and it is an app', async (t) => {
  const wrong = (backend: object, message: RegExp): void => {
    t.throws(() => createServer({ ...configOf(tellRequest), backends: { app: backend } }), message)
    try {
      createServer({ ...configOf(tellRequest), backends: { app: backend } })
    } catch (error) {
      t.type(error, ConfigError)
    }
  }
  wrong({ handler: tellRequest, endpoints: ['127.0.0.1:1'] }, /a handler has no endpoints/)
  wrong({ handler: tellRequest, protocol: 'h2c' }, /a handler has no protocol/)
  wrong({ handler: tellRequest, health: { active: { tcp: true } } }, /a handler has no health/)
  wrong({ handler: 'app.js' }, /is not an app; write a listener/)
  wrong({ handler: {} }, /is not an app; write a listener/)
})
