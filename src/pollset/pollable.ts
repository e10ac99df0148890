// A pollable: an object with readiness bits, such as a socket, a listener, a stream or a lease. Bits are
// level-triggered: a bit stays up until its owner lowers it. A waiter is woken at most once a turn, and tests
// the bits again before it resumes.
//
// The bits, the interest and the one waiter are fields of the object itself (design: Pollset): no wrapper, no
// emitter, no closure. `holders` and `describe` are for traces and debuggers only.

/** A waiter on a pollable. `wake` only queues it for this turn; the turn's queue calls `resume`. */
export interface Waiter {
  wake(): void
  resume(): void
}

/** A snapshot of a pollable for a person to read: JSON, with ids in place of objects. */
export interface PollableView {
  readonly id: string
  readonly kind: string
  readonly ready: readonly string[]
  readonly waiting: readonly string[]
  readonly [detail: string]: unknown
}

/** A node of the wait-for graph: a pollable, a continuation, or a thing that only has a name. */
export interface Subject {
  /** Unique in its World. */
  readonly id: string
  readonly kind: string
  /** See {@link Pollable.holders}. */
  holders?(bits: number): readonly Holder[]
}

/** One edge of the wait-for graph. */
export interface Holder {
  readonly subject: Subject
  /** The reason why it keeps the bits from rising: one clause, for a person. */
  readonly reason: string
}

export abstract class Pollable implements Subject {
  /** The bits that are up now; each kind of pollable defines its own. */
  readiness: number
  /** The bits the waiter waits for; 0 without a waiter. */
  interest: number
  /** The one continuation that waits here, or null. */
  waiter: Waiter | null

  /**
   * Assigns every field, as all subclasses must do in their constructors: V8 then gives all objects of a
   * class one shape.
   */
  constructor() {
    this.readiness = 0
    this.interest = 0
    this.waiter = null
  }

  /** Unique in its World, as in `m3/s5`, `b1`, `b1/r7`. It never changes. */
  abstract get id(): string
  abstract get kind(): string
  /** The pollable that carries it, such as a stream's connection; null without one. */
  get parent(): Pollable | null {
    return null
  }
  /** The name of each bit, lowest first. */
  abstract get bitNames(): readonly string[]

  /** Raises bits, and wakes the waiter if it waits for one of them. */
  raise(bits: number): void {
    this.readiness |= bits
    if ((this.interest & bits) !== 0) (this.waiter as Waiter).wake()
  }

  lower(bits: number): void {
    this.readiness &= ~bits
  }

  /** Returns what keeps these bits from rising. For debuggers: it may allocate. */
  holders(_bits: number): readonly Holder[] {
    const parent = this.parent
    return parent === null ? [] : [{ subject: parent, reason: 'carries it' }]
  }

  describe(): PollableView {
    return {
      id: this.id,
      kind: this.kind,
      ready: namesOf(this.readiness, this.bitNames),
      waiting: namesOf(this.interest, this.bitNames),
    }
  }
}

/** A pollable with no state but its bits, which others raise and lower. */
export class Signal extends Pollable {
  readonly id: string
  readonly kind: string
  readonly bitNames: readonly string[]

  constructor(id: string, kind: string, bitNames: readonly string[]) {
    super()
    this.id = id
    this.kind = kind
    this.bitNames = bitNames
  }
}

/** Returns the names of the bits in a mask. */
export function namesOf(bits: number, names: readonly string[]): string[] {
  return names.filter((_, at) => (bits & (1 << at)) !== 0)
}
