// The used part of Node's messages. Those of node:http and of the compatibility API of node:http2 are alike.
// Other readables and writables of the same shape work as well.

import type { Head } from '../http/index.js'

/** The connection of a message: a net.Socket or TLSSocket, or Node's stand-in for that of HTTP/2. */
export interface NodeConnection {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/** The body of a request, to be read. */
export interface NodeBody {
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  pause(): unknown
  resume(): unknown
}

/** Takes the output of a stream: a response of Node, or something in its place. */
export interface Sink {
  /** True while it takes no bytes: until it calls {@link SinkEvents.drained}. */
  readonly isBlocked: boolean
  /** An interim (1xx) head, before {@link begin}. It may be dropped. */
  interim(head: Head): void
  /** The final head. `more`: bytes of the body or the end follow at once, so it may wait for them. */
  begin(head: Head, more: boolean): void
  /** Bytes of the body, which are not changed afterwards. */
  write(bytes: Buffer): void
  /**
   * Takes the end of the message, with the last bytes of the body, or null. Returns true if everything has
   * left; otherwise {@link SinkEvents.left} follows.
   */
  end(bytes: Buffer | null, trailers: readonly (readonly [string, string])[] | null): boolean
  /** Cuts the message, so that it cannot look whole. */
  cut(): void
}

/** The events of a sink, from callbacks of Node: they only mark. */
export interface SinkEvents {
  /** It takes bytes again. */
  drained(): void
  /** The whole message has left. */
  left(): void
  /** It has closed, with or without a fault. */
  gone(): void
}

/** A response of node:http, or of the compatibility API of node:http2. */
export interface NodeResponse {
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished?: boolean
  readonly destroyed?: boolean
  readonly chunkedEncoding?: boolean
  readonly socket: unknown
  /** The stream; only HTTP/2 has one. */
  readonly stream?: NodeHttp2Stream | undefined
  statusCode: number
  getHeaderNames(): string[]
  setHeader(name: string, value: string | readonly string[]): unknown
  writeHead(status: number, fields?: string[]): unknown
  flushHeaders(): unknown
  write(bytes: Buffer): boolean
  end(bytes?: Buffer): unknown
  addTrailers(trailers: Record<string, string>): unknown
  writeContinue(): unknown
  writeProcessing?(): unknown
  writeEarlyHints?(hints: Record<string, string | string[]>): unknown
  destroy(error?: Error): unknown
  on(event: string, listener: (...args: never[]) => void): unknown
  once(event: string, listener: (...args: never[]) => void): unknown
}

export interface NodeHttp2Stream {
  readonly id?: number | undefined
  close(code: number): unknown
  additionalHeaders(headers: Record<string, string | number | string[]>): unknown
}
