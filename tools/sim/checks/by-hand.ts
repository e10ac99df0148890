// S2, for a debugger's changes: each change arrives as it was made, and nothing else changes.

import { HAND_FIELD, type Request, type Response } from '../ledger.js'
import { fail } from './check.js'

type Fields = readonly (readonly [string, string])[]

const valueIn = (fields: Fields): string | null => fields.find(([name]) => name === HAND_FIELD)?.[1] ?? null

/** A request has come to a backend. */
export function changedRequestCame({ id, byHand }: Request, path: string, fields: Fields): void {
  const value = valueIn(fields)
  if (value === null ? byHand.always : !byHand.values.includes(value))
    fail('S2', `request ${id} comes with ${HAND_FIELD}: ${value}, and a debugger has set ${byHand.values}`)
  const query = /\?hand=(\d+)$/.exec(path)
  if (query !== null && !byHand.values.includes(query[1]))
    fail('S2', `request ${id} comes as ${path}, and a debugger has set ${byHand.values}`)
}

/** A backend's response has come to a client. */
export function changedResponseCame({ id, handValue }: Response, fields: Fields): void {
  const value = valueIn(fields)
  if (value !== handValue)
    fail('S2', `response ${id} comes with ${HAND_FIELD}: ${value}, and a debugger has set ${handValue}`)
}

/** Returns true if a debugger has given this answer, which no backend gave. */
export const answeredByHand = ({ byHand }: Request, status: number): boolean =>
  byHand.answers.some((each) => each.status === status)
