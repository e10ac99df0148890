// TLS behind the door, by Node's own. A listener's sockets are looked at in clear text first, so a TLS server
// here never listens itself: it is handed sockets (`emit('connection', socket)`), and whose handshake is over
// is told by the peer's address. Where peers have none, over Unix-domain sockets, each has a TLS server of its own.

import { createPrivateKey, X509Certificate } from 'node:crypto'
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
import type { Certificate, Secured, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from './tls.js'

/** RFC 9113 §9.2 asks for 1.2 at least; nothing older is offered to anybody. */
const VERSION_MIN = 'TLSv1.2'

/** Told once how a handshake ended; of one whose socket has just closed, nothing is told. */
export interface Handshaking {
  secured(socket: TLSSocket): void
  failed(error: NodeJS.ErrnoException): void
}

/** What is wrong with a file, said so that its owner knows which and what; OpenSSL's own words behind it. */
function told<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`${what} (${error instanceof Error ? error.message : String(error)})`)
  }
}

/** Authorities for a context. Node passes over what is no PEM, and then trusts nobody: told here instead. */
function trusting(ca: string | undefined): { ca?: string } {
  if (ca === undefined) return {}
  told('the authorities to trust are no PEM certificates', () => new X509Certificate(ca))
  return { ca }
}

/** A certificate and what is made of it once. */
class Identity {
  readonly context: SecureContext
  private readonly certificate: X509Certificate

  constructor({ cert, key, from }: Certificate, clientCa: string | undefined) {
    const of = from === undefined ? '' : `${from}: `
    this.certificate = told(`${of}the certificate is no PEM certificate`, () => new X509Certificate(cert))
    told(`${of}the key is no PEM private key without a passphrase`, () => createPrivateKey(key))
    const trust = trusting(clientCa)
    this.context = told(`${of}the key does not belong to the certificate, or TLS takes neither`, () =>
      createSecureContext({ cert, key, ...trust, minVersion: VERSION_MIN }),
    )
  }

  isFor(name: string): boolean {
    return this.certificate.checkHost(name) !== undefined
  }
}

const peerOf = (net: NetSocket): string => `${net.remoteAddress} ${net.remotePort}`

export class NodeTlsServer implements TlsServer {
  readonly options: TlsServerOptions
  private readonly server: Server
  private readonly identities: readonly Identity[]
  private readonly handshakes = new Map<string, Handshaking>()

  /** Throws where a certificate or key is none, or the two do not belong together. */
  constructor(options: TlsServerOptions) {
    this.options = options
    const { certificates, clientCa } = options
    this.identities = certificates.map((each) => new Identity(each, clientCa))
    if (certificates.length === 0) throw new TypeError('TLS needs a certificate')
    this.server = this.serverOn((socket) => this.over(socket))
  }

  private serverOn(over: (socket: TLSSocket) => Handshaking | undefined): Server {
    const { certificates, alpn, clientCertificate, clientCa } = this.options
    const server = createServer({
      cert: certificates[0].cert,
      key: certificates[0].key,
      ...trusting(clientCa),
      minVersion: VERSION_MIN,
      ALPNProtocols: [...alpn],
      requestCert: (clientCertificate ?? 'none') !== 'none',
      rejectUnauthorized: clientCertificate === 'require',
      SNICallback: (name, done) => done(null, this.identityFor(name).context),
    })
    server.on('secureConnection', (socket) => {
      // RFC 9113 §9.2.1: no renegotiation; nobody else needs it either.
      socket.disableRenegotiation()
      socket.allowHalfOpen = true
      over(socket)?.secured(socket)
    })
    server.on('tlsClientError', (error, socket) => over(socket)?.failed(error))
    return server
  }

  /** Take over a socket whose octets read so far have been put back. */
  handshake(net: NetSocket, handshaking: Handshaking): void {
    // A peer that ends in mid-handshake has left: there is nothing to say to it.
    net.allowHalfOpen = false
    if (net.remotePort === undefined) {
      this.serverOn(() => handshaking).emit('connection', net)
      return
    }
    const peer = peerOf(net)
    this.handshakes.set(peer, handshaking)
    net.once('close', () => {
      if (this.handshakes.get(peer) === handshaking) this.handshakes.delete(peer)
    })
    this.server.emit('connection', net)
  }

  private over(socket: TLSSocket): Handshaking | undefined {
    const peer = peerOf(socket)
    const found = this.handshakes.get(peer)
    this.handshakes.delete(peer)
    return found
  }

  private identityFor(name: string): Identity {
    return this.identities.find((each) => each.isFor(name)) ?? this.identities[0]
  }
}

export class NodeTlsClient implements TlsClient {
  readonly options: TlsClientOptions
  readonly context: SecureContext

  /** Throws where a certificate, key or authority is none. */
  constructor(options: TlsClientOptions) {
    this.options = options
    this.context = createSecureContext({
      ...options.certificate,
      ...trusting(options.ca),
      minVersion: VERSION_MIN,
    })
  }

  connect(to: ConnectionOptions): TLSSocket {
    const { serverName, alpn, verify } = this.options
    const socket = connect({
      ...to,
      ...(serverName === '' ? {} : { servername: serverName }),
      ALPNProtocols: [...alpn],
      secureContext: this.context,
      rejectUnauthorized: verify,
    })
    // Unlike net.connect, tls.connect passes over this option: each credit would wait for the acknowledgement of the last.
    socket.setNoDelay()
    return socket
  }
}

/** What is told of a handshake, of either side. */
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
