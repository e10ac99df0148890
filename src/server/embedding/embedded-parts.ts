// The parts of an embedded proxy that its requests and WebSockets need.

import type { FrontendStream, HttpWorld } from '../../http/index.js'
import type { NodeFrontend } from '../../node/index.js'
import type { NodePollset, Secured } from '../../pollset/index.js'
import type { ReverseProxy, Route } from '../../proxy/index.js'
import type { Protocols } from '../protocols.js'
import type { ErrorCallback, ProxyError, ProxyEvents } from './events.js'
import type { ProxyReply, ProxyRequest, RequestOptions, UpgradeSocket } from './options.js'
import type { ReadTarget } from './target-url.js'

/** Calls the program's listeners. */
export interface ListenerCalls {
  listens(event: keyof ProxyEvents): boolean
  /** Calls the listeners of an event. Throws the error of a listener. */
  emit<E extends keyof ProxyEvents>(event: E, ...args: Parameters<ProxyEvents[E]>): void
  /** Reports an error, and throws nothing. @param callback is called in place of the listeners */
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
  /** Is told that the exchange ends without a whole response. */
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
  /** Returns the result of the TLS handshake of the client's connection; null in clear text. */
  securedOf(request: ProxyRequest): Secured | null
  isSecure(request: ProxyRequest): boolean
  begin(stream: FrontendStream, running: Running): void
  /** Returns true if listeners of errors answer clients, even later: then we do not. */
  listenersAnswer(callback: ErrorCallback | null): boolean
}
