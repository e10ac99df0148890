// E26, E41 and E42: a slow peer is never taken for dead, and no backend gets PINGs more often than gRPC
// servers allow. Runs whose network holds pieces up are not judged.

import type { Plan } from '../plan.js'
import { type Checker, fail, type RunView } from './check.js'

/** PINGs that gRPC servers bear before their time. */
const STRIKES_MAX = 2

const isSteady = ({ stallPercent }: Plan): boolean => stallPercent === 0

export function e26(): Checker {
  return {
    turn(scene: RunView): void {
      if (!isSteady(scene.plan)) return
      for (const each of [...scene.frontends, ...scene.sessions])
        if (each.failure?.code === 'ping-timeout' && each.socket !== null && !each.socket.vanished)
          fail('E26', `${each.id}: its peer is taken for dead, and was only slow`)
    },
  }
}

/** Counts as a gRPC server does: PINGs that come too early, without its own DATA or HEADERS in between. */
export class PingCount {
  private lastAt = Number.NEGATIVE_INFINITY
  private messages = 0
  private strikes = 0

  /** @param messages that it has sent so far */
  came(id: string, now: number, messages: number, plan: Plan, intervalMs: number): void {
    // PINGs may arrive closer together than they left.
    const least = intervalMs - plan.latencyMs - plan.stallMs
    if (messages > this.messages) this.strikes = 0
    else if (now - this.lastAt < least && ++this.strikes > STRIKES_MAX) fail('E42', `${id}: too many PINGs`)
    this.messages = messages
    this.lastAt = now
  }
}
