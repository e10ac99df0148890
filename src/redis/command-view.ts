// A command as people see it, in lists and in the debugger.

import type { Command } from './command.js'
import { codeOf } from './texts.js'

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

/** Returns how it has ended, in one word: `ok`, `error` of its server, a code, or `client-left`. */
export function outcomeOf({ code, isLeft, answer, replyType, attempts }: Command): string {
  if (code !== null) return code
  if (isLeft) return 'client-left'
  const reply = answer.onePiece
  const type = replyType === 0 ? reply?.[0] : replyType
  if (type !== MINUS) return 'ok'
  // The words of a server, and so of a client's script, are not ours.
  return (attempts === 0 && reply !== null ? codeOf(reply) : null) ?? 'error'
}
