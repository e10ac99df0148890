// Makes HTTP/1.1 sessions for an engine.

import type { SessionFactory } from '../engine/index.js'
import { dialledSessions, type SessionOn } from '../http/index.js'
import type { DialTarget } from '../transport/index.js'
import type { Http1Context } from './context.js'
import { type BackendSession, Http1Session } from './session.js'
import { sessionSteps } from './session-life.js'

/** Makes a session on a connected, secured socket. */
export const http1SessionOn =
  (context: Http1Context, target: DialTarget): SessionOn<BackendSession> =>
  (socket, reports, id) => {
    const backend = new Http1Session(context, target, reports, socket, id)
    sessionSteps.start(context.world, backend, 'greet')
    return backend
  }

/** Opens HTTP/1.1 sessions for an engine of this target. */
export const http1Sessions = (context: Http1Context, target: DialTarget): SessionFactory<BackendSession> =>
  dialledSessions(context.world, target, context.world.transportLimits, http1SessionOn(context, target))
