// The events of an embedded proxy, what its options rewrite, and transforms of responses.

import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import t from 'tap'
import { createProxy, type ProxyOptions } from '../../src/server/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { read } from '../house/source-rules.js'
import { ask, asked, http1Backend, http2Backend, mounted, proxyFor, until } from './servers.js'

t.test('V7: listeners see and change both heads', async (t) => {
  const { url } = await http2Backend(t)
  const proxy = proxyFor(t, { target: url })
  const order: string[] = []
  proxy.on('start', (_request, _reply, target) => order.push(`start ${target === url}`))
  proxy.on('proxyReq', (outgoing, request) => {
    order.push(`proxyReq ${outgoing.getHeader('x-a')} ${request.url}`)
    outgoing.setHeader('X-B', 2)
    outgoing.removeHeader('x-a')
    outgoing.path = '/other'
  })
  proxy.on('proxyRes', (response) => {
    order.push(`proxyRes ${response.statusCode} ${response.headers['content-type']}`)
    response.headers['x-c'] = '3'
    response.headers['content-type'] = undefined
    response.statusCode = 201
  })
  proxy.on('end', (_request, reply) => order.push(`end ${reply.statusCode}`))
  proxy.on('exchange', ({ outcome, attempts }) => order.push(`exchange ${outcome} ${attempts}`))
  const port = await mounted(t, proxy)
  const told = await ask(port, { path: '/asked', headers: { 'x-a': '1' } })
  t.match(told, { status: 201, headers: { 'x-c': '3' } })
  t.notOk(told.headers['content-type'])
  t.match(asked(told), { url: '/other', headers: { 'x-b': '2' } })
  t.notOk(asked(told).headers['x-a'])
  await until(() => order.length === 5)
  t.strictSame(order, [
    'start true',
    'proxyReq 1 /asked',
    'proxyRes 200 application/json',
    'end 201',
    'exchange ok 1',
  ])
})

t.test('V7: a listener may read the body too, and may give another one', async (t) => {
  const proxy = proxyFor(t, { target: await http1Backend(t) })
  let read = ''
  proxy.on('proxyRes', (response) => response.on('data', (chunk) => (read += chunk)))
  proxy.on('proxyReq', (outgoing, request) => {
    if (request.url === '/write') outgoing.write('written')
  })
  const port = await mounted(t, proxy)
  const told = await ask(port, { path: '/write', method: 'POST', body: 'sent' })
  t.match(asked(told), { body: 'written', headers: { 'content-length': '7' } })
  await until(() => read.length === told.body.length)
  t.equal(read, told.body)
})

t.test('V7: what a listener throws ends its request, and no other', async (t) => {
  const target = await http1Backend(t)
  for (const [event, options] of [
    ['proxyReq', {}],
    ['proxyRes', {}],
    [
      'transform',
      {
        transform: () => {
          throw new Error('planted')
        },
      },
    ],
  ] as [string, ProxyOptions][]) {
    const proxy = proxyFor(t, { target, ...options })
    const errors: string[] = []
    proxy.on('error', (error) => errors.push(error.message))
    if (event !== 'transform')
      proxy.on(event as 'proxyReq', (_outgoing, request) => {
        if (request.url === '/bad') throw new Error('planted')
      })
    const port = await mounted(t, proxy)
    const [bad, good] = await Promise.all([ask(port, { path: '/bad' }), ask(port, { path: '/good' })])
    t.match(bad, { status: 500, headers: { 'x-fermata': 'event-failed' } }, event)
    if (event !== 'transform') t.equal(good.status, 200)
    t.match(errors, ['planted'])
    await until(() => proxy.exchanges().length === 0)
  }
  const warned: string[] = []
  const proxy = proxyFor(t, { target: 'http://127.0.0.1:1', log: (line) => warned.push(line) })
  proxy.on('error', () => {
    throw new Error('of the listener of errors')
  })
  t.equal((await ask(await mounted(t, proxy))).status, 502)
  t.match(warned, [/of the listener of errors/])
})

t.test('V8: without a listener for errors the client is answered, and nothing is thrown', async (t) => {
  const proxy = proxyFor(t, { target: 'http://127.0.0.1:1' })
  const port = await mounted(t, proxy)
  t.match(await ask(port), { status: 502, headers: { 'x-fermata': 'backend-not-connected' } })
  const seen: unknown[] = []
  proxy.on('error', (error, request, reply, target) => {
    seen.push([error.code, error.outcome, error.status, request.url, target])
    if (request.url === '/own' && 'writeHead' in reply) {
      reply.writeHead(418)
      reply.end('mine')
    }
  })
  t.match(await ask(port, { path: '/own' }), { status: 418, body: 'mine' })
  t.match(await ask(port, { path: '/ours' }), { status: 502 }, 'one that only looks is no answer')
  t.match(seen, [
    ['ECONNREFUSED', 'backend-not-connected', 502, '/own', 'http://127.0.0.1:1'],
    ['ECONNREFUSED', 'backend-not-connected', 502, '/ours'],
  ])
  const late = proxyFor(t, { target: await http1Backend(t, () => {}), timeouts: { head: 20 } })
  t.match(await ask(await mounted(t, late)), { status: 504, headers: { 'x-fermata': 'head-late' } })
})

t.test('V10: a transform changes some responses, and their fields', async (t) => {
  const target = await http1Backend(t, (request, reply) => {
    reply.setHeader('etag', '"1"')
    reply.setHeader('accept-ranges', 'bytes')
    reply.setHeader('content-type', request.url === '/html' ? 'text/html' : 'text/plain')
    if (request.url === '/kept') reply.setHeader('cache-control', 'no-transform')
    reply.end('body '.repeat(50_000))
  })
  const upper = () =>
    new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) })
  const proxy = proxyFor(t, {
    target,
    transform: ({ headers }) => (headers['content-type'] === 'text/html' ? upper() : null),
  })
  const port = await mounted(t, proxy)
  const html = await ask(port, { path: '/html' })
  t.equal(html.body, 'BODY '.repeat(50_000))
  t.match(html.headers, { etag: 'W/"1"', 'content-length': undefined, 'accept-ranges': undefined })
  const plain = await ask(port, { path: '/plain' })
  t.match(plain.headers, { etag: '"1"', 'content-length': '250000' })
  t.match(await ask(port, { path: '/html', method: 'HEAD' }), { headers: { etag: '"1"' } })
  const all = proxyFor(t, { target, transform: upper })
  t.equal((await ask(await mounted(t, all), { path: '/kept' })).body, 'body '.repeat(50_000), 'no-transform')
  const failing = proxyFor(t, {
    target,
    transform: () => new Transform({ transform: (_c, _e, done) => done(new Error('planted')) }),
  })
  const failed = await ask(await mounted(t, failing), { path: '/html' }).catch(() => ({ complete: false }))
  t.notOk(failed.complete, 'what a transform breaks does not look whole')
  await until(() => failing.exchanges().length === 0)
})

t.test('V10: a program may answer for itself, from the body of the backend', async (t) => {
  const proxy = proxyFor(t, { target: await http1Backend(t), selfHandleResponse: true })
  proxy.on('proxyRes', (response, _request, reply) => {
    const digest = createHash('sha256')
    response.on('data', (chunk) => digest.update(chunk))
    response.on('end', () => {
      reply.writeHead(202, { 'x-status': String(response.statusCode) })
      reply.end(digest.digest('hex'))
    })
  })
  const told = await ask(await mounted(t, proxy))
  t.match(told, { status: 202, headers: { 'x-status': '200' }, body: /^[0-9a-f]{64}$/ })
})

t.test('V14: paths, hosts, redirects and cookies are rewritten as the options say', async (t) => {
  const at: { url: string } = { url: '' }
  const target = await http1Backend(t, (request, reply) => {
    reply.statusCode = 302
    reply.setHeader('location', `${request.url?.startsWith('/far') ? 'http://example.org' : at.url}/next`)
    reply.setHeader('set-cookie', ['a=1; Domain=old.example; Path=/old', 'b=2'])
    reply.setHeader(
      'x-asked',
      `${request.headers.host} ${request.url} ${request.headers.authorization ?? '-'}`,
    )
    reply.end()
  })
  at.url = target
  const host = target.slice('http://'.length)
  const told = async (options: ProxyOptions, path = '/a?b') =>
    (
      await ask(await mounted(t, proxyFor(t, { target, ...options })), {
        path,
        headers: { host: 'me.example' },
      })
    ).headers
  const asks = async (options: ProxyOptions, path?: string) => (await told(options, path))['x-asked']
  t.equal(await asks({}), 'me.example /a?b -')
  t.equal(await asks({ host: 'target' }), `${host} /a?b -`)
  t.equal(await asks({ target: `${target}/base/` }), 'me.example /base/a?b -')
  t.equal(await asks({ target: `${target}/base`, prependPath: false }), 'me.example /a?b -')
  t.equal(await asks({ target: `${target}/base?x`, ignorePath: true }), 'me.example /base?x -')
  t.equal(await asks({ pathRewrite: { '^/a': '/z' } }), 'me.example /z?b -')
  t.equal(await asks({ pathRewrite: (path) => path.slice(2) }), 'me.example /?b -')
  t.equal(await asks({ auth: 'u:p' }), 'me.example /a?b Basic dTpw')
  t.equal((await told({ reverse: true })).location, 'http://me.example/next')
  t.equal((await told({ autoRewrite: true, protocolRewrite: 'https' })).location, 'https://me.example/next')
  t.equal((await told({ hostRewrite: 'x.example' })).location, 'http://x.example/next')
  t.equal((await told({ reverse: true }, '/far')).location, 'http://example.org/next', 'that of another host')
  t.strictSame(
    (await told({ cookieDomainRewrite: '', cookiePathRewrite: { '/old': '/new' } }))['set-cookie'],
    ['a=1; Path=/new', 'b=2'],
  )
})

t.test('V14: options that are not ours are refused, with what to write', async (t) => {
  for (const [options, message] of [
    [{ changeOrigin: true }, /there is no option 'changeOrigin': write host: 'target'/],
    [{ secure: false }, /write tls: \{ verify: false \}/],
    [{ tagret: 'http://a' }, /there is no option 'tagret'; did you mean target\?/],
    [{ target: 'ftp://a' }, /'ftp:\/\/' is not a scheme here/],
    [{ target: 'a' }, /'a' is not a URL/],
    [{ timeouts: { heda: 1 } }, /timeouts: there is no 'heda'; did you mean head\?/],
    [{ timeouts: { head: '1s' } }, /timeouts\.head must be 0 or more ms/],
    [{ host: 'x' }, /host must be 'client' or 'target'/],
    [{ attempts: 0 }, /attempts must be a whole number from 1 on/],
    [{ xfwd: 'yes' }, /xfwd must be true or false, not 'yes'/],
    [{ headers: 'x' }, /headers must be a map of texts, or of lists of texts, not 'x'/],
    [{ headers: { a: 1 } }, /headers must be a map of texts, or of lists of texts, not an object with a/],
    [{ auth: 5 }, /auth must be text, not 5/],
    [{ body: {} }, /body must be text, a Buffer or a Readable, not an object with no keys/],
    [{ transform: 'x' }, /transform must be a function that returns a Transform or null, not 'x'/],
    [{ cookiePathRewrite: true }, /cookiePathRewrite must be text, a map of texts, or false, not true/],
    [
      { pathRewrite: { '(': 'x' } },
      /pathRewrite must be a function, or a map of regular expressions to text/,
    ],
    [{ mirror: 'nowhere' }, /mirror: 'nowhere' is not a URL; write http/],
    [{ timeouts: 10 }, /timeouts must be an object with connect, lease, head, .*, not 10/],
    [{ tls: { rejectUnauthorized: false } }, /tls: there is no 'rejectUnauthorized': write verify: false/],
    [{ tls: { verify: 'no' } }, /tls.verify must be true or false, not 'no'/],
    [{ tls: { ca: 'ca.pem' } }, /tls.ca must be the text of certificates in PEM: read the file/],
    [{ allowPrivate: '127.0.0.1' }, /allowPrivate must be true or a list of networks, not '127.0.0.1'/],
    [
      { trustedProxies: ['10.0.0.0/8'] },
      /trustedProxies must be an object with addresses, fields, not a list/,
    ],
    [{ trustedProxies: { addresses: ['10.0.0.0/8'] } }, /trustedProxies.fields must be a list/],
    [{ limits: { node: { x: 1 } } }, /there is no limit 'node\.x'/],
    [{ on: {} }, /there is no option 'on': listeners are added on the proxy: write proxy\.on\('proxyReq'/],
    [{ onProxyRes: () => {} }, /write proxy\.on\('proxyRes', listener\)/],
    [{ handlers: {} }, /'handlers': createServer takes an app as the handler of a backend/],
    [{ nothingLikeIt: 1 }, /there is no option 'nothingLikeIt'; known are target, mirror/],
    [{ share: 'x' }, /share must be 'process' or 'connection', not 'x'/],
    [{ errors: 'x' }, /errors must be 'plain' or 'detailed', not 'x'/],
    [{ log: {} }, /log must be a function that takes a line, not an object with no keys/],
    [{ timeouts: { x: 1 } }, /timeouts: there is no 'x'; known are connect, lease/],
    [{ target: 'http://a:1/x?y=1' }, /target: the URL of a:1 has a query; write pathRewrite, or ignorePath/],
    [{ target: new URL('http://a:1/?y') }, /target: the URL of a:1 has a query/],
    [{ target: { host: 'a', path: '/x?y' } }, /target: the URL of a has a query/],
    [{ target: 'http://u:secret@a:1' }, /^target: the URL of a:1 has a user; write auth: 'USER:PASSWORD'$/],
    [{ target: { host: 'a', auth: 'u:p' } }, /has a user/],
    [{ target: 'http://a:1/x#y' }, /has a fragment, which is never sent; leave it out/],
    [{ mirror: 'http://a:1/x?y' }, /mirror: the URL of a:1 has a query/],
  ] as const)
    t.throws(() => createProxy(options as never), { name: 'ConfigError', message }, JSON.stringify(options))
  t.throws(() => createProxy('http://a' as never), { message: /takes an object/ })
  t.doesNotThrow(() => createProxy({ target: 'http://a:1/x?y=1', ignorePath: true }).close())
})

t.test('V14: each option of the table is taken, or refused with a hint', async (t) => {
  const rows = tableOf(read('spec/embedding.md'), 'Options')
  t.ok(rows.length > 25)
  for (const { theirs, here } of rows) {
    const refused = /there is no option/
    if (here !== theirs) t.throws(() => createProxy({ [theirs]: undefined }), { message: refused }, theirs)
    if (here !== '-') t.doesNotThrow(() => createProxy({ [here]: undefined }).close(), here)
  }
})

t.test('V14: a query in the target of one request fails it; with ignorePath it is sent', async (t) => {
  const url = await http1Backend(t)
  const proxy = proxyFor(t, {})
  const errors: string[] = []
  proxy.on('error', (error) => errors.push(error.message))
  const port = await mounted(t, proxy, (request, reply) =>
    proxy.web(request, reply, { target: `${url}/fixed?a=1`, ignorePath: request.url === '/alone' }),
  )
  t.equal((await ask(port, { path: '/both' })).status, 500)
  t.match(errors, [/has a query/])
  t.equal(asked(await ask(port, { path: '/alone' })).url, '/fixed?a=1')
})

t.test(
  'a listener of an event that does not exist, and options of close that do not, are refused',
  async (t) => {
    const proxy = createProxy({ target: 'http://127.0.0.1:1' })
    const message = "there is no event 'proxyreq'; did you mean proxyReq?"
    t.throws(() => proxy.on('proxyreq' as never, (() => {}) as never), { name: 'TypeError', message })
    t.throws(() => proxy.once('proxyreq' as never, (() => {}) as never), { name: 'TypeError', message })
    const refused = {
      name: 'ConfigError',
      message: 'the options of close must be an object with timeoutMs, not 500',
    }
    t.throws(() => proxy.close(500 as never), refused)
    t.throws(() => proxy.close({ timeout: 500 } as never), { message: /'timeout'; did you mean timeoutMs\?/ })
    t.throws(() => proxy.close({ timeoutMs: '500' } as never), {
      message: /timeoutMs of close must be 0 or more/,
    })
    await proxy.close({ timeoutMs: 0 })
  },
)
