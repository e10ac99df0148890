// Sessions on sockets that are dialled for them.

import type { Fault, World } from '../continuation/index.js'
import { type Session, type SessionFactory, type SessionReports, sessionsOn } from '../engine/index.js'
import type { Socket } from '../pollset/index.js'
import { type Dial, type DialLimits, type DialTarget, dial } from '../transport/index.js'

/**
 * Makes a session on a connected socket; `id` is for the session. It must not report before it has been
 * returned.
 */
export type SessionOn<S extends Session> = (socket: Socket, reports: SessionReports<S>, id: string) => S

/**
 * Opens sessions of this target, each on a socket of its own.
 * @param late the fault of a dial that took too long; without it, the dial's own
 */
export const dialledSessions = <S extends Session>(
  world: World,
  target: DialTarget,
  limits: DialLimits,
  sessionOn: SessionOn<S>,
  late: Fault | null = null,
): SessionFactory<S> =>
  sessionsOn<S, Socket, Dial>(
    (told) =>
      dial(world, world.nextId('b'), target, limits, {
        connected: (socket) => told.connected(socket),
        failed: (why, isLate) => told.failed(isLate && late !== null ? late : why),
      }),
    (socket, reports, { name }) => sessionOn(socket, reports, name),
  )
