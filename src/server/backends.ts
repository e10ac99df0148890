// The backends of the routes, one for each URL. New routes keep the backends that they name again. A backend
// that is no longer named serves its exchanges, retries included, and closes after the last of them.

import type { Scheduler } from '../continuation/index.js'
import type { Client } from '../http/index.js'
import { type Backend, Exchange, type ExchangeWatcher, RouteTable } from '../proxy/index.js'
import type { RouteText } from './address.js'

export class Backends implements ExchangeWatcher {
  private readonly scheduler: Scheduler
  private readonly make: (url: string) => Backend
  private named: ReadonlyMap<string, Backend> = new Map()
  private readonly retiring = new Map<string, Backend>()

  /** @param make makes the backend of a URL; throws if the URL is wrong */
  constructor(scheduler: Scheduler, make: (url: string) => Backend) {
    this.scheduler = scheduler
    this.make = make
  }

  /** Makes the table of these routes. Throws if one is wrong, and then nothing has changed. */
  tableOf(routes: readonly RouteText[]): RouteTable {
    const named = new Map<string, Backend>()
    const table = new RouteTable(
      routes.map(({ host, prefix, url }) => {
        const backend = named.get(url) ?? this.named.get(url) ?? this.retiring.get(url) ?? this.make(url)
        named.set(url, backend)
        return { host, prefix, backend }
      }),
    )
    for (const [url, backend] of this.named) this.retiring.set(url, backend)
    for (const url of named.keys()) this.retiring.delete(url)
    this.named = named
    for (const backend of this.retiring.values()) this.closeUnused(backend, null)
    return table
  }

  ended(exchange: Exchange): void {
    if (this.retiring.size === 0) return
    const { backend } = exchange
    if (backend !== null && this.retiring.get(backend.name) === backend) this.closeUnused(backend, exchange)
  }

  clientClosed(client: Client): void {
    for (const backend of this.all()) backend.clientClosed(client)
  }

  all(): Backend[] {
    return [...this.named.values(), ...this.retiring.values()]
  }

  /** @param ending an exchange that has ended and still counts as alive */
  private closeUnused(backend: Backend, ending: Exchange | null): void {
    for (const each of this.scheduler.alive())
      if (each !== ending && each instanceof Exchange && each.backend === backend) return
    this.retiring.delete(backend.name)
    backend.close()
  }
}
