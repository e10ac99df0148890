// Node's own HTTP/1.1 parser as a judge: a node:http server that is fed a wire over loopback, and a node:http
// client that gets one as its response. Only what node:http documents is looked at; its lenient mode is off.

import { once } from 'node:events'
import * as http from 'node:http'
import * as net from 'node:net'

/** One message as a parser saw it, in terms that both share. */
export interface Seen {
  /** Method and target, or the status. */
  readonly line: string
  /** Names in lower case. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
  readonly trailers: readonly (readonly [string, string])[]
}

export interface Judgement {
  readonly whole: readonly Seen[]
  /** Why it went no further, or null. */
  readonly error: string | null
}

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) found.push([raw[i].toLowerCase(), raw[i + 1]])
  return found
}

/** The code of an error of Node's, which its declaration does not know. */
const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message

function readBody(message: http.IncomingMessage, line: string, whole: Seen[], then: () => void): void {
  let body = ''
  message.setEncoding('latin1')
  message.on('data', (text: string) => {
    body += text
  })
  message.on('end', () => {
    whole.push({ line, fields: pairs(message.rawHeaders), body, trailers: pairs(message.rawTrailers) })
    then()
  })
  message.on('error', () => {})
}

/** Feed requests to a node:http server, one connection after the other. */
export class NodeServer {
  private readonly server = http.createServer({ insecureHTTPParser: false })
  private whole: Seen[] = []
  private error: string | null = null

  constructor() {
    const { server } = this
    const take = (request: http.IncomingMessage, response: http.ServerResponse) =>
      readBody(request, `${request.method} ${request.url}`, this.whole, () => response.writeHead(204).end())
    server.on('request', take)
    server.on('checkContinue', take)
    server.on('checkExpectation', take)
    server.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      this.whole.push({
        line: `${request.method} ${request.url}`,
        fields: pairs(request.rawHeaders),
        body: '',
        trailers: [],
      })
      socket.destroy()
    })
    server.on('clientError', (error, socket) => {
      this.error ??= codeOf(error)
      socket.destroy()
    })
  }

  async listen(): Promise<void> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening')
  }

  async judge(wire: Buffer): Promise<Judgement> {
    this.whole = []
    this.error = null
    const { port } = this.server.address() as net.AddressInfo
    const socket = net.connect(port, '127.0.0.1')
    let answers = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answers += text
    })
    socket.on('error', () => {})
    socket.end(wire)
    await once(socket, 'close')
    // Node answers by itself, without an event, if it refuses a request above its parser (no Host, say).
    const refused = /^HTTP\/1\.1 (4\d\d)/m.exec(answers)
    return { whole: this.whole, error: this.error ?? (refused === null ? null : `answered ${refused[1]}`) }
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }
}

/** Give responses to a node:http client, one connection each. */
export class NodeClient {
  private wire: Uint8Array = new Uint8Array()
  private readonly server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(this.wire))
  })

  async listen(): Promise<void> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening')
  }

  async judge(wire: Buffer, to: string): Promise<Judgement> {
    this.wire = wire
    const { port } = this.server.address() as net.AddressInfo
    const [method, upgrade] = to.split('+')
    const whole: Seen[] = []
    let error: string | null = null
    const path = method === 'CONNECT' ? 'a:443' : '/'
    const headers = upgrade === undefined ? {} : { connection: 'upgrade', upgrade: 'x' }
    const request = http.request({ port, host: '127.0.0.1', method, path, headers, agent: false })
    const headOnly = (response: http.IncomingMessage) =>
      whole.push({
        line: String(response.statusCode),
        fields: pairs(response.rawHeaders),
        body: '',
        trailers: [],
      })
    request.on('information', (info) =>
      whole.push({ line: String(info.statusCode), fields: pairs(info.rawHeaders), body: '', trailers: [] }),
    )
    const over = (response: http.IncomingMessage, socket: net.Socket) => {
      headOnly(response)
      socket.destroy()
    }
    request.on('upgrade', over)
    request.on('connect', over)
    request.on('response', (response) => {
      readBody(response, String(response.statusCode), whole, () => {})
      response.on('error', (e) => {
        error ??= codeOf(e)
      })
    })
    request.on('error', (e) => {
      error ??= codeOf(e)
    })
    request.end()
    await new Promise<void>((resolve) => request.on('close', resolve))
    return { whole, error }
  }

  close(): void {
    this.server.close()
  }
}
