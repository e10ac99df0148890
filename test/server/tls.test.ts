// TLS at the server, with Node's own peers: certificates by name and reloaded, clients' certificates, what is
// adequate for HTTP/2 (RFC 9113 §9.2), backends that are not who they should be, Unix-domain sockets; and the
// command line's part.

import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { Certificate } from '../../src/pollset/index.js'
import {
  authority,
  client,
  commonName,
  example,
  exampleRsa,
  localhost,
  pathOf,
  www,
} from '../../tools/testbed/certificates/index.js'
import { type Program, start } from '../../tools/testbed/programs.js'
import { type ShortServerOptions, shortServer, startShortServer } from '../../tools/testbed/short-server.js'
import { saidBy } from '../world/command-lines.js'
import { answerOf } from '../world/proxy-world.js'
import { soon } from '../world/soon.js'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const ca = authority

/** A server, and an https origin behind it. */
async function serve(
  t: Test,
  options: Partial<ShortServerOptions> = {},
  origin: https.ServerOptions = localhost,
) {
  const backend = https.createServer(origin, (_request, response) => response.end('ok'))
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.teardown(() => {
    backend.closeAllConnections()
    backend.close()
  })
  const { port: behind } = backend.address() as AddressInfo
  const server = startShortServer({
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

/** Returns the answer to a request. */
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

/** The common name of the subject, whose certificate it is, and the kind of its key. */
const shownBy = (socket: TLSSocket) => {
  const { subject, asn1Curve } = socket.getPeerCertificate()
  return `${subject.CN} ${asn1Curve === undefined ? 'rsa' : 'ec'}`
}

t.test(
  'an exact name wins over a wildcard, whatever the order; CN counts without subjectAltName alone',
  async (t) => {
    for (const certificates of [
      [example, www, commonName, localhost],
      [localhost, commonName, www, example],
    ]) {
      const { port } = await serve(t, { certificates: () => ({ certificates }) })
      for (const [servername, subject] of [
        ['www.example.test', 'elsewhere.test'],
        ['WWW.Example.test', 'elsewhere.test'],
        ['ftp.example.test', 'example.test'],
        ['example.test', 'example.test'],
        ['common.test', 'common.test'],
        // A wildcard is for one label (RFC 9525 §6.3), and a CN beside subjectAltName is no name.
        ['a.www.example.test', undefined],
        ['elsewhere.test', undefined],
      ] as const) {
        const socket = await shaken(t, { port, servername, checkServerIdentity: () => undefined })
        const first = certificates[0] === example ? 'example.test' : 'localhost'
        t.equal(shownBy(socket), `${subject ?? first} ec`, servername)
      }
    }
  },
)

t.test('of RSA and ECDSA for one name the client has the one that it takes', async (t) => {
  for (const certificates of [
    [example, exampleRsa],
    [exampleRsa, example],
    [localhost, exampleRsa, example],
  ]) {
    const { port } = await serve(t, { certificates: () => ({ certificates }) })
    for (const servername of ['example.test', 'www.example.test', ...(certificates[2] ? [] : [''])])
      for (const [sigalgs, kind] of [
        ['rsa_pss_rsae_sha256', 'rsa'],
        ['ecdsa_secp256r1_sha256', 'ec'],
      ])
        for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
          // The authority's own signature is ECDSA, and a client of TLS 1.2 may mind (RFC 5246 §7.4.2);
          // OpenSSL's does not.
          const to = { port, servername, sigalgs, maxVersion, rejectUnauthorized: false }
          t.equal(
            shownBy(await shaken(t, to)),
            `example.test ${kind}`,
            `${servername} ${sigalgs} ${maxVersion}`,
          )
        }
  }
})

t.test('a certificate for another name is never shown in place of one for the name', async (t) => {
  // Most clients prefer ECDSA: what they may have for this name is RSA alone.
  const { port } = await serve(t, { certificates: () => ({ certificates: [localhost, exampleRsa] }) })
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    t.equal(shownBy(await shaken(t, { port, servername: 'example.test', maxVersion })), 'example.test rsa')
    const sigalgs = 'ecdsa_secp256r1_sha256'
    const refused = await shaken(t, { port, servername: 'example.test', maxVersion, sigalgs }).catch(
      (error: NodeJS.ErrnoException) => error.code,
    )
    t.equal(refused, 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE')
  }
})

t.test('a certificate that would never be shown is refused', async (t) => {
  const errorOf = (certificates: readonly Certificate[]) => {
    try {
      shortServer({
        listen: [{ host: '127.0.0.1', port: 0, secure: true }],
        certificates: () => ({ certificates }),
        routes: [],
      })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  t.match(
    errorOf([example, { ...example, from: 'again' }]),
    /^again: it would never be shown: .* ec keys for example\.test, \*\.example\.test too/,
  )
  t.match(errorOf([{ ...example, key: exampleRsa.key, from: 'mixed' }]), /^mixed: the key does not belong/)
})

t.test(
  'ALPN: HTTP/1.0 is served; where there is no overlap the handshake is refused (RFC 7301 §3.2)',
  async (t) => {
    const { port } = await serve(t)
    for (const [protocols, chosen] of [
      [['http/1.0'], 'http/1.0'],
      [['http/1.0', 'http/1.1'], 'http/1.1'],
      [['spdy/3', 'http/1.0'], 'http/1.0'],
    ] as const) {
      const socket = await shaken(t, { port, ALPNProtocols: [...protocols] })
      t.equal(socket.alpnProtocol, chosen)
      t.match(await asked(socket), /^HTTP\/1\.1 200 OK/)
    }
    const refused = await shaken(t, { port, ALPNProtocols: ['spdy/3'] }).catch((error: Error) => error)
    t.match(refused, { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' })
  },
)

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
  const told: (Error | null)[] = []
  const { server, port } = await serve(t, {
    certificates: () => ({ certificates: [now] }),
    reloaded: (wrong) => told.push(wrong),
  })
  const old = await shaken(t, { port })
  const reloaded = async () => {
    server.command('reload')
    while (told.length === 0) await soon()
    return told.pop()
  }
  now = example
  t.equal(await reloaded(), null)
  t.match(nameOf(await shaken(t, { port, servername: 'example.test' })), 'example.test')
  now = { cert: example.cert, key: localhost.key }
  t.match(await reloaded(), { message: /the key does not belong to the certificate/ })
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

/** A backend over TLS that gets no request. */
const OVER_TLS = ['--route', '/x=https://127.0.0.1:1']

t.test('what is wrong with certificates is told', async (t) => {
  const wrong: readonly (readonly [readonly string[], ...(string | RegExp)[]])[] = [
    [SECURE, '--cert FILE', '--key FILE'],
    [[...SECURE, '--cert', pathOf('localhost.pem')], 'got 1 --cert but 0 --key'],
    [[...SECURE, '--cert', 'nowhere.pem', '--key', pathOf('localhost.key')], '--cert nowhere.pem', 'ENOENT'],
    [
      [...SECURE, '--cert', pathOf('localhost.pem'), '--key', pathOf('example.key')],
      'example.key',
      'the key does not belong to the certificate',
    ],
    [[...SECURE, '--cert', pathOf('make.sh'), '--key', pathOf('localhost.key')], 'make.sh', 'PEM'],
    [[...SECURE, ...pair('localhost'), '--require-client-cert'], '--client-ca FILE'],
    [[...SECURE, ...pair('localhost'), '--client-ca', 'nowhere.pem'], '--client-ca nowhere.pem', 'ENOENT'],
    [
      [...SECURE, ...pair('localhost'), ...OVER_TLS, '--backend-ca', 'nowhere.pem'],
      '--backend-ca nowhere.pem',
      'ENOENT',
    ],
    [['serve', '--client-ca', pathOf('authority.pem'), '--require-client-cert'], '--client-ca is for https'],
    [['serve', '--backend', 'http://a', ...pair('localhost')], '--listen https://HOST:PORT'],
  ]
  const told = await saidBy(wrong.map(([args]) => args))
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
  const named = ['--cert', files.cert, '--key', files.key]
  const args = [main, ...SECURE, ...named, ...OVER_TLS, '--backend-insecure']
  const program: Program = await start(process.execPath, args, { line: /goes to/ })
  t.teardown(() => program.stop())
  t.match(program.stderr, /--backend-insecure: certificates of backends are not checked/)
  const port = Number(/listening on 127\.0\.0\.1:(\d+) .*over TLS/.exec(program.stderr)?.[1])
  const shown = async () => nameOf(await shaken(t, { port, checkServerIdentity: () => undefined }))
  t.match(await shown(), 'localhost')
  put('example')
  program.signal('SIGHUP')
  await program.until('it has read them', () => /read again/.test(program.stderr))
  t.match(await shown(), 'example.test')
  writeFileSync(files.cert, 'no certificate')
  program.signal('SIGHUP')
  await program.until('it says so', () => /were not changed: .*/.test(program.stderr))
  rmSync(files.key)
  program.signal('SIGHUP')
  await program.until('and so', () => /were not changed: --key .*ENOENT/.test(program.stderr))
  t.match(await shown(), 'example.test')
})

t.test('clear text on a port of TLS is answered, and its connection ends', async (t) => {
  const { port } = await serve(t, { acceptProxy: ['127.0.0.1'] })
  const direct = await serve(t)
  const sentence = /400 clear-text \(m\d+\/[rs]\d+\): this port speaks HTTP over TLS, .* use https:\/\/\n$/
  for (const [to, before] of [
    [direct.port, ''],
    [port, 'PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n'],
  ] as const) {
    const socket = connectTcp(to, '127.0.0.1')
    t.teardown(() => socket.destroy())
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket.write(`${before}GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n`)
    await once(socket, 'end')
    t.match(text, /^HTTP\/1\.1 400 [\s\S]*x-fermata: clear-text\r\n/)
    t.match(text, /\r\nconnection: close\r\n/)
    t.match(text, sentence)
    t.equal(text.split('HTTP/1.1 ').length, 2, 'once')
  }
  const session = http2.connect(`http://127.0.0.1:${direct.port}`)
  t.teardown(() => session.destroy())
  const goaway = once(session, 'goaway')
  const closed = once(session, 'close')
  const answers = await Promise.all([1, 2].map(() => answerOf(session.request({ ':path': '/' }))))
  for (const { status, headers, body } of answers) {
    t.equal(status, 400)
    t.equal(headers['x-fermata'], 'clear-text')
    t.match(body.toString(), sentence)
  }
  await Promise.all([goaway, closed])
  t.match(await asked(await shaken(t, { port: direct.port })), /200 OK/, 'others are served')
})

t.test('no end of a handshake', async (t) => {
  const { port } = await serve(t, { limits: { server: { handshakeMs: 200 } } })
  const socket = connectTcp(port, '127.0.0.1').resume()
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write(Buffer.from('\x16\x03\x01', 'latin1'))
  await once(socket, 'close')
  t.match(await asked(await shaken(t, { port })), /200 OK/, 'others are served')
})
