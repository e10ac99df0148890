// An app of the program as a backend, in this process: a server of node:http that listens nowhere, and gets
// its connections from us. The app sees Node's own requests and responses. An error that it throws, or
// rejects with, ends only its own request: 500, or a cut response.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { App } from '../config/index.js'
import type { LocalServer } from '../pollset/index.js'
import { LocalSide } from './local-connection.js'

/** A bound above all limits of ours. */
const HEAD_BYTES_MAX = 16 * 1024 * 1024

/** Is called with an error that an app has thrown. */
export type AppFailed = (backend: string, error: unknown) => void

const NO_UPGRADE =
  '501 no-upgrade: the handler takes no WebSockets; give the http.Server that has the listener for upgrade\n'

export class AppServer implements LocalServer {
  readonly name: string
  private readonly handler: App
  private readonly server: Server
  private readonly failed: AppFailed

  constructor(name: string, handler: App, failed: AppFailed) {
    this.name = name
    this.handler = handler
    this.failed = failed
    // The exchange has the deadlines, and the engine keeps the connections.
    this.server = createServer({
      maxHeaderSize: HEAD_BYTES_MAX,
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      requireHostHeader: false,
    })
    this.server.on('request', (request, response) => this.take('request', request, response))
    this.server.on('checkContinue', (request, response) => this.continues(request, response))
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head))
    this.server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** Makes a connection to the app. */
  connect(): Duplex {
    const [ours, its] = LocalSide.pair()
    this.server.emit('connection', its)
    return ours
  }

  private continues(request: IncomingMessage, response: ServerResponse): void {
    if (typeof this.handler !== 'function' && this.handler.listenerCount('checkContinue') > 0) {
      this.take('checkContinue', request, response)
      return
    }
    response.writeContinue()
    this.take('request', request, response)
  }

  private take(event: 'request' | 'checkContinue', request: IncomingMessage, response: ServerResponse): void {
    const { handler } = this
    try {
      if (typeof handler !== 'function') {
        handler.emit(event, request, response)
        return
      }
      const result: unknown = handler(request, response)
      if (result instanceof Promise) result.catch((error: unknown) => this.threw(response, error))
    } catch (error) {
      this.threw(response, error)
    }
  }

  private threw(response: ServerResponse, error: unknown): void {
    this.failed(this.name, error)
    if (response.headersSent || response.writableEnded) {
      response.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8', 'x-fermata': 'handler-failed' })
    response.end('500 handler-failed\n')
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { handler } = this
    socket.on('error', () => {})
    if (typeof handler === 'function' || handler.listenerCount('upgrade') === 0) {
      socket.end(
        `HTTP/1.1 501 Not Implemented\r\ncontent-type: text/plain; charset=utf-8\r\nx-fermata: no-upgrade\r\ncontent-length: ${NO_UPGRADE.length}\r\nconnection: close\r\n\r\n${NO_UPGRADE}`,
      )
      return
    }
    try {
      handler.emit('upgrade', request, socket, head)
    } catch (error) {
      this.failed(this.name, error)
      socket.destroy()
    }
  }
}
