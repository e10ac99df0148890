// The token that a debugger must send first.

import type { Pollset } from '../pollset/index.js'
import { CommandError } from './inquiry.js'

/** The things that all debuggers' connections of one server share. */
export interface TokenContext {
  readonly world: { readonly pollset: Pollset }
  /** The token that `attach` must send; null: none is needed. */
  readonly token: string | null
  /** The time of the last wrong token, in ms of the pollset's clock. */
  refusedAt: number
}

/** The most characters of a token that are compared. */
const TOKEN_CHARACTERS_MAX = 256

/**
 * Checks the token of `attach`, in constant time. Throws a CommandError if it is wrong.
 * @param retryMs the time after a wrong token in which no other is checked
 */
export function checkToken(context: TokenContext, retryMs: number, given: string): void {
  const { token, world } = context
  if (token === null) return
  const { now } = world.pollset
  if (now - context.refusedAt < retryMs)
    throw new CommandError(`a wrong token came just now: wait ${retryMs} ms`)
  if (areEqual(token, given)) return
  context.refusedAt = now
  throw new CommandError(
    'the token is wrong: it is the one that the server was given, or that it printed when it started',
  )
}

/** Compares in a time that does not depend on where the texts differ. */
function areEqual(token: string, given: string): boolean {
  let differ = token.length ^ given.length
  for (let at = 0; at < TOKEN_CHARACTERS_MAX; at++)
    differ |= (token.charCodeAt(at) | 0) ^ (given.charCodeAt(at) | 0)
  return differ === 0
}
