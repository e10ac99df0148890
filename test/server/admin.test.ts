// The admin listener and the listener of probes, over real sockets: who may ask, what is told, what may be
// done.

import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readText } from '../../src/config/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { Program, unlessInstalled } from '../../tools/testbed/programs.js'
import { soon } from '../world/soon.js'
import { type Asked, ask, serve, text } from './admin-server.js'

t.jobs = 4

const TOKEN = 'a-token-of-the-test'

t.test(
  'Q2, Q3, Q4, Q5: over TCP a token for all but probes, the right Host, and no other site',
  async (t) => {
    const { at } = await serve(t, text(`admin: { address: "127.0.0.1:0", token: ${TOKEN} }`))
    const admin = at('admin')
    const authorization = `Bearer ${TOKEN}`
    const rows: readonly (readonly [string, Asked, number, RegExp])[] = [
      ['/healthz', {}, 200, /^ok/],
      ['/metrics', {}, 200, /^# HELP/],
      ['/backends', {}, 401, /Bearer TOKEN/],
      ['/backends', { headers: { authorization: `Bearer ${TOKEN}x` } }, 401, /./],
      ['/backends', { headers: { authorization: TOKEN } }, 401, /./],
      ['/backends', { headers: { authorization } }, 200, /^\[/],
      ['/healthz', { headers: { host: 'evil.example' } }, 421, /its names are localhost/],
      ['/healthz', { headers: { host: 'LOCALHOST.:1' } }, 200, /./],
      ['/healthz', { headers: { origin: 'https://evil.example' } }, 403, /other sites/],
      ['/healthz', { headers: { 'sec-fetch-site': 'cross-site' } }, 403, /./],
      ['/healthz', { headers: { 'sec-fetch-site': 'none' } }, 200, /./],
      ['/nothing', { headers: { authorization } }, 404, /openapi/],
      ['/backends', { method: 'POST', headers: { authorization } }, 405, /takes GET/],
      [
        '/reload',
        { method: 'POST', headers: { authorization, 'content-type': 'text/plain' }, body: '{}' },
        415,
        /./,
      ],
      [
        '/reload',
        { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: '{' },
        400,
        /not JSON/,
      ],
      [
        '/reload',
        {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: `"${'x'.repeat(70_000)}"`,
        },
        413,
        /at most 65536/,
      ],
      ['/reload', { method: 'POST', headers: { authorization, 'content-length': '0' } }, 202, /reload/],
      ['/explain?url=x', { headers: { authorization } }, 400, /is not a URL/],
      ['/explain?url=http://a/', { headers: { authorization } }, 200, /"route","value":"all"/],
      ['/exchanges?sort=x', { headers: { authorization } }, 400, /sort by age, held/],
      ['/exchanges?if=1', { headers: { authorization } }, 400, /must be true or false/],
      ['/exchanges?limit=x', { headers: { authorization } }, 400, /limit/],
      ['/exchanges/m1%2Fr99', { headers: { authorization } }, 404, /nothing that lives has the id 'm1\/r99'/],
      ['/openapi.json', {}, 200, /"openapi":"3\.1\.0"/],
    ]
    for (const [path, asked, status, body] of rows) {
      const answer = await ask(admin, path, asked)
      t.equal(answer.status, status, `${path} ${JSON.stringify(asked).slice(0, 90)}`)
      t.match(answer.body, body)
    }
  },
)

t.test('Q9: a purge over the admin listener, by URL, prefix and tag; the cache asks again', async (t) => {
  let asked = 0
  const origin = createHttp((_, response) => {
    asked++
    response.setHeader('cache-control', 'max-age=600')
    response.setHeader('cache-tag', 'all, some')
    response.end('x')
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    origin.closeAllConnections()
    origin.close()
  })
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { at } = await serve(
    t,
    text(
      `admin: { address: "unix:${join(folder, 'a')}" }\nbackends: { app: { endpoints: ["127.0.0.1:${(origin.address() as AddressInfo).port}"] } }`,
      'filters: { pages: { cache: {} } }\nroutes: [{ name: api, backend: app, filters: [pages] }]',
    ),
  )
  const { port } = at('main') as { port: number }
  const purge = async (body: unknown, cache = 'pages') => {
    const { status, body: told } = await ask(at('admin'), `/caches/${cache}/purge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status, ...(JSON.parse(told) as object) }
  }
  for (const [body, removed] of [
    [{ url: `http://127.0.0.1:${port}/x` }, 1],
    [{ prefix: `http://127.0.0.1:${port}/` }, 1],
    [{ tag: 'some' }, null],
    [{ all: true }, 1],
  ] as const) {
    const before = asked
    for (let i = 0; i < 2; i++) await ask(at('main'), '/x')
    t.equal(asked, before + 1)
    t.match(await purge(body), { status: 200, cache: 'pages', purged: body, removed })
    await ask(at('main'), '/x')
    t.equal(asked, before + 2, JSON.stringify(body))
    await purge({ all: true })
  }
  t.match(await purge({ all: true }, 'nothing'), { status: 404, error: /there is pages/ })
  t.match(await purge({}), { status: 400, error: /nothing to purge/ })
  const { body } = await ask(at('admin'), '/caches')
  t.match(JSON.parse(body), [{ name: 'pages', entries: 0, fills: 0, hits: 4 }])
})

t.test('Q1, Q6: over a Unix-domain socket its mode decides, and no secret is told', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a')
  const { at } = await serve(
    t,
    text(
      `admin: { address: "unix:${path}", token: ${TOKEN} }\ndebug: { address: 1, token: secret-of-debug }`,
    ),
  )
  t.equal(statSync(path).mode & 0o777, 0o600)
  const { body, status } = await ask(at('admin'), '/config')
  t.equal(status, 200)
  t.match(JSON.parse(body), { routes: [{ name: 'all' }], admin: { token: '***' }, debug: { token: '***' } })
  t.notMatch(body, /secret-of-debug|a-token/)
})

t.test(
  'Q7: a request that hangs is listed, explained and ended; what the access log hides is hidden',
  async (t) => {
    const never = createHttp(() => {})
    await new Promise<void>((resolve) => never.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      never.closeAllConnections()
      never.close()
    })
    const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'a')
    const { at, server } = await serve(
      t,
      text(
        `admin: { address: "unix:${path}" }\nbackends: { app: { endpoints: ["127.0.0.1:${(never.address() as AddressInfo).port}"] } }`,
        'routes: [{ name: api, backend: app }]',
      ),
    )
    const main = at('main') as { port: number }
    const client = connect(main.port, '127.0.0.1')
    client.on('error', () => {})
    t.teardown(() => client.destroy())
    client.write('GET /stuck?secret=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\n\r\n')
    const asked = new Promise((resolve) => never.once('request', resolve))
    await asked
    const list = await ask(at('admin'), '/exchanges?if=step%3D%3D"awaitHead"')
    const { rows, total } = JSON.parse(list.body) as { rows: { id: string; path: string }[]; total: number }
    t.equal(total, 1)
    t.strictSame(
      rows.map(({ path }) => path),
      ['/stuck?secret=***'],
    )
    for (const [condition, matched] of [
      ['request.path.contains("secret=1")', 0],
      ['request.path.contains("secret=***")', 1],
      ['request.headers["authorization"].contains("eDp5")', 0],
      ['request.headers["authorization"] == "***"', 1],
    ] as const)
      t.match(JSON.parse((await ask(at('admin'), `/exchanges?if=${encodeURIComponent(condition)}`)).body), {
        matched,
      })
    const id = encodeURIComponent(rows[0].id)
    t.match(JSON.parse((await ask(at('admin'), `/exchanges/${id}`)).body), {
      text: /has sent no response head/,
    })
    t.match((await ask(at('admin'), '/metrics')).body, /^fermata_exchanges\{step="awaitHead"\} 1$/m)
    t.match(await ask(at('admin'), `/exchanges/${id}`, { method: 'DELETE' }), {
      status: 200,
      body: /"ended":true/,
    })
    while (server.proxy.logged === 0) await soon()
    const { body } = await ask(at('admin'), '/metrics')
    t.match(
      body,
      /^fermata_requests_total\{listener="main",route="api",backend="app",code="[^"]*",outcome="[a-z-]+"\} 1$/m,
    )
    t.match(body, /^fermata_step_seconds_count\{step="awaitHead"\} 1$/m)
    t.match(JSON.parse((await ask(at('admin'), '/backends')).body), [{ name: 'app', members: [{ load: 0 }] }])
  },
)

t.test(
  'ready while it serves, and not from the order to stop on, though it serves for a while',
  async (t) => {
    const { at, server, end } = await serve(
      t,
      text('probes: { address: "127.0.0.1:0" }\nshutdown: { delay: 60s }'),
    )
    t.match(await ask(at('probes'), '/readyz'), { status: 200, body: 'ready\n' })
    t.match(await ask(at('probes'), '/backends'), { status: 404 })
    server.command('shutdown')
    while ((await ask(at('probes'), '/readyz')).status === 200);
    t.match(await ask(at('probes'), '/readyz'), { status: 503, body: 'stopping\n' })
    t.match(await ask(at('main'), '/'), { status: 204 }, 'requests are still served')
    t.match(await ask(at('probes'), '/healthz'), { status: 200 })
    server.command('drain')
    await end
    await t.rejects(ask(at('probes'), '/healthz'))
  },
)

t.test('Q2: an admin listener over TCP needs a token', async (t) => {
  const { errors } = readText(text('admin: { address: "127.0.0.1:1" }'), 'x.yaml', limitTables())
  t.match(errors, [{ path: 'admin', message: /over TCP a token is needed/ }])
})

t.test('what a reload takes away has no series', async (t) => {
  const { at, server } = await serve(
    t,
    text(
      'probes: { address: "127.0.0.1:0" }\nbackends: { app: { endpoints: ["127.0.0.1:1"] } }',
      'routes: [{ name: gone, match: { path: /gone }, backend: app }, { name: stays, answer: { status: 204 } }]',
    ),
  )
  await ask(at('main'), '/gone')
  await ask(at('main'), '/')
  const told = async () => (await ask(at('probes'), '/metrics')).body
  t.match(await told(), /backend="app"/)
  const { configuration } = server
  await new Promise((resolve) =>
    server.apply(
      { ...configuration, backends: [], routes: configuration.routes.filter(({ name }) => name === 'stays') },
      resolve,
    ),
  )
  const after = await told()
  t.notMatch(after, /route="gone"|backend="app"/)
  t.match(after, /route="stays"/)
  await ask(at('main'), '/')
  t.match(await told(), /^fermata_requests_total\{.*route="stays".*\} 2$/m, 'the others go on')
})

t.test('promtool takes the metrics', { skip: unlessInstalled('promtool') }, async (t) => {
  const { at } = await serve(t, text('probes: { address: "127.0.0.1:0" }'))
  await ask(at('main'), '/')
  const { body } = await ask(at('probes'), '/metrics')
  const program = new Program('promtool', ['check', 'metrics'], { input: true })
  program.type(body)
  program.end()
  const { code } = await program.exited
  t.strictSame([code, program.output], [0, ''])
})

t.test('the metrics are those of the page, with its labels; the questions too', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'fermata-')), 'a')
  t.teardown(() => rmSync(join(path, '..'), { recursive: true }))
  const { at } = await serve(
    t,
    text(
      `admin: { address: "unix:${path}" }\nbackends: { app: { endpoints: ["127.0.0.1:1"] } }`,
      'routes: [{ backend: app }]',
    ),
  )
  await ask(at('main'), '/')
  const { body } = await ask(at('admin'), '/metrics')
  const rows = tableOf(readFileSync('spec/metrics.md', 'utf8'), 'What is measured')
  const told = [...body.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name]) => name)
  t.strictSame([...told].sort(), rows.map(({ metric }) => metric).sort())
  for (const { metric, labels } of rows) {
    const line = new RegExp(`^${metric}(?:_count)?(?:\\{(.*)\\})? `, 'm').exec(body)
    if (line === null) continue
    const named = [...(line[1] ?? '').matchAll(/(\w+)="/g)].map(([, name]) => name)
    t.strictSame(named, labels === '-' ? [] : labels.split(', '), metric)
  }
  const { paths } = JSON.parse((await ask(at('admin'), '/openapi.json')).body) as {
    paths: Record<string, Record<string, unknown>>
  }
  t.strictSame(
    Object.entries(paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .sort(),
    tableOf(readFileSync('spec/admin.md', 'utf8'), 'What is asked')
      .map(({ request }) => request.replace(/\?.*/, ''))
      .sort(),
  )
})
