// Opens sessions, each on a newly dialled socket.

import type { Fault, World } from '../continuation/index.js'
import { type Session, type SessionFactory, type SessionReports, sessionsOn } from '../engine/index.js'
import type { Socket } from '../pollset/index.js'
import { type Dial, type DialLimits, type DialTarget, dial } from '../transport/index.js'

/** Makes a session with this id on a connected socket. It must not report before it has been returned. */
export type SessionOn<S extends Session> = (socket: Socket, reports: SessionReports<S>, id: string) => S

/**
 * Makes a factory of sessions to this target.
 * @param late the fault to report when a dial times out; null: the dial's own fault
 */
export const dialledSessions = <S extends Session>(
  world: World,
  target: DialTarget,
  limits: DialLimits,
  sessionOn: SessionOn<S>,
  late: Fault | null = null,
): SessionFactory<S> =>
  sessionsOn<S, Socket, Dial>(
    (events) =>
      dial(world, world.nextId('b'), target, limits, {
        connected: (socket) => events.connected(socket),
        failed: (why, isLate) => events.failed(isLate && late !== null ? late : why),
      }),
    (socket, reports, { name }) => sessionOn(socket, reports, name),
  )
