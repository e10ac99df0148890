// fermata-proxy/compat: what http-proxy's own tests ask of its insides, asked of the whole. `npm run compat` runs
// those of its public interface, and its examples.

import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { parse } from 'node:url'
import t, { type Test } from 'tap'
import compat, { type CompatOptions, createProxyServer } from '../../src/server/embedding/compat.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { read } from '../house/source-rules.js'
import { ask, asked, http1Backend, http2Backend, portOf, type Question, type Told, until } from './servers.js'

/** A server before this proxy, closed with its test. @param web, ws options of the calls */
async function served(
  t: Test,
  proxy: ReturnType<typeof createProxyServer>,
  { web, ws }: { readonly web?: CompatOptions; readonly ws?: CompatOptions } = {},
): Promise<number> {
  const server = createServer((request, reply) => proxy.web(request, reply, web))
  server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head, ws))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    proxy.close()
    server.closeAllConnections()
    server.close()
  })
  return portOf(server)
}

const proxied = (t: Test, options: CompatOptions): Promise<number> => served(t, createProxyServer(options))

const told = async (t: Test, options: CompatOptions, question: Question = {}): Promise<Told> =>
  ask(await proxied(t, options), question)

/** A backend that redirects and sets cookies, as it is asked: `/STATUS?LOCATION`. */
const redirects: RequestListener = (request, reply) => {
  const [, status, location = ''] = /^\/(\d+)\?(.*)$/.exec(request.url ?? '') ?? []
  reply.writeHead(Number(status), { location: decodeURIComponent(location) })
  reply.end()
}

/** The checks that the table names. */
const CHECKS: Readonly<Record<string, (t: Test) => Promise<void>>> = {
  async fields(t) {
    const target = await http1Backend(t)
    const headers = { fizz: 'bang', overwritten: 'true' }
    const all = asked(
      await told(t, { target, headers, auth: 'u:p' }, { headers: { pro: 'xy', overwritten: 'false' } }),
    )
    t.match(all.headers, { pro: 'xy', fizz: 'bang', overwritten: 'true', authorization: 'Basic dTpw' })
  },
  async connection(t) {
    const target = await http1Backend(t)
    const reply = await told(t, { target }, { headers: { connection: 'close, x-own', 'x-own': '1' } })
    t.equal(reply.headers.connection, 'close', 'as the client asks')
    t.notOk(asked(reply).headers['x-own'])
    t.not(asked(reply).headers['connection'], 'close')
  },
  async port(t) {
    const { port } = new URL(await http1Backend(t))
    t.equal((await told(t, { target: { protocol: 'http', host: '127.0.0.1', port } })).status, 200)
  },
  async path(t) {
    const target = await http1Backend(t)
    const url = async (options: CompatOptions, path: string) => asked(await told(t, options, { path })).url
    t.equal(await url({ target: `${target}/forward` }, '/static/path'), '/forward/static/path')
    t.equal(await url({ target: parse(`${target}/some-path`) }, '/am'), '/some-path/am')
    t.equal(await url({ target: `${target}/no`, prependPath: false }, '/hi'), '/hi')
    const query = '/?foo=bar//&target=http://foobar.com/?a=1%26b=2&other=2'
    t.equal(await url({ target: `${target}/forward` }, query), `/forward${query}`)
    t.equal(
      await url({ target: `${target}/some/crazy/path?a`, ignorePath: true }, '/more'),
      '/some/crazy/path?a',
    )
    t.equal(await url({ target: `${target}/a`, ignorePath: true, prependPath: false }, '/more'), '/')
  },
  async toProxy(t) {
    const target = await http1Backend(t)
    for (const url of ['https://google.com', 'http://google.com:/join/join.js']) {
      const port = await proxied(t, { target, toProxy: true })
      const socket = connect(port, '127.0.0.1')
      socket.write(`GET ${url} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
      let got = ''
      socket.on('data', (chunk) => (got += chunk))
      await once(socket, 'close')
      t.match(got, `"url":"/${url}"`)
    }
  },
  async host(t) {
    const target = await http1Backend(t)
    const { host } = asked(await told(t, { target: parse(target), changeOrigin: true })).headers
    t.equal(host, target.slice('http://'.length))
    t.match(asked(await told(t, { target }, { headers: { host: 'me.example' } })).headers, {
      host: 'me.example',
    })
  },
  async tls(t) {
    const errors: string[] = []
    const proxy = createProxyServer({
      target: await http1Backend(t).then((url) => url.replace('http', 'https')),
      secure: false,
    })
    proxy.on('error', (error: NodeJS.ErrnoException, _request, reply) => {
      errors.push(error.message)
      reply.end()
    })
    const server = createServer((request, reply) => proxy.web(request, reply)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      proxy.close()
      server.close()
    })
    await ask(portOf(server))
    t.equal(errors.length, 1, 'a backend that speaks no TLS')
  },
  async method(t) {
    t.equal(asked(await told(t, { target: await http1Backend(t), method: 'POST' })).method, 'POST')
  },
  async socket(t) {
    const port = await proxied(t, { target: await http1Backend(t) })
    const socket = connect(port, '127.0.0.1')
    socket.write(
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    let got = ''
    socket.on('data', (chunk) => (got += chunk))
    await until(() => got.includes('\r\n\r\n'))
    t.match(got, /^HTTP\/1\.1 101 /)
    socket.write('echo')
    await until(() => got.endsWith('echo'))
    socket.destroy()
  },
  async length(t) {
    for (const target of [await http1Backend(t), (await http2Backend(t)).url]) {
      const all = asked(await told(t, { target }, { method: 'DELETE' }))
      t.match(all, { method: 'DELETE', body: '' })
      t.notOk(all.headers['transfer-encoding'])
    }
  },
  async timeout(t) {
    const silent = await http1Backend(t, () => {})
    await t.rejects(told(t, { target: silent, timeout: 20 }), { code: 'ECONNRESET' })
  },
  async xfwd(t) {
    const target = await http1Backend(t)
    const port = await proxied(t, { target, xfwd: true })
    const { headers } = asked(
      await ask(port, { headers: { host: 'a:8080', 'x-forwarded-for': '192.0.2.7' } }),
    )
    t.match(headers, {
      'x-forwarded-for': '192.0.2.7,127.0.0.1',
      'x-forwarded-port': '8080',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a:8080',
    })
    t.notOk(asked(await told(t, { target })).headers['x-forwarded-for'])
  },
  async redirect(t) {
    const target = await http1Backend(t, redirects)
    const location = async (options: CompatOptions, status: number, to = `${target}/`) => {
      const path = `/${status}?${encodeURIComponent(to)}`
      return (await told(t, { target, ...options }, { path, headers: { host: 'ext-auto.com' } })).headers
        .location
    }
    for (const status of [201, 301, 302, 307, 308]) {
      t.equal(
        await location({ hostRewrite: 'ext-manual.com' }, status),
        'http://ext-manual.com/',
        `${status}`,
      )
      t.equal(await location({ autoRewrite: true }, status), 'http://ext-auto.com/')
      t.equal(await location({ protocolRewrite: 'https' }, status), `${target.replace('http', 'https')}/`)
    }
    t.equal(await location({ hostRewrite: 'a.com', autoRewrite: true }, 302), 'http://a.com/')
    t.equal(await location({ hostRewrite: 'a.com', protocolRewrite: 'https' }, 302), 'https://a.com/')
    t.equal(await location({ autoRewrite: true, protocolRewrite: 'https' }, 302), 'https://ext-auto.com/')
    t.equal(
      await location({ hostRewrite: 'a.com', autoRewrite: true, protocolRewrite: 'https' }, 200),
      `${target}/`,
    )
    t.equal(await location({}, 302), `${target}/`)
    for (const other of ['http://some-other/', 'http://127.0.0.1:1/'])
      t.equal(await location({ hostRewrite: 'a.com', autoRewrite: true }, 302, other), other)
  },
  async status(t) {
    const target = await http1Backend(t, (_request, reply) => void reply.writeHead(418).end())
    t.equal((await told(t, { target })).status, 418)
  },
  async case(t) {
    const target = await http1Backend(t, (_request, reply) => void reply.setHeader('x-own-field', 'a').end())
    t.ok((await told(t, { target, preserveHeaderKeyCase: true })).rawHeaders.includes('X-Own-Field'))
    t.ok((await told(t, { target })).rawHeaders.includes('x-own-field'))
  },
  async cookie(t) {
    const sent = ['a; domain=my.domain; path=/', 'b; domain=other.domain; path=/other']
    const target = await http1Backend(t, (_request, reply) => void reply.setHeader('set-cookie', sent).end())
    const cookies = async (options: CompatOptions) =>
      (await told(t, { target, ...options })).headers['set-cookie']
    t.strictSame(await cookies({}), sent)
    t.strictSame(await cookies({ cookieDomainRewrite: 'x' }), [
      'a; domain=x; path=/',
      'b; domain=x; path=/other',
    ])
    t.strictSame(await cookies({ cookieDomainRewrite: '' }), ['a; path=/', 'b; path=/other'])
    t.strictSame(await cookies({ cookiePathRewrite: '/d' }), [
      'a; domain=my.domain; path=/d',
      'b; domain=other.domain; path=/d',
    ])
    const advanced = { '*': '', 'my.domain': 'new.domain' }
    t.strictSame(await cookies({ cookieDomainRewrite: advanced }), [
      'a; domain=new.domain; path=/',
      'b; path=/other',
    ])
    t.strictSame(await cookies({ cookiePathRewrite: { '/other': '' } }), [sent[0], 'b; domain=other.domain'])
  },
  async drop(t) {
    const port = await proxied(t, { target: await http1Backend(t) })
    for (const head of [
      'POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n',
    ]) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      socket.write(head)
      let got = ''
      socket.on('data', (chunk) => (got += chunk))
      await once(socket, 'close')
      t.equal(got, '')
    }
  },
}

const rows = tableOf(read('spec/compat.md'), 'Insides')

t.test('each row of the table names a check', async (t) => {
  t.equal(rows.length, 81)
  t.strictSame([...new Set(rows.map((row) => row['shown by'] ?? ''))].sort(), Object.keys(CHECKS).sort())
  for (const { here, why } of [
    ...rows,
    ...tableOf(read('spec/compat.md'), 'Public'),
    ...tableOf(read('spec/compat.md'), 'fastify-http-proxy'),
  ])
    t.ok(here === 'same' || (here === 'differs' && why !== '-'))
})

for (const [name, check] of Object.entries(CHECKS)) t.test(name, check)

t.test('the differences are there', async (t) => {
  t.ok(tableOf(read('spec/compat.md'), 'What differs').length > 8)
  t.throws(() => createProxyServer().before(), { message: /there are no passes here/ })
  t.throws(() => createProxyServer().after(), { message: /there are no passes here/ })
  t.equal((await told(t, { target: 'http://127.0.0.1:1' })).status, 502, 'nothing is thrown')
  t.equal(compat.createServer, createProxyServer)
  t.type(new (createProxyServer as unknown as new () => object)(), compat.Server)
})

t.test('one that was closed serves again, and tells what it is not given', async (t) => {
  const proxy = createProxyServer({ target: await http1Backend(t) })
  const server = createServer((request, reply) => proxy.web(request, reply)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    proxy.close()
    server.close()
  })
  t.equal((await ask(portOf(server))).status, 200)
  await new Promise<void>((resolve) => proxy.close(() => resolve()))
  t.equal((await ask(portOf(server))).status, 200)
  const told = once(proxy, 'error')
  proxy.web({ headers: {} } as never, {} as never, { target: null })
  t.match(await told, [{ message: 'Must provide a proper URL as target' }])
})

t.test('a forwarded copy, and the target beside it', async (t) => {
  const bodies: string[] = []
  const mirror = await http1Backend(t, (request, reply) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      bodies.push(body)
      reply.end('ignored')
    })
  })
  const target = await http1Backend(t)
  const body = 'x'.repeat(300_000)
  const both = await told(t, { target, forward: mirror }, { method: 'POST', body })
  t.equal(asked(both).body.length, body.length)
  await until(() => bodies.length === 1)
  t.equal(bodies[0], body)
  t.equal(
    (await told(t, { target, forward: 'http://127.0.0.1:1' })).status,
    200,
    'one that fails changes nothing',
  )
  t.match(await told(t, { forward: mirror }, { method: 'POST', body: 'alone' }), { status: 200, body: '' })
  await until(() => bodies.length === 2)
  t.equal(bodies[1], 'alone')
})

t.test(
  'values that are true for JavaScript, and numbers as fields, are taken as http-proxy takes them',
  async (t) => {
    const target = await http1Backend(t)
    const options = { target, xfwd: 1, headers: { 'x-number': 5, 'x-none': null } }
    const { headers } = asked(await told(t, options as never))
    t.match(headers, { 'x-number': '5', 'x-forwarded-for': /127/ })
    t.notOk('x-none' in headers)
  },
)

t.test('the lists of what differs only shrink', async (t) => {
  const most = { Public: 2, Insides: 17, 'fastify-http-proxy': 32 }
  for (const [name, count] of Object.entries(most)) {
    const differing = tableOf(read('spec/compat.md'), name).filter((row) => row['here'] === 'differs')
    t.ok(differing.length <= count, `${name}: ${differing.length} of ${count}`)
    t.strictSame(
      differing.filter((row) => row['why'] === '-'),
      [],
      `${name}: each has its reason`,
    )
  }
})

t.test('a client of HTTP/1.0 gets no chunks', async (t) => {
  const target = await http1Backend(t, (_request, reply) => {
    reply.write('in ')
    reply.end('chunks')
  })
  const socket = connect(await proxied(t, { target }), '127.0.0.1')
  socket.write('GET / HTTP/1.0\r\n\r\n')
  let got = ''
  socket.on('data', (chunk) => (got += chunk))
  await once(socket, 'close')
  t.notMatch(got, /transfer-encoding/i)
  t.match(got, /\r\n\r\nin chunks$/)
})

t.test('listeners of proxyReq get the options of the call, with the target as an object', async (t) => {
  const target = await http1Backend(t)
  const proxy = createProxyServer({ target, changeOrigin: true })
  const own = await served(t, proxy, { web: { xfwd: true }, ws: { auth: 'u:p' } })
  const given: CompatOptions[] = []
  proxy.on('proxyReq', (_outgoing, _request, _reply, options: CompatOptions) => given.push(options))
  proxy.on('proxyReqWs', (_outgoing, _request, _socket, options: CompatOptions, head: Buffer) => {
    given.push(options)
    t.ok(Buffer.isBuffer(head))
  })
  await ask(own)
  const { port, host } = new URL(target)
  t.match(given, [{ changeOrigin: true, xfwd: true, target: { protocol: 'http:', host, port, path: '/' } }])
  const socket = connect(own, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await until(() => given.length === 2)
  t.match(given[1], { changeOrigin: true, auth: 'u:p', target: { href: `${target}/` } })
})
