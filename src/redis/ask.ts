// The questions to a session, and its owners.

import type { Subject } from '../pollset/index.js'
import type { RedisSession } from './session.js'

/** A question to a session. */
export interface Ask {
  /** The time of the question: ms of the pollset's clock. */
  readonly askedAt: number
  /**
   * A part of its reply: bytes of this turn's read buffer.
   * @param last its reply is complete
   * @param type the first byte of the reply
   */
  reply(buffer: Buffer, from: number, to: number, last: boolean, type: number): void
  /** The number of replies that are still to come. */
  readonly owed: number
  /** The command that shares the session; null if nobody waits for the reply. */
  readonly sharer: Sharer | null
  /** The session has gone, and no further part comes. */
  lost(): void
}

/** A client that has taken over a session. */
export interface Relay extends Subject {
  /** Why no other client has the session: one clause, for people. */
  readonly whyAlone: string
  relayed(bytes: Buffer): void
  /** True while it takes more bytes of its session. */
  readonly takesMore: boolean
  /** Its session takes bytes again. */
  sessionTakes(): void
  /** Its session has closed. */
  sessionClosed(session: RedisSession): void
}

/** A command on a session that may turn out to be shared no longer (Y15). */
export interface Sharer extends Subject {
  readonly client: Subject
  /** The bytes of its reply that have come. */
  readonly received: number
  /** Its client takes more of its reply. */
  readonly takesMore: boolean
  /** It may be sent again on another session, whatever becomes of it on this one. */
  readonly mayMove: boolean
  /** Its session is shared no longer, and it stays there. */
  stays(): void
  /** Its session is shared no longer, and no further part comes from there. */
  moves(): void
}

/** A question whose reply nobody wants. */
export class Unwanted implements Ask {
  readonly askedAt: number
  readonly sharer = null
  owed: number

  constructor({ askedAt, owed }: Pick<Ask, 'askedAt' | 'owed'>) {
    this.askedAt = askedAt
    this.owed = owed
  }

  reply(_buffer: Buffer, _from: number, _to: number, last: boolean): void {
    if (last) this.owed--
  }

  lost(): void {}
}

const MINUS = 0x2d
/** The bytes of an error line that are kept. */
const ERROR_BYTES_MAX = 200

/** Commands of the session's own: none of their replies may be an error. */
export class Greeting implements Ask {
  readonly askedAt: number
  readonly sharer = null
  owed: number
  private error = ''
  private readonly told: (error: string | null) => void
  /** The third-last reply and the last are those to SELECT, of which one may be an error. */
  private readonly selectsTwice: boolean
  private hasSelected = false

  constructor(now: number, replies: number, selectsTwice: boolean, told: (error: string | null) => void) {
    this.askedAt = now
    this.owed = replies
    this.selectsTwice = selectsTwice
    this.told = told
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean, type: number): void {
    const mayFail = this.selectsTwice && (this.owed === 3 || (this.owed === 1 && this.hasSelected))
    if (type === MINUS && !mayFail && this.error.length < ERROR_BYTES_MAX)
      this.error += buffer.toString('latin1', from, Math.min(to, from + ERROR_BYTES_MAX))
    if (!last) return
    if (this.owed === 3) this.hasSelected = type !== MINUS
    this.owed--
    if (this.error !== '') this.told(this.error.trim())
    else if (this.owed === 0) this.told(null)
  }

  lost(): void {}
}
