// The keys of a command, for people.

import { KeptBytes } from '../transport/index.js'
import { infoOf } from './arguments.js'
import type { Command } from './command.js'
import { keysOf } from './keys.js'
import { COMMAND, RequestReader } from './request-reader.js'
import type { RedisWorld } from './world.js'

/** The bytes of one key that are shown. */
const KEY_BYTES_MAX = 256

export interface ShownKeys {
  readonly keys: readonly string[]
  /** There are others, which are not shown or not known. */
  readonly more: boolean
}

/** Reads the keys of one command after the other. */
export class KeyReader {
  private readonly reader: RequestReader

  constructor({ pollset, memory, redisLimits }: RedisWorld) {
    const kept = new KeptBytes(pollset, memory)
    this.reader = new RequestReader(kept, Number.POSITIVE_INFINITY, redisLimits.bulkBytesMax)
  }

  /** Returns the keys of a command, or of a whole transaction: at most so many. */
  keysOf({ buffer, start, end, info }: Command, most: number): ShownKeys {
    const { reader } = this
    const keys: string[] = []
    if (buffer === null) return { keys, more: false }
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
      const [{ index } = { index: 0 }] = info.keys
      if (index > 0 && index < reader.known) add(from + reader.from[index], from + reader.to[index])
      more = true
      break
    }
    reader.release()
    return { keys, more }
  }
}

/** Returns the keys of one command: at most so many. */
export const shownKeys = (c: Command, most: number): ShownKeys =>
  new KeyReader(c.frontend.proxy.world).keysOf(c, most)
