// Attackers and what they are measured against run behind the rest. They share the cores with the proxy, its backend and the
// client that measures: what is looked at is what the proxy does with an attack, not who gets the processor for making it.

import { getPriority, setPriority } from 'node:os'

/** More than the rest. */
const NICENESS = 10

/** Set where nothing is measured: an attacker that steps back may wait for ever on a busy machine. */
export const STAYS = 'FERMATA_ATTACKER_STAYS'

export function stepBack(): void {
  if (process.env[STAYS] === undefined) setPriority(Math.min(19, getPriority() + NICENESS))
}
