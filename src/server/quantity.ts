// Parses the values of limits: times such as 500ms, 10s, 2m or 1h, sizes such as 64KiB or 1MiB. The name of a
// limit tells its kind.

import { ConfigError } from './address.js'

interface Kind {
  readonly units: Readonly<Record<string, number>>
  /** The kind and its form, for errors. */
  readonly form: string
}

const TIME: Kind = {
  units: { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 },
  form: 'a time: write 500ms, 10s or 2m (a number alone is ms)',
}
const SIZE: Kind = {
  units: { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
  form: 'a size: write 4096, 64KiB or 1MiB (a number alone is bytes)',
}
const COUNT: Kind = { units: {}, form: 'a whole number without a unit' }

/** Tells the kind of a limit by the unit in its name. Windows are bytes (RFC 9113 §6.9). */
const kindOf = (name: string): Kind => (name.endsWith('Ms') ? TIME : /Bytes|Window/.test(name) ? SIZE : COUNT)

/** Parses the value of the limit with this name. Throws a {@link ConfigError}. */
export function parseQuantity(name: string, text: string): number {
  const { units, form } = kindOf(name)
  const [, digits, fraction, unit] = /^(\d+)(\.\d+)?([A-Za-z]*)$/.exec(text) ?? []
  const factor = unit === '' || unit === undefined ? 1 : Object.hasOwn(units, unit) ? units[unit] : 0
  const value = Number(`${digits}${fraction ?? ''}`) * factor
  if (digits === undefined || factor === 0 || (fraction !== undefined && !Number.isInteger(value)))
    throw new ConfigError(`${name} is ${form}, not '${text}'`)
  return value
}

/** Writes a number with the noun that it counts: `1 route`, `2 routes`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
