// The commands of a client whose replies have not left, the oldest first, and which of them may be sent next.
// Their numbers follow each other.

import { Pipeline } from '../transport/index.js'
import type { Command } from './command.js'
import { TURN } from './command-answer.js'
import { mayHaveRun } from './resending.js'

export class CommandRing extends Pipeline<Command> {
  /** The number of the next command that may be sent. */
  next = 0

  isNext(c: Command): boolean {
    return c.number <= this.next
  }

  isOldest(c: Command): boolean {
    return this.first === c
  }

  /** Returns the nearest command before this one that has no reply; null if there is none. */
  before(c: Command): Command | null {
    const { first } = this
    if (first === null) return null
    for (let place = c.number - first.number - 1; place >= 0; place--) {
      const each = this.peek(place)
      if (each !== null && !each.told) return each
    }
    return null
  }

  /** Returns the number of commands that came after this one. */
  behind(c: Command): number {
    const { first } = this
    return first === null ? 0 : first.number + this.size - 1 - c.number
  }

  /** The commands behind this one may be sent. Returns false if no command waits for that. */
  advanceFrom(c: Command): boolean {
    if (c.number !== this.next) return true
    const { first } = this
    c.hadTurn = true
    for (;;) {
      this.next++
      const next = first === null ? null : this.peek(this.next - first.number)
      if (next === null) return false
      if (next.hadTurn) continue
      if (!next.told) {
        next.answer.raise(TURN)
        return true
      }
      next.hadTurn = true
      next.passedOver()
    }
  }

  /** It is to be sent again: those behind it that are not sent wait until it is (S8). */
  goBackTo(c: Command): void {
    // A late one was answered, and may have left the ring.
    if (c.told) return
    c.hadTurn = false
    if (c.number < this.next) this.next = c.number
  }

  /** Returns true if a lost command may be sent again: no write behind it may have run. */
  mayResend(c: Command): boolean {
    let behind = false
    for (const each of this) {
      if (behind && !each.info.readonly && mayHaveRun(each)) return false
      if (each === c) behind = true
    }
    return true
  }

  /** Returns true if all commands before this one, the last, are shared. */
  isSharedUpTo(last: Command): boolean {
    for (const each of this) if (each !== last && each.does !== 'shared') return false
    return true
  }
}
