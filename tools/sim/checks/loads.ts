// A1 and A7: the load of each endpoint is what its exchanges say, each lease is one of its endpoint, and an
// endpoint that was removed closes its engines when its last exchange ends.

import type { Endpoint } from '../../../src/proxy/index.js'
import type { EngineInside, ExchangeInside } from '../inside.js'
import { type Checker, fail } from './check.js'

export function loads(): Checker {
  const endpoints = new Set<Endpoint>()
  const engines = new Set<EngineInside>()
  return {
    turn(scene) {
      const counts = new Map<Endpoint, number>()
      for (const x of scene.exchanges) {
        leaseIsOf(x)
        if (x.endpoint !== null) counts.set(x.endpoint, (counts.get(x.endpoint) ?? 0) + 1)
      }
      const current = scene.backend.endpoints
      for (const each of current) endpoints.add(each)
      const inUse = new Set<string>()
      for (const each of endpoints) {
        const count = counts.get(each) ?? 0
        const { load } = each.member
        if (load !== count) fail('A1', `${each.name} counts ${load} requests, and has ${count}`)
        if (count > 0 || current.includes(each)) inUse.add(each.name)
      }
      for (const each of scene.engines) engines.add(each)
      for (const each of engines)
        if (!each.closing && !inUse.has(each.name))
          fail('A7', `${each.id} of ${each.name} is open, which was removed and has no request`)
    },
    end(scene) {
      if (scene.backend.endpoints.length === 0 && scene.engines.length > 0)
        fail('A7', `${scene.engines.length} engines are kept, and no endpoint`)
      for (const { id, name, queued, sessions } of engines)
        if (queued + sessions.length > 0)
          fail('A7', `${id} of ${name} has ${queued} waiters and ${sessions.length} sessions at the end`)
    },
  }
}

function leaseIsOf({ id, lease, backend, endpoint }: ExchangeInside): void {
  const waits = lease.list !== null || lease.session !== null
  if (!waits || backend === null || lease.engine === null) return
  if (lease.engine.name !== endpoint?.name)
    fail(
      'A1',
      `${id} has chosen ${endpoint?.name ?? 'no endpoint'}, and its lease is of ${lease.engine.name}`,
    )
}
