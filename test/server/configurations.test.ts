// The configurations of README, each as printed: the built program serves them before real backends. Only the
// ports and the files of the certificate are others, since those of README may be taken here.

import { readFileSync, writeFileSync } from 'node:fs'
import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type AddressInfo, connect as connectTcp, type Server as NetServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { authority, pathOf } from '../../tools/testbed/certificates/index.js'
import { freePort, start } from '../../tools/testbed/programs.js'
import { echoUpgrades } from '../../tools/testbed/websocket-echo.js'
import { saidBy } from '../world/command-lines.js'

t.jobs = 3

const root = join(import.meta.dirname, '..', '..', '..')
const main = join(root, 'dist', 'src', 'main.js')
const README = readFileSync(join(root, 'README.md'), 'utf8')

/** Returns the block of README with this name. */
function printed(name: string): string {
  const block = new RegExp(`<!-- configuration:${name} -->\n\`\`\`yaml\n([\\s\\S]*?)\`\`\``).exec(README)?.[1]
  if (block === undefined) throw new Error(`README has no configuration:${name}`)
  return block
}

async function listening(t: Test, server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** An HTTP/1.1 backend that says its name. `/events` is quiet for a while, `/socket` is a WebSocket. */
async function app(t: Test, name: string): Promise<number> {
  const server = http.createServer((request, response) => {
    if (request.url === '/events') {
      response.write('data: 1\n\n')
      request.on('close', () => response.end())
      return
    }
    response.end(`${name} ${request.headers.host} ${request.headers['x-forwarded-proto']}`)
  })
  echoUpgrades(server)
  t.teardown(() => server.closeAllConnections())
  return listening(t, server)
}

/** Returns the configuration of this name, with a certificate that is there. */
const certified = (name: string): string =>
  printed(name).replace('site.pem', pathOf('localhost.pem')).replace('site.key', pathOf('localhost.key'))

/** Serves the configuration of this name, with other ports. */
async function serve(t: Test, name: string, ports: Readonly<Record<number, number>>): Promise<void> {
  let text = certified(name)
  for (const [shown, port] of Object.entries(ports))
    text = text.replaceAll(`:${shown}"`, `:${port}"`).replaceAll(`port: ${shown}`, `port: ${port}`)
  const file = join(t.testdir(), 'fermata.yaml')
  writeFileSync(file, text)
  const program = await start(process.execPath, [main, 'serve', file], { line: /has \d+ route/ })
  t.teardown(() => program.stop())
}

const ask = (port: number, path: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number | undefined; location: string | undefined; body: string }>(
    (resolve, reject) => {
      http
        .get({ port, path, headers, host: '127.0.0.1', agent: false }, (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk
          })
          response.on('end', () =>
            resolve({ status: response.statusCode, location: response.headers.location, body }),
          )
        })
        .on('error', reject)
    },
  )

t.test('fermata check finds nothing in any of them', async (t) => {
  const names = [...README.matchAll(/<!-- configuration:(\w+) -->/g)].map(([, name]) => name)
  t.strictSame(names, ['tls', 'grpc', 'streams', 'hosts', 'canary'], 'each is served below')
  const cwd = t.testdir(Object.fromEntries(names.map((name) => [`${name}.yaml`, certified(name)])))
  const checked = await saidBy(
    names.map((name) => ['check', `${name}.yaml`]),
    { cwd },
  )
  for (const [at, name] of names.entries())
    t.match(checked[at], { code: 0, stderr: /^(?:.*warning: others may read .*\n)*$/ }, name)
})

t.test('tls', async (t) => {
  const [plain, secure, backend] = [await freePort(), await freePort(), await app(t, 'app')]
  await serve(t, 'tls', { 8080: plain, 8443: secure, 3000: backend })
  t.match(await ask(plain, '/a?b=1', { host: `localhost:${plain}` }), {
    status: 308,
    location: `https://localhost:${secure}/a?b=1`,
  })
  const body = await new Promise<string>((resolve, reject) => {
    https
      .get({ port: secure, host: 'localhost', path: '/a', ca: authority, agent: false }, (response) => {
        response.setEncoding('utf8').once('data', resolve)
      })
      .on('error', reject)
  })
  t.equal(body, `app localhost:${secure} https`)
})

t.test('grpc', async (t) => {
  const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1])
  const calls: string[] = []
  const grpc = async (name: string) => {
    const server = http2.createServer()
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      if (headers[':path'] !== '/grpc.health.v1.Health/Check') calls.push(name)
      stream.end(SERVING)
    })
    return listening(t, server)
  }
  const [port, one, two] = [await freePort(), await grpc('one'), await grpc('two')]
  await serve(t, 'grpc', { 8080: port, 9000: one, 9001: two })
  const client = http2.connect(`http://127.0.0.1:${port}`)
  t.teardown(() => client.destroy())
  const call = () =>
    new Promise<string>((resolve, reject) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': '/a.B/C',
        'content-type': 'application/grpc',
      })
      stream.on('error', reject)
      // A refusal has its status in the head, and no trailers.
      stream.on('close', () => resolve(''))
      stream.on('trailers', (trailers) => resolve(String(trailers['grpc-status'])))
      stream.resume().end(Buffer.from([0, 0, 0, 0, 0]))
    })
  // Before the first check has ended no endpoint is known to be well.
  let status = ''
  while (status !== '0') status = await call().catch(() => '')
  t.strictSame(
    await Promise.all(Array.from({ length: 20 }, call)),
    Array.from({ length: 20 }, () => '0'),
  )
  t.strictSame(new Set(calls), new Set(['one', 'two']))
})

t.test('streams', async (t) => {
  const [port, backend] = [await freePort(), await app(t, 'app')]
  await serve(t, 'streams', { 8080: port, 3000: backend })
  t.match(await ask(port, '/'), { status: 200, body: /^app/ })
  const event = await new Promise<string>((resolve, reject) => {
    const request = http.get({ port, path: '/events', host: '127.0.0.1', agent: false }, (response) => {
      response.setEncoding('utf8').once('data', (chunk: string) => {
        resolve(chunk)
        request.destroy()
      })
    })
    request.on('error', reject)
  })
  t.equal(event, 'data: 1\n\n')
  const socket = connectTcp(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(
    'GET /socket HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nhello',
  )
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  while (!text.endsWith('hello')) await new Promise((resolve) => socket.once('data', resolve))
  t.match(text, /^HTTP\/1\.1 101 /)
})

t.test('hosts', async (t) => {
  const [port, site, shop] = [await freePort(), await app(t, 'site'), await app(t, 'shop')]
  await serve(t, 'hosts', { 8080: port, 3000: site, 3001: shop })
  const at = (host: string, path = '/') => ask(port, path, { host })
  t.match(await at('example.org'), { body: /^site example\.org/ })
  t.match(await at('www.example.org'), { body: /^site/ })
  t.match(await at('SHOP.example.org.'), { body: /^shop/ })
  t.match(await at('other.test'), { status: 404 })
  t.match(await at('shop.example.org', '/admin/users'), { status: 403, body: 'no\n' })
  t.match(await at('shop.example.org', '/%61dmin'), { status: 403 })
  for (const path of ['/x/%2e%2e/admin', '//admin', '/%2Fadmin', '/x/..;/admin', '/%2561dmin'])
    t.match(await at('shop.example.org', path), { status: 400 }, path)
})

t.test('canary', async (t) => {
  const [port, stable, canary] = [await freePort(), await app(t, 'stable'), await app(t, 'canary')]
  await serve(t, 'canary', { 8080: port, 3000: stable, 3001: canary })
  t.match(await ask(port, '/', { 'x-canary': '1' }), { body: /^canary/ })
  const answers = await Promise.all(Array.from({ length: 400 }, () => ask(port, '/')))
  const new_ = answers.filter(({ body }) => body.startsWith('canary')).length
  // 20 are expected; 1 to 60 leave out less than one run in a million.
  t.ok(new_ >= 1 && new_ <= 60, `${new_} of 400 went to the canary`)
})
