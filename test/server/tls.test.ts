// TLS at the server, with Node's own peers: certificates by name and anew, clients' certificates, what is adequate for
// HTTP/2 (RFC 9113 §9.2), backends that are not who they should be, Unix-domain sockets; and the command line's part.

import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { Server, type ServerOptions } from '../../src/server/index.js'
import { type Program, run, start } from '../peers/programs.js'
import { authority, client, example, localhost, pathOf } from '../world/certificates/index.js'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const ca = authority

/** A server, and an https origin behind it. */
async function serve(t: Test, options: Partial<ServerOptions> = {}, origin: https.ServerOptions = localhost) {
  const backend = https.createServer(origin, (_request, response) => response.end('ok'))
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.teardown(() => {
    backend.closeAllConnections()
    backend.close()
  })
  const { port: behind } = backend.address() as AddressInfo
  const server = new Server({
    listen: [{ host: '127.0.0.1', port: 0, secure: true }],
    certificates: () => ({ certificates: [localhost, example] }),
    backendTls: { ca },
    routes: [{ host: '', prefix: '/', url: `https://127.0.0.1:${behind}` }],
    ...options,
  })
  const port = await new Promise<number>((resolve) =>
    server.on('listening', (address) => resolve(address.port)),
  )
  t.teardown(async () => {
    const stopped = once(server as never, 'stopped')
    server.command('drain')
    await stopped
  })
  return { server, port }
}

/** Hands shaken, or the error that it ended with. */
async function shaken(t: Test, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', servername: 'localhost', ca, ...options })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** What a request is answered with. */
async function asked(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.write(GET)
  await once(socket, 'close')
  return text
}

const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subjectaltname ?? ''

t.test('certificates by server name', async (t) => {
  const { port } = await serve(t)
  for (const [servername, name] of [
    ['localhost', 'DNS:localhost'],
    ['example.test', 'DNS:example.test'],
    ['www.example.test', 'DNS:example.test'],
    ['elsewhere.test', 'DNS:localhost'],
    ['', 'DNS:localhost'],
  ]) {
    const socket = await shaken(t, { port, servername, checkServerIdentity: () => undefined })
    t.match(nameOf(socket), name, servername)
  }
})

t.test("clients' certificates", async (t) => {
  const asking = (clientRequired: boolean) => () => ({
    certificates: [localhost],
    clientCa: ca,
    clientRequired,
  })
  const required = await serve(t, { certificates: asking(true) })
  t.match(await asked(await shaken(t, { port: required.port, ...client })), /200 OK/)
  const refused = await shaken(t, { port: required.port, maxVersion: 'TLSv1.2' }).catch(
    (error: Error) => error,
  )
  t.type(refused, Error, 'no certificate, no handshake')
  const requested = await serve(t, { certificates: asking(false) })
  t.match(await asked(await shaken(t, { port: requested.port })), /200 OK/)
})

t.test('certificates read anew', async (t) => {
  let now = localhost
  const { server, port } = await serve(t, { certificates: () => ({ certificates: [now] }) })
  const old = await shaken(t, { port })
  const reloaded = async () => {
    const told = once(server as never, 'reloaded')
    server.command('reload')
    return (await told)[0] as Error | null
  }
  now = example
  t.equal(await reloaded(), null)
  t.match(nameOf(await shaken(t, { port, servername: 'example.test' })), 'example.test')
  now = { cert: example.cert, key: localhost.key }
  t.match(await reloaded(), { message: /key values mismatch/ })
  t.match(nameOf(await shaken(t, { port, servername: 'example.test' })), 'example.test', 'the old ones stay')
  t.match(await asked(old), /200 OK/, 'and so do connections')
})

t.test('a backend that is not who it should be', async (t) => {
  for (const [backendTls, origin, status, why] of [
    [{}, localhost, 502, /^127\.0\.0\.1:\d+: \w*(?:SELF_SIGNED|UNABLE_TO)\w*$/],
    [{ ca }, example, 502, /: ERR_TLS_CERT_ALTNAME_INVALID$/],
    [{ ca, serverName: 'example.test' }, example, 200, /^$/],
    [{ verify: false }, example, 200, /^$/],
    [{ ca }, localhost, 200, /^$/],
  ] as const) {
    const { server, port } = await serve(t, { backendTls }, origin)
    let told = ''
    server.on('unreached', (_, detail) => {
      told = detail
    })
    t.match(await asked(await shaken(t, { port })), `HTTP/1.1 ${status} `)
    t.match(told, why, 'the operator is told')
  }
})

/** RFC 9113, appendix A: neither AEAD, nor good for HTTP/2. */
const CBC = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' } as const
const GCM = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const

t.test('what is adequate for HTTP/2: clients', async (t) => {
  const { port } = await serve(t)
  for (const [ciphers, code] of [
    [CBC, http2.constants.NGHTTP2_INADEQUATE_SECURITY],
    [GCM, null],
  ] as const) {
    const session = http2.connect(`https://localhost:${port}`, { ca, ...ciphers })
    t.teardown(() => session.destroy())
    session.on('error', () => {})
    const stream = session.request({ ':path': '/' }).on('error', () => {})
    if (code === null) t.match((await once(stream, 'response'))[0], { ':status': 200 })
    else t.equal((await once(session, 'goaway'))[0], code)
  }
  t.match(await asked(await shaken(t, { port, ...CBC })), /200 OK/, 'HTTP/1.1 does not mind')
})

t.test('what is adequate for HTTP/2: backends', async (t) => {
  for (const [ciphers, status] of [
    [CBC, 502],
    [GCM, 200],
  ] as const) {
    const origin = http2.createSecureServer({ ...localhost, ...ciphers }, (_request, response) =>
      response.end(),
    )
    origin.on('session', (session) => t.teardown(() => session.destroy()))
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    t.teardown(() => void origin.close())
    const { port: behind } = origin.address() as AddressInfo
    const { server, port } = await serve(t, {
      routes: [{ host: '', prefix: '/', url: `https://127.0.0.1:${behind}` }],
    })
    let told = ''
    server.on('unreached', (_, detail) => {
      told = detail
    })
    const text = await asked(await shaken(t, { port }))
    t.match(text, `HTTP/1.1 ${status} `)
    if (status === 502) t.match(told, /TLSv1\.2 with TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 .*9\.2\.2/)
  }
})

t.test('Unix-domain sockets, both sides, many handshakes at once', async (t) => {
  // Their paths have a bound of some hundred octets.
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [front, behind] = [join(folder, 'front'), join(folder, 'behind')]
  const origin = https.createServer(localhost, (request, response) => response.end(`for ${request.url}`))
  origin.listen(behind)
  await once(origin, 'listening')
  t.teardown(() => {
    origin.closeAllConnections()
    origin.close()
  })
  await serve(t, {
    listen: [{ host: '', port: 0, path: front, secure: true }],
    backendTls: { ca, serverName: 'localhost' },
    routes: [{ host: '', prefix: '/', url: `https://unix:${behind}` }],
  })
  const answers = Array.from({ length: 8 }, async (_, at) => {
    const socket = connect({ path: front, servername: 'localhost', ca })
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket.write(`GET /${at} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await once(socket, 'close')
    return /for (\/\d)/.exec(text)?.[1]
  })
  t.strictSame(await Promise.all(answers), ['/0', '/1', '/2', '/3', '/4', '/5', '/6', '/7'])
})

// The command line

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const SECURE = ['serve', '--listen', 'https://127.0.0.1:0', '--backend', 'http://127.0.0.1:1']
const pair = (name: string) => ['--cert', pathOf(`${name}.pem`), '--key', pathOf(`${name}.key`)]

t.test('what is wrong with certificates is told', async (t) => {
  const wrong: readonly (readonly [readonly string[], ...(string | RegExp)[]])[] = [
    [SECURE, '--cert FILE', '--key FILE'],
    [[...SECURE, '--cert', pathOf('localhost.pem')], 'each --cert has its --key: here are 1 and 0'],
    [[...SECURE, '--cert', 'nowhere.pem', '--key', pathOf('localhost.key')], '--cert nowhere.pem', 'ENOENT'],
    [
      [...SECURE, '--cert', pathOf('localhost.pem'), '--key', pathOf('example.key')],
      'example.key',
      'key values mismatch',
    ],
    [[...SECURE, '--cert', pathOf('make.sh'), '--key', pathOf('localhost.key')], 'make.sh', 'PEM'],
    [[...SECURE, ...pair('localhost'), '--require-client-cert'], '--client-ca FILE'],
    [[...SECURE, ...pair('localhost'), '--client-ca', 'nowhere.pem'], '--client-ca nowhere.pem', 'ENOENT'],
    [[...SECURE, ...pair('localhost'), '--backend-ca', 'nowhere.pem'], '--backend-ca nowhere.pem', 'ENOENT'],
    [['serve', '--backend', 'http://a', ...pair('localhost')], '--listen https://HOST:PORT'],
  ]
  const told = await Promise.all(
    wrong.map(([args]) => run(process.execPath, [main, ...args], { timeoutMs: 60_000 })),
  )
  for (const [at, [args, ...parts]] of wrong.entries()) {
    t.equal(told[at].code, 2, args.slice(5).join(' '))
    for (const part of parts) t.match(told[at].stderr, part)
    t.notMatch(told[at].stderr, /\n +at /, 'no stack')
  }
})

t.test('SIGHUP reads certificates anew; what is wrong leaves the old ones', async (t) => {
  const folder = t.testdir()
  const files = { cert: join(folder, 'c.pem'), key: join(folder, 'c.key') }
  const put = (name: string) => {
    copyFileSync(pathOf(`${name}.pem`), files.cert)
    copyFileSync(pathOf(`${name}.key`), files.key)
  }
  put('localhost')
  const args = [main, ...SECURE, '--cert', files.cert, '--key', files.key, '--backend-insecure']
  const program: Program = await start(process.execPath, args, { line: /goes to/ })
  t.teardown(() => program.stop())
  t.match(program.stderr, /--backend-insecure: certificates of backends are not checked/)
  const port = Number(/listening on 127\.0\.0\.1:(\d+) .*over TLS/.exec(program.stderr)?.[1])
  const shown = async () => nameOf(await shaken(t, { port, checkServerIdentity: () => undefined }))
  t.match(await shown(), 'localhost')
  put('example')
  program.signal('SIGHUP')
  await program.until('it has read them', () => /read anew/.test(program.stderr))
  t.match(await shown(), 'example.test')
  writeFileSync(files.cert, 'no certificate')
  program.signal('SIGHUP')
  await program.until('it says so', () => /stay as they were: .*/.test(program.stderr))
  rmSync(files.key)
  program.signal('SIGHUP')
  await program.until('and so', () => /stay as they were: --key .*ENOENT/.test(program.stderr))
  t.match(await shown(), 'example.test')
})

t.test('clear text on a port of TLS, and no end of a handshake', async (t) => {
  const { port } = await serve(t, { limits: { arrivalMs: 200 } })
  for (const first of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01']) {
    const socket = connectTcp(port, '127.0.0.1').resume()
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.write(Buffer.from(first, 'latin1'))
    await once(socket, 'close')
  }
  t.match(await asked(await shaken(t, { port })), /200 OK/, 'others are served')
})
