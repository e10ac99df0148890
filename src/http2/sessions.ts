// Sessions of HTTP/2 for an engine: on sockets of their own, or on one that is connected already.

import type { SessionFactory, SessionReports } from '../engine/index.js'
import type { Socket } from '../pollset/index.js'
import type { BackendTarget } from '../transport/index.js'
import { Backend, type BackendSession } from './backend.js'
import { connectionSteps } from './connection-life.js'
import type { Http2Context } from './context.js'

/**
 * Opens HTTP/2 sessions for an engine of this target, in clear text with prior knowledge (RFC 9113 §3.3) or
 * over TLS.
 */
export function http2Sessions(context: Http2Context, target: BackendTarget): SessionFactory<BackendSession> {
  return (reports) => {
    const backend = new Backend(context, target, reports, null)
    connectionSteps.start(context.world, backend, 'resolve')
    return backend
  }
}

/** A session on a socket that is connected, its TLS handshake done. */
export function http2SessionOn(
  context: Http2Context,
  target: BackendTarget,
  socket: Socket,
  reports: SessionReports<BackendSession>,
): BackendSession {
  const backend = new Backend(context, target, reports, socket)
  connectionSteps.start(context.world, backend, 'greet')
  return backend
}
