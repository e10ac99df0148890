// E8: a new lease queues behind those that wait, but for those that a debugger holds. While a lease waits
// whose exchange is not held, none behind it is granted, and no session has room.

import type { Continuation } from '../../../src/continuation/index.js'
import type { EngineInside, ExchangeInside } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

export interface QueueChecker extends Checker {
  /** Called when a continuation has taken a step, or goes on after a hold. */
  stepped(continuation: Continuation): void
}

interface Before {
  readonly first: EngineInside['queue']['first']
  readonly ahead: ReadonlySet<unknown>
  readonly holders: ReadonlySet<ExchangeInside>
}

export function e8(): QueueChecker {
  const moved = new Set<unknown>()
  let before = new Map<EngineInside, Before>()
  return {
    stepped(continuation) {
      moved.add(continuation)
    },
    turn(scene) {
      const now = new Map<EngineInside, Before>()
      for (const engine of scene.engines) {
        let { first } = engine.queue
        // Those that are held keep their places before it.
        const ahead = new Set<unknown>()
        for (; first?.of.held === true; first = first.listNext) ahead.add(first.of)
        if (first === null) continue
        const room = engine.sessions.find(
          ({ state, leased, capacity }) => state === 'open' && leased < Math.min(capacity, engine.share),
        )
        if (room !== undefined) fail('E8', `${first.of.id} waits, and ${room.id} has room`)
        const holders = holdersOf(engine, scene)
        now.set(engine, { first, ahead, holders })
        const was = before.get(engine)
        if (was === undefined || was.first !== first || moved.has(first.of)) continue
        for (const each of holders) {
          if (!was.holders.has(each) && !was.ahead.has(each))
            fail('E8', `${each.id} was granted before ${first.of.id}, which waits longer`)
        }
      }
      before = now
      moved.clear()
    },
  }
}

function holdersOf(engine: EngineInside, scene: RunView): ReadonlySet<ExchangeInside> {
  const holders = new Set<ExchangeInside>()
  for (const x of scene.exchanges) {
    if ((x.lease.engine as unknown) !== engine) continue
    if (x.lease.session !== null || x.backendStream !== null) holders.add(x)
  }
  return holders
}
