// headers: sets, appends and removes fields of requests and responses.

import { z } from 'zod'
import { PASS, PreparedChange } from '../proxy/index.js'
import { defineFilter, type OptionTypes } from './define.js'
import { fieldLines, fieldMap, fieldName, readRequestName, readWrittenName } from './field-options.js'

function change(types: OptionTypes, of: 'request' | 'response') {
  const readName = of === 'request' ? readRequestName : readWrittenName
  return z
    .strictObject({
      set: fieldMap(types, 'Fields that take the place of those of the same name.', readName).optional(),
      append: fieldMap(types, 'Lines that are added.', readName).optional(),
      remove: z
        .array(fieldName(types, 'The name of a field.', readName))
        .min(1)
        .describe('Fields that are removed, before others are set.')
        .optional(),
    })
    .describe(`The changes of the fields of the ${of}.`)
}

interface Change {
  readonly set?: Readonly<Record<string, string | string[]>> | undefined
  readonly append?: Readonly<Record<string, string | string[]>> | undefined
  readonly remove?: readonly string[] | undefined
}

/** Returns these changes; null if there are none. Of two spellings of a name that is set the last counts. */
function prepared({ set = {}, append = {}, remove = [] }: Change = {}): PreparedChange | null {
  const last = Object.fromEntries(Object.entries(set).map(([name, value]) => [name.toLowerCase(), value]))
  const change = { remove, set: fieldLines(last), append: fieldLines(append) }
  return Object.values(change).every(({ length }) => length === 0) ? null : new PreparedChange(change)
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
    const request = prepared(options.request)
    const response = prepared(options.response)
    return {
      ...(request === null
        ? {}
        : {
            request(x) {
              x.fields.change(request)
              return PASS
            },
          }),
      ...(response === null
        ? {}
        : {
            response(x) {
              x.fields.change(response)
              return PASS
            },
          }),
    }
  },
})
