// The record of a session that a client has taken over (the relay): since which bytes, and how it ends.

import type { RedisFrontend } from './frontend.js'
import type { RedisSession } from './session.js'

export class RelayRecord {
  /** The name of the command with which it was taken over; '' if none was. */
  by = ''
  /** The bytes that its session and its client had been given before. */
  private inBefore = 0
  private outBefore = 0
  private isEnded = false

  begins(by: string, session: RedisSession, client: RedisFrontend): void {
    this.by = by
    this.inBefore = session.output.putBytes
    this.outBefore = client.output.putBytes
  }

  /** Returns the bytes that have passed to the server. */
  bytesIn(session: RedisSession): number {
    return session.output.putBytes - this.inBefore
  }

  /** Returns the bytes that have passed to the client. */
  bytesOut(client: RedisFrontend): number {
    return client.output.putBytes - this.outBefore
  }

  /** An operator ends it (Y30). */
  end(session: RedisSession): void {
    this.isEnded = true
    session.abort()
  }

  /** Returns its outcome, now that the client or the session has ended. */
  outcome(client: RedisFrontend): string {
    if (this.isEnded) return 'command-ended'
    return client.ending || client.isGone ? 'client-left' : 'backend-closed'
  }
}
