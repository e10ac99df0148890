// The backends that the routes name, one for each URL. New routes keep the backends that they name again.
// One that is not named any more serves the exchanges that have it, retries included, and closes behind the
// last of them.

import type { Scheduler } from '../continuation/index.js'
import type { Client } from '../http/index.js'
import { type Backend, Exchange, type ExchangeWatcher, RouteTable } from '../proxy/index.js'
import type { RouteText } from './address.js'

export class Backends implements ExchangeWatcher {
  private readonly scheduler: Scheduler
  private readonly make: (url: string) => Backend
  private named: ReadonlyMap<string, Backend> = new Map()
  private readonly retiring = new Map<string, Backend>()

  /** `make`: a backend for a URL; throws where it is no URL of a backend. */
  constructor(scheduler: Scheduler, make: (url: string) => Backend) {
    this.scheduler = scheduler
    this.make = make
  }

  /** The table of these routes. Throws where one is wrong, and then nothing has changed. */
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
    const { backend } = exchange
    if (backend !== null && this.retiring.get(backend.name) === backend) this.closeUnused(backend, exchange)
  }

  clientClosed(client: Client): void {
    for (const backend of this.all()) backend.clientClosed(client)
  }

  all(): Backend[] {
    return [...this.named.values(), ...this.retiring.values()]
  }

  /** `ending`: an exchange that is over and still counts as alive. */
  private closeUnused(backend: Backend, ending: Exchange | null): void {
    for (const each of this.scheduler.alive())
      if (each !== ending && each instanceof Exchange && each.backend === backend) return
    this.retiring.delete(backend.name)
    backend.close()
  }
}
