// headers: sets, appends and removes fields of requests and responses.

import { z } from 'zod'
import { type FilterFields, PASS } from '../proxy/index.js'
import { defineFilter, type OptionTypes } from './define.js'
import { fieldLines, fieldMap, fieldName } from './field-options.js'

const change = (types: OptionTypes, of: string) =>
  z
    .strictObject({
      set: fieldMap(types, 'Fields that take the place of those of the same name.').optional(),
      append: fieldMap(types, 'Lines that are added.').optional(),
      remove: z
        .array(fieldName(types, 'The name of a field.'))
        .min(1)
        .describe('Fields that are removed, before others are set.')
        .optional(),
    })
    .describe(`What is changed of the fields of the ${of}.`)

interface Change {
  readonly set?: Readonly<Record<string, string | string[]>> | undefined
  readonly append?: Readonly<Record<string, string | string[]>> | undefined
  readonly remove?: readonly string[] | undefined
}

/** Returns what makes these changes; null if there are none. */
function changer({
  set = {},
  append = {},
  remove = [],
}: Change = {}): ((fields: FilterFields) => void) | null {
  const sets = Object.entries(set)
  const appends = fieldLines(append)
  if (sets.length + appends.length + remove.length === 0) return null
  return (fields) => {
    for (const name of remove) fields.remove(name)
    for (const [name, value] of sets) fields.set(name, value)
    for (const [name, value] of appends) fields.append(name, value)
  }
}

export const headers = defineFilter({
  name: 'headers',
  description: 'Sets, appends and removes fields of requests and responses, refusals of ours included.',
  options: (types) =>
    z.strictObject({
      request: change(types, 'request').optional(),
      response: change(types, 'response').optional(),
    }),
  create(options) {
    const request = changer(options.request)
    const response = changer(options.response)
    return {
      ...(request === null
        ? {}
        : {
            request(x) {
              request(x.fields)
              return PASS
            },
          }),
      ...(response === null
        ? {}
        : {
            response(x) {
              response(x.fields)
              return PASS
            },
          }),
    }
  },
})
