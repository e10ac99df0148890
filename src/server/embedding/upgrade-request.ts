// A WebSocket that the program has handed to the proxy. Its socket is adopted, and the frontend of HTTP/1.1
// serves the one request on it, so that both ends of a tunnel are ours.

import type { IncomingMessage } from 'node:http'
import type { FrontendStream } from '../../http/index.js'
import { serveHttp1 } from '../../http1/index.js'
import type { Socket } from '../../pollset/index.js'
import type { Exchange } from '../../proxy/index.js'
import type { EmbeddedParts, Running } from './embedded-parts.js'
import { type ErrorCallback, errorOf, ProxyError, type TunnelView } from './events.js'
import type { RequestOptions, UpgradeSocket } from './options.js'
import { OutgoingRequest } from './outgoing-request.js'
import { outgoingPath } from './paths.js'
import { forwardedFields, outgoingFields, requestHead } from './request-head.js'
import type { ReadTarget } from './target-url.js'

const isToken = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)

/**
 * Writes the handshake again for the frontend, as far as it needs it to answer. The head that we
 * make has the rest.
 */
function handshakeOf({ headers }: IncomingMessage): Buffer | null {
  const { 'sec-websocket-key': key, 'sec-websocket-version': version = '13' } = headers
  if (!isToken(key) || !isToken(version)) return null
  return Buffer.from(
    `GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\nsec-websocket-version: ${version}\r\n\r\n`,
    'latin1',
  )
}

export class UpgradeRequest implements Running {
  readonly request: IncomingMessage
  readonly options: RequestOptions
  readonly socket: UpgradeSocket
  target: ReadTarget | null = null
  private readonly parts: EmbeddedParts
  private readonly head: Buffer
  private readonly callback: ErrorCallback | null
  private adopted: Socket | null = null
  private connection: { cancel(): void } | null = null
  private isCut = false
  private tunnel: TunnelView | null = null

  constructor(
    parts: EmbeddedParts,
    request: IncomingMessage,
    socket: UpgradeSocket,
    head: Buffer,
    options: RequestOptions,
    callback: ErrorCallback | null,
  ) {
    this.parts = parts
    this.request = request
    this.socket = socket
    this.head = head
    this.options = options
    this.callback = callback
  }

  get replied(): UpgradeSocket {
    return this.socket
  }

  get targetText(): string {
    return this.target === null ? '' : this.target.url + this.target.path
  }

  /** Adopts the socket, from its next byte on. Returns false if the request is no WebSocket handshake. */
  adopt(): boolean {
    const { request, socket, parts, head } = this
    const handshake = handshakeOf(request)
    const asks = request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket'
    if (!asks || handshake === null) return false
    const id = parts.world.nextId('u')
    this.adopted = parts.pollset.adopt(socket as never, Buffer.concat([handshake, head]), id)
    parts.frontend.begin(this)
    return true
  }

  /** Serves the socket, in the turn. */
  accept(): void {
    const { parts } = this
    const connection = serveHttp1(parts.protocols.http1, this.adopted as Socket, {
      accept: (stream) => this.acceptStream(stream),
      clientClosed: (client) => {
        parts.reverse.clientClosed(client)
        parts.frontend.end(this)
      },
    })
    this.connection = connection
    // It serves this one request: the program's own server serves the others.
    connection.cancel()
    if (this.isCut) connection.cancel()
  }

  private acceptStream(stream: FrontendStream): void {
    const { parts, request, socket, options, target } = this
    try {
      const told = options.xfwd === true ? forwardedFields(request, true) : null
      const listens = parts.events.listens('proxyReqWs')
      const fields = outgoingFields(request, target as ReadTarget, options, told, listens)
      let path = outgoingPath(request, target as ReadTarget, options)
      if (listens) {
        const outgoing = new OutgoingRequest('GET', path, target as ReadTarget, fields)
        parts.events.emit('proxyReqWs', outgoing, request, socket, options, this.head)
        path = outgoing.path
      }
      const head = requestHead(parts.world.fields, {
        method: 'GET',
        path,
        scheme: parts.isSecure(request) ? 'https' : 'http',
        fields,
        length: -1,
        isTunnel: true,
        continued: true,
      })
      if (typeof head === 'string') throw new ProxyError('request-invalid', 400, head)
      stream.head = head
      parts.begin(stream, this)
      parts.reverse.accept(stream, '', parts.routeTo(target as ReadTarget, options))
    } catch (error) {
      const wrong = error instanceof Error ? error : new Error(String(error))
      this.report(wrong)
      const { status = 500, outcome = 'event-failed' } = wrong as Partial<ProxyError>
      parts.reverse.refuse(stream, {
        status,
        code: outcome,
        text: status < 500 ? wrong.message : 'the program failed',
      })
    }
  }

  /** Is told that the backend has agreed to the WebSocket. */
  opened(x: Exchange): void {
    if (!x.tunnelOpen) return
    this.tunnel = { id: x.id, target: this.targetText }
    this.parts.events.emit('open', this.tunnel)
  }

  ended(): void {
    if (this.tunnel !== null) this.parts.events.emit('close', null, this.tunnel, this.head)
  }

  refused(x: Exchange): void {
    this.report(errorOf(x))
  }

  report(error: Error): void {
    const { parts, request, socket, targetText, callback } = this
    parts.events.report(error, request, socket, targetText, callback)
  }

  /** Reports an error before there is an exchange, and closes the socket. */
  refuse(error: Error): void {
    this.report(error)
    if (this.adopted === null) this.socket.destroy()
    else {
      this.adopted.destroy()
      this.parts.frontend.end(this)
    }
  }

  gaveUp(): void {}

  /** Ends it from our side. */
  cut(): void {
    this.isCut = true
    if (this.connection === null) this.adopted?.destroy()
    else this.connection.cancel()
  }
}
