// Fields in the options of filters.

import { z } from 'zod'
import { FieldTable } from '../http/index.js'
import { writtenField } from '../proxy/index.js'
import type { OptionReading, OptionTypes } from './define.js'

const table = (): FieldTable => new FieldTable(1)

/** Reads the name of a field that a filter may write, in lower case. */
export function readWrittenName(name: string): OptionReading<string> {
  try {
    return { value: writtenField(table(), name, '').name }
  } catch (error) {
    return { wrong: `${(error as Error).message}; leave it out` }
  }
}

/** Reads the name of a field that a filter may read, in lower case. */
export function readFieldName(name: string): OptionReading<string> {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(name)
    ? { value: name.toLowerCase() }
    : { wrong: `${JSON.stringify(name)} is not the name of a field; write a name, as x-api-key` }
}

/** Reads the value of a field. */
export function readWrittenValue(value: string): OptionReading<string> {
  try {
    return { value: writtenField(table(), 'x', value).value }
  } catch {
    return {
      wrong: `${JSON.stringify(value)} cannot be the value of a field; write printable text without blanks at its ends`,
    }
  }
}

/** Reads the name of a field of the request, in lower case. Host has a filter of its own. */
export function readRequestName(name: string): OptionReading<string> {
  return name.toLowerCase() === 'host'
    ? { wrong: 'host is written by the proxy alone; use the filter rewrite: { host: HOST }' }
    : readWrittenName(name)
}

/** Reads the name of a field that is written. */
type NameReader = (name: string) => OptionReading<string>

/** A map of fields to one value, or several. */
export const fieldMap = (types: OptionTypes, description: string, readName: NameReader = readWrittenName) => {
  const value = types.text('A value of the field.', 'text', readWrittenValue)
  return z
    .record(
      z.string().superRefine((name, context) => {
        const reading = readName(name)
        if ('wrong' in reading) context.addIssue({ code: 'custom', message: reading.wrong })
      }),
      z.union([value, z.array(value).min(1)]),
    )
    .describe(description)
}

export const fieldName = (types: OptionTypes, description: string, readName: NameReader = readWrittenName) =>
  types.text(description, 'the name of a field, as x-a', readName)

/** Returns the lines of such a map. */
export const fieldLines = (map: Readonly<Record<string, string | readonly string[]>>): [string, string][] =>
  Object.entries(map).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each): [string, string] => [name.toLowerCase(), each]),
  )
