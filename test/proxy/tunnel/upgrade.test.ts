// Upgrades of HTTP/1.1 to other protocols than WebSocket, on routes that allow them: what docker (`tcp`) and kubectl
// (`SPDY/3.1`) do, over real sockets.

import * as http from 'node:http'
import { createSecureServer } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { localhost } from '../../../tools/testbed/certificates/index.js'
import { serveText } from '../../../tools/testbed/text-server.js'
import { h2cBackend } from './upgrade-backends.js'

interface Seen {
  readonly line: string
  readonly upgrade: string | undefined
  readonly body: string
}

type Answer = (socket: Duplex, seen: Seen, head: Buffer) => void

/** A backend that reads the body of a request before it switches, as docker does. Without Upgrade it answers 200. */
async function backend(
  t: Test,
  answer: Answer,
): Promise<{ port: number; seen: Seen[]; connections: () => number }> {
  const seen: Seen[] = []
  const open = new Set<Duplex>()
  const server = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      seen.push({ line: `${request.method} ${request.url}`, upgrade: request.headers.upgrade, body })
      response.end(`answer to ${body}`)
    })
  })
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    open.add(socket)
    socket.on('error', () => {})
    // Node gives what follows the head as `head` and bytes, also if it is a body.
    const length = Number(request.headers['content-length'] ?? 0)
    let came = head
    const look = () => {
      if (came.length < length) return
      socket.off('data', more)
      const one = {
        line: `${request.method} ${request.url}`,
        upgrade: request.headers.upgrade,
        body: came.toString('latin1', 0, length),
      }
      seen.push(one)
      answer(socket, one, came.subarray(length))
    }
    const more = (chunk: Buffer) => {
      came = Buffer.concat([came, chunk])
      look()
    }
    socket.on('data', more)
    look()
  })
  let connections = 0
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const each of open) each.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, seen, connections: () => connections }
}

/** Switches, echoes, and ends when the client has ended. */
const echo: Answer = (socket, { upgrade }, head) => {
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.raw\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`,
  )
  socket.write(head)
  socket.on('data', (chunk: Buffer) => void socket.write(chunk))
  socket.on('end', () => socket.end())
}

const fileOf = (url: string, more = ''): string => {
  const [protocol, address] = url.split('://')
  return `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
defaults: { errors: detailed }
limits: { http1: { drainIdle: 1ms } }
backends: { app: { protocol: ${protocol}, endpoints: ["${address}"] } }
routes: [{ name: all, backend: app, upgrades: [tcp, SPDY/3.1]${more} }]
`
}

class Client {
  readonly socket: Socket
  text = ''
  ended = false

  constructor(t: Test, port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket.on('error', () => {})
    this.socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.text += chunk
    })
    this.socket.on('end', () => {
      this.ended = true
    })
    t.teardown(() => this.socket.destroy())
  }

  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text) && !this.ended)
      await new Promise((resolve) => {
        this.socket.once('data', resolve)
        this.socket.once('end', resolve)
      })
    return this.text
  }
}

const request = (first: string, fields: Record<string, string>, body = ''): string =>
  `${first}\r\nHost: a\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`

const ATTACH = { Connection: 'Upgrade', Upgrade: 'tcp' }

t.test('U1, U2: docker attach, POST without a body, bytes both ways, each half ends by itself', async (t) => {
  const { port, seen } = await backend(t, echo)
  const { portOf, server } = await serveText(t, fileOf(`http://127.0.0.1:${port}`))
  const client = new Client(t, portOf())
  client.socket.write(request('POST /v1.41/containers/x/attach?stream=1 HTTP/1.1', ATTACH))
  t.match(
    await client.until(/\r\n\r\n/),
    /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tcp\r\ncontent-type: application\/vnd\.raw\r\n/i,
  )
  t.strictSame(seen, [{ line: 'POST /v1.41/containers/x/attach?stream=1', upgrade: 'tcp', body: '' }])
  t.equal(server.proxy.tunnels, 1)
  client.socket.write('GET / HTTP/1.1\r\n\r\n')
  await client.until(/GET \/ HTTP\/1\.1\r\n\r\n$/)
  client.socket.end('last')
  await client.until(/last$/)
  while (!client.ended) await new Promise((resolve) => client.socket.once('end', resolve))
  while (server.proxy.tunnels > 0) await new Promise(setImmediate)
  t.equal(server.proxy.outcomes.get('ok'), 1)
})

t.test('U1: docker exec, the body of the request goes first; kubectl, the spelling stays', async (t) => {
  const { port, seen } = await backend(t, echo)
  const { portOf } = await serveText(t, fileOf(`http://127.0.0.1:${port}`))
  const body = JSON.stringify({ Detach: false, Tty: true })
  const exec = new Client(t, portOf())
  exec.socket.write(
    request(
      'POST /exec/y/start HTTP/1.1',
      { ...ATTACH, 'Content-Length': String(body.length) },
      body.slice(0, 5),
    ),
  )
  exec.socket.write(body.slice(5))
  t.match(await exec.until(/\r\n\r\n/), /^HTTP\/1\.1 101 /)
  exec.socket.write('typed')
  await exec.until(/typed$/)
  const kubectl = new Client(t, portOf())
  kubectl.socket.write(
    request('POST /api/v1/pods/z/exec HTTP/1.1', {
      Connection: 'upgrade',
      Upgrade: 'other, SPDY/3.1',
      'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
      'Content-Length': '0',
    }),
  )
  t.match(await kubectl.until(/\r\n\r\n/), /\r\nupgrade: SPDY\/3\.1\r\n/)
  t.strictSame(seen, [
    { line: 'POST /exec/y/start', upgrade: 'tcp', body },
    { line: 'POST /api/v1/pods/z/exec', upgrade: 'SPDY/3.1', body: '' },
  ])
})

t.test('U3, U4: what a backend says otherwise', async (t) => {
  const answers: Record<string, readonly [string, RegExp]> = {
    'declines with its answer': [
      'HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno',
      /^HTTP\/1\.1 409 [\s\S]*\r\n\r\nno$/,
    ],
    'declines with a success': [
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes',
      /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nyes$/,
    ],
    'switches to another protocol': [
      'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      /^HTTP\/1\.1 502 [\s\S]*upgrade-other/,
    ],
    'names no protocol': ['HTTP/1.1 101 X\r\n\r\n', /^HTTP\/1\.1 502 [\s\S]*upgrade-missing/],
  }
  for (const [what, [answer, expected]] of Object.entries(answers)) {
    const { port } = await backend(t, (socket) => void socket.write(answer))
    const { portOf } = await serveText(t, fileOf(`http://127.0.0.1:${port}`))
    const client = new Client(t, portOf())
    client.socket.write(request('POST /attach HTTP/1.1', ATTACH))
    t.match(await client.until(expected), expected, what)
  }
})

t.test('U4: a backend that switches before it has the whole request is at fault', async (t) => {
  const early = http.createServer()
  early.on('upgrade', (_request, socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n')
  })
  await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    early.closeAllConnections()
    early.close()
  })
  const { portOf } = await serveText(t, fileOf(`http://127.0.0.1:${(early.address() as AddressInfo).port}`))
  const client = new Client(t, portOf())
  client.socket.write(request('POST /exec HTTP/1.1', { ...ATTACH, 'Content-Length': '10' }, 'half'))
  t.match(await client.until(/upgrade-early/), /^HTTP\/1\.1 502 /)
})

t.test('U1, U6: an Upgrade that is not for the backend is left out', async (t) => {
  const { port, seen } = await backend(t, echo)
  const { portOf } = await serveText(t, fileOf(`http://127.0.0.1:${port}`))
  const asks: Record<string, readonly [string, Record<string, string>]> = {
    'another protocol': [
      'POST / HTTP/1.1',
      { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AA' },
    ],
    'a client that closes': ['POST / HTTP/1.1', { Connection: 'upgrade, close', Upgrade: 'tcp' }],
    'HTTP/1.0': ['POST / HTTP/1.0', ATTACH],
    'a field that no Connection names': ['POST / HTTP/1.1', { Upgrade: 'tcp' }],
  }
  for (const [what, [first, fields]] of Object.entries(asks)) {
    const client = new Client(t, portOf())
    client.socket.write(request(first, { ...fields, 'Content-Length': '2' }, 'hi'))
    t.match(await client.until(/answer to hi/), /^HTTP\/1\.1 200 /, what)
  }
  t.ok(seen.every(({ upgrade }) => upgrade === undefined))
  const other = await serveText(
    t,
    fileOf(`http://127.0.0.1:${port}`).replace(/upgrades: [^\]]*\]/, 'upgrades: []'),
  )
  const client = new Client(t, other.portOf())
  client.socket.write(request('POST / HTTP/1.1', { ...ATTACH, 'Content-Length': '2' }, 'hi'))
  t.match(await client.until(/answer to hi/), /^HTTP\/1\.1 200 /, 'a route that does not allow it')
  const multiplexed = await h2cBackend(t)
  const third = await serveText(t, fileOf(multiplexed))
  const last = new Client(t, third.portOf())
  last.socket.write(request('POST / HTTP/1.1', { ...ATTACH, 'Content-Length': '2' }, 'hi'))
  t.match(await last.until(/answer to hi/), /^HTTP\/1\.1 200 /, 'a backend of HTTP/2')
})

t.test('U2, U5: an idle tunnel ends, and one more than may be open is refused', async (t) => {
  const { port } = await backend(t, echo)
  const text = fileOf(`http://127.0.0.1:${port}`, ', timeouts: { tunnel: 50ms }').replace(
    'limits: {',
    'limits: { proxy: { tunnelsMax: 1 },',
  )
  const { portOf, server } = await serveText(t, text)
  const client = new Client(t, portOf())
  client.socket.write(request('POST /attach HTTP/1.1', ATTACH))
  await client.until(/\r\n\r\n/)
  const second = new Client(t, portOf())
  second.socket.write(request('POST /attach HTTP/1.1', ATTACH))
  t.match(await second.until(/tunnels-full|101/), /^HTTP\/1\.1 (503|101) /)
  while (server.proxy.tunnels > 0) await new Promise(setImmediate)
  t.ok((server.proxy.outcomes.get('tunnel-idle') ?? 0) >= 1)
})

t.test('U6: where ALPN has chosen HTTP/2, it goes over an HTTP/1.1 connection', async (t) => {
  const server = createSecureServer({ ...localhost, allowHTTP1: true })
  const versions: string[] = []
  server.on('request', (request, response) => {
    versions.push(request.httpVersion)
    request.resume()
    response.end('plain')
  })
  const open = new Set<{ destroy(): void }>()
  server.on('session', (session) => open.add(session))
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex) => {
    open.add(socket)
    versions.push(request.httpVersion)
    socket.on('error', () => {})
    echo(socket, { line: '', upgrade: request.headers.upgrade, body: '' }, Buffer.alloc(0))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    for (const each of open) each.destroy()
  })
  const { port } = server.address() as AddressInfo
  const text = fileOf(`https://127.0.0.1:${port}`).replace(
    'protocol: https',
    'protocol: https, tls: { verify: false }',
  )
  const { portOf } = await serveText(t, text)
  const plain = new Client(t, portOf())
  plain.socket.write(request('GET / HTTP/1.1', {}))
  await plain.until(/plain/)
  const client = new Client(t, portOf())
  client.socket.write(request('POST /attach HTTP/1.1', ATTACH))
  t.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 101 /)
  t.strictSame(versions, ['2.0', '1.1'])
})

t.test('U7: a protocol of HTTP itself cannot be allowed', async (t) => {
  for (const protocol of ['h2c', 'h2', 'HTTP/2.0', 'TLS/1.2', 'tls'])
    await t.rejects(
      serveText(t, fileOf('http://127.0.0.1:1').replace('tcp', protocol)),
      /no route sees/,
      protocol,
    )
})
