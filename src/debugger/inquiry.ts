// The questions about the living requests of a World: list, why, end. Debuggers and admin listeners ask the
// same questions. A list is made over several turns; the other two are answered at once.

import { type Continuation, type Why, why, whyText } from '../continuation/index.js'
import { type Condition, Conditions } from './conditions.js'
import type { DebuggerLimits } from './limits.js'
import { Survey, type Surveyor } from './survey.js'
import { type Moment, rowKeys, type Target } from './target.js'
import { TurnShare } from './turn-share.js'

/** An error for a question without an answer, or a command that cannot run. Its message is the reason. */
export class CommandError extends Error {
  override name = 'CommandError'
  /** True if the named thing does not live. */
  readonly isUnknown: boolean

  constructor(message: string, isUnknown = false) {
    super(message)
    this.isUnknown = isUnknown
  }
}

/** A request for a list of requests. */
export interface ListAsked {
  /** A condition in CEL; '' for all. */
  readonly filter: string
  /** The sort key: one of {@link rowKeys}. */
  readonly sort: string
  readonly reversed: boolean
  /** The number of rows, at most {@link LIST_ROWS_MAX}. */
  readonly limit: number
  /** True: the counts of the whole World are wanted too. */
  readonly overview: boolean
}

/** The default number of rows of a list, and the largest. */
export const LIST_ROWS = 100
export const LIST_ROWS_MAX = 10_000

/** The waits of a request. */
export interface WhyAnswer {
  readonly why: Why
  readonly text: string
}

export class Inquiry {
  readonly target: Target
  private readonly conditions: Conditions<Moment>
  private readonly share: TurnShare

  constructor(target: Target, limits: DebuggerLimits) {
    this.target = target
    this.conditions = new Conditions(target.vocabulary, limits)
    this.share = new TurnShare(target.world.pollset)
  }

  /**
   * Compiles a condition. Returns null for '', or the reason for a refusal.
   * @param failed is given the reason, the first time that it could not be tested on a request
   */
  condition(text: string, failed: (why: string) => void): Condition<Moment> | string | null {
    return text.trim() === '' ? null : this.conditions.compile(text, failed)
  }

  /**
   * Returns the survey that makes a list. Throws a CommandError.
   * @param surveyor gets the list: `total`, `matched` and `rows`
   */
  list(asked: ListAsked, surveyor: Surveyor, failed: (why: string) => void): Survey {
    const { filter, sort, reversed, limit, overview } = asked
    const by = rowKeys.find((each) => each === sort)
    if (by === undefined) throw new CommandError(`sort by ${rowKeys.join(', ')}`)
    if (!Number.isInteger(limit) || limit < 0 || limit > LIST_ROWS_MAX)
      throw new CommandError(`limit is a number from 0 to ${LIST_ROWS_MAX}`)
    const condition = this.condition(filter, failed)
    if (typeof condition === 'string') throw new CommandError(condition)
    return new Survey(this.target, { condition, by, reversed, limit, overview }, this.share, surveyor)
  }

  /**
   * Returns the living continuation with this id; of a request and its stream, the request. Null without one.
   */
  living(id: string): Continuation | null {
    let found: Continuation | null = null
    for (const each of this.target.world.scheduler.alive()) {
      if (each.id !== id) continue
      if (this.target.isRequest(each)) return each
      found ??= each
    }
    return found
  }

  /** Returns what a request or connection waits for. Throws a CommandError. */
  why(id: string): WhyAnswer {
    return this.whyOf(this.found(id))
  }

  whyOf(continuation: Continuation): WhyAnswer {
    const answer = why(continuation, this.target.world.pollset)
    return { why: answer, text: whyText(answer) }
  }

  /** Ends a request. Throws a CommandError. */
  end(id: string): { readonly id: string; readonly ended: true } {
    return this.endOf(this.found(id))
  }

  endOf(continuation: Continuation): { readonly id: string; readonly ended: true } {
    const { id, kind } = continuation
    if (!this.target.isRequest(continuation)) throw new CommandError(`${id} is a ${kind}, and not a request`)
    this.target.end(continuation)
    return { id, ended: true }
  }

  private found(id: string): Continuation {
    const found = this.living(id)
    if (found === null) throw new CommandError(`nothing that lives has the id '${id}'`, true)
    return found
  }
}
