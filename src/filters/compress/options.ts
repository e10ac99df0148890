// The options of compress in the configuration.

import { z } from 'zod'
import type { OptionTypes } from '../define.js'
import { type Coding, zlibCoders } from './coder.js'

const MIB = 1_048_576
const CODINGS = ['br', 'gzip', 'zstd'] as const satisfies readonly Coding[]
const TYPE = /^[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)$/

export const compressOptions = (o: OptionTypes) =>
  z.strictObject({
    encodings: z
      .array(o.word('A content coding: br, gzip or zstd.', CODINGS))
      .min(1)
      .max(CODINGS.length)
      .optional()
      .describe('The codings, the best first. Default: br, zstd (if Node has it) and gzip.'),
    types: z
      .array(
        o.text('A media type, or TYPE/*.', 'a media type, as text/html or text/*', (text) => {
          const type = text.toLowerCase()
          return TYPE.test(type) ? { value: type } : { wrong: `'${text}' is not a media type` }
        }),
      )
      .min(1)
      .max(256)
      .optional()
      .describe(
        'The media types that are coded. Default: those that the list of media types calls compressible.',
      ),
    minimum: o
      .size('The least body that is coded, if its length is known. Default 1KiB.', { least: 0, most: MIB })
      .optional(),
    flush: o
      .duration(
        'The longest time for which bytes of a body wait for further ones, to be coded together. Default 10ms; 0: they do not wait.',
        {
          least: 0,
          most: 10_000,
        },
      )
      .optional(),
    levels: z
      .strictObject({
        br: o.count('The level of br, 0 to 6. Default 4.', 0, 6).optional(),
        gzip: o.count('The level of gzip, 1 to 9. Default 4.', 1, 9).optional(),
        zstd: o.count('The level of zstd, 1 to 9. Default 3.', 1, 9).optional(),
      })
      .optional()
      .describe('The work that is spent on a body.'),
  })

export type CompressOptions = z.output<ReturnType<typeof compressOptions>>

/** Returns the options with every default. */
export const settled = (options: CompressOptions, codings = zlibCoders.codings) => ({
  codings: (options.encodings ?? codings).filter((each) => codings.includes(each)),
  types: options.types ?? null,
  minimum: options.minimum ?? 1_024,
  flushMs: options.flush ?? 10,
  levels: { br: 4, gzip: 4, zstd: 3, ...options.levels } as Readonly<Record<Coding, number>>,
})

export type CompressSettings = ReturnType<typeof settled>
