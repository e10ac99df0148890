// Client connections that linger: they have sent their last bytes, and wait for their clients to close. The
// oldest give way to new connections.

import type { Client, LingeringClient } from '../http/index.js'

export class LingeringClients {
  /** The number of connections that were closed for new ones. */
  evictions = 0
  /** The lingering connections, oldest first. */
  private readonly all = new Map<Client, LingeringClient>()

  get size(): number {
    return this.all.size
  }

  add(client: LingeringClient): void {
    this.all.set(client, client)
  }

  delete(client: Client): void {
    this.all.delete(client)
  }

  oldest(): LingeringClient | null {
    for (const each of this.all.values()) return each
    return null
  }

  /** Closes a connection in this turn. */
  evict(client: LingeringClient): void {
    this.all.delete(client)
    client.evict()
    this.evictions++
  }
}
