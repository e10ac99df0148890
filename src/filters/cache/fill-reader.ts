// A request that waits for the head of a fill, and its further treatment.

import { type Listed, Signal } from '../../pollset/index.js'
import { BodyReader } from './body.js'
import type { Entry } from './entry.js'
import type { Fill } from './fill.js'

/** A bit of a {@link FillReader}: the fill has decided. */
export const DECIDED = 1

/** The next step of a request that waits for a fill. */
export type Decision =
  /** The request reads the entry. */
  | 'entry'
  /** The stored entry was validated, and may be used again. */
  | 'validated'
  /** The stored entry may be used, since its validation has failed. */
  | 'stale'
  /** The request takes the response of the fill, which nobody else gets. */
  | 'own'
  /** The request is refused, like the request of the fill. */
  | 'refused'
  /** The request goes to the backend itself. */
  | 'pass'

/** A request that waits for the head of a fill. */
export class FillReader extends Signal implements Listed<FillReader> {
  list: object | null = null
  listPrev: FillReader | null = null
  listNext: FillReader | null = null
  decision: Decision | null = null
  /** The reader of the entry; null for every other decision. */
  source: BodyReader | null = null
  readonly fill: Fill

  constructor(id: string, fill: Fill) {
    super(id, 'fill-reader', ['DECIDED'])
    this.fill = fill
  }

  decide(decision: Decision): void {
    this.decision = decision
    // It reads from now on, so that the fill is wanted, even if its exchange goes on later.
    if (decision === 'entry') this.source = new BodyReader(`${this.id}.body`, (this.fill.entry as Entry).body)
    this.raise(DECIDED)
  }

  /** Notes that the response of the fill is the caller's from now on. */
  owned(): void {
    this.decision = null
  }

  /** Returns the reader, which is the caller's from now on. */
  take(): BodyReader {
    const source = this.source as BodyReader
    this.source = null
    return source
  }

  /** Stops waiting and reading. */
  leave(): void {
    if (this.list !== null) this.fill.left(this)
    this.source?.leave()
    this.source = null
    if (this.decision === 'own') this.fill.disown()
    this.decision = null
  }
}
