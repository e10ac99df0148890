// The bytes of commands behind the turn in which they came, when the read buffer is used again. Kept are
// those that are not sent, those whose bytes have not left, and small ones: they may be sent again, and
// people see which keys they have. Of others the beginning is kept, for people.

import type { Command } from './command.js'

const mayBeNeeded = (c: Command, retryBytesMax: number): boolean => {
  if (c.buffer === null) return false
  const { session } = c
  return session === null || c.hasNotLeft(session) || (!c.isLarge && c.end - c.start <= retryBytesMax)
}

/** Copies what is needed of commands that were made in this turn: those of one buffer in one piece. */
export function keepCommands(fresh: readonly Command[], retryBytesMax: number): void {
  let first = -1
  for (let at = 0; at <= fresh.length; at++) {
    const c = at < fresh.length ? fresh[at] : null
    const isNeeded = c !== null && mayBeNeeded(c, retryBytesMax)
    // It has memory of its own.
    if (isNeeded && c.kept !== null) {
      if (first >= 0) keepRun(fresh, first, at)
      first = -1
      continue
    }
    if (first >= 0 && (!isNeeded || c.buffer !== fresh[first].buffer)) {
      keepRun(fresh, first, at)
      first = -1
    }
    if (isNeeded && first < 0) first = at
    if (!isNeeded && c !== null) cut(c, retryBytesMax)
  }
}

function keepRun(fresh: readonly Command[], from: number, to: number): void {
  const { buffer, start } = fresh[from]
  const bytes = Buffer.from((buffer as Buffer).subarray(start, fresh[to - 1].end))
  for (let at = from; at < to; at++) {
    const c = fresh[at]
    c.buffer = bytes
    c.start -= start
    c.end -= start
  }
}

/** It was sent, and is never sent again. */
function cut(c: Command, most: number): void {
  const { buffer, start, end } = c
  if (buffer === null) return
  const beginning = Buffer.from(buffer.subarray(start, Math.min(end, start + most)))
  dropBytes(c)
  c.buffer = beginning
  c.start = 0
  c.end = c.buffer.length
  c.isCut = true
}

/** Gives up the bytes of a command. Outputs may point at them until the turn settles. */
export function dropBytes(c: Command): void {
  c.kept?.clear()
  c.kept = null
  c.buffer = null
}
