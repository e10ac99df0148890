// Why a client has a session alone (the pin), and keeps it.

import { seconds } from '../continuation/index.js'

const MINUS = 0x2d
const PLUS = 0x2b
const C = 0x43
const E = 0x45
const O = 0x4f

/** A transaction has begun. */
export const IN_MULTI = 1
/** Keys are watched. */
export const WATCHES = 2

/**
 * Returns why, and for how long, in one clause for people.
 * @param relayedBy the command with which it has taken the session over; '' without one
 * @param oldest the name of its oldest command; '' without one
 */
export function pinText(dirty: number, relayedBy: string, oldest: string, ms: number): string {
  const time = `for ${seconds(ms)}`
  if (relayedBy !== '') return `has taken it over ${time}, by ${relayedBy}`
  if ((dirty & IN_MULTI) !== 0) return `is in a transaction ${time}`
  if (dirty !== 0) return `watches keys ${time}`
  return `has it alone ${time}${oldest === '' ? '' : `, for ${oldest}`}`
}

/** The bits that end with a command of this kind. */
const ENDED_BY: Readonly<Record<string, readonly number[]>> = {
  exec: [IN_MULTI, WATCHES],
  unwatch: [WATCHES],
}
const BEGUN_BY: Readonly<Record<string, number>> = { multi: IN_MULTI, watch: WATCHES }

interface Replied {
  readonly does: string
  readonly replyType: number
  readonly replySecond: number
}

/** Returns true if the reply to this command says that it has ended what it is to end. */
export function hasEnded({ does, replyType, replySecond }: Replied): boolean {
  // Also if it was not executed: EXECABORT, or CROSSSLOT of a node.
  if (does === 'exec') return replyType !== MINUS || replySecond === E || replySecond === C
  return replyType === PLUS && replySecond === O
}

/** The things that the commands of a client have begun on the session that it has alone, and not ended. */
export class Begun {
  /** IN_MULTI, WATCHES. */
  bits = 0
  /** By bit: the number of the last command that has begun it. */
  private readonly by = [0, 0, 0]
  /** By bit: the number of the last command that is to end it, and has no reply; -1. */
  private readonly ending = [-1, -1, -1]

  /** A command was sent. */
  sent(does: string, number: number): void {
    const bit = BEGUN_BY[does]
    if (bit !== undefined) {
      this.bits |= bit
      this.by[bit] = number
    }
    for (const each of ENDED_BY[does] ?? []) this.ending[each] = number
  }

  /** True if all of it ends with commands that were sent: what comes behind them is no part of it. */
  get isEnding(): boolean {
    return this.bits !== 0 && this.endsSoon(IN_MULTI) && this.endsSoon(WATCHES)
  }

  /** The number of the last command that is to end something. */
  get endsWith(): number {
    return Math.max(...this.ending)
  }

  private endsSoon(bit: number): boolean {
    return (this.bits & bit) === 0 || this.ending[bit] > this.by[bit]
  }

  /** A command that is to end something has its reply. @param hasEnded it was no error */
  replied(does: string, number: number, hasEnded: boolean): void {
    for (const bit of ENDED_BY[does] ?? [])
      if (hasEnded) this.end(bit, number)
      else if (this.ending[bit] === number) this.ending[bit] = -1
  }

  /** A command has ended this, unless one behind it, which was sent before its reply, has begun it again. */
  end(bit: number, number: number): void {
    if (this.by[bit] < number) this.bits &= ~bit
  }
}

/** A session was lost with these: a transaction cannot be executed. */
export class Broken {
  /** IN_MULTI, WATCHES. */
  bits = 0
  /** The number of the last command that has ended such a transaction. */
  private endedBy = -1

  /** The command with this number ends it: what comes behind is no part of it. */
  endWith(number: number): void {
    this.bits = 0
    this.endedBy = number
  }

  /** A command has no reply: what begins with it is broken, and what ends with it is over. */
  lost(does: string, number: number): void {
    // It may be learned late that the session of a transaction has closed which was ended already.
    if (number <= this.endedBy) return
    const ends = does === 'exec' || (does === 'unwatch' && (this.bits & IN_MULTI) === 0)
    if (ends) this.endWith(number)
    else this.bits |= BEGUN_BY[does] ?? 0
  }
}
