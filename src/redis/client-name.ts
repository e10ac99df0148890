// The name that a client has given itself (CLIENT SETNAME). It is kept as long as its client is there.

import type { KeptTotal } from '../transport/index.js'

export class ClientName {
  value: Buffer | null = null
  private readonly total: KeptTotal

  constructor(total: KeptTotal) {
    this.total = total
  }

  set(value: Buffer | null): void {
    const { total } = this
    if (value !== null) {
      total.add(value.length)
      total.settleSoon()
    }
    if (this.value !== null) total.remove(this.value.length)
    this.value = value
  }
}
