// The configuration of the file from code: its types are those of the schema, and it runs as the file does.
// Each `@ts-expect-error` fails the build if the line below it compiles.

import t from 'tap'
import { ConfigError, createServer, defineConfig, type ServerConfig } from '../../src/server/index.js'
import { ask, asked, http1Backend, http2Backend } from '../embedding/servers.js'

const at = (port: number | string) => ({ web: { address: `127.0.0.1:${port}` } })

t.test('V19: a whole configuration compiles, with each kind of value', async (t) => {
  const config = defineConfig({
    version: 1,
    listeners: {
      public: { address: { env: 'NO_SUCH_PORT', default: '127.0.0.1:0' }, protocols: ['h2', 'http/1.1'] },
      plain: { address: 0 },
    },
    trustedProxies: { addresses: ['10.0.0.0/8'], fields: ['x-forwarded-for'] },
    limits: {
      http2: { linger: '500ms' },
      proxy: { headTimeout: '1m' },
      transport: { heldBytesSoft: '64MiB' },
    },
    filters: { short: { bodyLimit: { bytes: '1MiB' } } },
    backends: {
      app: {
        protocol: 'h2c',
        endpoints: ['127.0.0.1:9000', { address: '127.0.0.1:9001', weight: 2 }],
        balance: { policy: 'hash', key: 'cookie.sid', bound: 1.25 },
        health: {
          active: { http: { path: '/healthz', status: ['200-299', 304] } },
          passive: false,
          panic: '50%',
        },
        retryBudget: { ratio: 0.2, perSecond: 10 },
      },
      other: { discovery: { dns: 'other.example', port: 80 } },
    },
    defaults: { timeouts: { head: '60s', request: 0 }, retry: { on: ['connect-failure', 503] } },
    routes: [
      { name: 'old', match: { path: '/old' }, redirect: { path: '/new', status: 308 } },
      { match: { path: { exact: '/hello' } }, answer: { body: 'hello\n' } },
      {
        name: 'all',
        filters: [
          'inherit',
          { use: 'short', onFailure: 'pass' },
          { headers: { response: { set: { 'x-a': '1' } } } },
        ],
        backend: [{ to: 'app', weight: 95 }, { to: 'other' }],
      },
    ],
    shutdown: { timeout: '30s' },
    accessLog: { file: '-', format: 'json' },
  })
  const server = createServer(config)
  await server.close()
  t.equal((config.backends ?? {})['app']?.protocol, 'h2c')
})

t.test('V19: a misspelt key, a wrong unit and a wrong word do not compile, at any depth', async (t) => {
  const wrong: ServerConfig[] = [
    // @ts-expect-error listeners must be there
    defineConfig({ routes: [] }),
    // @ts-expect-error there is no key `route`
    defineConfig({ listeners: {}, route: [] }),
    // @ts-expect-error there is no key `adress`
    defineConfig({ listeners: { web: { address: ':1', adress: ':2' } } }),
    // @ts-expect-error there is no key `timeuots`
    defineConfig({ listeners: {}, routes: [{ backend: 'app', timeuots: {} }] }),
    // @ts-expect-error there is no key `haed`
    defineConfig({ listeners: {}, routes: [{ backend: 'app', timeouts: { haed: '1s' } }] }),
    // @ts-expect-error there is no key `intervall`
    defineConfig({ listeners: {}, backends: { a: { health: { active: { tcp: true, intervall: '1s' } } } } }),
    // @ts-expect-error 5 has no unit
    defineConfig({ listeners: {}, defaults: { timeouts: { connect: 5 } } }),
    // @ts-expect-error 5sec has no unit of ours
    defineConfig({ listeners: {}, defaults: { timeouts: { connect: '5sec' } } }),
    // @ts-expect-error there is no policy `rond-robin`
    defineConfig({ listeners: {}, backends: { a: { balance: { policy: 'rond-robin' } } } }),
    // @ts-expect-error there is no limit `lingre`
    defineConfig({ listeners: {}, limits: { http2: { lingre: '1s' } } }),
    // @ts-expect-error a limit of bytes has a size
    defineConfig({ listeners: {}, limits: { transport: { heldBytesSoft: '1s' } } }),
    // @ts-expect-error there is no filter `header`
    defineConfig({ listeners: {}, filters: { f: { header: {} } } }),
    // @ts-expect-error bodyLimit has no option `byte`
    defineConfig({ listeners: {}, routes: [{ backend: 'a', filters: [{ bodyLimit: { byte: '1MiB' } }] }] }),
    // @ts-expect-error a redirect has no status 200
    defineConfig({ listeners: {}, routes: [{ redirect: { path: '/', status: 200 } }] }),
    // @ts-expect-error there is no version 2
    defineConfig({ version: 2, listeners: {} }),
    // @ts-expect-error a value from outside has a name
    defineConfig({ listeners: { web: { address: { env: 1 } } } }),
  ]
  // Those that are wrong beside their types are found when they are read, too.
  for (const each of wrong.slice(1, 14)) t.throws(() => createServer(each), ConfigError)
})

t.test('V19: it listens, is applied again, lists its exchanges, tells its events, and closes', async (t) => {
  const first = await http1Backend(t)
  const second = await http2Backend(t)
  const config = (url: string): ServerConfig =>
    defineConfig({
      listeners: at(0),
      backends: {
        app: {
          protocol: url.startsWith('h2c') ? 'h2c' : 'http',
          endpoints: [url.slice(url.indexOf('://') + 3)],
        },
      },
      routes: [{ name: 'all', backend: 'app' }],
    })
  const server = createServer(config(first))
  const events: string[] = []
  server.on('listening', ({ port }) => events.push(`listening ${port > 0}`))
  server.on('exchange', ({ path, outcome, status }) => events.push(`${path} ${outcome} ${status}`))
  server.on('reloaded', (error) => events.push(`reloaded ${error}`))
  server.on('draining', () => events.push('draining'))
  server.on('close', () => events.push('close'))
  const [address] = await server.listen()
  const port = address?.port as number
  t.equal(asked(await ask(port, { path: '/first' })).url, '/first')
  t.strictSame(server.exchanges(), [])
  await server.apply(config(second.url))
  t.equal(asked(await ask(port, { path: '/second' })).headers[':path'], '/second')
  await t.rejects(
    server.apply({ ...config(second.url), routes: [{ name: 'all', backend: 'ap' }] }),
    /there is no backend "ap"; did you mean app/,
  )
  t.equal((await ask(port, { path: '/third' })).status, 200, 'and nothing has changed')
  await server.close(1_000)
  t.strictSame(events, [
    'listening true',
    '/first ok 200',
    '/second ok 200',
    '/third ok 200',
    'draining',
    'close',
  ])
})
