// What can be waited for. A socket, a listener, a protocol stream, a lease: anything with readiness
// bits. Level-triggered: a bit stays up until its owner takes it down; a waiter is told at most
// once per turn and tests again before it goes on.
//
// The bits, the interest and the one waiter are fields of the object itself (design: Pollset):
// no wrapper, no emitter, no closure. Everything below `raise` is cold, for traces and debuggers.

/** Who waits. `wake` only queues it for this turn; `resume` runs it from the turn's queue. */
export interface Waiter {
  wake(): void
  resume(): void
}

/** A plain picture of a pollable, for a person: JSON, ids in place of objects. */
export interface PollableView {
  readonly id: string
  readonly kind: string
  readonly ready: readonly string[]
  readonly waiting: readonly string[]
  readonly [detail: string]: unknown
}

export abstract class Pollable {
  /** The bits that hold now; each kind of pollable names its own. */
  readiness: number
  /** The bits the waiter waits for; 0 without a waiter. */
  interest: number
  /** The one continuation that waits here. */
  waiter: Waiter | null

  /**
   * Fields are assigned in constructors, here and in what extends this: V8 then gives all objects of a class
   * one shape.
   */
  constructor() {
    this.readiness = 0
    this.interest = 0
    this.waiter = null
  }

  /** Unique in its World, as in `m3/s5`, `b1`, `b1/s7`. */
  abstract get id(): string
  abstract get kind(): string
  /** What it lives on: a stream's connection, say. */
  get parent(): Pollable | null {
    return null
  }
  /** The name of each bit, lowest first. */
  abstract get bitNames(): readonly string[]

  /** Raise readiness; joins the waiter to this turn's queue if it is interested. */
  raise(bits: number): void {
    this.readiness |= bits
    if ((this.interest & bits) !== 0) (this.waiter as Waiter).wake()
  }

  lower(bits: number): void {
    this.readiness &= ~bits
  }

  /** Who keeps these bits from rising: one step of the wait-for graph. */
  holders(_bits: number): readonly Pollable[] {
    const parent = this.parent
    return parent === null ? [] : [parent]
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

/** A pollable whose bits others raise and lower: it has no other state. */
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

/** The names of the bits in a mask. */
export function namesOf(bits: number, names: readonly string[]): string[] {
  return names.filter((_, at) => (bits & (1 << at)) !== 0)
}
