// A server of one call: routes are replaced while requests run, and closing has a deadline.

import { once } from 'node:events'
import { createServer as createOrigin, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type Configuration, fromObject } from '../../src/config/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { ConfigError, createServer } from '../../src/server/index.js'
import type { Server } from '../../src/server/server.js'
import { freePort } from '../../tools/testbed/programs.js'
import { soon } from '../world/soon.js'

/** An origin that answers when the test tells it to, and counts its open connections. */
async function origin(t: Test) {
  const waiting: ServerResponse[] = []
  const server = createOrigin((_request, response) => void waiting.push(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, n) => resolve(n)))
  return { url, waiting, connections }
}

function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    get({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      response.resume().on('close', () => resolve(`${response.statusCode}`))
    }).on('error', () => resolve('cut'))
  })
}

const until = async (holds: () => boolean | Promise<boolean>) => {
  while (!(await holds())) await soon()
}

t.test('createServer says what it takes', async (t) => {
  for (const nothing of [undefined, null, 'http://127.0.0.1:9000'])
    t.throws(() => createServer(nothing as never), {
      name: 'ConfigError',
      message: "createServer takes an object: write { listen: '127.0.0.1:8080', backend: URL }",
    })
})

t.test('a backend that no route names any more serves what it has, then closes', async (t) => {
  const [old, next] = await Promise.all([origin(t), origin(t)])
  const server = createServer({
    listen: '127.0.0.1:0',
    backend: old.url,
    limits: { http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 } },
  })
  const [{ port }] = await server.listen()
  const statuses: number[] = []
  server.on('exchange', ({ status }) => statuses.push(status))
  const running = ask(port, '/running')
  await until(() => old.waiting.length === 1)
  await t.rejects(server.apply({ routes: { 'example.org': 'ftp://x' } }), ConfigError)
  await t.rejects(server.apply({}), ConfigError, 'nowhere to go')
  await server.apply({ backend: next.url })
  const later = ask(port, '/later')
  await until(() => next.waiting.length === 1)
  t.equal(await old.connections(), 1, 'the request that runs has its connection')
  old.waiting[0].writeHead(203).end()
  next.waiting[0].end()
  t.strictSame(await Promise.all([running, later]), ['203', '200'])
  t.strictSame(statuses.sort(), [200, 203])
  await until(async () => (await old.connections()) === 0)
  await server.apply({ backend: old.url })
  const again = ask(port, '/again')
  await until(() => old.waiting.length === 2)
  old.waiting[1].end()
  t.equal(await again, '200', 'a URL may come back')
  await server.close()
})

t.test('closing has a deadline', async (t) => {
  const silent = await origin(t)
  const server = createServer({
    listen: '127.0.0.1:0',
    backend: silent.url,
    limits: { http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 }, server: { cutMs: 1 } },
  })
  const [{ port }] = await server.listen()
  const outcomes: string[] = []
  server.on('exchange', ({ outcome, status }) => outcomes.push(outcome, String(status)))
  const running = ask(port, '/')
  await until(() => silent.waiting.length === 1)
  await server.close(2)
  t.equal(await running, 'cut')
  t.equal(outcomes.length, 2)
  t.not(outcomes[0], 'ok')
  t.equal(outcomes[1], '0', 'it was not answered')
})

/** Options as JavaScript may pass them, and what the error has. */
const WRONG: readonly (readonly [object, RegExp])[] = [
  [{}, /there is no backend|listen/],
  [{ listen: 18080 }, /listen: 18080 is not an address: write '127\.0\.0\.1:8080'/],
  [{ listen: [] }, /listen is empty/],
  [{ listen: ':0', drainTimeout: 1 }, /there is no option 'drainTimeout'; did you mean drainTimeoutMs\?/],
  [{ listen: ':0', drainTimeoutMs: -1 }, /drainTimeoutMs must be 0 or more ms, not -1/],
  [{ listen: ':0', share: 'x' }, /share must be 'process' or 'connection', not 'x'/],
  [{ listen: ':0', sendProxy: 'v3' }, /sendProxy must be 'v1' or 'v2', not 'v3'/],
  [{ listen: ':0', limits: { proxi: {} } }, /there is no room 'proxi'; did you mean proxy\?/],
  [
    { listen: ':0', limits: { proxy: { headTimeout: 1 } } },
    /there is no limit 'proxy\.headTimeout': did you mean proxy\.headTimeoutMs\?/,
  ],
  [
    { listen: ':0', limits: { proxy: { headTimeoutMs: '10s' } } },
    /must be a whole number from 1 to \d+, not 10s/,
  ],
  [{ listen: ':0', limits: { proxy: { headTimeoutMs: Number.NaN } } }, /must be a whole number/],
  [{ listen: ':0', limits: { transport: { flushBytesMax: 0 } } }, /from 65536 to 16777216, not 0/],
  [{ listen: ':0', connect: ['x'] }, /not a pattern: x/],
  [{ listen: ':0', acceptProxy: ['foo'] }, /foo/],
  [{ listen: 'https://:0' }, /certificate/],
  [{ lsiten: ':0' }, /there is no option 'lsiten'; did you mean listen\?/],
  [{ listen: { port: 1 } }, /listen: \[object Object\] is not an address/],
  [{ listen: ':0', on: {} }, /there is no option 'on': listeners are added on the server: write server\.on/],
  [
    { listen: ':0', handlers: () => {} },
    /'handlers': an app is a backend of a document: write listeners, and/,
  ],
  [{ listen: ':0', backend: () => {} }, /backend: an app is a backend of a document: write listeners/],
  [
    { listen: ':0', backend: 5 },
    /backend must be the URL of a backend, as http:\/\/127\.0\.0\.1:9000, not 5/,
  ],
  [{ listen: ':0', backend: 'http://a:1/x' }, /^'http:\/\/a:1\/x' is not a backend: write/],
  [{ listen: ':0', filters: [] }, /'filters': it is a key of a document: write listeners in place of listen/],
  [{ listen: ':0', nothingLikeIt: 1 }, /'nothingLikeIt'; known are listen, routes, backend/],
  [{ listen: ':0', routes: [] }, /routes must be an object with URLs by HOST\/PREFIX, as .*, not a list/],
  [{ listen: ':0', certificates: { cert: 'x' } }, /certificates must be a function that returns/],
  [
    { listen: ':0', backendTls: { servername: 'x' } },
    /backendTls: there is no 'servername': write serverName/,
  ],
  [{ listen: ':0', backendTls: { verify: 'no' } }, /backendTls\.verify must be true or false, not 'no'/],
  [{ listen: ':0', debug: true }, /debug must be an object with listen, token, secrets, not true/],
  [{ listen: ':0', debug: { listen: ':0', tokn: 'x' } }, /debug: there is no 'tokn'; did you mean token\?/],
  [{ listen: ':0', processLog: { levl: 'x' } }, /processLog: there is no 'levl'; did you mean level\?/],
  [{ listen: ':0', processLog: { level: 'x' } }, /processLog\.level must be 'error' or 'warn' or/],
  [
    { listen: ':0', accessLog: { file: '-', filds: [] } },
    /accessLog: there is no 'filds'; did you mean fields\?/,
  ],
  [
    { listen: ':0', accessLog: { file: '-', redact: { field: [] } } },
    /accessLog\.redact: there is no 'field'; did you mean fields\?/,
  ],
  [{ listen: ':0', trace: 'x' }, /trace must be a function, not 'x'/],
  [{ listen: ':0', limits: 'x' }, /limits must be an object, as .*, not 'x'/],
  [
    { listen: ':0', limits: { http1: 3 } },
    /limits\.http1 must be an object with limits and their values, not 3/,
  ],
  [{ listen: ':0', connect: 'a:1' }, /connect must be a list of texts, not 'a:1'/],
  [{ listeners: {}, on: {} }, /there is no option 'on': listeners are added on the server/],
]

t.test('wrong options throw a ConfigError that says what to write', async (t) => {
  for (const [options, message] of WRONG) {
    const all = { backend: 'http://127.0.0.1:1', ...options } as never
    const title = JSON.stringify(options)
    try {
      createServer(all)
      t.fail(title)
    } catch (error) {
      t.type(error, ConfigError, title)
      t.match((error as Error).message, message, title)
    }
  }
  const server = createServer({
    listen: '127.0.0.1:0',
    backend: 'http://127.0.0.1:1',
    limits: { http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 } },
  })
  await server.listen()
  await t.rejects(server.apply(undefined as never), ConfigError)
  await server.close()
  await t.rejects(server.apply({ backend: 'http://127.0.0.1:2' }), /was closed/)
})

t.test(
  'of two configurations the newer one serves: both are read, or wait for their listeners',
  async (t) => {
    const document = (status: number, ...hosts: string[]) => ({
      version: 1,
      listeners: Object.fromEntries(
        hosts.map((host) => [`at-${host.at(-1)}`, { address: `${host}:${port}` }]),
      ),
      routes: [{ name: 'all', answer: { status } }],
    })
    const port = await freePort()
    const server = createServer(document(200, '127.0.0.1'))
    await server.listen()
    t.teardown(() => server.close())
    const older = server.apply(document(201, '127.0.0.1'))
    const newer = server.apply(document(202, '127.0.0.1'))
    await t.rejects(older, { name: 'ConfigError', message: /a newer configuration came before it was read/ })
    await newer
    const status = async (host: string) => (await fetch(`http://${host}:${port}/`)).status
    t.equal(await status('127.0.0.1'), 202)

    const { server: inner } = server as unknown as { server: Server }
    const applied = (change: ReturnType<typeof document>): Promise<Error | null> =>
      new Promise((resolve) => {
        const { configuration } = fromObject(change, limitTables())
        inner.apply(configuration as Configuration, resolve)
      })
    const late = applied(document(203, '127.0.0.1', '127.0.0.2'))
    t.equal(await applied(document(204, '127.0.0.1')), null)
    t.match(await late, { message: /a newer configuration came before it served/ })
    t.equal(await status('127.0.0.1'), 204)
    await t.rejects(status('127.0.0.2'), 'its listener is closed again')

    const last = server.apply(document(205, '127.0.0.1', '127.0.0.3'))
    void server.close()
    await t.rejects(last, { message: 'the server is closing' })
  },
)

t.test('orders to read again while a reading waits add nothing, and take the place of none', async (t) => {
  const port = await freePort()
  const document = (status: number) => ({
    listeners: { main: { address: `127.0.0.1:${port}` } },
    routes: [{ answer: { status } }],
  })
  const lines: string[] = []
  let told = (): void => {}
  const log = (line: string): void => {
    lines.push(line)
    told()
  }
  const server = createServer({ version: 1, ...document(201), log })
  const errors: unknown[] = []
  server.on('reloaded', (error) => errors.push(error))
  await server.listen()
  t.teardown(() => server.close())
  const again = (): number => lines.filter((each) => each.includes('nothing has changed')).length
  for (let i = 0; i < 5; i++) server.reload()
  while (again() === 0)
    await new Promise<void>((resolve) => {
      told = resolve
    })
  const applied = server.apply({ version: 1, ...document(202) })
  server.reload()
  await applied
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 202)
  t.equal(again(), 1)
  t.strictSame(errors, [])
})

t.test('a document that is wrong is refused with all its mistakes, and the old one stays', async (t) => {
  const port = await freePort()
  const listeners = { main: { address: `127.0.0.1:${port}` } }
  const server = createServer({ version: 1, listeners, routes: [{ answer: { status: 204 } }] })
  await server.listen()
  t.teardown(() => server.close())
  const wrong = server.apply({ version: 1, listeners, rotues: [], routes: [{ anwser: { status: 200 } }] })
  await t.rejects(wrong, {
    name: 'ConfigError',
    message: /did you mean answer\?\n.*rotues: unknown key; did you mean routes/,
  })
  const withFunction = server.apply({ version: 1, listeners, routes: [{ name: () => 'x' }] })
  await t.rejects(withFunction, { name: 'ConfigError', message: /routes\[0\]\.name: is of type function/ })
  const app = () => {}
  for (const [document, messages] of [
    [{ backends: { a: { handlers: app } } }, ['backends.a.handlers: unknown key; did you mean handler?']],
    [
      { backends: { a: { handlers: createOrigin() } } },
      ['backends.a.handlers: unknown key; did you mean handler?'],
    ],
    [{ routes: [{ backends: app }] }, ['routes[0].backends: unknown key; did you mean backend?']],
    [{ backends: { a: app } }, ['backends.a: is of type function; for an app write { handler: app }']],
    [
      { routes: [{ backend: createOrigin() }] },
      [/^routes\[0\]\.backend: is an object .*; an app is the handler/],
    ],
    [
      { routes: [{ handler: app }] },
      [/^routes\[0\]\.handler: unknown key; an app is the handler of a backend/],
    ],
    [{ rotues: [{ backend: app }] }, ['rotues: unknown key; did you mean routes?']],
    [{ lgo: app }, [/^lgo: unknown key; known here: version, include, listeners/]],
  ] as const) {
    const refused = await server.apply({ version: 1, listeners, routes: [], ...document }).then(
      () => t.fail(JSON.stringify(document)),
      (error: Error) => error.message.split('\n'),
    )
    t.match(refused, messages)
    t.equal((refused as string[]).filter((each) => /: (?:unknown key|is )/.test(each)).length, 1, 'told once')
  }
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 204)
})

t.test('an address that is in use: the message names the option of createServer', async (t) => {
  const other = createOrigin().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const backend = 'http://127.0.0.1:1'
  const message = (where: string) =>
    `cannot listen on 127.0.0.1:${port}: it is in use by another program; choose another ${where} (EADDRINUSE)`
  const address = `127.0.0.1:${port}`
  await t.rejects(createServer({ listen: address, backend }).listen(), { message: message('in listen') })
  const document = { listeners: { web: { address } }, routes: [{ answer: { status: 204 } }] }
  await t.rejects(createServer(document).listen(), { message: message('in listeners.web.address') })
  const debugged = createServer({ listen: '127.0.0.1:0', backend, debug: { listen: address } })
  const failed = once(debugged, 'error')
  debugged.listen().catch(() => {})
  t.match(await failed, [{ message: message('in debug.listen') }])
  await debugged.close()
})

t.test(
  'a listener of an event that does not exist, and a deadline that is no number, are refused',
  async (t) => {
    const server = createServer({ listen: '127.0.0.1:0', backend: 'http://127.0.0.1:1' })
    const ignore = () => {}
    const message = "there is no event 'exchanges'; did you mean exchange?"
    for (const add of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const)
      t.throws(() => server[add]('exchanges' as never, ignore as never), { name: 'TypeError', message }, add)
    t.throws(() => server.on('request' as never, ignore as never), {
      message: /; known are listening, replaced/,
    })
    server.on('newListener' as never, ignore as never)
    t.equal(server.listenerCount('newListener' as never), 1, 'Node has it')
    t.throws(() => server.close({ timeoutMs: 1 } as never), {
      name: 'ConfigError',
      message: 'the deadline of close must be 0 or more ms, not an object with timeoutMs',
    })
    await server.close(0)
  },
)
