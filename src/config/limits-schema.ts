// The part of the schema for `limits`. It is made from the table of the rooms' limits, which comes
// in as an option.

import { z } from 'zod'
import type { Written, WrittenDuration, WrittenSize } from '../filters/index.js'
import { durationText } from '../proxy/index.js'
import { DURATION_MAX_MS, sizeText } from './quantities.js'
import type { Scalars } from './scalars.js'

export interface LimitTables<L = unknown> {
  /** The limits of each room with their defaults: `{ http2: { lingerMs: 500 } }`. */
  readonly limits: Readonly<Record<string, Readonly<Record<string, number>>>> & L
  /** The least and the greatest value, if it is not 1 and more. */
  readonly limitRanges?: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>
  /** The text of each limit: `{ 'http2.lingerMs': 'The time of …' }`. */
  readonly limitTexts?: Readonly<Record<string, string>>
}

/** Returns the name of a limit in the document: values are written with units, so names need none. */
export const writtenName = (name: string): string => name.replace(/Ms$/, '')

/** Returns true for a size. Windows are bytes (RFC 9113 §6.9). */
const isSize = (name: string): boolean => /Bytes|Window/.test(name)

/** The limits as they are written: the types of {@link writtenName} and {@link isSize}. */
export type WrittenLimits<L> = {
  readonly [R in keyof L]?:
    | {
        readonly [K in keyof L[R] as K extends `${infer N}Ms` ? N : K]?:
          | Written<
              K extends `${string}Ms`
                ? WrittenDuration
                : K extends `${string}Bytes${string}` | `${string}Window${string}`
                  ? WrittenSize
                  : number
            >
          | undefined
      }
    | undefined
}

/** The limits as they are read. */
type ReadLimits = Readonly<
  Record<string, Readonly<Record<string, { key: string; number: number } | undefined>> | undefined>
>

function limitSchema(s: Scalars, tables: LimitTables, room: string, name: string) {
  const fallback = tables.limits[room][name]
  const [least, most] = tables.limitRanges?.[room]?.[name] ?? [1, Number.MAX_SAFE_INTEGER]
  const about = tables.limitTexts?.[`${room}.${name}`] ?? `The limit ${room}.${name}.`
  const text = (shown: string | number) => `${about} Default: ${shown}.`
  if (name.endsWith('Ms'))
    return s.duration(text(durationText(fallback)), { least, most: Math.min(most, DURATION_MAX_MS) })
  if (isSize(name)) return s.size(text(sizeText(fallback)), { least, most })
  return s.count(text(fallback), least, most)
}

const roomSchema = (s: Scalars, tables: LimitTables, room: string) =>
  z
    .strictObject(
      Object.fromEntries(
        Object.keys(tables.limits[room]).map((name) => [
          writtenName(name),
          // The number, under the room's own name.
          limitSchema(s, tables, room, name)
            .transform((number) => ({ key: name, number }))
            .optional(),
        ]),
      ),
    )
    .describe(`Limits of ${room}/.`)

/** Limits by room, with units: `http2: { linger: 500ms }`. */
export const limitsSchema = <L>(s: Scalars, tables: LimitTables<L>) =>
  z
    .strictObject(
      Object.fromEntries(
        Object.keys(tables.limits).map((room) => [room, roomSchema(s, tables, room).optional()]),
      ),
    )
    .describe(
      "Limits that differ from the defaults, by room; 'fermata limits' lists them.",
    ) as unknown as z.ZodType<ReadLimits, WrittenLimits<L>>
