// Hands the output of a stream to a response of Node. The program's own middleware may have set fields, or
// stand in front of `writeHead`, `write` and `end`, so these are called as a program would call them.

import type { Head } from '../http/index.js'
import type { NodeResponse, Sink, SinkEvents } from './messages.js'

/** INTERNAL_ERROR (RFC 9113 §7). */
const HTTP2_INTERNAL_ERROR = 2

/** The property of a response that holds its sink, so that all responses share the same listeners. */
const OURS = Symbol('ours')
type OwnedResponse = NodeResponse & { [OURS]: ResponseSink }

function onClose(this: OwnedResponse): void {
  this[OURS].closed()
}
function onDrain(this: OwnedResponse): void {
  this[OURS].drained()
}
function onFinish(this: OwnedResponse): void {
  this[OURS].finished()
}
/** A response that fails closes too; without a listener its error would end the process. */
function onError(): void {}

/** Returns the regular fields of a head, grouped by name. */
export function groupedFields(head: Head): Map<string, string | string[]> {
  const grouped = new Map<string, string | string[]>()
  for (let i = head.pseudos; i < head.fields.length; i++) {
    const { name, value, faults } = head.fields[i]
    if (faults !== 0) continue
    const before = grouped.get(name)
    if (before === undefined) grouped.set(name, value)
    else if (typeof before === 'string') grouped.set(name, [before, value])
    else before.push(value)
  }
  return grouped
}

function flatFields(head: Head): string[] {
  const flat: string[] = []
  for (let i = head.pseudos; i < head.fields.length; i++) {
    const { name, value, faults } = head.fields[i]
    if (faults === 0) flat.push(name, value)
  }
  return flat
}

export class ResponseSink implements Sink {
  isBlocked: boolean
  /** True once the response has closed: it was sent, or its client has left. */
  isClosed: boolean
  private hasLength: boolean
  /** The receiver of its events; null once it is over. */
  private events: SinkEvents | null
  private readonly response: OwnedResponse

  constructor(response: NodeResponse) {
    this.response = response as OwnedResponse
    this.events = null
    this.isBlocked = false
    this.isClosed = response.destroyed === true
    this.hasLength = false
    this.response[OURS] = this
    response.on('close', onClose)
    response.on('error', onError)
  }

  /** Sends its events to this receiver from now on. */
  tell(events: SinkEvents): void {
    this.events = events
  }

  /** Sends no more events: the program, or an answer of ours, has the response. */
  tellNobody(): void {
    this.events = null
  }

  closed(): void {
    this.isClosed = true
    this.events?.gone()
    this.events = null
  }

  drained(): void {
    this.isBlocked = false
    this.events?.drained()
  }

  finished(): void {
    this.events?.left()
    this.events = null
  }

  interim(head: Head): void {
    const { response } = this
    if (response.headersSent) return
    try {
      if (head.status === 100) response.writeContinue()
      else if (response.stream !== undefined)
        response.stream.additionalHeaders({
          ':status': head.status,
          ...Object.fromEntries(groupedFields(head)),
        })
      else if (head.status === 103) response.writeEarlyHints?.(Object.fromEntries(groupedFields(head)))
      else if (head.status === 102) response.writeProcessing?.()
    } catch {
      // Node refuses some of them, such as hints without a link. They may be dropped (RFC 9110 §15.2).
    }
  }

  /** True if the body has no length and no chunks: only the end of the connection ends it. */
  private get endsWithConnection(): boolean {
    const { response } = this
    return response.headersSent && response.chunkedEncoding !== true && !this.hasLength
  }

  begin(head: Head, more: boolean): void {
    const { response } = this
    this.hasLength = head.contentLength >= 0
    // The program has answered meanwhile.
    if (response.headersSent || response.writableEnded) return
    const isPlain =
      response.stream === undefined &&
      !Object.hasOwn(response, 'writeHead') &&
      response.getHeaderNames().length === 0
    if (isPlain) response.writeHead(head.status, flatFields(head))
    else {
      for (const [name, value] of groupedFields(head)) response.setHeader(name, value)
      response.writeHead(head.status)
    }
    if (!more) response.flushHeaders()
  }

  write(bytes: Buffer): void {
    // A wrapper of `write` may return nothing.
    if ((this.response.write(bytes) as unknown) !== false) return
    this.isBlocked = true
    this.response.once('drain', onDrain)
  }

  end(bytes: Buffer | null, trailers: readonly (readonly [string, string])[] | null): boolean {
    const { response } = this
    if (response.writableEnded) return true
    if (trailers !== null && trailers.length > 0) response.addTrailers(Object.fromEntries(trailers))
    if (bytes === null) response.end()
    else if (Object.hasOwn(response, 'write')) {
      // Middleware that changes what is written may not stand in front of `end`.
      response.write(bytes)
      response.end()
    } else response.end(bytes)
    if (response.writableFinished === true) {
      this.events = null
      return true
    }
    response.once('finish', onFinish)
    return false
  }

  cut(): void {
    const { response } = this
    this.events = null
    if (response.stream !== undefined) {
      response.stream.close(HTTP2_INTERNAL_ERROR)
      return
    }
    const socket = response.socket as { resetAndDestroy?(): void; encrypted?: boolean } | null
    // A body without a length ends with its connection: only RST shows that it was cut (RFC 9112 §8).
    if (this.endsWithConnection && socket?.resetAndDestroy !== undefined && socket.encrypted !== true)
      socket.resetAndDestroy()
    else response.destroy()
  }
}
