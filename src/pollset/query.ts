// Questions to the name system that have more in their answers than addresses: how long they hold, and where
// a service is (design: Pollset). Dials use Pollset.resolve.

import type { SocketFault } from './door.js'
import { Pollable } from './pollable.js'

export interface Question {
  /**
   * `addresses`: A records, or AAAA records if there are none. `services`: SRV records. A name of the hosts
   * file, `localhost` and a numeric name have addresses without DNS.
   */
  readonly kind: 'addresses' | 'services'
  /** With a final dot it is complete, and the search list is not used. */
  readonly name: string
  /** `ADDRESS` or `ADDRESS:PORT`; empty: those of the system. */
  readonly servers: readonly string[]
  /** Domains in which the name is looked for too; null: those of the system. */
  readonly search: readonly string[] | null
}

export interface NameRecord {
  /** A numeric address; the name of a target in an SRV record. */
  readonly host: string
  /** The others are of SRV (RFC 2782), and 0 otherwise. */
  readonly port: number
  readonly priority: number
  readonly weight: number
}

export const addressRecord = (host: string): NameRecord => ({ host, port: 0, priority: 0, weight: 0 })

// Bits of a Query.
export const ANSWERED = 1

/** A running question. It ends with records or `fault`; ANSWERED rises either way. */
export abstract class Query extends Pollable {
  override get kind(): string {
    return 'query'
  }
  override get bitNames(): readonly string[] {
    return ['ANSWERED']
  }
  /** Empty until ANSWERED, and with a fault. */
  abstract readonly records: readonly NameRecord[]
  /** How long the records hold, in ms; null if that is unknown. */
  abstract readonly ttlMs: number | null
  /** `ENOTFOUND`: there is no such name. `ENODATA`: it has no such records. */
  abstract readonly fault: SocketFault | null
  /** Gives it up: ANSWERED does not rise any more. */
  abstract cancel(): void
}
