// The meaning of a command's arguments for its treatment.

import { type CommandInfo, commandNamed, type Kind, subcommandNamed, UNKNOWN } from './commands.js'
import type { IdentityChange } from './identity.js'
import type { RequestReader } from './request-reader.js'

/** Returns the command that was read, by its name. */
export function infoOf({ buffer, known, from, to, end }: RequestReader): CommandInfo {
  if (known === 0 || to[0] > end) return UNKNOWN
  const info = commandNamed(buffer, from[0], to[0])
  return info.contains && known > 1 && to[1] <= end ? subcommandNamed(info, buffer, from[1], to[1]) : info
}

/** Returns an argument in capitals; '' if there is none. */
export function wordOf({ buffer, from, to, known }: RequestReader, at: number): string {
  return at < known && to[at] - from[at] < 32 ? buffer.toString('latin1', from[at], to[at]).toUpperCase() : ''
}

const bytesOf = ({ buffer, from, to }: RequestReader, at: number): Buffer =>
  Buffer.from(buffer.subarray(from[at], to[at]))

/** Only these commands read streams, and wait if they say BLOCK. */
const blocks = (info: CommandInfo, reader: RequestReader): boolean => {
  if (info.name !== 'xread' && info.name !== 'xreadgroup') return false
  for (let at = 1; at < reader.known; at++) {
    const word = wordOf(reader, at)
    if (word === 'STREAMS') return false
    if (word === 'BLOCK') return true
  }
  return false
}

/**
 * Returns the treatment of the command that was read.
 * @param alone true: each client has a session of its own
 */
export function kindOf(info: CommandInfo, reader: RequestReader, alone: boolean, allowAdmin: boolean): Kind {
  const { kind } = info
  if (alone) return (kind === 'admin' || kind === 'replication') && !allowAdmin ? kind : 'pinning'
  return kind === 'shared' && blocks(info, reader) ? 'blocking' : kind
}

/** Returns the identity that AUTH, HELLO or SELECT asks for; null if the server will refuse it. */
export function changeOf(info: CommandInfo, reader: RequestReader): IdentityChange | null {
  const { known } = reader
  if (info.name === 'select') {
    const db = wordOf(reader, 1)
    return known === 2 && /^\d{1,9}$/.test(db) ? { db: Number(db) } : null
  }
  if (info.name === 'auth') {
    if (known < 2 || known > 3) return null
    return { auth: known === 2 ? [bytesOf(reader, 1)] : [bytesOf(reader, 1), bytesOf(reader, 2)] }
  }
  const change: { resp?: 2 | 3; auth?: readonly Buffer[] } = {}
  if (known > 1) change.resp = wordOf(reader, 1) === '3' ? 3 : 2
  for (let at = 2; at < known; at++)
    if (wordOf(reader, at) === 'AUTH' && at + 2 < known) {
      change.auth = [bytesOf(reader, at + 1), bytesOf(reader, at + 2)]
      at += 2
    }
  return change
}
