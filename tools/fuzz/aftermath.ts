// Checks that nothing is left of a proxy when all its peers have closed.

import type { FarEnd } from '../testbed/memory-pollset.js'
import type { memoryProxy } from '../testbed/memory-proxy.js'
import { hold } from './target.js'

/** A time after which every deadline has passed. */
const LONG_MS = 600_000

/** Makes all peers leave, the backend for good. Then every exchange must end, and nothing may be left. */
export function leave(proxy: ReturnType<typeof memoryProxy>, ...fars: FarEnd[]): void {
  proxy.refuse()
  for (const backend of proxy.backends) if (!backend.closed) backend.destroy()
  proxy.pollset.advance(LONG_MS)
  for (const far of fars) if (!far.closed) far.destroy()
  proxy.pollset.advance(LONG_MS)
  hold(proxy.proxy.begun === proxy.proxy.logged, 'an exchange that did not end (S1)')
  hold(proxy.world.scheduler.living === 0, () => `${proxy.world.scheduler.living} still alive`)
  hold(proxy.world.memory.bytes === 0, () => `${proxy.world.memory.bytes} octets still held (S4)`)
  hold(proxy.world.slabs.lent === 0, 'a slab that did not come back')
}
