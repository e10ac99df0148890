// Peers of the examples on the simulated network, and waiting for real ones.

export { Peer } from '../world/text-peer.js'

/** Turns of Node's loop, until this holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
