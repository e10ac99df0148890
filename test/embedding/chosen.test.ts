// Backends that a function of the program chooses: by name or by URL, at once or later, or never.

import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import {
  type ConfigurationDocument,
  createServer,
  defineConfig,
  type RouteInput,
} from '../../src/server/index.js'
import { ask, asked, http1Backend, http2Backend, mounted, proxyFor, until } from './servers.js'

type Chooser = Extract<NonNullable<RouteInput['backend']>, (...args: never[]) => unknown>

const named =
  (name: string): RequestListener =>
  (_asked, reply) =>
    void reply.end(name)

async function serving(t: Test, backend: Chooser, more: object = {}, limits: object = {}) {
  const lines: string[] = []
  const config: ConfigurationDocument = {
    ...defineConfig({
      listeners: { web: { address: '127.0.0.1:0' } },
      backends: { 'tenant-a': { handler: named('a') }, 'tenant-b': { handler: named('b') } },
      routes: [{ name: 'any', backend, ...more }],
      limits: { node: limits },
    }),
    log: (line: string) => lines.push(line),
  }
  const server = createServer(config)
  const [address] = await server.listen()
  t.teardown(() => server.close(1))
  return { port: address?.port as number, server, lines }
}

t.test('V18: a function names a backend of the configuration, at once or later', async (t) => {
  const { port } = await serving(t, (request) => {
    const tenant = request.header('X-Tenant')
    if (tenant === null) return null
    return request.path === '/later' ? Promise.resolve(`tenant-${tenant}`) : `tenant-${tenant}`
  })
  for (const path of ['/', '/later'])
    for (const tenant of ['a', 'b'])
      t.equal((await ask(port, { path, headers: { 'x-tenant': tenant } })).body, tenant, path)
  const none = await ask(port)
  t.equal(none.status, 404)
  t.equal(none.headers['x-fermata'], 'no-route')
})

t.test(
  'V18: a function that throws, rejects, or names nothing that is there costs its own request',
  async (t) => {
    const { port, lines } = await serving(t, ({ path }) => {
      if (path === '/throws') throw new Error('thrown by the function')
      if (path === '/rejects') return Promise.reject(new Error('rejected by the function'))
      return path === '/fine' ? 'tenant-a' : 'tenant-x'
    })
    for (const path of ['/throws', '/rejects', '/unknown']) {
      const told = await ask(port, { path })
      t.equal(told.status, 500, path)
      t.equal(told.headers['x-fermata'], 'filter-failed', path)
    }
    t.equal((await ask(port, { path: '/fine' })).body, 'a')
    await until(() => lines.some((each) => each.includes('by the function')))
    t.match(lines.join('\n'), /filter backend failed/)
  },
)

t.test('V18: functions of two routes that fail have a line each, with their reasons', async (t) => {
  const lines: string[] = []
  const throws = (what: string) => () => {
    throw new Error(what)
  }
  const server = createServer({
    ...defineConfig({
      listeners: { web: { address: '127.0.0.1:0' } },
      routes: [
        { name: 'one', match: { path: '/one' }, backend: throws('first') },
        { name: 'two', match: { path: '/two' }, backend: throws('second') },
      ],
    }),
    log: (line: string) => lines.push(line),
  })
  const [address] = await server.listen()
  const port = address?.port as number
  for (const path of ['/one', '/two', '/two']) t.equal((await ask(port, { path })).status, 500)
  await server.close(1)
  const told = lines.filter((each) => each.includes('failed')).map((each) => each.replace(/ \(m\d+.*?\)/, ''))
  t.match(told, [
    /error filter backend failed on route one: GET 127\.0\.0\.1:\d+\/one: first$/,
    /error filter backend failed on route two: GET 127\.0\.0\.1:\d+\/two: second$/,
    /error filter backend failed on route two: 1 more within 10 s$/,
  ])
})

t.test('V18: one that never settles is late, and is seen until then; a bound holds', async (t) => {
  const { port, server } = await serving(
    t,
    ({ path }) => (path === '/fine' ? 'tenant-a' : new Promise(() => {})),
    {},
    { target: '300ms', targetsPendingMax: 1 },
  )
  const late = ask(port, { path: '/never' })
  await until(() => server.exchanges().length === 1)
  t.match(server.exchanges(), [{ step: 'filterRequest', waitsFor: ['backend1'] }])
  const full = await ask(port, { path: '/second' })
  t.equal(full.status, 503)
  t.equal(full.headers['x-fermata'], 'queue-full')
  t.equal((await ask(port, { path: '/fine' })).body, 'a')
  const told = await late
  t.equal(told.status, 504)
  t.equal(told.headers['x-fermata'], 'filter-late')
})

t.test('V18: a URL goes to public addresses only, and to those that allowPrivate allows', async (t) => {
  const one = await http1Backend(t)
  const two = await http2Backend(t)
  const choose: Chooser = ({ path }) => (path === '/two' ? two.url : one)
  const refused = await serving(t, choose)
  const told = await ask(refused.port, { path: '/one' })
  t.equal(told.status, 502)
  await until(() => refused.lines.some((each) => each.includes('allowPrivate')))
  t.match(refused.lines.join('\n'), /502 .*: a private address, which allowPrivate does not allow/)
  const { port } = await serving(t, choose, { allowPrivate: ['127.0.0.0/8'] })
  t.equal(asked(await ask(port, { path: '/one' })).url, '/one')
  for (let n = 0; n < 3; n++) t.equal(asked(await ask(port, { path: '/two' })).headers[':path'], '/two')
  t.equal(two.sessions(), 1, 'its engine is kept')
})

t.test(
  'V9: of the targets of functions a bounded number is kept, and the one used longest ago retires',
  async (t) => {
    const backends = await Promise.all([http2Backend(t), http2Backend(t), http2Backend(t)])
    const { port } = await serving(
      t,
      ({ path }) => backends[Number(path.slice(1))]?.url,
      { allowPrivate: true },
      { targetsMax: 2 },
    )
    for (const n of [0, 1, 0, 2, 0, 1]) t.equal((await ask(port, { path: `/${n}` })).status, 200)
    t.strictSame(
      backends.map((each) => each.sessions()),
      [1, 2, 1],
    )
  },
)

t.test('allowPrivate is for functions', async (t) => {
  t.throws(
    () =>
      createServer({
        listeners: { web: { address: 0 } },
        backends: { a: { handler: named('a') } },
        routes: [{ backend: 'a', allowPrivate: true }],
      }),
    /allowPrivate: it is for a function as backend/,
  )
})

t.test(
  'V21: requests whose target is awaited are listed, with their times, and so are those that run',
  async (t) => {
    let named = (_url: string): void => {}
    const asked: string[] = []
    const target = await http1Backend(t, (request) => void asked.push(request.url ?? ''))
    const proxy = proxyFor(t, {
      target: () => new Promise<string>((resolve) => (named = resolve)),
      allowPrivate: true,
    })
    const port = await mounted(t, proxy)
    const answer = ask(port, { path: '/awaited' }).catch(() => {})
    await until(() => proxy.exchanges().length === 1)
    // The clock goes on without a turn.
    await until(() => (proxy.exchanges()[0]?.sinceMs ?? 0) > 20)
    t.match(proxy.exchanges(), [
      {
        step: 'target',
        state: 'waiting',
        method: 'GET',
        path: '/awaited',
        waitsFor: ['target'],
        client: /^127/,
      },
    ])
    named(target)
    await until(() => asked.length === 1)
    t.match(proxy.exchanges(), [{ step: 'exchange.awaitHead', path: '/awaited' }])
    await until(() => (proxy.exchanges()[0]?.sinceMs ?? 0) > 20)
    await proxy.close({ timeoutMs: 1 })
    t.strictSame(proxy.exchanges(), [])
    await answer
  },
)

t.test('V9: a target of createProxy that never settles is late', async (t) => {
  const proxy = proxyFor(t, { target: () => new Promise(() => {}), limits: { node: { targetMs: 50 } } })
  const told = await ask(await mounted(t, proxy))
  t.equal(told.status, 504)
  t.equal(told.headers['x-fermata'], 'target-late')
})
