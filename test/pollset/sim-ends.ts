// Both ends of connections on the simulated network, for its tests: a World that waits for bits, and an actor
// that plays the peer.

import {
  noFaults,
  type Pollable,
  READABLE,
  type SimFaults,
  type SimPeerSocket,
  SimPollset,
  type Socket,
  type Waiter,
} from '../../src/pollset/index.js'

export const FRONT = { host: '192.0.2.1', port: 80 }
export const BACK = { host: '192.0.2.9', port: 9 }
export const CLIENT = { host: '198.51.100.1', port: 40_000 }
/** The number of seeds with which a property is tried that must not depend on them. */
export const SEEDS = 20

/** Octets that tell where they belong. */
export const pattern = (size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) % 251))

/** The actor that plays the peer, and all that it was told. */
export class Peer {
  readonly chunks: Buffer[] = []
  readonly told: string[] = []
  readonly far: SimPeerSocket
  private readonly pollset: SimPollset
  constructor(pollset: SimPollset, far: SimPeerSocket) {
    this.pollset = pollset
    this.far = far
    far.owner = this
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
  received(bytes: Uint8Array): void {
    this.chunks.push(Buffer.from(bytes))
    this.told.push(`${bytes.length} octets at ${this.pollset.clock}`)
  }
  ended(): void {
    this.told.push('FIN')
  }
  closed(): void {
    this.told.push('closed')
  }
}

/** The World: waits for bits of one pollable, and does something each time that they are up. */
export function whenever(pollset: SimPollset, pollable: Pollable, bits: number, act: () => void): void {
  const waiter: Waiter = { wake: () => pollset.queue(waiter), resume: act }
  pollable.waiter = waiter
  pollable.interest = bits
  if ((pollable.readiness & bits) !== 0) waiter.wake()
}

/** A connection that a client has made, as both ends have it. */
export function connection(faults: Partial<SimFaults> = {}, seed = 1) {
  const pollset = new SimPollset(seed, { ...noFaults, ...faults })
  const listener = pollset.listen(FRONT, 'listener')
  pollset.step()
  const peer = new Peer(pollset, pollset.dial(FRONT, CLIENT) as SimPeerSocket)
  pollset.step()
  const socket = listener.accept() as Socket
  return { pollset, listener, peer, socket }
}

/** Reads all that comes, as copies. */
export function reads(pollset: SimPollset, socket: Socket): Buffer[] {
  const chunks: Buffer[] = []
  whenever(pollset, socket, READABLE, () => {
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) chunks.push(Buffer.from(chunk))
  })
  return chunks
}

export const settle = (pollset: SimPollset): boolean => pollset.runUntil(() => false)
