// A1 and A7: the load of each endpoint is what its exchanges say, each lease is one of its endpoint, and an
// endpoint that was removed closes its engines when its last exchange ends.

import type { Member } from '../../../src/balancing/index.js'
import { type Endpoint, type Exchange, isSubrequest } from '../../../src/proxy/index.js'
import { isOfReader } from '../filters/services.js'
import type { EngineInside, ExchangeInside } from '../inside.js'
import { type Checker, fail } from './check.js'

export function loads(): Checker {
  const endpoints = new Set<Endpoint>()
  const engines = new Set<EngineInside>()
  return {
    turn(scene) {
      const counts = new Map<Endpoint, number>()
      const loads = new Map<Member, number>()
      const current = new Set(scene.backend.endpoints)
      for (const x of scene.exchanges) {
        leaseIsOf(x)
        // The backend of copies is not among those that reloads change.
        const exchange = x as unknown as Exchange
        if (isSubrequest(exchange) || isOfReader(exchange.request.path?.value)) continue
        // A backend that is configured no longer keeps its endpoints until its last exchange ends.
        for (const each of x.backend?.endpoints ?? []) current.add(each)
        for (const each of x.filters?.backend?.endpoints ?? []) current.add(each)
        if (x.endpoint === null) continue
        const { member } = x.endpoint
        counts.set(x.endpoint, (counts.get(x.endpoint) ?? 0) + 1)
        loads.set(member, (loads.get(member) ?? 0) + 1)
      }
      for (const each of current) endpoints.add(each)
      const inUse = new Set<EngineInside>()
      for (const each of endpoints) {
        const count = counts.get(each) ?? 0
        // Another endpoint of its address may have had its member before.
        const { load } = each.member
        const all = loads.get(each.member) ?? 0
        if (load !== all) fail('A1', `${each.name} counts ${load} requests, and has ${all}`)
        const own = enginesOf(each)
        for (const engine of own) engines.add(engine)
        if (count > 0 || current.has(each)) for (const engine of own) inUse.add(engine)
      }
      for (const each of engines)
        if (!each.closing && !inUse.has(each))
          fail('A7', `${each.id} of ${each.name} is open, which was removed and has no request`)
    },
    end(scene) {
      const kept = scene.engines.filter((each) => engines.has(each))
      if (scene.backend.endpoints.length === 0 && kept.length > 0)
        fail('A7', `${kept.length} engines are kept, and no endpoint`)
      for (const { id, name, queued, sessions } of engines)
        if (queued + sessions.length > 0)
          fail('A7', `${id} of ${name} has ${queued} waiters and ${sessions.length} sessions at the end`)
    },
  }
}

const enginesOf = ({ engines }: Endpoint): readonly EngineInside[] =>
  engines.engines() as unknown as readonly EngineInside[]

function leaseIsOf({ id, lease, backend, endpoint }: ExchangeInside): void {
  const waits = lease.list !== null || lease.session !== null
  const engine = lease.engine as unknown as EngineInside | null
  if (!waits || backend === null || engine === null) return
  if (endpoint === null) fail('A1', `${id} has no endpoint, and its lease is of ${engine.name}`)
  // One that is closing, as its client has left, is no longer among them.
  if (!engine.closing && !enginesOf(endpoint).includes(engine))
    fail('A1', `${id} has chosen ${endpoint.name}, and its lease is of ${engine.id} of ${engine.name}`)
}
