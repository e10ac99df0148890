// Commands whose session has gone, and which of them may be sent again (Y12).

import type { Command } from './command.js'
import { ANSWERED } from './command-answer.js'
import { isPlan } from './plan.js'

/** The times that a command is sent. */
const ATTEMPTS_MAX = 3

/**
 * Returns true if a lost command may be sent again, unless a write behind it may have run: its bytes had not
 * left, or it only reads and was sent once.
 */
export function isResendable(c: Command): boolean {
  const { buffer, isCut, isLarge, streams, replies, does, wasAlone } = c
  if (buffer === null || isCut || isLarge || streams || replies > 1 || does !== 'shared' || wasAlone)
    return false
  return c.attempts < ATTEMPTS_MAX && (c.isSafe || (c.info.readonly && c.attempts === 1))
}

/** Returns true if a server may have run it, or a part of it. */
export function mayHaveRun({ attempts, division, told, route, isSafe }: Command): boolean {
  return !isSafe && (attempts > 0 || division !== null || (told && isPlan(route)))
}

/** Returns true if its whole reply is here: what it has changed is so. */
export const hasReply = ({ attempts, answer, wasLost, trail }: Command): boolean =>
  attempts > 0 && (answer.readiness & ANSWERED) !== 0 && !wasLost && trail?.isSentOn !== true
