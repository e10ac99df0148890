// Parses options of the benchmarks.

import { InvalidArgumentError } from 'commander'

export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number above 0.')
  return value
}

/** A list parted by commas, of these names only. */
export const names =
  (known: readonly string[]) =>
  (text: string): readonly string[] => {
    const given = text.split(',')
    const wrong = given.find((each) => !known.includes(each))
    if (wrong !== undefined) throw new InvalidArgumentError(`'${wrong}' is none of ${known.join(', ')}.`)
    return given
  }

/** An option that may be repeated. */
export const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text]
