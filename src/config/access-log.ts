// The access log of the configuration: its schema, and its effective values.

import { resolve } from 'node:path'
import { z } from 'zod'
import { FORMATS, type KeyRedaction, type LogFields, templateOf } from '../access-log/index.js'
import {
  defaultFieldNames,
  defaultRedaction,
  type Exchange,
  exchangeFields,
  type Redaction,
} from '../proxy/index.js'
import type { AccessLogConfig } from './configuration.js'
import { readFieldName } from './forms.js'
import { didYouMean, nearest } from './nearest.js'
import type { Part } from './parts.js'
import { type Reading, read, wrong } from './quantities.js'
import type { Scalars } from './scalars.js'

/** The things that are hidden in the access log and in lists. */
export interface LogRedaction extends Redaction {
  /** The hidden parts of the keys of commands. */
  readonly keys: KeyRedaction
}

export const defaultLogRedaction: LogRedaction = { ...defaultRedaction, keys: 'ids' }

const quoted = (text: string): string => JSON.stringify(text)

/** The fields, of which only the names are used. */
const knownFields = (): LogFields<Exchange> => exchangeFields(defaultRedaction)

/** Returns why this is not the name of a field, or null. */
export function wrongField(name: string): string | null {
  const fields = knownFields()
  if (fields.find(name) !== null) return null
  const near = nearest(name, fields.names)
  return near === null
    ? `${quoted(name)} is not a field of the access log; the fields are ${fields.names.join(', ')}`
    : `${quoted(name)} is not a field of the access log${didYouMean(name, fields.names)}`
}

/** Reads a template whose fields must be known. */
export function readTemplate(text: string): Reading<string> {
  const template = templateOf(text)
  if (typeof template === 'string') return wrong(`the template ${template}`)
  for (const name of template.names) {
    const fault = wrongField(name)
    if (fault !== null) return wrong(fault)
  }
  return read(text)
}

function readField(text: string): Reading<string> {
  const fault = wrongField(text)
  return fault === null ? read(text) : wrong(fault)
}

const FIELDS_MAX = 100

export const accessLog = (s: Scalars) =>
  z
    .strictObject({
      file: s.text(
        'The file that lines are appended to; - is standard output. SIGUSR1 opens it again.',
        'a file, as /var/log/fermata/access.log, or -',
        (text) =>
          text === '' || text.includes('\0')
            ? wrong(`${quoted(text)} is not a file; write a path, or -`)
            : read(text),
      ),
      format: z
        .union([
          s.word('The form of a line.', FORMATS),
          z.strictObject({
            template: s.text(
              `Text with \${FIELD} in it; $$ stands for $. A field without a value is -.`,
              `a template, as \${method} \${path}`,
              readTemplate,
            ),
          }),
        ])
        .describe('The form of a line: json, logfmt, combined (as Apache and nginx), or a template.')
        .optional(),
      fields: z
        .array(s.text('The name of a field.', 'the name of a field, as path', readField))
        .min(1)
        .max(FIELDS_MAX)
        .describe('The fields of a line in json and logfmt, in order. Default: all of spec/access-log.md.')
        .optional(),
      redact: z
        .strictObject({
          query: s
            .word('What of a query is hidden: the values of its parameters, or none.', ['values', 'none'])
            .optional(),
          keys: s
            .word('What of the keys of commands is hidden: all but words before a :, or none.', [
              'ids',
              'none',
            ])
            .optional(),
          fields: z
            .array(s.text('The name of a field.', 'the name of a field, as x-api-key', readFieldName))
            .max(FIELDS_MAX)
            .describe('Fields of requests and responses whose values are hidden.')
            .optional(),
        })
        .describe('What is hidden in the access log.')
        .optional(),
    })
    .describe('A line for each request that has ended. Without it there is no access log.')
    .optional()

/** The fields, format and file of an access log. */
export interface AccessLogOptions {
  /** The path; `-` is standard output. */
  readonly file: string
  readonly format?: AccessLogConfig['format'] | undefined
  readonly fields?: readonly string[] | undefined
  readonly redact?:
    | {
        readonly query?: 'values' | 'none' | undefined
        readonly fields?: readonly string[] | undefined
        readonly keys?: KeyRedaction | undefined
      }
    | undefined
}

/** Returns the access log with its defaults. */
export const accessLogConfig = ({ file, format, fields, redact }: AccessLogOptions): AccessLogConfig => ({
  file,
  format: format ?? 'json',
  fields: [...new Set(fields ?? defaultFieldNames)],
  redact: {
    query: redact?.query ?? defaultRedaction.query,
    fields: [...new Set(redact?.fields ?? defaultRedaction.fields)],
    keys: redact?.keys ?? defaultLogRedaction.keys,
  },
})

export function accessLogOf({ document, value }: Part): AccessLogConfig | null {
  if (value.accessLog === undefined) return null
  const { file } = value.accessLog
  const path = file === '-' ? file : resolve(document.folder, file)
  return accessLogConfig({ ...value.accessLog, file: path })
}
