// How long a connection to a backend may stay idle: our own limit, or less where its Keep-Alive field tells
// that the backend closes sooner. A request that crosses the backend's FIN may be lost, so we close first.

import { keepAliveTimeout } from './message.js'

/** ms before the time that a backend tells, for what is on its way then */
const MARGIN_MS = 1_000

export class BackendIdle {
  /** ms that it may stay idle; 0: it serves no second request */
  ms: number
  /** ms: our own limit */
  private readonly most: number
  /** The Keep-Alive field that was read last. */
  private field: string

  constructor(most: number) {
    this.ms = most
    this.most = most
    this.field = ''
  }

  /** The backend has told a time of its own. */
  get isTold(): boolean {
    return this.field !== ''
  }

  /** Reads the Keep-Alive field of a response; '' where it has none. */
  read(field: string): void {
    if (field === this.field) return
    this.field = field
    const told = keepAliveTimeout(field) * 1000
    this.ms = told < 0 ? this.most : Math.min(this.most, told - Math.min(MARGIN_MS, told / 2))
  }
}
