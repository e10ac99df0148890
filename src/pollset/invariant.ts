// Invariants: assertions on our own state, which no peer can break (design: House rules). A broken invariant
// is a defect of this program and ends what it may have corrupted. In a step, that is the continuation. In
// flush or settle, it is the connection, with nothing further written. If bytes might reach another client,
// it is the World.
//
//   invariant(this.lent >= 0, 'slabs lent are counted')
//   invariant(slab.owner === owner, 'a slab has one owner', 'world')
//
// The text is a constant, so an invariant that holds costs one comparison.

/** The reach of a broken invariant: it ends the continuation or connection that notices it, or the World. */
export type InvariantReach = 'owner' | 'world'

export class InvariantBroken extends Error {
  override name = 'InvariantBroken'
  readonly reach: InvariantReach

  constructor(what: string, reach: InvariantReach) {
    super(`this does not hold: ${what}`)
    this.reach = reach
  }
}

/** Throws {@link InvariantBroken} if `holds` is false. `what`: a sentence that states the invariant. */
export function invariant(holds: boolean, what: string, reach: InvariantReach = 'owner'): asserts holds {
  if (!holds) throw new InvariantBroken(what, reach)
}

/** Returns true if this error must end the World. */
export const endsWorld = (error: unknown): error is InvariantBroken =>
  error instanceof InvariantBroken && error.reach === 'world'
