// The inside of the proxy for Redis, as seen by its checkers; nothing here changes anything.

import { Command, Part, type RedisSession } from '../../../src/redis/index.js'

/** Returns the commands, and parts of commands, that a session has to answer. */
export function askedOf(session: RedisSession): (Command | Part)[] {
  const found: (Command | Part)[] = []
  for (const each of session.asks) if (each instanceof Command || each instanceof Part) found.push(each)
  return found
}
