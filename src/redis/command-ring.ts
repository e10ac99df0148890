// The commands of a client whose replies have not left, the oldest first, and which of them may be sent next.
// Their numbers follow each other.

import { Pipeline } from '../transport/index.js'
import type { Command } from './command.js'
import { TURN } from './command-answer.js'

export class CommandRing extends Pipeline<Command> {
  /** The number of the next command that may be sent. */
  next = 0

  isNext(c: Command): boolean {
    return c.number <= this.next
  }

  isOldest(c: Command): boolean {
    return this.first === c
  }

  /** Returns the command before this one that has not left; null if there is none. */
  before(c: Command): Command | null {
    const { first } = this
    return first === null || first === c ? null : this.peek(c.number - first.number - 1)
  }

  /** The commands behind this one may be sent. Returns false if no command waits for that. */
  advanceFrom(c: Command): boolean {
    if (c.number !== this.next) return true
    this.next++
    const { first } = this
    const next = first === null ? null : this.peek(this.next - first.number)
    next?.answer.raise(TURN)
    return next !== null
  }

  /** Whether a lost command may be sent again: no write behind it may have run. */
  mayResend(c: Command): boolean {
    let behind = false
    for (const each of this) {
      if (behind && each.number < this.next && !each.info.readonly && !each.isSafe) return false
      if (each === c) behind = true
    }
    return true
  }

  /** Whether all commands before this one, the last, are shared. */
  isSharedUpTo(last: Command): boolean {
    for (const each of this) if (each !== last && each.does !== 'shared') return false
    return true
  }
}
