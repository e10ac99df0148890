// Checks of options that JavaScript passes unchecked: names that do not exist, and values of a wrong kind.
// Each error says what to write.

import { didYouMean } from '../config/nearest.js'
import { ConfigError } from './address.js'

/** The values that an option may have. */
export interface Kind {
  readonly is: (value: unknown) => boolean
  /** Says what to write. */
  readonly text: string
}

/** Hints by names that other libraries have. */
export type Elsewhere = Readonly<Record<string, string>>

export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isText = (value: unknown): value is string => typeof value === 'string'
export const isFunction = (value: unknown): boolean => typeof value === 'function'
export const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
export const isTextMap = (value: unknown): boolean => isMap(value) && Object.values(value).every(isText)

export const BOOLEAN: Kind = { is: (value) => typeof value === 'boolean', text: 'true or false' }
export const TEXT: Kind = { is: isText, text: 'text' }
export const FUNCTION: Kind = { is: isFunction, text: 'a function' }

export const MS: Kind = { is: (value) => typeof value === 'number' && value >= 0, text: '0 or more ms' }

/** Returns the kind of these words. */
export const oneOf = (...words: readonly string[]): Kind => ({
  is: (value) => words.includes(value as string),
  text: `'${words.join("' or '")}'`,
})

/** The most keys of an object in a message. */
const KEYS_SHOWN = 8

const keysOf = (value: object): string => {
  const keys = Object.keys(value)
  return `${keys.slice(0, KEYS_SHOWN).join(', ')}${keys.length > KEYS_SHOWN ? ', …' : ''}`
}

/** Describes a value of a wrong kind. */
export const shown = (value: unknown): string => {
  if (isText(value)) return `'${value}'`
  if (isFunction(value)) return 'a function'
  if (Array.isArray(value)) return 'a list'
  return isMap(value) ? `an object with ${keysOf(value) || 'no keys'}` : String(value)
}

/** Throws a {@link ConfigError} if a value is of another kind. */
export function check(name: string, value: unknown, { is, text }: Kind): void {
  if (!is(value)) throw new ConfigError(`${name} must be ${text}, not ${shown(value)}`)
}

/** Returns the hint for a name that does not exist: what to write, a similar name, or all names. */
export function hintFor(name: string, known: readonly string[], elsewhere: Elsewhere = {}): string {
  if (Object.hasOwn(elsewhere, name)) return `: ${elsewhere[name]}`
  return didYouMean(name, known) || `; known are ${known.join(', ')}`
}

/** Throws a {@link ConfigError} if an object has an option that does not exist. */
export function checkNames(options: object, known: readonly string[], elsewhere?: Elsewhere): void {
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw new ConfigError(`there is no option '${name}'${hintFor(name, known, elsewhere)}`)
}

/** Throws a {@link ConfigError} if the value of an option is not an object with only these keys. */
export function checkKeys(
  name: string,
  value: unknown,
  keys: readonly string[],
  elsewhere?: Elsewhere,
): asserts value is Record<string, unknown> {
  check(name, value, { is: isMap, text: `an object with ${keys.join(', ')}` })
  for (const key of Object.keys(value as object))
    if (!keys.includes(key))
      throw new ConfigError(`${name}: there is no '${key}'${hintFor(key, keys, elsewhere)}`)
}
