// The bytes of commands behind the turn in which they came, when the read buffer is used again. Kept are
// those that are not sent, those whose bytes have not left, and small ones: they may be sent again, and
// people see which keys they have. Of others the beginning is kept, for people. While the World's memory has
// no room, only the bytes of those that have not left are kept.

import { KeptCopy, type KeptTotal } from '../transport/index.js'
import type { Command } from './command.js'
import { isPlan } from './plan.js'

/** Returns true if its bytes have left for its server. */
export const hasLeft = (c: Command): boolean => c.session !== null && !c.hasNotLeft(c.session)

const mayBeNeeded = (c: Command, retryBytesMax: number): boolean => {
  if (c.buffer === null) return false
  return !hasLeft(c) || (!c.isLarge && c.end - c.start <= retryBytesMax)
}

/**
 * Copies what is needed of commands of one client that were made in this turn: those of one buffer in one
 * piece.
 * @param retryBytesMax the bytes of one that is kept although it has left; less than 0: none is
 */
export function keepCommands(fresh: readonly Command[], retryBytesMax: number, total: KeptTotal): void {
  let first = -1
  for (let at = 0; at <= fresh.length; at++) {
    const c = at < fresh.length ? fresh[at] : null
    const isNeeded = c !== null && mayBeNeeded(c, retryBytesMax)
    // It has memory of its own.
    if (isNeeded && c.kept !== null) {
      if (first >= 0) keepRun(fresh, first, at, total)
      first = -1
      continue
    }
    if (first >= 0 && (!isNeeded || c.buffer !== fresh[first].buffer)) {
      keepRun(fresh, first, at, total)
      first = -1
    }
    if (isNeeded && first < 0) first = at
    if (!isNeeded && c !== null) cut(c, retryBytesMax, total)
  }
}

function keepRun(fresh: readonly Command[], from: number, to: number, total: KeptTotal): void {
  const { buffer, start } = fresh[from]
  const bytes = Buffer.from((buffer as Buffer).subarray(start, fresh[to - 1].end))
  const copy = new KeptCopy(total, bytes.length, to - from)
  for (let at = from; at < to; at++) {
    const c = fresh[at]
    c.buffer = bytes
    c.kept = copy
    c.start -= start
    c.end -= start
  }
}

/** It was sent, and is never sent again. */
function cut(c: Command, most: number, total: KeptTotal): void {
  const { buffer, start, end } = c
  if (buffer === null) return
  const beginning = most < 0 ? null : Buffer.from(buffer.subarray(start, Math.min(end, start + most)))
  dropBytes(c)
  if (beginning === null) return
  c.buffer = beginning
  c.kept = new KeptCopy(total, beginning.length)
  c.start = 0
  c.end = beginning.length
  c.isCut = true
}

/** Counts the copies of its arguments that a command has: parts for several shards, a name, an identity. */
export function countExtra(c: Command): void {
  const { argument, change, route, frontend } = c
  let bytes = argument?.length ?? 0
  for (const each of change?.auth ?? []) bytes += each.length
  if (isPlan(route)) for (const part of route.parts) bytes += part.bytes.length
  dropExtra(c)
  if (bytes === 0) return
  c.extra = bytes
  frontend.total.add(bytes)
  frontend.total.settleSoon()
}

function dropExtra(c: Command): void {
  const { extra, frontend } = c
  c.extra = 0
  if (extra > 0) frontend.total.remove(extra)
}

/** Gives up the bytes of a command. Outputs may point at them until the turn settles. */
export function dropBytes(c: Command): void {
  if (c.extra > 0) dropExtra(c)
  c.kept?.clear()
  c.kept = null
  c.buffer = null
}
