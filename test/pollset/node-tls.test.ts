// TLS behind the door, over real sockets: the peers are node:tls.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { Socket as NetSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, createServer, TLSSocket, type TlsOptions } from 'node:tls'
import t from 'tap'
import {
  CLOSED,
  CONNECTED,
  ENDED,
  formatAddress,
  LISTENING,
  NodePollset,
  READABLE,
  SECURED,
  type Socket,
  type TlsClientOptions,
  type TlsServerOptions,
  WRITABLE,
} from '../../src/pollset/index.js'
import { authority, client, example, localhost } from '../../tools/testbed/certificates/index.js'
import { type Cleaning, HERE, listening, takeBytes, until } from '../world/node-sockets.js'

/** A listener, a client of node:tls, and the accepted socket once the first octets are there to be looked at. */
async function meeting(t: Cleaning, server: Partial<TlsServerOptions>, options: ConnectionOptions = {}) {
  const { pollset, listener, accept } = await listening(t)
  const tls = pollset.tlsServer({ certificates: [localhost, example], alpn: ['h2', 'http/1.1'], ...server })
  const { port } = listener.address
  const peer = connect({ host: HERE, port, ca: authority, servername: 'localhost', ...options })
  t.teardown(() => peer.destroy())
  const failed = new Promise<string>((resolve) =>
    peer.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'EUNKNOWN')),
  )
  const socket = await accept()
  await until(socket, READABLE | CLOSED)
  return { tls, peer, socket, failed }
}

async function secured(socket: Socket): Promise<Socket> {
  await until(socket, SECURED | CLOSED)
  return socket
}

t.test('a sniffed socket becomes secure: nothing read is lost, ALPN and SNI are told', async (t) => {
  const { tls, peer, socket } = await meeting(t, {}, { ALPNProtocols: ['http/1.1', 'h2'] })
  const hello = socket.take() as Buffer
  t.equal(hello[0], 22, 'a handshake record')
  socket.unread(hello)
  socket.secure(tls)
  t.equal(socket.readiness & WRITABLE, 0, 'not before it is done')
  await secured(socket)
  t.match(socket.secured, { protocol: 'h2', serverName: 'localhost', version: 'TLSv1.3', peer: null })
  t.equal(peer.alpnProtocol, 'h2', 'ours is the order that counts')
  peer.write('ping')
  t.equal(String(await takeBytes(socket, 4)), 'ping')
  socket.write(Buffer.alloc(300_000, 'x'))
  t.equal(socket.readiness & WRITABLE, 0, 'in flight')
  let read = 0
  peer.on('data', (chunk: Buffer) => {
    read += chunk.length
  })
  await until(socket, WRITABLE)
  socket.end()
  await once(peer, 'end')
  t.equal(read, 300_000)
  peer.end()
  await until(socket, CLOSED)
  t.equal(socket.fault, null)
})

t.test('the certificate is the one for the name asked for', async (t) => {
  for (const [servername, subject] of [
    ['localhost', 'localhost'],
    ['deep.example.test', 'example.test'],
    ['other.test', 'localhost'],
  ]) {
    const { tls, peer, socket } = await meeting(t, {}, { servername, rejectUnauthorized: false })
    socket.secure(tls)
    await secured(socket)
    t.equal(socket.secured?.serverName, servername)
    if (!peer.authorized && peer.getPeerCertificate().subject === undefined) await once(peer, 'secureConnect')
    t.equal(peer.getPeerCertificate().subject.CN, subject, servername)
  }
})

t.test('a ClientHello that comes in pieces', async (t) => {
  const { pollset, pair } = await listening(t)
  const tls = pollset.tlsServer({ certificates: [localhost, example], alpn: ['h2'] })
  const { peer, socket } = await pair()
  let held: Buffer[] | null = []
  const way = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      peer.write(held === null ? chunk : chunk.subarray(0, 20))
      held?.push(chunk.subarray(20))
      done()
    },
  })
  peer.on('data', (chunk) => way.push(chunk))
  const client = connect({ socket: way, servername: 'example.test', ca: authority, ALPNProtocols: ['h2'] })
  await until(socket, READABLE)
  socket.secure(tls)
  for (const octet of Buffer.concat(held)) peer.write(Buffer.of(octet))
  held = null
  await Promise.all([secured(socket), once(client, 'secureConnect')])
  t.equal(client.getPeerCertificate().subject.CN, 'example.test')
  t.equal(socket.secured?.protocol, 'h2')
})

t.test('a peer that leaves in the middle of its ClientHello', async (t) => {
  const { pollset, pair } = await listening(t)
  const tls = pollset.tlsServer({ certificates: [localhost, example], alpn: ['h2'] })
  const { peer, socket } = await pair()
  peer.write(Buffer.from([22, 3, 1, 2, 0, 1]))
  await until(socket, READABLE)
  socket.secure(tls)
  peer.end()
  await until(socket, CLOSED)
  t.equal(socket.secured, null)
})

t.test('client certificates: asked for, or required', async (t) => {
  const asked = await meeting(t, { clientCertificate: 'request', clientCa: authority }, client)
  asked.socket.secure(asked.tls)
  t.match((await secured(asked.socket)).secured, { authorized: true, peer: { subject: 'CN=a client' } })

  const without = await meeting(t, { clientCertificate: 'request', clientCa: authority })
  without.socket.secure(without.tls)
  t.match((await secured(without.socket)).secured, { authorized: false, peer: null })

  const required = await meeting(t, { clientCertificate: 'require', clientCa: authority })
  required.socket.secure(required.tls)
  await until(required.socket, CLOSED)
  t.equal(required.socket.secured, null)
  t.match(required.socket.fault?.code, /CERTIFICATE/)
})

t.test('what is no handshake closes that socket, with what was wrong', async (t) => {
  const { pollset, pair } = await listening(t)
  const tls = pollset.tlsServer({ certificates: [localhost], alpn: ['h2'] })
  const { peer, socket } = await pair()
  peer.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(socket, READABLE)
  socket.secure(tls)
  await until(socket, CLOSED)
  t.equal(socket.readiness & SECURED, 0)
  t.match(socket.fault?.code, /^ERR_SSL_/)
  const gone = await pair()
  gone.socket.secure(tls)
  gone.peer.destroy()
  await until(gone.socket, CLOSED)
  t.equal(gone.socket.readiness & SECURED, 0, 'a peer that leaves in mid-handshake')
})

t.test('TLS 1.1 is not spoken', async (t) => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  const { tls, socket, failed } = await meeting(t, {}, old)
  socket.secure(tls)
  await until(socket, CLOSED)
  t.match(socket.fault?.code, 'ERR_SSL_UNSUPPORTED_PROTOCOL')
  t.match(await failed, /ERR_SSL/)
})

async function backend(t: Cleaning, options: TlsOptions = {}) {
  const server = createServer({ ...localhost, ALPNProtocols: ['h2', 'http/1.1'], ...options })
  server.on('tlsClientError', () => {})
  server.listen(0, HERE)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const peer = new Promise<TLSSocket>((resolve) =>
    server.on('secureConnection', (socket) => {
      t.teardown(() => socket.destroy())
      socket.on('error', () => {})
      resolve(socket)
    }),
  )
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const dial = async (more: Partial<TlsClientOptions> = {}) => {
    const tls = pollset.tlsClient({
      serverName: 'localhost',
      alpn: ['h2', 'http/1.1'],
      verify: true,
      ...more,
    })
    const socket = pollset.connect({ host: HERE, port }, 'b1.socket', tls)
    await until(socket, CONNECTED | CLOSED)
    return socket
  }
  return { peer, dial }
}

t.test('connecting: the handshake is part of it, and ALPN decides', async (t) => {
  const { peer, dial } = await backend(t, { ALPNProtocols: ['http/1.1'] })
  const socket = await dial({ ca: authority })
  t.match(socket.secured, { protocol: 'http/1.1', serverName: 'localhost', authorized: true })
  t.match(socket.secured?.peer, { subject: 'CN=localhost', fingerprint: /^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/ })
  socket.write(Buffer.from('ping'))
  const far = await peer
  const [data] = (await once(far, 'data')) as [Buffer]
  t.equal(String(data), 'ping')
  far.end('pong')
  t.equal(String(await takeBytes(socket, 4)), 'pong')
  await until(socket, ENDED)
})

t.test('connecting: what is small is sent at once, without waiting for an acknowledgement', async (t) => {
  const { dial } = await backend(t)
  // TCP_NODELAY cannot be read back: without it a backend over TLS sent one window in five milliseconds.
  const asked = t.capture(NetSocket.prototype, 'setNoDelay', NetSocket.prototype.setNoDelay)
  await dial({ ca: authority })
  t.same(asked().filter(({ receiver, args }) => receiver instanceof TLSSocket && args[0] !== false).length, 1)
})

t.test('connecting: a certificate that is not good is refused, unless that was asked for', async (t) => {
  const { dial } = await backend(t)
  t.match((await dial()).fault?.code, /SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY/, 'an authority nobody knows')
  t.equal(
    (await dial({ ca: authority, serverName: 'other.test' })).fault?.code,
    'ERR_TLS_CERT_ALTNAME_INVALID',
  )
  const taken = await dial({ verify: false })
  t.equal(taken.fault, null)
  t.equal(taken.secured?.authorized, false)
})

t.test('connecting: a certificate of ours is shown where the server asks for one', async (t) => {
  const { peer, dial } = await backend(t, { requestCert: true, ca: authority })
  await dial({ ca: authority, certificate: client })
  t.equal((await peer).getPeerCertificate().subject.CN, 'a client')
})

t.test('a wrong certificate or key is told when it is given', (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const alpn = ['h2']
  const mixed = { cert: localhost.cert, key: example.key }
  t.throws(
    () => pollset.tlsServer({ certificates: [mixed], alpn }),
    /the key does not belong to the certificate/,
  )
  t.throws(
    () => pollset.tlsServer({ certificates: [{ cert: 'none', key: 'none' }], alpn }),
    /PEM|no start line/,
  )
  t.throws(() => pollset.tlsServer({ certificates: [], alpn }), /needs a certificate/)
  t.throws(() => pollset.tlsClient({ serverName: 'a', alpn, verify: true, ca: 'none' }), /./)
  t.end()
})

t.test('a Unix-domain socket, listened on and connected to', async (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const path = join(tmpdir(), `fermata-test-${process.pid}.sock`)
  t.teardown(() => rmSync(path, { force: true }))
  const address = { host: '', port: 0, path }
  t.equal(formatAddress(address), `unix:${path}`)
  const listener = pollset.listen(address, 'l1')
  await until(listener, LISTENING)
  const near = pollset.connect(address, 'b1.socket')
  await until(near, CONNECTED | CLOSED)
  t.equal(near.fault, null)
  near.write(Buffer.from('hello'))
  await until(listener, 1)
  const far = listener.accept() as Socket
  t.equal(String(await takeBytes(far, 5)), 'hello')
})
