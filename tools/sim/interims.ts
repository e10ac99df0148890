// The interim responses of simulated backends (RFC 9110 §15.2), of either version: one, or a storm of them;
// 100 where it was asked for, and where it was not.

import type { Request } from './ledger.js'

/** A request at a backend, as far as interim responses go. */
export interface Interims {
  readonly request: Request
  /** Its client expects 100-continue. */
  expects: boolean
  /** Those that must come before the response, and how they are tagged. */
  interims: number
  readonly interimTag: string
}

/** The tag of responses that no client may get: the tags of its own begin with its request's id. */
const UNASKED = 'unasked'

/** The tag of one more interim response of this status. Behind a storm it may be dropped, so it is not counted. */
export function tagged(at: Interims, status: number): string {
  if (status === 100 && !at.expects) return UNASKED
  if (!at.request.stormed) at.interims++
  return at.interimTag
}

/** A storm begins: how many heads it has. */
export function stormOf(at: Interims): number {
  at.request.stormed = true
  return STORM
}

/** More than pass, and than may wait in a plan with a small interimBytesMax. */
const STORM = 60
