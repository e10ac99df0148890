// Malformed handshakes, tunnels that are not granted, and what must not pass before one is: over real
// sockets.

import * as http from 'node:http'
import * as http2 from 'node:http2'
import { type AddressInfo, connect, type Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { localhost } from '../../../tools/testbed/certificates/index.js'
import { once } from '../../world/proxy-world.js'
import { acceptOf, connectH2, handshake, proxyTo, rawBackend } from './tunnel-world.js'

/** A server of HTTP/1.1 that gets requests, and answers upgrades with this text; both are remembered. */
async function http1Backend(t: Test, answer: (key: string) => string) {
  const requests: string[] = []
  const upgrades: string[] = []
  const after: Buffer[] = []
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url} upgrade=${request.headers.upgrade ?? '-'}`)
    request.resume()
    response.end(`answer to ${request.url}`)
  })
  server.on('upgrade', (request, socket, head) => {
    upgrades.push(`${request.method} ${request.url}`)
    after.push(head)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => after.push(chunk))
    socket.on('end', () => socket.end())
    socket.write(answer(request.headers['sec-websocket-key'] ?? ''))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, requests, upgrades, after }
}

/** Send these octets and read until the connection ends, or until `until` has come. */
async function talk(t: Test, port: number, octets: string, until?: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  let text = ''
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (until !== undefined && text.includes(until)) resolve()
    })
    socket.on('close', () => resolve())
  })
  socket.write(octets, 'latin1')
  await done
  return text
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const upgrade = (lines: Record<string, string> = handshake(KEY), first = 'GET /chat HTTP/1.1') =>
  `${first}\r\nHost: a\r\n${Object.entries(lines)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
const without = (name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(handshake(KEY)).filter(([each]) => each !== name))

const accepted = (key: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`

t.test('a handshake that is none is answered here', async (t) => {
  const backend = await http1Backend(t, accepted)
  const { port } = await proxyTo(t, backend.url)
  const second = 'GET /second HTTP/1.1\r\nHost: a\r\n\r\n'
  const cases: [string, string, RegExp][] = [
    ['no key', upgrade(without('sec-websocket-key')), /^HTTP\/1.1 400 .*websocket-key/s],
    [
      'no version',
      upgrade(without('sec-websocket-version')),
      /^HTTP\/1.1 426 .*sec-websocket-version: 13\r\n.*connection: upgrade\r\nupgrade: websocket\r\n/s,
    ],
    [
      'with a body',
      `${upgrade({ ...handshake(KEY), 'content-length': String(second.length) })}${second}`,
      /^HTTP\/1.1 400 .*websocket-content/s,
    ],
    [
      'with chunks',
      `${upgrade({ ...handshake(KEY), 'transfer-encoding': 'chunked' })}0\r\n\r\n`,
      /^HTTP\/1.1 400 .*websocket-content/s,
    ],
  ]
  for (const [name, octets, answer] of cases) t.match(await talk(t, port, octets), answer, name)
  t.strictSame([backend.requests, backend.upgrades], [[], []], 'the backend hears of none')
})

t.test('an upgrade that is not asked for rightly is not forwarded', async (t) => {
  const backend = await http1Backend(t, accepted)
  const { port } = await proxyTo(t, backend.url)
  const h2c = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' }
  const close = { ...handshake(KEY), connection: 'Upgrade, close' }
  const cases: [string, string][] = [
    ['h2c', upgrade({ ...h2c, connection: 'Upgrade, HTTP2-Settings, close' }, 'GET /h2c HTTP/1.1')],
    ['over HTTP/1.0', upgrade(close, 'GET /old HTTP/1.0')],
    ['not nominated', upgrade({ ...close, connection: 'close' }, 'GET /not-nominated HTTP/1.1')],
    ['another protocol', upgrade({ ...close, upgrade: 'x' }, 'GET /other HTTP/1.1')],
    ['not GET', upgrade({ ...close, 'content-length': '0' }, 'POST /post HTTP/1.1')],
  ]
  for (const [name, octets] of cases) t.match(await talk(t, port, octets), /^HTTP\/1.1 200 /, name)
  t.strictSame(backend.upgrades, [])
  t.strictSame(backend.requests, [
    'GET /h2c upgrade=-',
    'GET /old upgrade=-',
    'GET /not-nominated upgrade=-',
    'GET /other upgrade=-',
    'POST /post upgrade=-',
  ])
})

t.test('what a client says too early', async (t) => {
  const early = 'GET /hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  await t.test('is for the tunnel, once there is one', async (t) => {
    const backend = await http1Backend(t, (key) => `${accepted(key)}hello`)
    const { port, server } = await proxyTo(t, backend.url)
    const ended = new Promise((resolve) => {
      server.proxy.watch({ ended: resolve })
    })
    const socket = connect(port, '127.0.0.1')
    socket.end(`${upgrade()}${early}`)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    await Promise.all([once(socket, 'close'), ended])
    t.equal(
      text.replace(/^date: .*\r\n/m, ''),
      `${accepted(KEY)
        .replace(/^([\w-]+):/gm, (name) => name.toLowerCase())
        .replace('Upgrade', 'upgrade')}hello`,
    )
    t.equal(Buffer.concat(backend.after).toString(), early)
    t.strictSame(backend.requests, [])
  })
  await t.test('is a request, where there is none', async (t) => {
    const backend = await http1Backend(t, () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    const { port } = await proxyTo(t, backend.url)
    const text = await talk(t, port, `${upgrade()}${early}`)
    t.match(text, /^HTTP\/1.1 403 Forbidden\r\n.*\r\n\r\nnoHTTP\/1.1 200 OK\r\n.*answer to \/hidden/s)
    t.equal(Buffer.concat(backend.after).length, 0, 'not a word of it reached the one who was asked')
    t.strictSame(backend.requests, ['GET /hidden upgrade=-'])
  })
})

/** Returns the answer to a request for a tunnel, of a client of either version. */
async function statusFor(t: Test, front: 'http' | 'h2c', port: number): Promise<string> {
  if (front === 'http') {
    const head = /^HTTP\/1.1 (\d+)[\s\S]*?\r\n\r\n/.exec(await talk(t, port, upgrade(), '\r\n\r\n'))
    return `${head?.[1]} ${/x-fermata: (\S+)/.exec(head?.[0] ?? '')?.[1] ?? '-'}`
  }
  const client = await connectH2(t, 'h2c', port)
  const stream = client.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13' },
    { endStream: false },
  )
  stream.on('error', () => {})
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  return `${headers[':status']} ${headers['x-fermata'] ?? '-'}`
}

const WRONG: readonly (readonly [string, (key: string) => string, string])[] = [
  ['a refusal', () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', '403 -'],
  ['a redirection', () => 'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n', '302 -'],
  ['a server error', () => 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n', '500 -'],
  ['an accept for another key', () => accepted(KEY.replace('d', 'e')), '502 websocket-accept'],
  ['no accept', (key) => accepted(key).replace(/Sec-WebSocket-Accept.*\r\n/, ''), '502 websocket-accept'],
  ['an accept twice', (key) => accepted(key).replace(/(Sec-.*\r\n)/, '$1$1'), '502 websocket-accept'],
  ['another protocol', (key) => accepted(key).replace('websocket', 'x'), '502 upgrade-other'],
  ['no Connection', (key) => accepted(key).replace('Connection: Upgrade\r\n', ''), '502 upgrade-missing'],
]

t.test('an HTTP/1.1 client gets the success by which its upgrade is declined', async (t) => {
  const second = 'GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const answers: [string, string, RegExp][] = [
    [
      'a page',
      '200 OK\r\nContent-Length: 5\r\n\r\npage.',
      /^HTTP\/1.1 200 OK\r\ndate: .*\r\ncontent-length: 5\r\n\r\npage\.HTTP/,
    ],
    [
      'chunks',
      '200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npage.\r\n0\r\n\r\n',
      /\r\n\r\n5\r\npage\.\r\n0\r\n\r\nHTTP/,
    ],
    ['nothing', '204 No Content\r\n\r\n', /^HTTP\/1.1 204 No Content\r\n([\w-]+: .*\r\n)*\r\nHTTP/],
    [
      'not modified',
      '304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      /^HTTP\/1.1 304 Not Modified\r\n([\w-]+: .*\r\n)*\r\nHTTP/,
    ],
  ]
  for (const [name, answer, got] of answers) {
    const backend = await http1Backend(t, () => `HTTP/1.1 ${answer}`)
    const { port } = await proxyTo(t, backend.url)
    const text = await talk(t, port, upgrade() + second)
    t.match(text, got, name)
    t.match(text, /HTTP\/1.1 200 OK\r\n[\s\S]*answer to \/second$/, 'and the next request is read as one')
    t.notMatch(text, /upgrade: websocket|HTTP\/1.1 101/)
    t.strictSame(backend.requests, ['GET /second upgrade=-'], 'on another connection of the backend')
    t.equal(Buffer.concat(backend.after).length, 0, 'not a word of it reached the one who was asked')
  }
})

t.test('to extended CONNECT a success would open the tunnel: 502', async (t) => {
  const backend = await http1Backend(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
  const { port } = await proxyTo(t, backend.url)
  t.equal(await statusFor(t, 'h2c', port), '502 upgrade-declined')
  t.equal(backend.upgrades.length, 1, 'asked once')
})

for (const front of ['http', 'h2c'] as const) {
  t.test(`${front}: what a backend of HTTP/1.1 may answer`, async (t) => {
    for (const [name, answer, status] of WRONG) {
      const backend = await http1Backend(t, answer)
      const { port } = await proxyTo(t, backend.url)
      t.equal(await statusFor(t, front, port), status, name)
      t.equal(backend.upgrades.length, 1, 'asked once')
    }
  })

  t.test(
    `${front}: a backend of HTTP/2 that does not take extended CONNECT, and one that refuses`,
    async (t) => {
      for (const enableConnectProtocol of [false, true]) {
        const origin = http2.createServer({ settings: { enableConnectProtocol } })
        const asked: string[] = []
        origin.on('stream', (stream, headers) => {
          asked.push(headers[':protocol'] as string)
          stream.on('error', () => {})
          stream.respond({ ':status': 403 }, { endStream: true })
        })
        origin.on('session', (session) => t.teardown(() => session.destroy()))
        await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
        t.teardown(() => void (origin as unknown as NetServer).close())
        const { port } = await proxyTo(t, `h2c://127.0.0.1:${(origin.address() as AddressInfo).port}`)
        t.equal(
          await statusFor(t, front, port),
          enableConnectProtocol ? '403 -' : '502 backend-without-tunnels',
        )
        t.strictSame(asked, enableConnectProtocol ? ['websocket'] : [])
      }
    },
  )
}

t.test('a tunnel leaves the engine: others are not kept from their backend', async (t) => {
  const backend = await rawBackend('http', (duplex) => duplex.pipe(duplex))
  t.teardown(() => backend.close())
  const { port, server } = await proxyTo(t, backend.url, { limits: { server: { http1SessionsMax: 1 } } })
  for (let each = 0; each < 3; each++) t.equal(await statusFor(t, 'http', port), '101 -')
  t.equal(server.proxy.tunnels, 3)
  t.strictSame(
    server.proxy.backends.flatMap((each) => each.engines()).map((engine) => engine.sessions.length),
    [0],
  )
})

t.test('a backend whose HTTP/2 takes no tunnels, chosen by ALPN, is asked again by HTTP/1.1', async (t) => {
  const origin = http2.createSecureServer({ ...localhost, allowHTTP1: true })
  const seen: string[] = []
  origin.on('request', (request, response) => {
    seen.push(`${request.method} HTTP/${request.httpVersion}`)
    response.end()
  })
  origin.on('upgrade', (request: http.IncomingMessage, socket: Duplex) => {
    seen.push(`upgrade HTTP/${request.httpVersion}`)
    socket.on('error', () => {})
    socket.write(accepted(request.headers['sec-websocket-key'] ?? ''))
    socket.pipe(socket)
    t.teardown(() => socket.destroy())
  })
  origin.on('session', (session) => t.teardown(() => session.destroy()))
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void (origin as unknown as NetServer).close())
  const { port } = await proxyTo(t, `https://localhost:${(origin.address() as AddressInfo).port}`)
  t.match(await talk(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 200 /)
  t.equal(await statusFor(t, 'http', port), '101 -')
  t.equal(await statusFor(t, 'h2c', port), '200 -')
  t.strictSame(seen, ['GET HTTP/2.0', 'upgrade HTTP/1.1', 'upgrade HTTP/1.1'])
})

t.test('CONNECT is not served, and nothing behind it is read as requests', async (t) => {
  const backend = await http1Backend(t, accepted)
  const { port } = await proxyTo(t, backend.url)
  const octets = 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'
  const text = await talk(t, port, octets)
  t.match(text, /^HTTP\/1.1 501 [\s\S]*connection: close\r\n[\s\S]*connect-not-served/)
  t.equal(text.match(/HTTP\/1.1 /g)?.length, 1)
  t.strictSame([backend.requests, backend.upgrades], [[], []])
})
