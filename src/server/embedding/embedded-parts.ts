// The parts of an embedded proxy that its requests and WebSockets need.

import type { FrontendStream, HttpWorld } from '../../http/index.js'
import type { NodeFrontend } from '../../node/index.js'
import type { NodePollset, Secured } from '../../pollset/index.js'
import type { ReverseProxy, Route } from '../../proxy/index.js'
import type { Protocols } from '../protocols.js'
import type { ErrorCallback, ProxyError, ProxyEvents } from './events.js'
import type { ProxyReply, ProxyRequest, RequestOptions, UpgradeSocket } from './options.js'
import type { ReadTarget } from './target-url.js'

/** Calls the listeners of the program. */
export interface ListenerCalls {
  listens(event: keyof ProxyEvents): boolean
  /** Throws what a listener throws. */
  emit<E extends keyof ProxyEvents>(event: E, ...args: Parameters<ProxyEvents[E]>): void
  /** Tells an error, and throws nothing. @param callback in place of the listeners */
  report(
    error: Error & Partial<ProxyError>,
    request: ProxyRequest,
    reply: ProxyReply | UpgradeSocket,
    target: string,
    callback: ErrorCallback | null,
  ): void
}

/** A request or a WebSocket whose exchange runs. */
export interface Running {
  readonly request: ProxyRequest
  readonly replied: ProxyReply | UpgradeSocket
  readonly targetText: string
  report(error: Error): void
  /** The exchange ends without a whole response. */
  gaveUp(outcome: string): void
}

export interface EmbeddedParts {
  readonly world: HttpWorld
  readonly pollset: NodePollset
  readonly protocols: Protocols
  readonly frontend: NodeFrontend
  readonly reverse: ReverseProxy
  readonly events: ListenerCalls
  routeTo(target: ReadTarget, options: RequestOptions): Route
  /** The result of the TLS handshake of the client's connection; null in clear text. */
  securedOf(request: ProxyRequest): Secured | null
  isSecure(request: ProxyRequest): boolean
  begin(stream: FrontendStream, running: Running): void
  /** Whether listeners of errors answer clients, also later than at once: we do not then. */
  listenersAnswer(callback: ErrorCallback | null): boolean
}
