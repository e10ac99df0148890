// `fermata serve FILE` as a user runs it: the built program, real backends, a file that changes.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, get as httpGet, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { freePort, type Program, run, start } from '../../tools/testbed/programs.js'
import { echoUpgrades } from '../../tools/testbed/websocket-echo.js'
import { saidBy } from '../world/command-lines.js'

t.jobs = 4

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const fermata = (...args: string[]) => run(process.execPath, [main, ...args], { timeoutMs: 20_000 })

/** A backend that says its name, and what it was asked for. */
async function backend(t: Test, name: string): Promise<{ port: number; server: Server }> {
  const server = createServer((request, response) => {
    if (request.url === '/never') return
    if (request.url === '/status/503') response.statusCode = 503
    response.end(`${name} ${request.url} ${request.headers['x-forwarded-for']}`)
  })
  echoUpgrades(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server }
}

async function serve(t: Test, file: string, ...args: string[]): Promise<Program> {
  const program = await start(process.execPath, [main, 'serve', file, ...args], { line: /has \d+ route/ })
  t.teardown(() => program.stop())
  return program
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

const ask = (port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    httpGet({ port, path, headers, agent: false, host: '127.0.0.1' }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    }).on('error', reject)
  })

/** Replaces a file as editors and ConfigMaps do. */
function put(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

t.test('an address in use is named by its key', async (t) => {
  const { port } = await backend(t, 'one')
  const file = join(t.testdir(), 'fermata.yaml')
  put(
    file,
    `
version: 1
listeners: { plain: { address: "127.0.0.1:${port}" } }
routes: [{ answer: { status: 204 } }]
`,
  )
  t.match(await fermata('serve', file), {
    code: 1,
    stderr: /in use by another program; choose another in listeners\.plain\.address \(EADDRINUSE\)\n/,
  })
})

t.test('routes, weights, redirects, answers, affinity', async (t) => {
  const [one, two, port] = [await backend(t, 'one'), await backend(t, 'two'), await freePort()]
  const file = join(t.testdir(), 'fermata.yaml')
  put(
    file,
    `
version: 1
listeners: { plain: { address: "127.0.0.1:${port}" } }
defaults: { errors: detailed, timeouts: { head: 300ms } }
backends:
  app:
    protocol: http
    endpoints: ["127.0.0.1:${one.port}", "127.0.0.1:${two.port}"]
    balance: { policy: round-robin, affinity: { cookie: at, key: 0123456789abcdef } }
routes:
  - { name: closed, match: { path: /admin }, answer: { status: 403, body: "closed\\n", fields: { x-why: rules } } }
  - { name: moved, match: { path: { exact: /old } }, redirect: { path: /new, status: 301 } }
  - { name: beta, match: { headers: { x-beta: "1" } }, answer: { status: 204 } }
  - { name: app, backend: app }
`,
  )
  const program = await serve(t, file)
  const first = await ask(port, '/a')
  t.match(first.body, /^(one|two) \/a 127\.0\.0\.1$/)
  const cookie = String(first.headers['set-cookie']).split(';')[0]
  t.match(String(first.headers['set-cookie']), /^at=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  for (let each = 0; each < 4; each++) {
    const again = await ask(port, '/a', { cookie })
    t.equal(again.body, first.body, 'the same endpoint')
    t.equal(again.headers['set-cookie'], undefined)
  }
  const seen = new Set<string>()
  for (let each = 0; each < 4; each++) seen.add((await ask(port, '/a')).body.slice(0, 3))
  t.strictSame(seen, new Set(['one', 'two']))
  t.match(await ask(port, '/admin/x'), { status: 403, body: 'closed\n', headers: { 'x-why': 'rules' } })
  t.match(await ask(port, '/%61dmin'), { status: 403 })
  t.match(await ask(port, '/a/%2e%2e/admin'), { status: 400 })
  t.match(await ask(port, '/old?q=1'), {
    status: 301,
    headers: { location: `http://127.0.0.1:${port}/new?q=1` },
  })
  t.match(await ask(port, '/a', { 'x-beta': '1' }), { status: 204 })
  const late = await ask(port, '/never')
  t.equal(late.status, 504)
  t.match(late.body, /^504 head-late \(m\d+\/r1\): .*: timeouts\.head is 300ms \(route app\)\n$/)
  await program.until('the log tells it', () =>
    /504 head-late from app: .*; timeouts\.head is 300ms \(route app\)/.test(program.stderr),
  )
})

t.test('a new file: what is wrong is told and changes nothing; what is right serves', async (t) => {
  const [one, two] = [await backend(t, 'one'), await backend(t, 'two')]
  const [port, other] = [await freePort(), await freePort()]
  const file = join(t.testdir(), 'fermata.yaml')
  const text = (name: string, to: number, more = ''): string => `
version: 1
listeners: { plain: { address: "127.0.0.1:${port}" }${more} }
backends: { ${name}: { protocol: http, endpoints: ["127.0.0.1:${to}"] } }
routes: [{ name: all, backend: ${name} }]
`
  put(file, text('app', one.port))
  const program = await serve(t, file, '--watch')
  t.match(await ask(port, '/'), { status: 200, body: /^one/ })

  const tunnel = connectTcp(port, '127.0.0.1')
  t.teardown(() => tunnel.destroy())
  let echoed = ''
  tunnel.setEncoding('latin1').on('data', (chunk: string) => {
    echoed += chunk
  })
  const echo = async (word: string) => {
    tunnel.write(word)
    while (!echoed.endsWith(word)) await new Promise((resolve) => tunnel.once('data', resolve))
  }
  tunnel.write(
    'GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await echo('before')

  put(file, text('app', one.port).replace('backend: app', 'backend: ap'))
  await program.until('it is refused', () => /was not changed: .* is wrong/.test(program.stderr))
  t.match(
    program.stderr,
    /fermata\.yaml:5:\d+ routes\[0\]\.backend: there is no backend "ap"; did you mean app/,
  )
  t.match(await ask(port, '/'), { body: /^one/ })

  put(file, text('app', two.port, `, more: { address: "127.0.0.1:${other}" }`))
  await program.until('it is read', () => /the configuration was read again/.test(program.stderr))
  t.match(await ask(port, '/'), { body: /^two/ })
  t.match(await ask(other, '/'), { body: /^two/ })
  await echo('after')

  put(file, text('renamed', two.port))
  program.signal('SIGHUP')
  await program.until(
    'it is read',
    () => program.stderr.match(/the configuration was read again/g)?.length === 2,
  )
  t.match(await ask(port, '/'), { body: /^two/ })
  await t.rejects(ask(other, '/'), { code: 'ECONNREFUSED' })
  await echo('to the end')
})

t.test('a reload with another certificate keeps TLS sessions', async (t) => {
  const [one, port] = [await backend(t, 'one'), await freePort()]
  const folder = t.testdir()
  const file = join(folder, 'fermata.yaml')
  const text = (certificate: string): string => `
version: 1
listeners: { tls: { address: "127.0.0.1:${port}", tls: { certificates: [site] } } }
certificates: { site: { cert: { file: "${pathOf(`${certificate}.pem`)}" }, key: { file: "${pathOf(`${certificate}.key`)}" } } }
backends: { app: { protocol: http, endpoints: ["127.0.0.1:${one.port}"] } }
routes:
  - { name: all, backend: app }
`
  put(file, text('localhost'))
  const program = await serve(t, file)
  let session: Buffer | undefined
  const shaken = () =>
    new Promise<TLSSocket>((resolve, reject) => {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ...(session === undefined ? {} : { session }),
      })
      socket.on('error', reject)
      socket.on('secureConnect', () => {
        if (session !== undefined) resolve(socket)
      })
      socket.on('session', (made) => {
        session = made
        resolve(socket)
      })
    })
  const first = await shaken()
  t.equal(first.isSessionReused(), false)
  first.destroy()
  put(file, text('example'))
  program.signal('SIGHUP')
  await program.until('it is read', () => /the configuration was read again/.test(program.stderr))
  const second = await shaken()
  t.equal(second.isSessionReused(), true)
  second.destroy()
})

t.test('--watch follows certificates, and files that a pattern of include finds', async (t) => {
  const port = await freePort()
  const folder = t.testdir({ tls: {}, 'conf.d': {} })
  const certificate = (name: string) => {
    for (const end of ['pem', 'key'])
      put(join(folder, 'tls', `site.${end}`), readFileSync(pathOf(`${name}.${end}`), 'utf8'))
  }
  certificate('localhost')
  const file = join(folder, 'fermata.yaml')
  put(
    file,
    `
version: 1
include: [conf.d/*.yaml]
listeners: { tls: { address: "127.0.0.1:${port}", tls: { certificates: [site] } } }
certificates: { site: { cert: { file: tls/site.pem }, key: { file: tls/site.key } } }
`,
  )
  const program = await serve(t, file, '--watch')
  const read = (times: number) =>
    program.until(
      'it is read',
      () => program.stderr.match(/the configuration was read again/g)?.length === times,
    )
  const subject = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      }).on('error', reject)
    })
  t.equal(await subject(), 'localhost')
  certificate('example')
  await read(1)
  t.equal(await subject(), 'example.test')
  put(join(folder, 'conf.d', 'more.yaml'), 'routes: [{ name: more, answer: { status: 204 } }]\n')
  await read(2)
})

t.test('what does not go with a file, and a file that is wrong', async (t) => {
  const file = join(t.testdir(), 'fermata.yaml')
  put(file, 'version: 1\nlisteners: { a: { adress: "127.0.0.1:0" } }\n')
  const [both, wrong, none, watch, url] = await saidBy([
    ['serve', file, '--listen', '127.0.0.1:0'],
    ['serve', file],
    ['serve', `${file}.missing`],
    ['serve', '--watch'],
    ['serve', 'http://127.0.0.1:9'],
  ])
  for (const each of [both, wrong, none, watch, url]) t.equal(each.code, 2)
  t.match(both.stderr, /--listen and a file do not go together: write it into .*fermata\.yaml/)
  t.match(wrong.stderr, /fermata\.yaml:2:19 listeners\.a\.adress: unknown key; did you mean address\?/)
  t.match(none.stderr, /there is no file '.*missing'/)
  t.match(watch.stderr, /--watch needs a FILE/)
  t.match(url.stderr, /did you mean --backend http:\/\/127\.0\.0\.1:9\?/)
})

t.test('explain', async (t) => {
  const file = join(t.testdir(), 'fermata.yaml')
  put(
    file,
    `version: 1
listeners: { plain: { address: "127.0.0.1:80" } }
trustedProxies: { addresses: [10.0.0.0/8], fields: [x-forwarded-for, x-forwarded-proto] }
backends: { app: { protocol: http, endpoints: ["127.0.0.1:1", "127.0.0.1:2"], balance: { policy: hash, key: address } } }
routes:
  - { name: secure, match: { path: /s }, redirect: { scheme: https } }
  - name: api
    match: { hosts: [example.org], path: /v1 }
    timeouts: { head: 5m }
    backend: app
`,
  )
  const [api, via, ambiguous, elsewhere, moved, json, wrong] = await saidBy(
    [
      ['http://example.org/v1/x'],
      ['http://example.org/v1', '--from', '10.1.1.1', '-H', 'x-forwarded-for: 198.51.100.7'],
      ['http://example.org/v1/%2e%2e/s'],
      ['http://other.org/v1'],
      ['http://other.org/s?a=b'],
      ['http://example.org/v1', '--json'],
      ['example.org'],
    ].map((words) => ['explain', file, ...words]),
  )
  t.match(api.stdout, /^listener +plain: 127\.0\.0\.1:80 +.*fermata\.yaml:2:14$/m)
  t.match(api.stdout, /^route +api +.*fermata\.yaml:7:5$/m)
  t.match(api.stdout, /^not secure +path \/v1\/x is not \/s or under it$/m)
  t.match(api.stdout, /^timeouts\.head +5m +.*fermata\.yaml:9:23$/m)
  t.match(api.stdout, /^endpoint +http:\/\/127\.0\.0\.1:[12], score .* for 192\.0\.2\.1$/m)
  t.match(via.stdout, /^client +198\.51\.100\.7, as trusted proxies tell$/m)
  t.match(via.stdout, /for 198\.51\.100\.7$/m)
  t.match(ambiguous.stdout, /^refused +400 path-ambiguous/m)
  t.match(elsewhere.stdout, /^refused +404 no-route$/m)
  t.match(moved.stdout, /^redirect +30\d https:\/\/other\.org\/s\?a=b/m)
  t.ok((JSON.parse(json.stdout) as { about: string }[]).some(({ about }) => about === 'route'))
  t.match(wrong, { code: 2, stderr: /is not a URL/ })
  t.equal(readFileSync(file, 'utf8').startsWith('version'), true)
})
