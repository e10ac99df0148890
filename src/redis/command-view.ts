// A command as people see it, in lists and in the debugger.

import type { Command } from './command.js'

const MINUS = 0x2d

export const commandView = (c: Command): Readonly<Record<string, unknown>> => ({
  command: c.info.name,
  does: c.does,
  session: c.session?.id ?? null,
  attempts: c.attempts,
  owed: c.owed,
  reply: c.replyType === 0 ? null : String.fromCharCode(c.replyType),
  isError: c.replyType === MINUS,
})
