// The response of a backend, as seen by listeners of `proxyRes`: they may change its status and its fields
// before they are sent, and may read its body. It stands in for the http.IncomingMessage of http-proxy.

import { Readable } from 'node:stream'
import type { Head } from '../../http/index.js'
import { groupedFields, type Sink, type SinkEvents } from '../../node/index.js'

/** bytes of a body that wait for a listener */
const HIGH_WATER_MARK = 64 * 1024

export class ProxyResponse extends Readable {
  statusCode: number
  statusMessage = ''
  readonly httpVersion = '1.1'
  readonly httpVersionMajor = 1
  readonly httpVersionMinor = 1
  /** The fields by name in lower case. They may be changed. */
  readonly headers: Record<string, string | string[] | undefined>
  readonly rawHeaders: string[] = []
  trailers: Record<string, string> = {}
  complete = false
  /** Is called when it takes more bytes. */
  onRead: (() => void) | null = null

  constructor(head: Head) {
    super({ highWaterMark: HIGH_WATER_MARK, autoDestroy: true, read: () => this.onRead?.() })
    this.statusCode = head.status
    const fields = groupedFields(head)
    this.headers = {}
    for (const [name, value] of fields) {
      this.headers[name] =
        name === 'set-cookie' && typeof value === 'string' ? [value] : joinedValue(name, value)
      for (const each of typeof value === 'string' ? [value] : value) this.rawHeaders.push(name, each)
    }
    // A program that answers by itself need not listen for the error of a broken body.
    this.on('error', () => {})
  }

  /** True if a listener reads its body. */
  get isRead(): boolean {
    return this.readableFlowing !== null || this.listenerCount('readable') > 0
  }
}

const joinedValue = (name: string, value: string | string[]): string | string[] =>
  typeof value === 'string' || name === 'set-cookie' ? value : value.join(', ')

/** Gives a body to a response that listeners read, in place of the client's response. */
export class ReadableSink implements Sink {
  isBlocked = false
  private readonly response: ProxyResponse
  private readonly events: SinkEvents

  constructor(response: ProxyResponse, events: SinkEvents) {
    this.response = response
    this.events = events
    response.onRead = () => this.read()
    response.once('close', () => {
      // If a listener gives it up, the exchange ends.
      if (!response.complete) events.gone()
    })
  }

  private read(): void {
    if (!this.isBlocked) return
    this.isBlocked = false
    this.events.drained()
  }

  interim(): void {}
  begin(): void {}

  write(bytes: Buffer): void {
    if (!this.response.push(bytes)) this.isBlocked = true
  }

  end(bytes: Buffer | null, trailers: readonly (readonly [string, string])[] | null): boolean {
    const { response } = this
    response.complete = true
    if (trailers !== null) response.trailers = Object.fromEntries(trailers)
    if (bytes !== null) response.push(bytes)
    response.push(null)
    return true
  }

  cut(): void {
    this.response.destroy(new Error('the response of the backend was cut'))
  }
}

/** Gives the body to the client, and to listeners that read it too. The slower one sets the pace. */
export class SharedSink implements Sink {
  private readonly client: Sink
  private readonly listener: ReadableSink

  constructor(client: Sink, listener: ReadableSink) {
    this.client = client
    this.listener = listener
  }

  get isBlocked(): boolean {
    return this.client.isBlocked || this.listener.isBlocked
  }

  interim(head: Head): void {
    this.client.interim(head)
  }

  begin(head: Head, more: boolean): void {
    this.client.begin(head, more)
  }

  write(bytes: Buffer): void {
    this.client.write(bytes)
    this.listener.write(bytes)
  }

  end(bytes: Buffer | null, trailers: readonly (readonly [string, string])[] | null): boolean {
    this.listener.end(bytes, trailers)
    return this.client.end(bytes, trailers)
  }

  cut(): void {
    this.listener.cut()
    this.client.cut()
  }
}
