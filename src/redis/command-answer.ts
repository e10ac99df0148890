// What a command waits for: its turn among the commands of its client, and its reply.

import { type Holder, Pollable } from '../pollset/index.js'
import type { Command } from './command.js'

/** It is the command's turn to be sent, or it has become the oldest of its client. */
export const TURN = 1
/** Its reply is complete, or its session has gone. */
export const ANSWERED = 2
/** Its session is shared no longer (Y15). */
export const STAYS = 4

/** The reply of a command, as what it waits for. */
export class Answer extends Pollable {
  private readonly command: Command

  constructor(command: Command) {
    super()
    this.command = command
  }

  get id(): string {
    return `${this.command.id}.reply`
  }
  get kind(): string {
    return 'reply'
  }
  get bitNames(): readonly string[] {
    return ['TURN', 'ANSWERED', 'STAYS']
  }
  override holders(bits: number): readonly Holder[] {
    const { session, frontend } = this.command
    if ((bits & (ANSWERED | STAYS)) !== 0 && session !== null)
      return [{ subject: session, reason: `it answers ${session.placeOf(this.command)}` }]
    const before = frontend.ring.before(this.command)
    return before === null ? [] : [{ subject: before, reason: 'is the command before it of its client' }]
  }
}
