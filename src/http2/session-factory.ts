// Makes HTTP/2 sessions for an engine.

import type { SessionFactory } from '../engine/index.js'
import { dialledSessions, type SessionOn } from '../http/index.js'
import type { DialTarget } from '../transport/index.js'
import type { Http2Context } from './context.js'
import { type BackendSession, Http2Session } from './session.js'
import { sessionSteps } from './session-life.js'

/** Makes a session on a connected, secured socket. */
export const http2SessionOn =
  (context: Http2Context, target: DialTarget): SessionOn<BackendSession> =>
  (socket, reports, id) => {
    const backend = new Http2Session(context, target, reports, socket, id)
    sessionSteps.start(context.world, backend, 'greet')
    return backend
  }

/**
 * Opens HTTP/2 sessions for an engine of this target, in clear text with prior knowledge (RFC 9113 §3.3) or
 * over TLS.
 */
export const http2Sessions = (context: Http2Context, target: DialTarget): SessionFactory<BackendSession> =>
  dialledSessions(context.world, target, context.world.transportLimits, http2SessionOn(context, target))
