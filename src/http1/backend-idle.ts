// The time that a backend connection may stay idle: backendIdleMs, or less if the backend's Keep-Alive field
// says that it closes sooner. A request that crosses the backend's FIN may be lost, so we close first.

import { keepAliveTimeout } from './message.js'

/** ms by which we close before the backend does */
const MARGIN_MS = 1_000

export class BackendIdle {
  /** ms that the connection may stay idle; 0: it takes no second request */
  ms: number
  /** our own limit in ms */
  private readonly most: number
  /** The Keep-Alive field that was read last. */
  private field: string

  constructor(most: number) {
    this.ms = most
    this.most = most
    this.field = ''
  }

  /** Reads the Keep-Alive field of a response; '' if it has none. */
  read(field: string): void {
    if (field === this.field) return
    this.field = field
    const told = keepAliveTimeout(field) * 1000
    this.ms = told < 0 ? this.most : Math.min(this.most, told - Math.min(MARGIN_MS, told / 2))
  }
}
