// Replies of the proxy's own: commands that concern its connection to the client alone, and those that are
// refused.

import type { Command } from './command.js'
import { IN_MULTI } from './pin.js'
import type { Place } from './place.js'
import {
  bulkReply,
  EXEC_ABORT,
  integerReply,
  NEEDS_ADMIN,
  NEEDS_SESSION,
  NEEDS_WRITER,
  NOT_HTTP,
  nilReply,
  OK,
  RESET_REPLY,
  TRANSACTION_LOST,
  WRONG_NAME,
} from './texts.js'

type Answer = () => Buffer

/** They end a transaction that cannot be executed. */
const ENDS: ReadonlySet<string> = new Set(['exec', 'discard', 'reset'])

/** Returns the answer to a command here; null if a backend must answer. */
export function answerOf(place: Place, c: Command): Answer | null {
  const { share, allowAdmin } = place.proxy.options
  if (place.isBroken) return answerBroken(place, c)
  switch (c.does) {
    case 'local':
      return () => answerLocal(place, c)
    case 'admin':
    case 'replication':
      return allowAdmin ? null : () => NEEDS_ADMIN
    case 'wait':
      return place.pin === null ? () => NEEDS_WRITER : null
    case 'http':
      return () => NOT_HTTP
    case 'malformed':
      return () => c.argument ?? NOT_HTTP
    case 'shared':
    case 'identity':
      return null
    default:
      return share === 'always' && !c.isLarge ? () => NEEDS_SESSION : null
  }
}

/** The session of a transaction was lost: EXEC must not run a part of it. */
function answerBroken(place: Place, c: Command): Answer {
  const { name } = c.info
  // A transaction in one piece has a reply for each of its commands.
  if (c.replies > 1)
    return () => {
      place.endBroken(c.number)
      return Buffer.concat([...Array.from({ length: c.replies - 1 }, () => TRANSACTION_LOST), EXEC_ABORT])
    }
  return () => {
    // UNWATCH is a part of a transaction that has begun.
    const ends = ENDS.has(name) || (name === 'unwatch' && (place.broken.bits & IN_MULTI) === 0)
    if (ends) place.endBroken(c.number)
    if (name === 'exec') return EXEC_ABORT
    if (name === 'reset' || name === 'quit') return answerLocal(place, c)
    if (name === 'multi') place.broken.bits |= IN_MULTI
    return name === 'multi' || ends ? OK : TRANSACTION_LOST
  }
}

/** Names are printable, as a server has them. */
function setName(place: Place, name: Buffer | null): Buffer {
  if (name?.some((each) => each < 0x21 || each > 0x7e) === true) return WRONG_NAME
  place.name.set(name)
  return OK
}

function answerLocal(place: Place, c: Command): Buffer {
  switch (c.info.name) {
    case 'quit':
      return OK
    case 'reset':
      place.reset()
      return RESET_REPLY
    case 'client|id':
      return integerReply(place.proxy.clientIds.tell(c.frontend))
    case 'client|setname':
      return setName(place, c.argument)
    case 'client|getname':
      return place.name.value === null || place.name.value.length === 0
        ? nilReply(place.seats.parts.resp)
        : bulkReply(place.name.value)
    default:
      return OK
  }
}
