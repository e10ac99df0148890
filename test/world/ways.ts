// The lives of connections, of either HTTP version, one way through after another: what a test does to a proxy in memory, and
// the steps that a connection of it took. At the end all edges were seen, and each wait ended in each way (design: Tests).

import t from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { stepsOf } from './scenario.js'
import { declared, Seen } from './seen.js'

export type MemoryProxy = ReturnType<typeof memoryProxy>
/** Its title, what is done, and the steps of the connection of this id. */
export type Way = readonly [title: string, run: () => MemoryProxy, id: string, steps: string]

/** The continuation of this id is told to end. */
export function cancel(proxy: MemoryProxy, id: string): void {
  const found = [...proxy.world.scheduler.alive()].find((each) => each.id === id)
  if (found === undefined) throw new Error(`${id} does not live`)
  found.cancel()
  proxy.pollset.run()
}

export class Ways {
  private readonly seen = new Seen()
  private readonly version: 'http/1.1' | 'h2c'
  private readonly request: Buffer

  constructor(version: 'http/1.1' | 'h2c', request: Buffer) {
    this.version = version
    this.request = request
  }

  /** Clients and backends of this version, and all that they do is seen. */
  proxy(limits: SomeLimits = {}, options: MemoryProxyOptions = {}): MemoryProxy {
    const { version, seen } = this
    return memoryProxy(limits, { clients: version, speaks: version, ...options, seen })
  }

  /** A client's request that has opened, or is opening, a backend connection. */
  asked(proxy: MemoryProxy): FarEnd {
    const client = proxy.client()
    client.send(this.request)
    return client
  }

  /** Go all these ways, a test each; then the edges seen are those of these lives, and so are the waits and their ends. */
  go(
    lives: readonly (readonly [edges: Parameters<typeof declared>[0], waits: readonly string[]])[],
    ways: readonly Way[],
  ): void {
    const { seen } = this
    for (const [title, run, id, steps] of ways) {
      t.test(title, (t) => {
        const { lines, proxy, world } = run()
        t.equal(once(stepsOf(lines, id).join(', ')), once(steps))
        const alive = [...world.scheduler.alive()].map((each) => each.id)
        const running = alive.filter((each) => each.includes('/') && alive.includes(each.split('/')[0]))
        t.equal(proxy.begun, proxy.logged + running.length, 'an exchange outlives no client')
        t.end()
      })
    }
    t.test('the edges seen are the edges declared', (t) => {
      for (const [edges, waits] of lives) {
        t.strictSame(seen.taken(edges), declared(edges))
        t.strictSame(
          seen.waitsEnded(edges),
          [...waits]
            .sort()
            .map((wait) => `${wait}: cancelled, ${wait.endsWith(' for ever') ? '' : 'late, '}ready`),
          'and every wait ended in each way: ready, late if it has a deadline, cancelled',
        )
      }
      t.end()
    })
  }
}

/** Looks that come to nothing stand once: how many there are is a matter of the limits. */
const once = (steps: string): string =>
  steps.replace(/((?:frames|readFrames|readMessages|drain), (?:tend|checkHealth), )\1+/g, '$1')
