// The part of the schema for filters: each kind brings the schema of its options. A filter is a map with the
// key of its kind, so unknown keys get the nearest one as everywhere.

import { z } from 'zod'
import { type boxed, definitions, optionsSchema, type Written } from '../filters/index.js'
import { MODULE } from './filter-modules.js'
import type { Scalars } from './scalars.js'

const FILTERS_MAX = 100

/**
 * An entry of a list of filters after reading: a name, or a map with one kind, or with `use` or `without`.
 */
export type FilterEntry = string | Readonly<Record<string, unknown>>

type Boxed = (typeof boxed)[number]

/** The written options of a filter. */
type WrittenOptions<D extends Boxed> = D['options'] extends infer O
  ? O extends z.ZodType
    ? z.input<O>
    : never
  : never

/** A filter as it is written: one kind with its options. */
export type WrittenFilter = { readonly [D in Boxed as D['name']]?: WrittenOptions<D> | undefined } & {
  readonly [MODULE]?: string | WrittenModule | undefined
}

interface WrittenModule {
  readonly file: string
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** An entry of a list of filters as it is written. */
export type WrittenFilterEntry =
  | Written<string>
  | (WrittenFilter & {
      readonly use?: Written<string> | undefined
      readonly with?: Readonly<Record<string, unknown>> | undefined
      readonly onFailure?: Written<'refuse' | 'pass'> | undefined
      readonly without?: Written<string> | readonly Written<string>[] | undefined
    })

export type FilterListSchema = z.ZodType<FilterEntry[], readonly WrittenFilterEntry[]>

/** A filter of a user: the file alone, or with options, which its own schema checks. */
const moduleSchema = (): z.ZodType =>
  z
    .union([
      z.strictObject({
        file: z
          .string()
          .min(1)
          .describe('The file: JavaScript that exports a filter. Relative to this file.'),
        options: z
          .record(z.string(), z.unknown())
          .describe('The options of the filter, as its own schema says.')
          .optional(),
      }),
      z.string().min(1),
    ])
    .describe('A filter that you have written: the file of its module, or { file, options }.')

export function filterSchemas(s: Scalars) {
  const kinds = new Map<string, z.ZodType>(
    definitions.map((each) => [each.name, optionsSchema(each, s).describe(each.description)]),
  )
  kinds.set(MODULE, moduleSchema())
  const shape = Object.fromEntries([...kinds].map(([name, schema]) => [name, schema.optional()]))
  const name = s.text('The name of a filter, or a kind that needs no options.', 'the name of a filter')
  const entry = z.union([
    name,
    z.strictObject({
      ...shape,
      use: s.text('The name of a filter, or a kind.', 'the name of a filter').optional(),
      with: z
        .record(z.string(), z.unknown())
        .describe('Options in place of those of the named filter, here only.')
        .optional(),
      onFailure: s
        .word('The treatment of a request if the filter fails or is late. Default: as its kind says.', [
          'refuse',
          'pass',
        ])
        .optional(),
      without: z
        .union([name, z.array(name).min(1)])
        .describe('Filters of defaults that are left out of inherit.')
        .optional(),
    }),
  ])
  // The shape is made from the registry, so its type is that of the registry too.
  const list = z
    .array(entry)
    .max(FILTERS_MAX)
    .describe(
      'Filters, the outermost first; inherit stands for those of defaults. Default: inherit.',
    ) as unknown as FilterListSchema
  const one = z.strictObject(shape).describe('A filter: one kind with its options.') as unknown as z.ZodType<
    Readonly<Record<string, unknown>>,
    WrittenFilter
  >
  return { kinds, list, one }
}
