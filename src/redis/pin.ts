// Why a client has a session alone (the pin), and keeps it.

import { seconds } from '../continuation/index.js'

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

/** The things that the commands of a client have begun on the session that it has alone, and not ended. */
export class Begun {
  /** IN_MULTI, WATCHES. */
  bits = 0
  /** By bit: the number of the last command that has begun it. */
  private readonly by = [0, 0, 0]

  begin(bit: number, number: number): void {
    this.bits |= bit
    this.by[bit] = number
  }

  /** A command has ended all of it. */
  endAll(number: number): void {
    this.end(IN_MULTI, number)
    this.end(WATCHES, number)
  }

  /** A command has ended this, unless one behind it, which was sent before its reply, has begun it again. */
  end(bit: number, number: number): void {
    if (this.by[bit] < number) this.bits &= ~bit
  }
}

/** Returns what is lost with a command of this kind, with what was lost before: IN_MULTI, WATCHES. */
export function lostWith(does: string, before: number): number {
  if (does === 'exec') return 0
  return does === 'multi' ? before | IN_MULTI : does === 'watch' ? before | WATCHES : before
}
