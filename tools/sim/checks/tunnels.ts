// Tunnels, from the inside: a tunnel that ends well has passed both of its halves to their ends (S2); one in
// which nothing moves is not ended before its time (L1; that it is ended then, clocks.ts sees); as many are
// counted as there are, and no more than may be (S4).

import type { ExchangeInside } from '../inside.js'
import { type Checker, fail } from './check.js'

interface Moving {
  moved: number
  /**
   * ms of the pollset's clock: when it last was another number; when the exchange was last seen held, which
   * keeps its end away
   */
  at: number
  heldAt: number
  held: boolean
}

export function tunnels(): Checker {
  const moving = new WeakMap<object, Moving>()
  const looked = (x: ExchangeInside, now: number): Moving => {
    const moved = x.frontend.sentBytes + (x.backendStream?.sentBytes ?? 0)
    const seen = moving.get(x) ?? { moved, at: now, heldAt: 0, held: false }
    if (seen.moved !== moved) seen.at = now
    if (x.held || seen.held) seen.heldAt = now
    seen.held = x.held
    seen.moved = moved
    moving.set(x, seen)
    return seen
  }
  return {
    turn(scene) {
      const { now } = scene.pollset
      let count = 0
      for (const x of scene.exchanges) {
        if (x.countsAsTunnel) count++
        if (!x.tunnelOpen) continue
        looked(x, now)
      }
      for (const each of scene.logged) ended(each as unknown as ExchangeInside, now, scene.hand.late)
      const { proxy, limits } = scene
      if (proxy.tunnels !== count) fail('S4', `${proxy.tunnels} tunnels are counted, ${count} are there`)
      if (count > limits.proxy.tunnelsMax) fail('S4', `${count} tunnels, at most ${limits.proxy.tunnelsMax}`)
    },
  }

  function ended(x: ExchangeInside, now: number, late: WeakSet<object>): void {
    if (!x.tunnelOpen) return
    const { frontend, backendStream: backend } = x
    const whole = frontend.localEnded && backend !== null && (backend.localEnded || backend.fault !== null)
    if (x.outcome === 'ok' && !whole) fail('S2', `tunnel ${x.id} ends well, and a half of it is open`)
    const { at, heldAt } = looked(x, now)
    const ms = now - at
    // A held tunnel may log later than it was given up, with bytes still under way.
    if (x.outcome === 'tunnel-idle' && heldAt === 0 && !late.has(x) && ms < x.proxy.limits.tunnelIdleMs)
      fail('L1', `tunnel ${x.id} is ended as idle after ${ms} ms`)
  }
}
