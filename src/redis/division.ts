// A command that goes to several shards: its parts, and the gather in which it waits for all of them.

import { ALL_ENDED, Gather } from '../engine/index.js'
import type { Command } from './command.js'
import { merged, withCursor } from './merge.js'
import { Part } from './part.js'
import { isPlan, type Plan } from './plan.js'

/** The parts of a command. */
export class Division {
  readonly command: Command
  readonly gather: Gather<Part>
  readonly size: number
  private readonly plan: Plan
  readonly parts: Part[] = []
  /** Parts that are to be sent. */
  unsent: number

  constructor(command: Command, plan: Plan) {
    this.command = command
    this.plan = plan
    this.size = plan.parts.length
    this.unsent = this.size
    this.gather = new Gather(`${command.id}.gather`)
    for (const [number, planned] of plan.parts.entries()) {
      const part = new Part(this, planned, number)
      this.parts.push(part)
      this.gather.add(part)
    }
    command.waitOn(0, this.gather, ALL_ENDED)
  }

  sent(): void {
    this.unsent--
    if (this.unsent === 0) this.command.frontend.advanceFrom(this.command)
  }

  /** Returns the reply of them all. */
  reply(chance: number): Buffer {
    const { plan, parts } = this
    const replies = parts.map(({ bytes, planned }) => ({ bytes, keys: planned.keys }))
    const reply = merged(plan.merge, replies, chance)
    // It may be a part's, whose memory is given up.
    return plan.cursorOf === null ? Buffer.from(reply) : withCursor(reply, plan.cursorOf)
  }

  /** Their replies are of no use any more. */
  discard(): void {
    for (const part of this.gather) part.cancel()
    for (const part of this.parts) part.discard()
  }
}

/** Begins the parts of a command, which waits for them. */
export function divide(c: Command): void {
  if (isPlan(c.route)) c.division = new Division(c, c.route)
}

/** Each of its parts has ended. */
export function collect(c: Command): void {
  const chance = new Uint32Array(1)
  c.frontend.proxy.world.pollset.random(new Uint8Array(chance.buffer))
  if (c.division !== null) c.ownCopy(c.division.reply(chance[0]))
  endDivision(c)
}

/** Its parts are of no use any more. */
export function endDivision(c: Command): void {
  c.division?.discard()
  c.division = null
}
