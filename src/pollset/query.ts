// Questions to the name system whose answers hold more than addresses: how long they are valid, and where a
// service is (design: Pollset). Dials use Pollset.resolve.

import type { SocketFault } from './door.js'
import { Pollable } from './pollable.js'

export interface Question {
  /**
   * `addresses`: A records, or AAAA records if there are none. `services`: SRV records. A name of the hosts
   * file, `localhost` and a numeric name have addresses without DNS.
   */
  readonly kind: 'addresses' | 'services'
  /** The name. With a final dot it is complete, and the search list is not used. */
  readonly name: string
  /** The servers, each `ADDRESS` or `ADDRESS:PORT`; empty: those of the system. */
  readonly servers: readonly string[]
  /** The domains in which the name is looked for too; null: those of the system. */
  readonly search: readonly string[] | null
}

export interface NameRecord {
  /** A numeric address; the name of a target in an SRV record. */
  readonly host: string
  /** The port. This and the following fields belong to SRV (RFC 2782), and are 0 otherwise. */
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
  /** The records; empty until ANSWERED, and after a fault. */
  abstract readonly records: readonly NameRecord[]
  /** The time for which the records are valid, in ms; null if unknown. */
  abstract readonly ttlMs: number | null
  /** `ENOTFOUND`: there is no such name. `ENODATA`: it has no such records. */
  abstract readonly fault: SocketFault | null
  /** Gives the question up: ANSWERED no longer rises. */
  abstract cancel(): void
}
