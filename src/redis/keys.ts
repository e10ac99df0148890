// Finds the keys among the arguments of a command, by the key specifications of the command table (Redis,
// "Key specifications").

import { wordOf } from './arguments.js'
import type { CommandInfo, KeySpec } from './commands.js'
import type { RequestReader } from './request-reader.js'

/** Returns the index of the argument at which this specification begins; 0 if the command has none of it. */
function firstOf({ index, keyword, from }: KeySpec, reader: RequestReader): number {
  if (index > 0) return index
  const step = from > 0 ? 1 : -1
  for (let at = from > 0 ? from : reader.count + from; at > 0 && at < reader.known; at += step)
    if (wordOf(reader, at) === keyword) return at + 1
  return 0
}

/**
 * Returns the indexes of the arguments that are keys; null if one of them has not come yet.
 */
export function keysOf(info: CommandInfo, reader: RequestReader): readonly number[] | null {
  const keys: number[] = []
  const { count, known, to, end } = reader
  for (const spec of info.keys) {
    const first = spec.unknown ? 0 : firstOf(spec, reader)
    if (first === 0 || first >= count) continue
    let at = first
    let last = spec.last < 0 ? count + spec.last : first + spec.last
    if (spec.counted) {
      at = first + spec.limit
      last = at + (Number(wordOf(reader, first + spec.last)) - 1) * spec.step
      if (!Number.isSafeInteger(last)) continue
    } else if (spec.last < 0 && spec.limit > 1) last = first + Math.floor((count - first) / spec.limit) - 1
    for (; at <= last && at < count; at += spec.step) {
      if (at >= known || to[at] > end) return null
      keys.push(at)
    }
  }
  return keys
}
