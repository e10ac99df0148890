// A slot that comes back to its first node while commands of a client are in flight there. One of them may be
// told that its keys are elsewhere, and one behind it with the same key may run. The first must not be sent
// again then: it would run behind the other (S8). So it is sent again only when those in flight behind it
// that share a key with it are answered, and not at all if one of them may have run.

import { KeptBytes } from '../transport/index.js'
import { infoOf } from './arguments.js'
import type { Command } from './command.js'
import { keysOf } from './keys.js'
import type { Part } from './part.js'
import type { Trail } from './redirects.js'
import { COMMAND, RequestReader } from './request-reader.js'
import type { RedisWorld } from './world.js'

/** Returns the keys of commands that lie behind each other. */
function keysIn({ pollset, memory, redisLimits }: RedisWorld, bytes: Buffer, start: number, end: number) {
  const kept = new KeptBytes(pollset, memory)
  const reader = new RequestReader(kept, Number.POSITIVE_INFINITY, redisLimits.bulkBytesMax)
  const keys = new Set<string>()
  for (let at = start; at < end; ) {
    at = reader.read(bytes, at, end)
    if (reader.found !== COMMAND) break
    for (const key of keysOf(infoOf(reader), reader) ?? [])
      keys.add(bytes.toString('latin1', reader.from[key], reader.to[key]))
  }
  reader.release()
  return keys
}

/** Null: its bytes are gone, and it may have any key. */
const keysOfCommand = (c: Command): ReadonlySet<string> | null =>
  c.buffer === null || c.isCut ? null : keysIn(c.frontend.proxy.world, c.buffer, c.start, c.end)

const keysOfPart = ({ command, planned: { bytes } }: Part): ReadonlySet<string> =>
  keysIn(command.frontend.proxy.world, bytes, 0, bytes.length)

/** Returns the trails of what is in flight behind this command with one of these keys. */
function rivalsBehind(command: Command, keys: ReadonlySet<string> | null): readonly Trail[] {
  const rivals: Trail[] = []
  const shares = (others: ReadonlySet<string> | null): boolean => {
    if (keys === null || others === null) return true
    for (const each of others) if (keys.has(each)) return true
    return false
  }
  for (const each of command.frontend.ring) {
    if (each.number <= command.number) continue
    if (each.trail?.isInFlight === true && shares(keysOfCommand(each))) rivals.push(each.trail)
    for (const part of each.division?.parts ?? [])
      if (part.trail?.isInFlight === true && shares(keysOfPart(part))) rivals.push(part.trail)
  }
  return rivals
}

export const rivalsOf = (c: Command): readonly Trail[] => rivalsBehind(c, keysOfCommand(c))

export const rivalsOfPart = (part: Part): readonly Trail[] => rivalsBehind(part.command, keysOfPart(part))
