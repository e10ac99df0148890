// Replies of the proxy's own. An error has a stable code as its second word: `-ERR backend-lost …`.

import { arrayOf } from './inline.js'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Text of a backend or a client must not end the line. */
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ')

export const errorReply = (code: string, text: string): Buffer => bytes(`-ERR ${code} ${oneLine(text)}\r\n`)

/** Returns the code of an error of ours; null for another one of ours. */
export function codeOf(reply: Buffer): string | null {
  const [, code] = /^-(?:ERR|EXECABORT) ([a-z]+(?:-[a-z]+)+) /.exec(reply.toString('latin1', 0, 64)) ?? []
  return code ?? null
}

export const OK = bytes('+OK\r\n')
export const RESET_REPLY = bytes('+RESET\r\n')
/** Is a server's answer to CLIENT SETNAME. */
export const WRONG_NAME = bytes(
  '-ERR Client names cannot contain spaces, newlines or special characters.\r\n',
)
export const integerReply = (value: number): Buffer => bytes(`:${value}\r\n`)
export const bulkReply = (value: Buffer): Buffer =>
  Buffer.concat([bytes(`$${value.length}\r\n`), value, bytes('\r\n')])
export const nilReply = (resp: number): Buffer => bytes(resp === 3 ? '_\r\n' : '$-1\r\n')

/** Returns a server's error before it closes a connection whose input it cannot read. */
export const protocolError = (why: string): Buffer => bytes(`-ERR Protocol error: ${oneLine(why)}\r\n`)

export const NEEDS_ADMIN = errorReply(
  'needs-admin',
  'this command is refused by the proxy: it was started without --allow-admin',
)
export const NEEDS_SESSION = errorReply(
  'needs-session',
  'this command needs a session of its own, which the proxy does not give with --share always',
)
export const CROSS_SLOT = bytes(
  "-CROSSSLOT Keys in request don't hash to the same slot: the proxy has them on several servers\r\n",
)
export const CLUSTER_DISABLED = bytes('-ERR This instance has cluster support disabled\r\n')
export const ASKING = arrayOf(['ASKING'])
export const SLOT_MOVED = errorReply(
  'slot-moved',
  'keys of this command have moved to another node of the cluster, where it could not follow: it did not run',
)
export const PASSED = errorReply(
  'slot-moved',
  'keys of this command were away, and a later command of its client has run with one of them: it did not run',
)
export const TOO_MANY_REDIRECTS = errorReply(
  'too-many-redirects',
  'the nodes of the cluster do not agree which of them has the keys of this command: it did not run',
)
export const MULTI = arrayOf(['MULTI'])
export const NOT_FIRST_IN_MULTI = errorReply(
  'not-first-in-multi',
  'with several shards, the first command behind MULTI says which one the transaction is for: this one cannot',
)
export const MULTI_NESTED = bytes('-ERR MULTI calls can not be nested\r\n')
export const WATCH_INSIDE = bytes('-ERR WATCH inside MULTI is not allowed\r\n')
export const EMPTY_ARRAY = bytes('*0\r\n')
export const CLUSTER_UNKNOWN = errorReply(
  'cluster-unknown',
  'no node of the cluster has told yet which nodes there are, and this command asks all of them',
)
/** SCAN, when no shard is left. */
export const SCAN_OVER = bytes('*2\r\n$1\r\n0\r\n*0\r\n')
export const TOO_LARGE_TO_DIVIDE = errorReply(
  'too-large-to-divide',
  'the keys of this command may be on several servers, and it is larger than redis.shareBytesMax',
)
export const EXEC_DISCARDED = bytes('-EXECABORT Transaction discarded because of previous errors.\r\n')
export const NEEDS_WRITER = errorReply(
  'needs-writer',
  'WAIT counts the writes of its own connection, and those of this client went over a shared one: use --share never',
)
export const NOT_HTTP = errorReply('not-http', 'this port speaks the protocol of Redis, not HTTP')
export const LOST = errorReply(
  'backend-lost',
  'the connection to the backend was lost: the command may have run',
)
export const BACKEND_DOWN = errorReply('backend-down', 'the backend does not answer the checks of the proxy')
export const TOO_MANY_IDENTITIES = errorReply(
  'too-many-identities',
  'the proxy serves as many users and databases as it may',
)
export const LATE = errorReply('command-late', 'there was no reply in time: the command may still run')
export const NO_LEASE_IN_TIME = errorReply('lease-late', 'no session to the backend was free in time')
export const ENDED = errorReply('command-ended', 'an operator has ended this command: it may have run')
export const CLIENT_ENDED = errorReply(
  'client-ended',
  'the client sends nothing more, so nobody would wait for this command: an element may be lost',
)
export const INTERNAL = errorReply('internal-error', 'the proxy failed: the command may have run')
/** Returns what EXEC answers for this error of ours. */
export const execAborted = (error: Buffer): Buffer =>
  Buffer.concat([bytes('-EXECABORT '), error.subarray('-ERR '.length)])

/** Is the reply to a command of a transaction whose session was lost before it. */
export const TRANSACTION_LOST = errorReply(
  'backend-lost',
  'the session of this transaction was lost: the command did not run',
)
/** Is the reply to its EXEC. Clients look for the words of the server's own. */
export const EXEC_ABORT = bytes(
  '-EXECABORT backend-lost the transaction is discarded because of previous errors: it did not run\r\n',
)

// Each takes the place of a command of a client that has taken over its session: the server does not know it,
// and says so in its turn.
const ENDED_IN_RELAY = arrayOf(['command-ended (an operator has ended this command)'])
const CLIENT_ENDED_IN_RELAY = arrayOf(['client-ended (the client sends nothing more)'])
export const REFUSED_IN_RELAY = arrayOf(['needs-admin (refused by the proxy, which has no --allow-admin)'])

/** Returns the command in the place of one that was ended with this error. */
export const endedInRelay = (error: Buffer | null): Buffer =>
  error === CLIENT_ENDED ? CLIENT_ENDED_IN_RELAY : ENDED_IN_RELAY
