// The events of an embedded proxy, and their calls: an error that a listener throws ends its own request,
// and nothing else.

import type { IncomingMessage } from 'node:http'
import type { Fault } from '../../continuation/index.js'
import type { Exchange } from '../../proxy/index.js'
import type { ExchangeReport } from '../exchange-views.js'
import type { ProxyReply, ProxyRequest, RequestOptions, UpgradeSocket } from './options.js'
import type { OutgoingRequest } from './outgoing-request.js'
import type { ProxyResponse } from './proxy-response.js'

/** The reason why a request was not answered by its backend. */
export class ProxyError extends Error {
  override name = 'ProxyError'
  /** The code of the operating system where it has one, such as `ECONNREFUSED`; else the outcome. */
  readonly code: string
  /** The word for it in logs and in `x-fermata` (spec/outcomes.md). */
  readonly outcome: string
  /** The status that the client gets if no listener answers; 0 if its response was cut. */
  readonly status: number

  constructor(outcome: string, status: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.outcome = outcome
    this.status = status
    this.code = systemCode(cause) ?? outcome
  }
}

/** Finds a code such as ECONNREFUSED in the text of a fault. */
function systemCode(cause: unknown): string | null {
  const { detail, code } = (cause ?? {}) as Partial<Fault> & { code?: unknown }
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return code
  return /\b(E[A-Z]{3,})\b/.exec(detail ?? '')?.[1] ?? null
}

/** Returns the error of an exchange that is refused or cut. */
export function errorOf(x: Exchange): ProxyError {
  const { refusal, cause, outcome } = x
  const why = cause?.detail ?? cause?.message ?? null
  const text = refusal?.text ?? `the response was cut: ${outcome}`
  const message = why === null || text.includes(why) ? text : `${text}: ${why}`
  return new ProxyError(outcome, refusal?.status ?? 0, message, cause ?? undefined)
}

/** A tunnel, as seen by its listeners: its bytes do not pass through the program. */
export interface TunnelView {
  /** The id of its exchange. */
  readonly id: string
  /** The URL of the backend. */
  readonly target: string
}

export type ProxyEvents = {
  /** A request was handed to the proxy. */
  start: (request: ProxyRequest, reply: ProxyReply, target: string) => void
  /** The request for the backend may be changed. */
  proxyReq: (
    outgoing: OutgoingRequest,
    request: ProxyRequest,
    reply: ProxyReply,
    options: RequestOptions,
  ) => void
  /** The request of a WebSocket may be changed. */
  proxyReqWs: (
    outgoing: OutgoingRequest,
    request: IncomingMessage,
    socket: UpgradeSocket,
    options: RequestOptions,
    head: Buffer,
  ) => void
  /** The head of the response is here: its status and fields may be changed, before they are sent. */
  proxyRes: (response: ProxyResponse, request: ProxyRequest, reply: ProxyReply) => void
  /** The whole response was sent. */
  end: (request: ProxyRequest, reply: ProxyReply, response: ProxyResponse) => void
  /** A WebSocket is open. */
  open: (tunnel: TunnelView) => void
  /** A WebSocket has closed. */
  close: (response: null, tunnel: TunnelView, head: Buffer) => void
  /**
   * The backend has not answered, or not completely. A listener may answer at once; otherwise we do. Without
   * a listener nothing is thrown.
   */
  error: (
    error: Error & Partial<ProxyError>,
    request: ProxyRequest,
    reply: ProxyReply | UpgradeSocket,
    target: string,
  ) => void
  /** The client has left before its response was whole. */
  econnreset: (
    error: ProxyError,
    request: ProxyRequest,
    reply: ProxyReply | UpgradeSocket,
    target: string,
  ) => void
  /** An exchange has ended. */
  exchange: (report: ExchangeReport) => void
}

/** Called in place of the `error` event, for one request. */
export type ErrorCallback = (
  error: Error & Partial<ProxyError>,
  request: ProxyRequest,
  reply: ProxyReply | UpgradeSocket,
  target: string,
) => void
