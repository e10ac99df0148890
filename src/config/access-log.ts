// The access log of the configuration: its schema, and its effective values.

import { resolve } from 'node:path'
import { z } from 'zod'
import { FORMATS, type KeyRedaction } from '../access-log/index.js'
import { defaultFieldNames, defaultRedaction, type Redaction } from '../proxy/index.js'
import { defaultCommandFields } from './command-fields.js'
import type { AccessLogConfig } from './configuration.js'
import { fieldReader, type Logged, templateReader } from './field-names.js'
import { readFieldName } from './forms.js'
import type { Part } from './parts.js'
import { read, wrong } from './quantities.js'
import type { Scalars } from './scalars.js'

/** The things that are hidden in the access log and in lists. */
export interface LogRedaction extends Redaction {
  /** The hidden parts of the keys of commands. */
  readonly keys: KeyRedaction
}

export const defaultLogRedaction: LogRedaction = { ...defaultRedaction, keys: 'ids' }

const quoted = (text: string): string => JSON.stringify(text)

const FIELDS_MAX = 100

const format = (s: Scalars, of: Logged, form: string) =>
  z
    .union([
      s.word('The form of a line.', FORMATS),
      z.strictObject({
        template: s.text(
          `Text with \${FIELD} in it; $$ stands for $. A field without a value is -.`,
          form,
          templateReader(of),
        ),
      }),
    ])
    .describe(FORMAT_TEXTS[of])
    .optional()

const FORMAT_TEXTS: Readonly<Record<Logged, string>> = {
  requests: 'The form of a line: json, logfmt, combined (as Apache and nginx), or a template.',
  commands: 'The form of their lines. Default: that of requests, if it is not a template.',
}

const fields = (s: Scalars, of: Logged, name: string) =>
  z
    .array(s.text('The name of a field.', `the name of a field, as ${name}`, fieldReader(of)))
    .min(1)
    .max(FIELDS_MAX)
    .describe('The fields of a line in json and logfmt, in order. Default: all of spec/access-log.md.')
    .optional()

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
      format: format(s, 'requests', `a template, as \${method} \${path}`),
      fields: fields(s, 'requests', 'path'),
      redact: z
        .strictObject({
          query: s
            .word('The hidden part of a query: the values of its parameters, or none.', ['values', 'none'])
            .optional(),
          keys: s
            .word('The hidden part of the keys of commands: everything except words before a :, or none.', [
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
        .describe('The values that the access log hides.')
        .optional(),
      commands: z
        .strictObject({
          format: format(s, 'commands', `a template, as \${command} \${keys}`),
          fields: fields(s, 'commands', 'keys'),
          slowerThan: s
            .duration('Commands that took less have no line. Default: 0s, so each has one.')
            .optional(),
        })
        .describe('The lines of commands of Redis.')
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

/** The fields and format of the lines of commands of Redis. */
interface CommandLogOptions {
  readonly format?: AccessLogConfig['format'] | undefined
  readonly fields?: readonly string[] | undefined
  /** In ms. */
  readonly slowerThan?: number | undefined
}

/** Returns the access log with its defaults. */
export const accessLogConfig = (
  { file, format = 'json', fields, redact }: AccessLogOptions,
  commands: CommandLogOptions = {},
): AccessLogConfig => ({
  file,
  format,
  fields: [...new Set(fields ?? defaultFieldNames)],
  redact: {
    query: redact?.query ?? defaultRedaction.query,
    fields: [...new Set(redact?.fields ?? defaultRedaction.fields)],
    keys: redact?.keys ?? defaultLogRedaction.keys,
  },
  commands: {
    format: commands.format ?? (typeof format === 'string' ? format : 'json'),
    fields: [...new Set(commands.fields ?? defaultCommandFields)],
    slowerThanMs: commands.slowerThan ?? 0,
  },
})

export function accessLogOf({ document, value }: Part): AccessLogConfig | null {
  if (value.accessLog === undefined) return null
  const { file } = value.accessLog
  const path = file === '-' ? file : resolve(document.folder, file)
  return accessLogConfig({ ...value.accessLog, file: path }, value.accessLog.commands)
}
