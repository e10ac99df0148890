// The schema as JSON Schema (draft 2020-12), for editors.

import { z } from 'zod'
import type { LimitTables } from './limits-schema.js'
import { OUTSIDE_REFERENCE, Scalars } from './scalars.js'
import { schemaOf } from './schema.js'

const text = (description: string) => ({ type: 'string', description })

/** The target of OUTSIDE_REFERENCE. */
const FROM_OUTSIDE = {
  description: 'A value from outside the file. It is read when the configuration is, and never shown.',
  anyOf: [
    {
      type: 'object',
      properties: {
        env: text('The name of an environment variable.'),
        default: { description: 'The value if the variable is not set.' },
      },
      required: ['env'],
      additionalProperties: false,
    },
    {
      type: 'object',
      properties: { file: text('A file, relative to this one. The line end behind the value is cut.') },
      required: ['file'],
      additionalProperties: false,
    },
    {
      type: 'object',
      properties: { credential: text('The name of a file in $CREDENTIALS_DIRECTORY.') },
      required: ['credential'],
      additionalProperties: false,
    },
  ],
}

/** Returns the JSON Schema of the document. */
export function jsonSchema(limits: LimitTables): Readonly<Record<string, unknown>> {
  const { main } = schemaOf(new Scalars(null), limits)
  const schema = z.toJSONSchema(main, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
  const name = OUTSIDE_REFERENCE.slice(OUTSIDE_REFERENCE.lastIndexOf('/') + 1)
  return { title: 'Fermata', ...schema, $defs: { [name]: FROM_OUTSIDE } }
}
