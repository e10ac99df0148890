// Peers of the examples on the simulated network, and waiting for real ones.

import { soon } from '../world/soon.js'

export { Peer } from '../world/text-peer.js'

/** Waits until this holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await soon()
}
