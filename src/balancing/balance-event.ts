// The reports of a balancer: events of its members, and their scores for a key.

/** An event of a member, or of the backend (`member` null). */
export type BalanceEvent =
  | 'up'
  | 'down'
  | 'ejected'
  | 'returned'
  | 'reached'
  /** The overlay of an operator has ended by its time. */
  | 'overlay-over'
  | 'panic'
  | 'calm'

/**
 * A member's score for a key. The highest is chosen, if its member is a candidate with room under the bound.
 */
export interface Score {
  readonly member: string
  readonly score: number
  readonly candidate: boolean
}
