// Reads values with a unit: durations, sizes, shares. A bare number is refused, except 0: nobody can tell
// whether a 5 means seconds or milliseconds.

import { DURATION_UNITS, inUnit } from '../proxy/index.js'

/** A value that was read, or a sentence that states the mistake and the right way. */
export type Reading<T> = { readonly value: T } | { readonly wrong: string }

export const read = <T>(value: T): Reading<T> => ({ value })
export const wrong = (text: string): { readonly wrong: string } => ({ wrong: text })

const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** The longest duration: a timer of the runtime holds no more. */
export const DURATION_MAX_MS = 24 * 86_400_000

const NUMBER = /^(\d+(?:\.\d+)?)\s*([A-Za-z%]*)$/

/** The bounds of a value, both inclusive, in its base unit. */
export interface Bounds {
  readonly least: number
  readonly most: number
}

/** Writes bytes in the largest unit that divides them. */
export const sizeText = (bytes: number): string => inUnit(bytes, SIZES)

function quantity(
  text: string,
  units: Readonly<Record<string, number>>,
  { least, most }: Bounds,
  what: string,
  bare: (number: string) => string,
): Reading<number> {
  const match = NUMBER.exec(text)
  if (match === null) return wrong(`${JSON.stringify(text)} is not ${what}`)
  const [, number, unit] = match
  if (unit === '' && Number(number) !== 0) return wrong(`${number} has no unit; write ${bare(number)}`)
  if (unit !== '' && !Object.hasOwn(units, unit)) {
    const same = Object.keys(units).find((each) => each.toLowerCase() === unit.toLowerCase())
    const right =
      same === undefined ? `the units are ${Object.keys(units).join(', ')}` : `write ${number}${same}`
    return wrong(`${JSON.stringify(text)} has the unknown unit ${unit}; ${right}`)
  }
  // In floating-point arithmetic 1.1s is 1100.0000000000002 ms.
  const value = Math.round(Number(number) * (units[unit] ?? 1) * 1e6) / 1e6
  if (!Number.isInteger(value))
    return wrong(`${JSON.stringify(text)} is not a whole number of ${Object.keys(units)[0]}`)
  if (value >= least && value <= most) return read(value)
  return wrong(`${text} is out of range; write ${inUnit(least, units)} to ${inUnit(most, units)}`)
}

/** Reads `500ms`, `10s`, `2m`, `1h`, `1d` or 0. Returns ms. */
export const readDuration = (text: string, bounds: Bounds): Reading<number> =>
  quantity(
    text,
    DURATION_UNITS,
    bounds,
    'a duration; write 500ms, 10s, 2m, 1h or 1d',
    (n) => `${n}s or ${n}ms`,
  )

/** Reads `512B`, `64KiB`, `1MiB`, `1GiB` or 0. Returns bytes. */
export const readSize = (text: string, bounds: Bounds): Reading<number> =>
  quantity(text, SIZES, bounds, 'a size; write 512B, 64KiB or 1MiB', (n) => `${n}B or ${n}KiB`)

/** Reads `50%`, `0.5` or 0. Returns 0 to 1. */
export function readShare(text: string): Reading<number> {
  const match = NUMBER.exec(text)
  if (match === null || (match[2] !== '' && match[2] !== '%'))
    return wrong(`${JSON.stringify(text)} is not a share; write 50% or 0.5`)
  const number = Number(match[1])
  if (match[2] === '' && number >= 1) return wrong(`${match[1]} has no unit; write ${match[1]}%`)
  const value = match[2] === '%' ? number / 100 : number
  return value <= 1 ? read(value) : wrong(`${text} is out of range; write 0% to 100%`)
}

/** Reads a whole number within bounds. */
export function readCount(text: string, { least, most }: Bounds): Reading<number> {
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) return wrong(`${JSON.stringify(text)} is not a whole number`)
  const value = Number(text)
  if (!Number.isInteger(value)) return wrong(`${text} is not a whole number`)
  if (value >= least && value <= most) return read(value)
  return wrong(`${text} is out of range; write ${least} to ${most}`)
}
