// The documented options of http-proxy-middleware 3, as a table of behaviour: spec/compat.md has what to
// write for each, and each row is run here.

import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { Transform } from 'node:stream'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ConfigError, createProxy, type ProxyOptions } from '../../src/server/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { read } from '../house/source-rules.js'
import { ask, asked, http1Backend, mounted, proxyFor, type Question, until } from './servers.js'

type Listener = (request: never, reply: never, next: () => void) => void
interface App extends RequestListener {
  use(path: string | Listener, listener?: unknown): void
}
const express = createRequire(import.meta.url)('express') as { (): App; json(): Listener }

/** Asks through a proxy with these options, and returns what came back. */
const through = async (t: Test, options: ProxyOptions, question?: Question, backend?: RequestListener) => {
  const proxy = proxyFor(t, { target: await http1Backend(t, backend), ...options })
  return ask(await mounted(t, proxy), question)
}
const redirecting =
  (location: (host: string) => string): RequestListener =>
  (request, reply) =>
    void reply
      .writeHead(302, {
        location: location(String(request.headers.host)),
        'set-cookie': 'a=1; Domain=old.example; Path=/old',
      })
      .end()
const headersOf = async (t: Test, options: ProxyOptions, question?: Question) =>
  asked(await through(t, options, question)).headers

const CHECKS: Readonly<Record<string, (t: Test) => Promise<unknown>>> = {
  target: async (t) => t.equal((await through(t, {})).status, 200),
  pathFilter: async (t) => {
    const proxy = proxyFor(t, { target: await http1Backend(t) })
    const app = express()
    app.use('/api', proxy.middleware())
    const port = await mounted(t, proxy, app)
    t.strictSame(
      [(await ask(port, { path: '/api/a' })).status, (await ask(port, { path: '/b' })).status],
      [200, 404],
    )
  },
  pathRewrite: async (t) => {
    const told = await through(t, { pathRewrite: { '^/api': '' } }, { path: '/api/a?b=1' })
    t.equal(asked(told).url, '/a?b=1')
    const other = await through(t, { pathRewrite: (path) => `${path}/c` }, { path: '/a' })
    t.equal(asked(other).url, '/a/c')
  },
  router: async (t) => {
    const [one, two] = await Promise.all([http1Backend(t), http1Backend(t)])
    const target: ProxyOptions['target'] = async ({ headers }) => (headers['x-to'] === 'two' ? two : one)
    const port = await mounted(t, proxyFor(t, { target, allowPrivate: true, host: 'target' }))
    t.equal(`http://${asked(await ask(port, { headers: { 'x-to': 'two' } })).headers['host']}`, two)
    t.equal(`http://${asked(await ask(port)).headers['host']}`, one)
  },
  logger: async (t) => {
    const lines: string[] = []
    const proxy = proxyFor(t, { target: await http1Backend(t), log: (line) => lines.push(line) })
    proxy.on('error', () => {
      throw new Error('thrown by a listener of errors')
    })
    await ask(await mounted(t, proxyFor(t, { target: 'http://127.0.0.1:1' })))
    const port = await mounted(t, proxy, (request, reply) =>
      proxy.web(request, reply, { target: 'http://127.0.0.1:1' }),
    )
    await ask(port)
    t.match(lines.join('\n'), /thrown by a listener of errors/)
  },
  on: async (t) => {
    const proxy = proxyFor(t, { target: await http1Backend(t) })
    const told: string[] = []
    proxy.on('proxyReq', (outgoing) => void told.push(`proxyReq ${outgoing.path}`))
    proxy.on('proxyRes', ({ statusCode }) => void told.push(`proxyRes ${statusCode}`))
    proxy.on('proxyReqWs', (outgoing) => void told.push(`proxyReqWs ${outgoing.path}`))
    proxy.on('open', () => void told.push('open'))
    proxy.on('close', () => void told.push('close'))
    const port = await mounted(t, proxy)
    await ask(port, { path: '/a' })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/b`)
    await once(socket, 'open')
    socket.terminate()
    await until(() => told.length === 5)
    t.strictSame(told, ['proxyReq /a', 'proxyRes 200', 'proxyReqWs /b', 'open', 'close'])
  },
  xfwd: async (t) => t.match((await headersOf(t, { xfwd: true }))['x-forwarded-for'], /127\.0\.0\.1/),
  prependPath: async (t) => {
    const target = `${await http1Backend(t)}/base`
    const with_ = await ask(await mounted(t, proxyFor(t, { target })), { path: '/a' })
    const without = await ask(await mounted(t, proxyFor(t, { target, prependPath: false })), { path: '/a' })
    t.strictSame([asked(with_).url, asked(without).url], ['/base/a', '/a'])
  },
  ignorePath: async (t) => t.equal(asked(await through(t, { ignorePath: true }, { path: '/a' })).url, '/'),
  changeOrigin: async (t) =>
    t.notMatch((await headersOf(t, {}, { headers: { host: 'client.example' } }))['host'], /127/),
  auth: async (t) => t.equal((await headersOf(t, { auth: 'a:b' }))['authorization'], 'Basic YTpi'),
  headers: async (t) => t.equal((await headersOf(t, { headers: { 'X-A': '1' } }))['x-a'], '1'),
  hostRewrite: async (t) => {
    const told = await through(
      t,
      { host: 'target', hostRewrite: 'new.example' },
      {},
      redirecting((host) => `http://${host}/a`),
    )
    t.equal(told.headers.location, 'http://new.example/a')
  },
  autoRewrite: async (t) => {
    const told = await through(
      t,
      { host: 'target', autoRewrite: true },
      { headers: { host: 'client.example' } },
      redirecting((host) => `http://${host}/a`),
    )
    t.equal(told.headers.location, 'http://client.example/a')
  },
  protocolRewrite: async (t) => {
    const told = await through(
      t,
      { host: 'target', protocolRewrite: 'https' },
      {},
      redirecting((host) => `http://${host}/a`),
    )
    t.match(told.headers.location, /^https:/)
  },
  cookieDomainRewrite: async (t) => {
    const told = await through(
      t,
      { cookieDomainRewrite: { 'old.example': 'new.example' } },
      {},
      redirecting(() => '/'),
    )
    t.match(told.headers['set-cookie'], ['a=1; Domain=new.example; Path=/old'])
  },
  cookiePathRewrite: async (t) => {
    const told = await through(
      t,
      { cookiePathRewrite: { '/old': '/new' } },
      {},
      redirecting(() => '/'),
    )
    t.match(told.headers['set-cookie'], ['a=1; Domain=old.example; Path=/new'])
  },
  proxyTimeout: async (t) => {
    const told = await through(t, { timeouts: { head: 50 } }, {}, () => {})
    t.match(told, { status: 504, headers: { 'x-fermata': 'head-late' } })
  },
  timeout: async (t) => {
    const told = await through(
      t,
      { timeouts: { idle: 50 } },
      {},
      (_request, reply) => void reply.write('half'),
    )
    t.equal(told.complete, false)
  },
  selfHandleResponse: async (t) => {
    const proxy = proxyFor(t, { target: await http1Backend(t), selfHandleResponse: true })
    proxy.on('proxyRes', (response, _request, reply) => {
      reply.setHeader('x-own', '1')
      response.pipe(reply as never)
    })
    t.equal((await ask(await mounted(t, proxy))).headers['x-own'], '1')
  },
  buffer: async (t) =>
    t.equal(asked(await through(t, { body: 'own' }, { method: 'POST', body: 'theirs' })).body, 'own'),
  forward: async (t) => {
    const met: string[] = []
    const mirror = await http1Backend(t, (request, reply) => {
      met.push(request.url ?? '')
      reply.end()
    })
    t.equal((await through(t, { mirror }, { path: '/a' })).status, 200)
    await until(() => met.length === 1)
    t.strictSame(met, ['/a'])
  },
  ws: async (t) => {
    const port = await mounted(t, proxyFor(t, { target: await http1Backend(t) }))
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(socket, 'open')
    socket.terminate()
  },
  responseInterceptor: async (t) => {
    const upper = () =>
      new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) })
    const told = await through(t, { transform: upper }, {}, (_request, reply) => void reply.end('text'))
    t.equal(told.body, 'TEXT')
  },
  fixRequestBody: async (t) => {
    const proxy = proxyFor(t, { target: await http1Backend(t) })
    const app = express()
    app.use(express.json())
    app.use(proxy.middleware() as Listener)
    const told = await ask(await mounted(t, proxy, app), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":1}',
    })
    t.equal(asked(told).body, '{"a":1}')
  },
  secure: async (t) => t.doesNotThrow(() => createProxy({ tls: { verify: false } })),
}

const rows = tableOf(read('spec/compat.md'), 'http-proxy-middleware')

t.test('each documented option has a row, and each row that says what to write is run', async (t) => {
  t.strictSame(
    rows.filter((row) => row['here'] !== '-').map((row) => row['option']),
    rows.map((row) => row['option'] as string).filter((each) => Object.hasOwn(CHECKS, each)),
  )
  t.equal(Object.keys(CHECKS).length, rows.filter((row) => row['here'] !== '-').length)
})

for (const { option, here } of rows)
  t.test(`http-proxy-middleware: ${option}`, async (t) => {
    if (here !== '-') await CHECKS[option as string]?.(t)
    // An unknown option is refused, not ignored.
    else
      t.throws(() => createProxy({ [option as string]: true }), {
        name: ConfigError.name,
        message: /there is no option/,
      })
  })
