// The PROXY protocol: each row of spec/proxy-protocol.md, read in every cutting and written; then end to end,
// believed and not, in clear text and before TLS, from curl and to nginx.

import { readFileSync } from 'node:fs'
import * as http2 from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ProxyHeaderReader, type ProxyVersion, proxyHeader } from '../../src/transport/index.js'
import { authority, localhost, pathOf } from '../../tools/testbed/certificates/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { cuttings, wireOf } from '../../tools/testbed/http1-wire.js'
import { nginx } from '../../tools/testbed/nginx.js'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { get, once, setUp } from '../world/proxy-world.js'
import { short } from '../world/short-fuzz.js'

const page = readFileSync('spec/proxy-protocol.md', 'utf8')
const octetsOf = (cell: string): Buffer => wireOf(cell.replace('SIG', '\\r\\n\\r\\n\\0\\r\\nQUIT\\n')).bytes
const NEXT = Buffer.from('GET')
const BYTES_MAX = 256

/** Returns the result of a reader for octets that come in these pieces, and what it leaves. */
function readIn(octets: Buffer, cuts: readonly number[]): string {
  const reader = new ProxyHeaderReader(BYTES_MAX)
  let left = 0
  let at = 0
  for (const end of [...cuts, octets.length]) {
    const piece = octets.subarray(at, end)
    at = end
    left += piece.length - reader.feed(piece)
  }
  if (reader.state === 'reading') return `more, ${left} left`
  if (reader.state === 'wrong') return 'wrong'
  const from = reader.addresses?.from
  return `${from === undefined ? 'own' : `${from.host} ${from.port}`}, ${left} left`
}

t.test('read: every row, whole, octet by octet, split at every point', (t) => {
  for (const { rule, octets, verdict } of tableOf(page, 'Read')) {
    const header = octetsOf(octets)
    const more = verdict === 'more'
    const all = more ? header : Buffer.concat([header, NEXT])
    const expected = verdict === 'wrong' ? 'wrong' : `${verdict}, ${more ? 0 : NEXT.length} left`
    const seen = new Set<string>()
    for (const cuts of cuttings(all.length)) seen.add(readIn(all, cuts))
    t.same([...seen], [expected], rule)
  }
  t.end()
})

t.test('written: every row; and read back', (t) => {
  const address = (cell: string) => {
    const [host, port] = cell.split(' ')
    return { host, port: Number(port) }
  }
  for (const { version, from, to, octets } of tableOf(page, 'Written')) {
    const ends = from === '-' ? null : { from: address(from), to: address(to) }
    const header = proxyHeader(version as ProxyVersion, ends)
    t.same(header, octetsOf(octets), `${version} ${from}`)
    const reader = new ProxyHeaderReader(BYTES_MAX)
    t.equal(reader.feed(header), header.length)
    t.equal(reader.state, 'whole')
    if (reader.addresses !== null) t.same(reader.addresses, ends)
  }
  t.end()
})

short({ 'proxy-header': 1_000 })

// Accepted

const origin: Parameters<typeof setUp>[0] = (stream, headers) => {
  stream.respond({ ':status': 200 })
  stream.end(String(headers['x-forwarded-for']))
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const TOLD = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'

/** Returns everything that comes back until the connection is closed. */
async function answerTo(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {})
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

async function said(t: Test, url: string, ...texts: string[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  const answer = answerTo(socket)
  await once(socket, 'connect')
  for (const text of texts) {
    socket.write(text, 'latin1')
    await new Promise(setImmediate)
  }
  return answer
}

const trusting = { acceptProxy: ['10.0.0.0/8', '127.0.0.0/8'] }

t.test('from a trusted address: believed, or closed without an answer', async (t) => {
  const setting = await setUp(origin, {}, trusting)
  t.teardown(setting.close)
  const { url } = setting
  t.match(await said(t, url, TOLD + REQUEST), /^HTTP\/1.1 200 [\s\S]*192\.0\.2\.1/)
  t.match(
    await said(t, url, TOLD.slice(0, 20), TOLD.slice(20), REQUEST),
    /^HTTP\/1.1 200 [\s\S]*192\.0\.2\.1/,
  )
  t.match(await said(t, url, `PROXY UNKNOWN\r\n${REQUEST}`), /^HTTP\/1.1 200 [\s\S]*127\.0\.0\.1/)
  const v2 = proxyHeader('v2', { from: { host: '2001:db8::9', port: 1 }, to: { host: '::1', port: 2 } })
  t.match(await said(t, url, v2.toString('latin1') + REQUEST), /^HTTP\/1.1 200 [\s\S]*2001:db8::9/)
  t.equal(await said(t, url, REQUEST), '', 'none')
  t.equal(await said(t, url, `PROXY TCP4 192.0.2.1\r\n${REQUEST}`), '', 'a wrong one')

  const header = connect(Number(new URL(url).port), '127.0.0.1')
  header.write(TOLD)
  const client = http2.connect(url, { createConnection: () => header })
  t.teardown(() => client.destroy())
  t.equal(String((await get(client, '/')).body), '192.0.2.1', 'before HTTP/2')
})

t.test('it has the time of an arrival', async (t) => {
  const setting = await setUp(origin, { server: { handshakeMs: 50 } }, trusting)
  t.teardown(setting.close)
  t.equal(await said(t, setting.url, 'PROXY TCP4 '), '')
})

t.test('a peer that leaves in the middle of it', async (t) => {
  const setting = await setUp(origin, {}, trusting)
  t.teardown(setting.close)
  const socket = connect(Number(new URL(setting.url).port), '127.0.0.1')
  const answer = answerTo(socket)
  socket.end('PROXY TCP4 ')
  t.equal(await answer, '')
})

t.test('told to drain in the middle of it', async (t) => {
  const setting = await setUp(origin, {}, trusting)
  const socket = connect(Number(new URL(setting.url).port), '127.0.0.1')
  const answer = answerTo(socket)
  socket.write('PROXY TCP4 ')
  await once(socket, 'connect')
  // A later connection is served, so this one has been accepted.
  t.match(await said(t, setting.url, TOLD + REQUEST), /^HTTP\/1.1 200 /)
  await setting.close()
  t.equal(await answer, '')
})

t.test('from any other address: refused as no HTTP', async (t) => {
  const setting = await setUp(origin, {}, { acceptProxy: ['192.0.2.0/24', '2001:db8::/32'] })
  t.teardown(setting.close)
  t.match(await said(t, setting.url, TOLD + REQUEST), /^HTTP\/1.1 400 /)
  t.match(
    await said(t, setting.url, proxyHeader('v2', null).toString('latin1') + REQUEST),
    /^(HTTP\/1.1 400 |$)/,
  )
  t.match(await said(t, setting.url, REQUEST), /^HTTP\/1.1 200 [\s\S]*127\.0\.0\.1/)
})

/** A front over TLS that trusts us; its port. */
async function trustingOverTls(t: Test): Promise<number> {
  const { close, url } = await setUp(
    origin,
    {},
    {
      ...trusting,
      listen: [{ host: '127.0.0.1', port: 0, secure: true }],
      certificates: () => ({ certificates: [localhost] }),
    },
  )
  t.teardown(close)
  return Number(new URL(url).port)
}

t.test('before TLS', async (t) => {
  const port = await trustingOverTls(t)
  const clear = connect(port, '127.0.0.1')
  clear.write(TOLD)
  const socket = connectTls({ socket: clear, ca: authority, servername: 'localhost' })
  t.teardown(() => socket.destroy())
  const answer = answerTo(socket)
  socket.write(REQUEST)
  t.match(await answer, /^HTTP\/1.1 200 [\s\S]*192\.0\.2\.1/)
})

t.test('curl --haproxy-protocol', { skip: unlessInstalled('curl') }, async (t) => {
  const port = await trustingOverTls(t)
  const to = ['--resolve', `localhost:${port}:127.0.0.1`, `https://localhost:${port}/`]
  const options = ['--silent', '--cacert', pathOf('authority.pem'), '--haproxy-protocol']
  for (const version of ['--http1.1', '--http2']) {
    const { stdout, code } = await run('curl', [...options, version, ...to])
    t.same([code, stdout], [0, '127.0.0.1'], version)
  }
  const without = await run('curl', ['--silent', '--cacert', pathOf('authority.pem'), ...to])
  t.not(without.code, 0, 'and without it')
})

// Sent

/** A backend that keeps what each of its connections begins with, and closes it. */
async function listener(t: Test) {
  const beginnings: Buffer[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      beginnings.push(chunk)
      socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  return { port: (server.address() as AddressInfo).port, beginnings }
}

t.test('sent first on each connection to a backend', async (t) => {
  for (const scheme of ['http', 'h2c', 'h2', 'https']) {
    for (const sendProxy of ['v1', 'v2'] as const) {
      for (const share of ['connection', 'process'] as const) {
        const { port, beginnings } = await listener(t)
        const routes = [{ host: '', prefix: '/', url: `${scheme}://127.0.0.1:${port}` }]
        // A backend of HTTP/2 that hangs up before its SETTINGS is tried again for as long as a lease may
        // take.
        const limits = { proxy: { leaseTimeoutMs: 100 } }
        const setting = await setUp(origin, limits, { ...trusting, sendProxy, share, routes })
        await said(t, setting.url, TOLD + REQUEST)
        await setting.close()
        const reader = new ProxyHeaderReader(BYTES_MAX)
        const name = `${scheme} ${sendProxy} ${share}`
        reader.feed(beginnings[0] as Buffer)
        t.equal(reader.state, 'whole', name)
        const told = { from: { host: '192.0.2.1', port: 56324 }, to: { host: '198.51.100.2', port: 443 } }
        t.same(reader.addresses, share === 'connection' ? told : null, name)
      }
    }
  }
})

t.test('nobody listens, with a header to send, over TLS and not', async (t) => {
  const { port } = await listener(t)
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const free = (gone.address() as AddressInfo).port
  gone.close()
  await once(gone, 'close')
  t.not(free, port)
  for (const scheme of ['http', 'h2c', 'h2', 'https']) {
    const routes = [{ host: '', prefix: '/', url: `${scheme}://127.0.0.1:${free}` }]
    const setting = await setUp(origin, {}, { sendProxy: 'v1', share: 'connection', routes })
    let why = ''
    setting.server.on('unreached', (backend, detail) => {
      why = `${backend} ${detail}`
    })
    t.match(await said(t, setting.url, REQUEST), /^HTTP\/1.1 502 [\s\S]*backend-not-connected/, scheme)
    t.match(why, new RegExp(`^${scheme}://.* ECONNREFUSED$`), 'the operator is told why')
    await setting.close()
  }
})

t.test('nginx reads it', { skip: unlessInstalled('nginx') }, async (t) => {
  for (const scheme of ['http', 'https']) {
    const port = await nginx(t, {
      listen: scheme === 'http' ? 'proxy_protocol' : 'proxy_protocol ssl http2',
      server: `ssl_certificate ${pathOf('localhost.pem')};
        ssl_certificate_key ${pathOf('localhost.key')};
        location / { return 200 "$proxy_protocol_addr $proxy_protocol_port $server_protocol"; }`,
    })
    for (const sendProxy of ['v1', 'v2'] as const) {
      const routes = [{ host: '', prefix: '/', url: `${scheme}://127.0.0.1:${port}` }]
      const backendTls = { ca: authority, serverName: 'localhost' }
      const options = { ...trusting, sendProxy, share: 'connection', routes, backendTls } as const
      const setting = await setUp(origin, {}, options)
      const body = `192.0.2.1 56324 HTTP/${scheme === 'http' ? '1.1' : '2.0'}`
      t.ok((await said(t, setting.url, TOLD + REQUEST)).endsWith(body), `${scheme} ${sendProxy}`)
      await setting.close()
    }
  }
})
