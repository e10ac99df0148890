// TLS of Node's pollset. Our listeners read sockets in clear text first, so a TLS server here never listens
// itself: it is given each socket by `emit('connection', socket)`. When a handshake ends, the addresses of
// both ends find its socket. Over a Unix-domain socket peers have no address, so each gets a TLS server of
// its own. Each group of certificates has a server, chosen by the name in the ClientHello (client-hello.ts).

import { createHash } from 'node:crypto'
import type { Socket as NetSocket } from 'node:net'
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls'
import type { Secured, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from '../tls.js'
import {
  type CertificateGroup,
  Certificates,
  explained,
  type KnownCertificates,
  trusting,
  VERSION_MIN,
} from './certificates.js'
import { ClientHelloReader } from './client-hello.js'
import type { TcpKeepAlive } from './keep-alive.js'
import type { Reading } from './reading.js'

/** Is called once when a handshake ends, unless its socket has closed before. */
export interface TlsHandshakeListener {
  secured(socket: TLSSocket): void
  failed(error: NodeJS.ErrnoException): void
}

/** The most bytes of a session id context, which is a term of OpenSSL, not of RFC 5246. */
const SESSION_ID_CONTEXT_MAX = 32

/** Names a TCP connection: a peer may use one port of its own for several of our addresses. */
const connectionOf = ({ localAddress, localPort, remoteAddress, remotePort }: NetSocket): string =>
  `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`

export class NodeTlsServer implements TlsServer {
  readonly options: TlsServerOptions
  private readonly certificates: Certificates
  /** The server of each group of certificates, made when a client first asks for the group. */
  private readonly servers: (Server | undefined)[]
  private readonly ticketKeys: () => Buffer
  /** The keys that the servers use. */
  private keysSet: Buffer
  private readonly handshakes = new Map<string, TlsHandshakeListener>()

  /**
   * Throws if a certificate or key is malformed, or the two do not belong together.
   * @param ticketKeys returns the keys of session tickets. All servers of a pollset share them, so clients
   *   resume their sessions after the certificates were read again
   */
  constructor(options: TlsServerOptions, ticketKeys: () => Buffer, known: KnownCertificates) {
    this.options = options
    this.ticketKeys = ticketKeys
    this.keysSet = ticketKeys()
    this.certificates = new Certificates(options.certificates, known)
    trusting(options.clientCa, 'for clients')
    this.servers = this.certificates.groups.map(() => undefined)
    this.serverOf(0)
  }

  private serverOf(group: number): Server {
    const { from } = this.certificates.groups[group]
    this.servers[group] ??= explained(`${from}TLS does not take the certificate or its key`, () =>
      this.serverOn(this.certificates.groups[group], (socket) => this.over(socket)),
    )
    return this.servers[group]
  }

  private serverOn(
    { cert, key }: CertificateGroup,
    over: (socket: TLSSocket) => TlsHandshakeListener | undefined,
  ): Server {
    const { alpn, clientCertificate, clientCa } = this.options
    const server = createServer({
      cert: [...cert],
      key: [...key],
      ...trusting(clientCa, 'for clients'),
      minVersion: VERSION_MIN,
      ALPNProtocols: [...alpn],
      requestCert: (clientCertificate ?? 'none') !== 'none',
      rejectUnauthorized: clientCertificate === 'require',
      ticketKeys: this.keysSet,
      // A session of a listener with another rule for client certificates is not resumed here.
      sessionIdContext: createHash('sha256')
        .update(JSON.stringify([clientCertificate ?? 'none', clientCa ?? '']))
        .digest('hex')
        .slice(0, SESSION_ID_CONTEXT_MAX),
    })
    server.on('secureConnection', (socket) => {
      // RFC 9113 §9.2.1 forbids renegotiation; HTTP/1.1 does not need it.
      socket.disableRenegotiation()
      socket.allowHalfOpen = true
      over(socket)?.secured(socket)
    })
    server.on('tlsClientError', (error, socket) => over(socket)?.failed(error))
    return server
  }

  /**
   * Takes over a paused socket, and the bytes read from it so far.
   * @param reading its reading into our buffers; null if it reads into Node's
   */
  handshake(
    net: NetSocket,
    chunks: Buffer[],
    handshaking: TlsHandshakeListener,
    reading: Reading | null,
  ): void {
    // A peer that sends FIN during the handshake has left, so the socket then closes.
    net.allowHalfOpen = false
    if (reading !== null) reading.reader = null
    const begin = (group: number) => {
      net.unshift(Buffer.concat(chunks))
      this.begin(net, group, handshaking)
    }
    if (this.servers.length === 1) {
      begin(0)
      return
    }
    const hello = new ClientHelloReader()
    for (const chunk of chunks) hello.feed(chunk)
    if (hello.done) {
      begin(this.certificates.groupFor(hello.serverName))
      return
    }
    const more = (chunk: Buffer) => {
      chunks.push(chunk)
      hello.feed(chunk)
      if (!hello.done) return
      net.off('data', more)
      if (reading !== null) reading.reader = null
      net.pause()
      begin(this.certificates.groupFor(hello.serverName))
    }
    if (reading === null) net.on('data', more)
    else reading.reader = { bytesRead: (chunk) => more(Buffer.from(chunk)) }
    net.resume()
  }

  private begin(net: NetSocket, group: number, handshaking: TlsHandshakeListener): void {
    this.followKeys()
    if (net.remotePort === undefined) {
      this.serverOn(this.certificates.groups[group], () => handshaking).emit('connection', net)
      return
    }
    const connection = connectionOf(net)
    this.handshakes.set(connection, handshaking)
    net.once('close', () => {
      if (this.handshakes.get(connection) === handshaking) this.handshakes.delete(connection)
    })
    this.serverOf(group).emit('connection', net)
  }

  /** Gives the servers the current keys. */
  private followKeys(): void {
    const keys = this.ticketKeys()
    if (keys === this.keysSet) return
    this.keysSet = keys
    for (const each of this.servers) each?.setTicketKeys(keys)
  }

  private over(socket: TLSSocket): TlsHandshakeListener | undefined {
    const connection = connectionOf(socket)
    const found = this.handshakes.get(connection)
    this.handshakes.delete(connection)
    return found
  }
}

export class NodeTlsClient implements TlsClient {
  readonly options: TlsClientOptions
  readonly context: SecureContext

  /** Throws if a certificate, key or authority is malformed. */
  constructor(options: TlsClientOptions) {
    this.options = options
    this.context = createSecureContext({
      ...options.certificate,
      ...trusting(options.ca, 'for backends'),
      minVersion: VERSION_MIN,
    })
  }

  connect(to: ConnectionOptions, { keepAlive, keepAliveInitialDelay }: TcpKeepAlive): TLSSocket {
    const { serverName, alpn, verify } = this.options
    const socket = connect({
      ...to,
      ...(serverName === '' ? {} : { servername: serverName }),
      ALPNProtocols: [...alpn],
      secureContext: this.context,
      rejectUnauthorized: verify,
    })
    // tls.connect ignores these options, unlike net.connect. Without setNoDelay each WINDOW_UPDATE would wait
    // for the acknowledgement of the last write.
    socket.setNoDelay()
    socket.setKeepAlive(keepAlive, keepAliveInitialDelay)
    return socket
  }
}

/** Returns the result of a finished handshake, of either side. */
export function securedBy(socket: TLSSocket): Secured {
  const { subject, fingerprint256 } = socket.getPeerCertificate()
  const name = (socket as TLSSocket & { servername?: string | false }).servername
  return {
    protocol: socket.alpnProtocol || '',
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    serverName: name || '',
    authorized: socket.authorized,
    peer:
      fingerprint256 === undefined
        ? null
        : {
            subject: Object.entries(subject)
              .map(([key, value]) => `${key}=${value}`)
              .join(','),
            fingerprint: fingerprint256,
          },
  }
}
