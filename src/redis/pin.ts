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
