// Invariants of our own: what no peer can bring about, asserted where it changes (design: House rules). A
// broken one is a defect of this program, and ends what it may have spoiled: in a step that continuation, in
// flush or settle that connection with nothing further written, and where bytes might reach another client
// the World.
//
//   invariant(this.lent >= 0, 'slabs lent are counted')
//   invariant(slab.owner === owner, 'a slab has one owner', 'world')
//
// The text is a constant, so that an invariant that holds costs a comparison.

/**
 * How far a broken invariant reaches: to the continuation or connection in which it is noticed, or to the
 * whole World.
 */
export type InvariantReach = 'owner' | 'world'

export class InvariantBroken extends Error {
  override name = 'InvariantBroken'
  readonly reach: InvariantReach

  constructor(what: string, reach: InvariantReach) {
    super(`this does not hold: ${what}`)
    this.reach = reach
  }
}

/** Throws {@link InvariantBroken} unless it holds. `what`: the sentence that is true while it does. */
export function invariant(holds: boolean, what: string, reach: InvariantReach = 'owner'): asserts holds {
  if (!holds) throw new InvariantBroken(what, reach)
}

/** Whether this error ends the World: nothing but its end is safe. */
export const endsWorld = (error: unknown): error is InvariantBroken =>
  error instanceof InvariantBroken && error.reach === 'world'
