// The keys of a command in flight, for people.

import { KeptBytes } from '../transport/index.js'
import { infoOf } from './arguments.js'
import type { Command } from './command.js'
import { keysOf } from './keys.js'
import { COMMAND, RequestReader } from './request-reader.js'

/** The bytes of one key that are shown. */
const KEY_BYTES_MAX = 256

export interface ShownKeys {
  readonly keys: readonly string[]
  /** There are others, which are not shown or not known. */
  readonly more: boolean
}

/** Returns the keys of a command, or of a whole transaction: at most so many. */
export function shownKeys(c: Command, most: number): ShownKeys {
  const { buffer, start, end } = c
  const keys: string[] = []
  if (buffer === null) return { keys, more: false }
  const { world, limits } = c.frontend.proxy
  const kept = new KeptBytes(world.pollset, world.memory)
  const reader = new RequestReader(kept, Number.POSITIVE_INFINITY, limits.bulkBytesMax)
  let more = false
  const add = (from: number, to: number): void => {
    const until = Math.min(to, from + KEY_BYTES_MAX, end)
    const text = buffer.toString('utf8', from, until)
    if (keys.length === most) more = true
    else keys.push(until < to ? `${text}…` : text)
  }
  for (let at = start; at < end; ) {
    const from = at
    at = reader.read(buffer, at, end)
    if (reader.found === COMMAND) {
      for (const key of keysOf(infoOf(reader), reader) ?? []) add(reader.from[key], reader.to[key])
      continue
    }
    // Its beginning is here: the first key, if its place does not depend on other arguments.
    const [{ index } = { index: 0 }] = c.info.keys
    if (index > 0 && index < reader.known) add(from + reader.from[index], from + reader.to[index])
    more = true
    break
  }
  reader.release()
  return { keys, more }
}
