// Attackers and the fair load run at a lower priority. They share the cores with the proxy, its backend and
// the measuring client, and the cost of making an attack must not count as its effect on the proxy.

import { getPriority, setPriority } from 'node:os'

/** The niceness above that of the other processes. */
const NICENESS = 10

/**
 * An environment variable that keeps the priority, for runs that measure nothing: a nice attacker can starve.
 */
export const STAYS = 'FERMATA_ATTACKER_STAYS'

export function stepBack(): void {
  if (process.env[STAYS] === undefined) setPriority(Math.min(19, getPriority() + NICENESS))
}
