// Connections that must outlive a reload: WebSockets that echo, and the TLS session of a client.

import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'

const UPGRADE = (path: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'host: a',
    'upgrade: websocket',
    'connection: upgrade',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')

/** Sends words of the same length, and counts the bytes that come back. */
export class EchoSocket {
  isClosed = false
  sent = 0
  echoed = 0
  private readonly socket: Socket
  private open = false
  private waiting: (() => void) | null = null
  private text = ''

  constructor(port: number, path: string) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
      this.waiting?.()
    })
    this.socket.setEncoding('latin1').on('data', (chunk: string) => this.take(chunk))
    this.socket.write(UPGRADE(path))
  }

  private take(chunk: string): void {
    this.text += chunk
    if (!this.open) {
      const end = this.text.indexOf('\r\n\r\n')
      if (end < 0 || !this.text.startsWith('HTTP/1.1 101 ')) return
      this.open = true
      this.text = this.text.slice(end + 4)
    }
    const words = Math.floor(this.text.length / WORD.length)
    this.echoed += words
    this.text = this.text.slice(words * WORD.length)
    this.waiting?.()
  }

  say(): void {
    this.sent++
    this.socket.write(WORD)
  }

  /** Settles when everything sent has come back, or the socket is closed. */
  async heard(): Promise<void> {
    while (!this.isClosed && this.echoed < this.sent) {
      await new Promise<void>((resolve) => {
        this.waiting = resolve
      })
    }
  }

  /** Settles when it is closed. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.closed) return resolve()
      this.socket.on('close', () => resolve())
      this.socket.end()
    })
  }
}

const WORD = 'a word. '

export interface Handshake {
  readonly resumed: boolean
  readonly session: Buffer
}

/** Shakes hands with the session of an earlier handshake, or until the server has sent a session. */
export function shakeHands(port: number, session?: Buffer): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...(session === undefined ? {} : { session }),
    })
    socket.on('error', reject)
    const done = (made: Buffer): void => {
      resolve({ resumed: socket.isSessionReused(), session: made })
      socket.end()
    }
    // After a resumption no other session may come.
    if (session !== undefined) socket.on('secureConnect', () => done(session))
    else socket.on('session', done)
  })
}
