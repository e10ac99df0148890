// The waits of many requests for one thing: the check of a password, the keys of an issuer. A pollable has
// one waiter, so each request gets a pollable of its own.

import { type Holder, List, type Listed, Pollable, type Subject } from '../../pollset/index.js'

/** The awaited thing is there. */
export const TOLD = 1

export class SharedWait extends Pollable implements Listed<SharedWait> {
  list: object | null = null
  listPrev: SharedWait | null = null
  listNext: SharedWait | null = null
  readonly id: string
  private readonly waits: SharedWaits

  constructor(id: string, waits: SharedWaits) {
    super()
    this.id = id
    this.waits = waits
  }

  get kind(): string {
    return 'shared-wait'
  }
  get bitNames(): readonly string[] {
    return ['TOLD']
  }

  override holders(): readonly Holder[] {
    const { subject, reason } = this.waits
    return this.list === null || subject === null ? [] : [{ subject, reason }]
  }

  /** Ends the wait. Does nothing the second time. */
  leave(): void {
    if (this.list !== null) this.waits.left(this)
  }
}

export class SharedWaits {
  /** The thing that all of them wait for, shown by `why`. */
  subject: Subject | null = null
  readonly reason: string
  private readonly list = new List<SharedWait>()
  private readonly empty: () => void

  /** @param empty is called when the last one has left before it was told */
  constructor(reason: string, empty: () => void = () => {}) {
    this.reason = reason
    this.empty = empty
  }

  get size(): number {
    return this.list.size
  }

  join(id: string): SharedWait {
    const wait = new SharedWait(id, this)
    this.list.push(wait)
    return wait
  }

  /** Wakes all waiters. */
  tell(): void {
    for (let each = this.list.shift(); each !== null; each = this.list.shift()) each.raise(TOLD)
  }

  /** @internal */
  left(wait: SharedWait): void {
    this.list.remove(wait)
    if (this.list.size === 0) this.empty()
  }
}
