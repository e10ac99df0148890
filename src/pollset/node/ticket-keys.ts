// The keys of TLS session tickets (RFC 5077, RFC 8446 §4.6.1): a client resumes its session with a ticket
// that only these keys open. Whoever learns a key can read those of its sessions that lack forward
// secrecy, so the keys change every day. Node holds one set at a time: after a change each client makes
// one full handshake.

import { randomBytes } from 'node:crypto'

/** Node's form of the keys. */
const TICKET_KEYS_BYTES = 48
const DAY_MS = 24 * 60 * 60 * 1000

export const newTicketKeys = (): Uint8Array => randomBytes(TICKET_KEYS_BYTES)

export class TicketKeys {
  private keys: Buffer
  /** The time at which the keys were made, in ms of the pollset's clock. */
  private madeAt = 0
  /** True if another process makes the keys, and sends each change. */
  private areGiven: boolean

  /** @param given the keys that another process has made; null: this process makes them */
  constructor(given: Uint8Array | null) {
    this.areGiven = given !== null
    this.keys = Buffer.from(given ?? newTicketKeys())
  }

  /** Sets keys that another process has made. */
  give(keys: Uint8Array): void {
    this.areGiven = true
    this.keys = Buffer.from(keys)
  }

  /** Returns the current keys. @param now ms of the pollset's clock */
  at(now: number): Buffer {
    if (!this.areGiven && now - this.madeAt >= DAY_MS) {
      this.madeAt = now
      this.keys = Buffer.from(newTicketKeys())
    }
    return this.keys
  }
}
