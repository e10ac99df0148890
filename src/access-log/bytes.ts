// Puts ASCII into a buffer, without strings in between: a line is made for each request. Bytes behind the end
// of the buffer go nowhere, so the caller compares the end that comes back.

import { DECIMALS } from './fields.js'

export const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** From this length on, the built-in copy is faster than a loop. */
const LONG = 32

export function putBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const { length } = bytes
  if (length >= LONG) {
    if (at + length <= target.length) target.set(bytes, at)
    return at + length
  }
  for (let i = 0; i < length; i++) target[at + i] = bytes[i]
  return at + length
}

export function putText(target: Uint8Array, at: number, text: string): number {
  const { length } = text
  for (let i = 0; i < length; i++) target[at + i] = text.charCodeAt(i)
  return at + length
}

const ZERO = 0x30
const POINT = 0x2e
/** Below it, whole numbers are divided as 32-bit integers. */
const SMALL = 0x7fffffff

/** Puts a number, 0 or more, with at most three decimals. */
export function putNumber(target: Uint8Array, at: number, value: number): number {
  const thousandths = Math.round(value * 1_000)
  const whole = Math.floor(thousandths / 1_000)
  const rest = thousandths - whole * 1_000
  const end = putWhole(target, at, whole)
  if (rest === 0) return end
  target[end] = POINT
  return putText(target, end + 1, DECIMALS[rest])
}

function putWhole(target: Uint8Array, at: number, whole: number): number {
  if (whole < 10) {
    target[at] = ZERO + whole
    return at + 1
  }
  if (whole > SMALL) return putText(target, at, String(whole))
  let end = at
  for (let left = whole | 0; left > 0; left = (left / 10) | 0) end++
  for (let left = whole | 0, to = end - 1; left > 0; left = (left / 10) | 0, to--)
    target[to] = ZERO + (left % 10)
  return end
}
