// A request that the program has handed to the proxy, with its response. It becomes a stream of an exchange,
// and its listeners see and change both heads.

import { Head } from '../../http/index.js'
import { type HeadChanges, NodeFrontendStream, ResponseSink } from '../../node/index.js'
import type { Exchange } from '../../proxy/index.js'
import type { EmbeddedParts, Running } from './embedded-parts.js'
import { type ErrorCallback, errorOf, ProxyError } from './events.js'
import type { ProxyReply, ProxyRequest, RequestOptions } from './options.js'
import { OutgoingRequest } from './outgoing-request.js'
import { outgoingPath, rewrittenCookie, rewrittenLocation } from './paths.js'
import { ProxyResponse, ReadableSink, SharedSink } from './proxy-response.js'
import { hasBody, readBody, wasRead } from './read-body.js'
import { forwardedFields, isOwnAnswer, outgoingFields, requestHead } from './request-head.js'
import type { ReadTarget } from './target-url.js'
import { mayTransform, TransformSink, transformedHead } from './transform-sink.js'

/** A body: `whole` in place of the request's own; else `source`, or none. */
interface OutgoingBody {
  readonly whole: Buffer | null
  readonly source: ProxyRequest | NodeJS.ReadableStream | null
  /** The length, as in HeadParts. */
  readonly length: number
}

const NO_BODY: OutgoingBody = { whole: null, source: null, length: -1 }
const wholeBody = (bytes: Buffer): OutgoingBody => ({ whole: bytes, source: null, length: bytes.length })

/** As in a request of node:http that Node has told to continue. */
type SentContinue = { readonly _sent100?: boolean }

export class WebRequest implements HeadChanges, Running {
  readonly request: ProxyRequest
  readonly reply: ProxyReply
  readonly options: RequestOptions
  readonly sink: ResponseSink
  target: ReadTarget | null = null
  /** The response for its listeners. */
  response: ProxyResponse | null = null
  private stream: NodeFrontendStream | null = null
  private readonly parts: EmbeddedParts
  private readonly callback: ErrorCallback | null
  /** True for a copy of another request: only `callback` is told of its outcome. */
  private readonly isCopy: boolean

  constructor(
    parts: EmbeddedParts,
    request: ProxyRequest,
    reply: ProxyReply,
    options: RequestOptions,
    callback: ErrorCallback | null,
    isCopy = false,
  ) {
    this.parts = parts
    this.request = request
    this.reply = reply
    this.options = options
    this.callback = callback
    this.isCopy = isCopy
    this.sink = new ResponseSink(reply as never)
    // Node reports the end of a client by this event too; `close` of the response reports it to us.
    request.on('error', ignore)
  }

  get replied(): ProxyReply {
    return this.reply
  }

  get targetText(): string {
    return this.target === null ? '' : this.target.url + this.target.path
  }

  /** Makes the exchange, in the turn. */
  accept(): void {
    const { parts, request, target, options } = this
    if (this.sink.isClosed) return
    if (!parts.frontend.isOpen) {
      this.refuse(new ProxyError('closing', 503, 'the proxy is closing'))
      return
    }
    try {
      const route = parts.routeTo(target as ReadTarget, options)
      const body = this.bodyOf()
      const [head, whole] = this.headOf(target as ReadTarget, body)
      const isHttp2 = request.httpVersionMajor >= 2
      const client = parts.frontend.clientOf(request.socket as never, isHttp2, () => parts.securedOf(request))
      const stream = new NodeFrontendStream(parts.frontend, client, this.sink, this)
      this.stream = stream
      this.sink.tell(stream)
      if (whole !== null) {
        stream.beginWhole(head, whole)
        request.resume()
      } else stream.begin(head, body.source as never)
      parts.begin(stream, this)
      parts.reverse.accept(stream, '', route)
    } catch (error) {
      this.refuse(error instanceof Error ? error : new Error(String(error)))
    }
  }

  private bodyOf(): OutgoingBody {
    const { request, options } = this
    const { body } = options
    if (typeof body === 'string') return wholeBody(Buffer.from(body))
    if (Buffer.isBuffer(body)) return wholeBody(body)
    if (body !== undefined) return { whole: null, source: body, length: -1 }
    if (!hasBody(request) && !asksWebSocket(request)) return NO_BODY
    if (wasRead(request)) return wholeBody(readBody(request))
    return { whole: null, source: request, length: -1 }
  }

  /** Makes the head, and the whole body if there is one. Throws if no backend can take the request. */
  private headOf(target: ReadTarget, body: OutgoingBody): readonly [Head, Buffer | null] {
    const { parts, request, reply, options } = this
    const isTunnel = asksWebSocket(request)
    const told = options.xfwd === true ? forwardedFields(request, isTunnel) : null
    const listens = !this.isCopy && parts.events.listens('proxyReq')
    const fields = outgoingFields(request, target, options, told, listens)
    let { whole, length } = body
    let method = options.method ?? request.method ?? 'GET'
    let path = outgoingPath(request, target, options)
    if (listens) {
      const outgoing = new OutgoingRequest(method, path, target, fields)
      if (length >= 0) outgoing.setHeader('content-length', length)
      parts.events.emit('proxyReq', outgoing, request, reply, options)
      method = outgoing.method
      path = outgoing.path
      if (outgoing.written.length > 0) {
        whole = Buffer.concat(outgoing.written)
        length = whole.length
      }
    }
    const continued = request.httpVersionMajor >= 2 || (reply as SentContinue)._sent100 === true
    const scheme = parts.isSecure(request) ? 'https' : 'http'
    const head = requestHead(parts.world.fields, {
      method,
      path,
      scheme,
      fields,
      length,
      isTunnel,
      continued,
    })
    if (typeof head === 'string') throw new ProxyError('request-invalid', 400, head)
    return [head, whole]
  }

  /** Reports an error before there is an exchange, and answers if no listener has. */
  refuse(error: Error): void {
    this.report(error)
    const { reply } = this
    if (reply.headersSent || this.parts.listenersAnswer(this.callback)) return
    const { status = 500, outcome = 'event-failed' } = error as Partial<ProxyError>
    answer(reply, status === 0 ? 502 : status, outcome, status < 500 ? error.message : '')
    this.request.resume()
  }

  /** True if listeners are told of it. */
  get isTold(): boolean {
    return !this.isCopy
  }

  report(error: Error): void {
    if (this.isCopy && this.callback === null) return
    const { parts, request, reply, targetText, callback } = this
    parts.events.report(error, request, reply, targetText, callback)
  }

  // The response

  responding(stream: NodeFrontendStream, head: Head): Head | null {
    const x = stream.owner as Exchange
    if (isOwnAnswer(x)) return this.refused(x, head)
    try {
      return this.answered(stream, head)
    } catch (error) {
      this.failed(error instanceof Error ? error : new Error(String(error)))
      return head
    }
  }

  private refused(x: Exchange, head: Head): Head | null {
    if (x.refusal === null) return head
    this.report(errorOf(x))
    const { reply } = this
    return reply.headersSent || reply.writableEnded || this.parts.listenersAnswer(this.callback) ? null : head
  }

  private answered(stream: NodeFrontendStream, head: Head): Head {
    const { parts, options, request, reply } = this
    let sent = head
    if (this.isCopy) return head
    if (options.selfHandleResponse === true || parts.events.listens('proxyRes')) {
      const response = new ProxyResponse(head)
      this.response = response
      parts.events.emit('proxyRes', response, request, reply)
      const readable = new ReadableSink(response, stream)
      // The listeners answer. A body that they do not read is dropped.
      if (options.selfHandleResponse === true || reply.headersSent || reply.writableEnded) {
        if (reply.writableEnded && !response.isRead) response.resume()
        stream.sink = readable
        return head
      }
      sent = this.changedHead(response)
      if (response.isRead || response.listenerCount('end') > 0) {
        if (!response.isRead) response.resume()
        stream.sink = new SharedSink(this.sink, readable)
      }
    }
    sent = this.rewritten(sent)
    return this.transformed(stream, sent)
  }

  private changedHead({ statusCode, headers }: ProxyResponse): Head {
    const { fields } = this.parts.world
    const all = [fields.field(':status', String(statusCode))]
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || value === null) continue
      for (const each of [value].flat()) all.push(fields.make(name.toLowerCase(), String(each)))
    }
    if (all[0].faults !== 0) throw new RangeError(`${statusCode} is not a status`)
    return Head.response(all.filter((each) => each.faults === 0))
  }

  /** Rewrites Location and Set-Cookie according to the options. */
  private rewritten(head: Head): Head {
    const { options, request, target } = this
    const { reverse, hostRewrite, autoRewrite, protocolRewrite, cookieDomainRewrite, cookiePathRewrite } =
      options
    const { locationRewrite } = options
    const asks = reverse || hostRewrite || autoRewrite || protocolRewrite || locationRewrite
    const cookies = cookieDomainRewrite !== undefined || cookiePathRewrite !== undefined
    if (!asks && !cookies) return head
    const { fields } = this.parts.world
    const host = String(request.headers.host ?? request.headers[':authority'] ?? '')
    const scheme = this.parts.isSecure(request) ? 'https' : 'http'
    const all = head.fields.map((each) => {
      if (each.name === 'location') {
        const from = { host, scheme }
        const location = rewrittenLocation(each.value, head.status, from, target as ReadTarget, options)
        return fields.make('location', locationRewrite?.(location) ?? location)
      }
      if (each.name !== 'set-cookie') return each
      const cookie = rewrittenCookie(each.value, cookieDomainRewrite, 'domain')
      return fields.make('set-cookie', rewrittenCookie(cookie, cookiePathRewrite, 'path'))
    })
    return Head.response(all)
  }

  private transformed(stream: NodeFrontendStream, head: Head): Head {
    const { options, request, sink } = this
    if (options.transform === undefined || !mayTransform(head, request.method ?? '')) return head
    const { headers } = new ProxyResponse(head)
    const shown = headers as Record<string, string | string[]>
    const transform = options.transform({ status: head.status, headers: shown, request })
    if (transform === null || transform === undefined) return head
    const through: TransformSink = new TransformSink(sink, transform, stream, (error) => {
      this.parts.frontend.inTurn(() => this.failed(error))
    })
    sink.tell({ drained: () => through.resume(), left: () => stream.left(), gone: () => stream.gone() })
    stream.sink = through
    return transformedHead(head)
  }

  /** Handles a failed function of the program: the request gets 500, or its response is cut. */
  failed(error: Error): void {
    this.report(error)
    const { stream, reply } = this
    if (stream === null) return
    const x = stream.owner as Exchange | null
    if (x !== null && x.outcome === 'ok') x.outcome = 'event-failed'
    if (reply.headersSent || reply.writableEnded) stream.sink.cut()
    else {
      this.sink.tellNobody()
      answer(reply, 500, 'event-failed', '')
    }
    stream.fail(EVENT_FAILED)
  }

  /** Is told that the exchange ends without a whole response. */
  gaveUp(outcome: string): void {
    const { reply, stream, sink } = this
    if (sink.isClosed) return
    if (reply.headersSent || reply.writableEnded) {
      stream?.sink.cut()
      return
    }
    sink.tellNobody()
    answer(reply, outcome === 'internal' ? 500 : 503, outcome === 'client-gone' ? 'closing' : outcome, '')
  }
}

/** Returns true for an extended CONNECT of HTTP/2 (RFC 8441). */
const asksWebSocket = ({ method, headers }: ProxyRequest): boolean =>
  method === 'CONNECT' && headers[':protocol'] === 'websocket'

const EVENT_FAILED = {
  code: 'event-failed',
  side: 'internal',
  scope: 'stream',
  retry: 'never',
  message: 'a function of the program threw an error',
} as const

function ignore(): void {}

/** Answers in our own words. */
export function answer(reply: ProxyReply, status: number, code: string, text: string): void {
  const body = `${status} ${code}${text === '' ? '' : `: ${text}`}\n`
  reply.statusCode = status
  reply.setHeader('content-type', 'text/plain; charset=utf-8')
  reply.setHeader('x-fermata', code)
  reply.setHeader('content-length', String(Buffer.byteLength(body)))
  reply.end(body)
}
