// E17: an error of a connection never reaches another. An actor is told of an error only where it has given cause.
// And E19: a backend gets no more resets than its budget lets.

import { fail } from './check.js'

const NO_ERROR = 0
const ENHANCE_YOUR_CALM = 11

/** GOAWAY has come; `faults`: what this actor has reset or sent malformed. */
export function errorIsOurs(id: string, code: number, faults: number): void {
  if (code === NO_ERROR || (code === ENHANCE_YOUR_CALM && faults > 0)) return
  fail('E17', `${id} was told of error ${code}, and has made none`)
}

export interface ResetLimits {
  readonly backendResetsBurst: number
  readonly backendResetsReserve: number
  readonly backendResetsPerSecond: number
  readonly connectMs: number
}

/** RST_STREAM has come for the `resets`th time, `ms` after the connection was made; `faults` of them are for the backend's own. */
export function resetsAreBounded(
  id: string,
  resets: number,
  faults: number,
  ms: number,
  limits: ResetLimits,
): void {
  const { backendResetsBurst, backendResetsReserve, backendResetsPerSecond, connectMs } = limits
  const regained = (backendResetsPerSecond * (ms + 2 * connectMs)) / 1000
  const most = backendResetsBurst + backendResetsReserve + regained + faults
  if (resets > most)
    fail('E19', `${id} got ${resets} RST_STREAM in ${ms} ms, at most ${Math.floor(most)} allowed`)
}
