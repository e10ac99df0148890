// The giver of commands, and the continuations that a command names: by an id, by a condition, or as
// the current one.

import type { Continuation } from '../continuation/index.js'
import type { Attached, Debugger } from './debugger.js'
import { CommandError } from './inquiry.js'
import type { Row } from './target.js'

export { CommandError }

/** A debugger that gives commands. */
export interface Commander extends Attached {
  readonly debugger: Debugger
  readonly secrets: boolean
  /** The continuation of commands without an id; null without one. */
  readonly current: Continuation | null
  /**
   * Is told that a command has named this continuation. It becomes the current one if this debugger holds it.
   */
  named(continuation: Continuation): void
}

/** Throws a CommandError with this reason; does nothing for null. */
export const refuse = (why: string | null): void => {
  if (why !== null) throw new CommandError(why)
}

/** Returns the living continuation with this id. */
export function find(by: Commander, id: string | undefined): Continuation {
  if (id === undefined || id === '') {
    if (by.current !== null) return by.current
    throw new CommandError(
      'say which: this debugger holds nothing, so give the id of a request, as `list` shows it',
    )
  }
  const found = living(by, id)
  if (found === null) throw new CommandError(`nothing that lives has the id '${id}': see \`list\``, true)
  by.named(found)
  return found
}

/** Returns the living continuation with this id, or null. */
export const living = (by: Commander, id: string): Continuation | null => by.debugger.inquiry.living(id)

/** Requests that a condition matches. */
interface Matching {
  /** The number of all requests in flight. */
  readonly total: number
  /** The matching requests, newest first. */
  readonly all: Continuation[]
}

export function matching(by: Commander, filter: string): Matching {
  const { target } = by.debugger
  const condition = by.debugger.condition(filter, by)
  if (typeof condition === 'string') throw new CommandError(condition)
  const moment = { continuation: null as unknown as Continuation, from: '-' }
  const all: Continuation[] = []
  let total = 0
  for (const each of target.world.scheduler.alive()) {
    if (!target.isRequest(each)) continue
    total++
    moment.continuation = each
    if (condition === null || condition.test(moment)) all.push(each)
  }
  return { total, all }
}

/** Requests as rows, oldest first. */
export interface Listed {
  /** The number of all requests in flight. */
  readonly total: number
  readonly matched: number
  /** At most `limit` of the matching requests: making a row costs more than matching. */
  readonly rows: Row[]
}

export function rowsOf(by: Commander, filter: string, limit = Number.POSITIVE_INFINITY): Listed {
  const { total, all } = matching(by, filter)
  const first = all.slice(Math.max(0, all.length - limit)).reverse()
  const rows = first.map((each) => by.debugger.target.row(each)).filter((each) => each !== null)
  return { total, matched: all.length, rows }
}
