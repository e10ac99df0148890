// Faults of configured servers that a reader has found, each with the right value.

import { writeFileSync } from 'node:fs'
import { createServer as createHttp, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { readText } from '../../src/config/index.js'
import { checked, limitTables, readOptions } from '../../src/server/check-configuration.js'
import { explain } from '../../src/server/explain.js'
import { createServer } from '../../src/server/index.js'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { freePort } from '../../tools/testbed/programs.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { soon } from '../world/soon.js'

t.jobs = 4

async function backend(
  t: Test,
  answers: (request: IncomingMessage) => { status: number; headers?: Record<string, string>; body: string },
): Promise<number> {
  const server = createHttp((request, response) => {
    const { status, headers = {}, body } = answers(request)
    response.writeHead(status, headers)
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

interface Answer {
  readonly status: number
  readonly body: string
}

const ask = (port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    httpRequest({ port, path, headers, host: '127.0.0.1', agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
      .on('error', reject)
      .end()
  })

t.test('two TLS connections from one port of a client, to two listeners', async (t) => {
  const [one, two, own] = [await freePort(), await freePort(), await freePort()]
  await serveText(
    t,
    `
version: 1
certificates: { site: { cert: { file: "${pathOf('localhost.pem')}" }, key: { file: "${pathOf('localhost.key')}" } } }
listeners:
  one: { address: "127.0.0.1:${one}", tls: { certificates: [site] } }
  two: { address: "127.0.0.2:${two}", tls: { certificates: [site] } }
routes:
  - { match: { listener: one }, answer: { status: 200, body: one } }
  - { match: { listener: two }, answer: { status: 200, body: two } }
`,
  )
  // Both are open before either shakes hands.
  const open = (port: number, host: string) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect({ port, host, localAddress: '127.0.0.1', localPort: own }, () => resolve(socket))
      socket.on('error', reject)
      t.teardown(() => socket.destroy())
    })
  const sockets = [await open(one, '127.0.0.1'), await open(two, '127.0.0.2')]
  const answers = sockets.map(
    (socket) =>
      new Promise<string>((resolve, reject) => {
        const secure = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () =>
          secure.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
        )
        let text = ''
        secure.setEncoding('latin1').on('data', (chunk: string) => {
          text += chunk
        })
        secure.on('end', () => resolve(text.split('\r\n\r\n')[1]))
        secure.on('error', reject)
      }),
  )
  t.strictSame(await Promise.all(answers), ['one', 'two'])
})

t.test(
  'N1, N2: a field of the operator that is listed is dropped from strangers, in every spelling',
  async (t) => {
    const port = await backend(t, ({ rawHeaders }) => ({
      status: 200,
      body: JSON.stringify(rawHeaders.filter((each) => /^(?:x.auth|stranger|proxy)/i.test(each))),
    }))
    const text = (addresses: string) => `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
trustedProxies: { addresses: [${addresses}], fields: [x-auth-user-id] }
backends: { app: { endpoints: ["127.0.0.1:${port}"] } }
routes: [{ backend: app }]
`
    const fields = { 'X-Auth-User-Id': 'stranger', x_auth_user_id: 'stranger', 'X-Auth_User-Id': 'stranger' }
    const stranger = await serveText(t, text('10.0.0.0/8'))
    t.equal((await ask(stranger.portOf(), '/', fields)).body, '[]')
    const proxy = await serveText(t, text('127.0.0.1'))
    t.equal((await ask(proxy.portOf(), '/', fields)).body, '["x-auth-user-id","stranger"]')
    const { errors } = readText(
      text('10.0.0.0/8').replace('x-auth-user-id', 'Content-Length'),
      'x',
      limitTables(),
    )
    t.match(errors, [{ path: 'trustedProxies.fields[0]', message: /does not tell of a client/ }])
  },
)

t.test('R14: a retry that would come after timeouts.request is none', async (t) => {
  const port = await backend(t, () => ({ status: 503, headers: { 'retry-after': '1' }, body: 'busy' }))
  const { portOf, server } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
backends: { app: { endpoints: ["127.0.0.1:${port}"] } }
routes: [{ backend: app, timeouts: { request: 300ms }, retry: { on: [503] } }]
`,
  )
  t.match(await ask(portOf(), '/'), { status: 503, body: 'busy' })
  t.equal(server.proxy.outcomes.get('ok'), 1)
})

t.test('R14: a request that waits for its retry is no load of an endpoint', async (t) => {
  const asked: string[] = []
  const port = await backend(t, ({ url }) => {
    asked.push(String(url))
    return asked.length === 1
      ? { status: 503, headers: { 'retry-after': '1' }, body: '' }
      : { status: 200, body: 'ok' }
  })
  const { portOf, server } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
backends: { app: { endpoints: ["127.0.0.1:${port}"], limits: { requests: 1 } } }
routes: [{ backend: app, retry: { on: [503] } }]
`,
  )
  const first = ask(portOf(), '/first')
  while (asked.length === 0) await soon()
  const [{ member }] = server.proxy.backends[0].endpoints
  while (member.load > 0) await soon()
  t.match(await ask(portOf(), '/second'), { status: 200 })
  t.match(await first, { status: 200 })
  t.strictSame(asked, ['/first', '/second', '/first'])
})

t.test('timeouts.connect counts while no connection is open, and timeouts.lease does not', async (t) => {
  // It accepts, and never shakes hands.
  const silent = createTcp((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void silent.close())
  const { portOf } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
backends: { app: { protocol: h2, tls: { verify: false }, endpoints: ["127.0.0.1:${(silent.address() as AddressInfo).port}"] } }
routes: [{ name: app, backend: app, errors: detailed, timeouts: { connect: 300ms, lease: 50ms } }]
`,
  )
  const { status, body } = await ask(portOf(), '/')
  t.equal(status, 504)
  t.match(body, /connect-late .*timeouts\.connect is 300ms/)
})

t.test('a name of many dots costs nobody else anything', async (t) => {
  const { portOf, server } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
routes:
  - { match: { hosts: ["*.example.org"] }, answer: { status: 204 } }
  - { answer: { status: 200 } }
`,
  )
  const names = { long: `${'.'.repeat(15_000)}example.org`, deep: `${'a.'.repeat(100)}example.org` }
  t.equal((await ask(portOf(), '/', { host: names.deep })).status, 204)
  t.equal((await ask(portOf(), '/', { host: names.long })).status, 200, 'it is no name')
  const { hosts } = server.proxy.routes as unknown as { hosts: { wildcards: Map<string, unknown> } }
  let looks = 0
  const { get } = hosts.wildcards
  hosts.wildcards.get = function (key: string) {
    looks++
    return get.call(this, key)
  }
  await ask(portOf(), '/', { host: `.${names.long}` })
  t.equal(looks, 0)
})

t.test('a file that is put back while its change is under way', async (t) => {
  const port = await freePort()
  const document = (status: number) => ({
    version: 1,
    listeners: { main: { address: `127.0.0.1:${port}` } },
    backends: Object.fromEntries(
      Array.from({ length: 300 }, (_, at) => [`b${at}`, { endpoints: [`127.0.0.1:${at + 1}`] }]),
    ),
    routes: [{ answer: { status } }],
  })
  const file = join(t.testdir(), 'fermata.yaml')
  writeFileSync(file, JSON.stringify(document(201)))
  const { readFile, serveFile } = await import('../../src/server/serve-file.js')
  const server = serveFile(file, readFile(file), false, {})
  await server.listen()
  t.teardown(() => server.close())
  const inner = (
    server as unknown as { reconfiguring: { readAgain(reading: unknown, asked: boolean): void } }
  ).reconfiguring
  const { readFrom } = await import('../../src/server/reading.js')
  const { key } = inner as unknown as { key: string }
  const answerFor = (status: number) => {
    writeFileSync(file, JSON.stringify(document(status)))
    return { answer: readFrom({ source: { file }, options: readOptions(key), digestKey: key }) }
  }
  const [middle, first] = [answerFor(202), answerFor(201)]
  const told: (Error | null)[] = []
  server.on('reloaded', (wrong) => void told.push(wrong))
  inner.readAgain(middle, true)
  // The change to the one in the middle has begun.
  await new Promise(setImmediate)
  inner.readAgain(first, true)
  while (told.length < 2) await soon()
  t.equal((await ask(port, '/')).status, 201, 'what the file says')
})

t.test('explain sees what the router sees: redirects, and no claims of a client', async (t) => {
  const loop = `version: 1
listeners: { main: { address: 127.0.0.1:80 } }
trustedProxies: { addresses: [127.0.0.1], fields: [x-forwarded-proto] }
routes:
  - { name: tls, redirect: { scheme: https } }
  - { name: app, answer: { status: 200, body: app } }
`
  const claims = `version: 1
listeners: { main: { address: 127.0.0.1:80 } }
routes:
  - { name: claimed, match: { headers: { x-real-ip: 192.0.2.1 } }, answer: { status: 200 } }
  - { name: rest, answer: { status: 204 } }
`
  const routeOf = (text: string, ...headers: string[]) => {
    const { configuration } = checked(readText(text, 'x.yaml', limitTables()))
    if (configuration === null) throw new Error('wrong')
    const asked = { url: 'http://a/', method: 'GET', headers, from: '127.0.0.1' }
    return explain(configuration, asked).find(({ about }) => about === 'route')?.value
  }
  t.equal(routeOf(loop), 'tls')
  t.equal(routeOf(loop, 'x-forwarded-proto: https'), 'app', 'N9')
  t.equal(routeOf(claims, 'x-real-ip: 192.0.2.1'), 'rest', 'N2')
})

t.test('no message shows a secret', async (t) => {
  const texts = {
    number: 'debug: { address: 4711, token: 123456789 }',
    key: 'backends: { a: { endpoints: ["127.0.0.1:1"], balance: { affinity: { cookie: s, key: 9876543210123 } } } }',
    default:
      'backends: { a: { endpoints: ["127.0.0.1:1"], balance: { affinity: { cookie: s, key: { env: NOPE, default: 555666777 } } } } }',
    start: 'debug: { address: 4711, token: @s3cr3t-token-value }',
  }
  for (const [what, text] of Object.entries(texts)) {
    const whole = `version: 1\nlisteners: { main: { address: 1 } }\nroutes: [{ answer: {} }]\n${text}\n`
    const { errors } = readText(whole, 'x.yaml', limitTables())
    t.not(errors.length, 0, what)
    t.notMatch(JSON.stringify(errors), /123456789|9876543210123|555666777|s3cr3t/, what)
  }
  const outside = `version: 1\nlisteners: { main: { address: { env: ADDR } } }\nroutes: [{ answer: {} }]\n`
  const told = (key: string) =>
    readText(outside, 'x.yaml', { ...readOptions(key), env: { ADDR: 'my secret' } }).errors[0].message
  t.match(told('a'), /ADDR holds \*\*\* [0-9a-f]{6}, which/)
  t.equal(told('a'), told('a'))
  t.not(told('a'), told('b'), 'the digits are of a key of the process')
})

t.test('a server of createServer tells of late bodies with their setting', async (t) => {
  const lines: string[] = []
  const port = await freePort()
  const never = createHttp((request, response) => {
    request.resume()
    response.writeHead(200)
    response.write('x')
  })
  await new Promise<void>((resolve) => never.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    never.closeAllConnections()
    never.close()
  })
  const server = createServer({
    version: 1,
    listeners: { main: { address: `127.0.0.1:${port}` } },
    backends: { app: { endpoints: [`127.0.0.1:${(never.address() as AddressInfo).port}`] } },
    routes: [{ name: 'app', backend: 'app', timeouts: { idle: '100ms', head: '60s' } }],
    log: (line: string) => void lines.push(line),
  })
  await server.listen()
  t.teardown(() => server.close(0))
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.resume().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
  await new Promise((resolve) => socket.once('close', resolve))
  t.match(
    lines.join('\n'),
    /request-late from app: POST a\/ \(m1\/r1\): timeouts\.idle is 100ms \(route app\)/,
  )
})
