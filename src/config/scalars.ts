// The scalars of the schema. Each reads the written value, or a value from outside. If it is wrong, a
// sentence states the mistake and the right way.

import { z } from 'zod'
import type { Written, WrittenDuration, WrittenShare, WrittenSize } from '../filters/index.js'
import { isPlainMap, type Plain } from './document.js'
import { FilesRead } from './files.js'
import { didYouMean, orList } from './nearest.js'
import { Outside, type OutsideText } from './outside.js'
import {
  type Bounds,
  DURATION_MAX_MS,
  type Reading,
  read,
  readCount,
  readDuration,
  readShare,
  readSize,
  wrong,
} from './quantities.js'
import type { SecretText } from './secret-text.js'

export type { SecretText } from './secret-text.js'

import { masked } from './secrets.js'

/** The information in an issue of a scalar, for the writer of the message. */
export interface ScalarIssue {
  readonly kind: 'missing' | 'text-expected' | 'key' | 'value'
  /** The key of the map that the message is about. */
  readonly key?: string
}

interface Kind<T> {
  /** The right form: 'a duration, as 500ms, 10s or 2m'. */
  readonly what: string
  /** The description of the written form in JSON Schema. */
  readonly json: Readonly<Record<string, unknown>>
  /** True: a number and a boolean stand for their text. */
  readonly numbers: boolean
  /** True: no message shows it. */
  readonly isSecret?: boolean
  readonly read: (text: string, outside: OutsideText | null) => Reading<T>
}

/** The reference of JSON Schema to a value from outside. */
export const OUTSIDE_REFERENCE = '#/$defs/fromOutside'

const typeWord = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list'
  if (isPlainMap(value)) return 'a map'
  return typeof value === 'number' ? `the number ${value}` : String(value)
}

/** A scalar that is written as `I`, or stands outside of the document, and is read as `T`. */
export type Scalar<T, I = unknown> = z.ZodType<T, Written<I>>

export class Scalars {
  /**
   * The source of outside values for the current reading. Readings are synchronous, so there
   * is one at a time.
   */
  private outside: Outside
  private readonly secretKey: Uint8Array | null

  constructor(secretKey: Uint8Array | null) {
    this.outside = new Outside({ env: {}, read: new FilesRead() })
    this.secretKey = secretKey
  }

  /** Begins a reading. */
  begin(outside: Outside): void {
    this.outside = outside
  }

  /** Makes a scalar of any text that `check` accepts. `what`: the right form, with an example. */
  text<T = string>(
    description: string,
    what = 'text',
    check: (text: string) => Reading<T> = (text) => read(text as T),
    json: Readonly<Record<string, unknown>> = {},
  ): Scalar<T, string> {
    return this.scalar(description, { what, json: { type: 'string', ...json }, numbers: false, read: check })
  }

  /** Makes a scalar of a text whose file is remembered. */
  secret(
    description: string,
    what: string,
    check: (text: string) => Reading<string> = (text) => read(text),
  ): Scalar<SecretText, string> {
    return this.scalar<SecretText, string>(description, {
      what,
      json: { type: 'string' },
      numbers: false,
      isSecret: true,
      read: (text, outside) => {
        const reading = check(text)
        return 'wrong' in reading
          ? reading
          : read({ text: reading.value, file: outside?.file ?? null, isSecret: true })
      },
    })
  }

  /** Makes a scalar of one of these words. */
  word<const W extends string>(description: string, words: readonly W[]): Scalar<W, W> {
    const word: Scalar<W, unknown> = this.text<W>(
      description,
      orList(words),
      (text) =>
        words.includes(text as W)
          ? read(text as W)
          : wrong(
              `${JSON.stringify(text)} is unknown${didYouMean(text, words) || `; write ${orList(words)}`}`,
            ),
      { enum: words },
    )
    return word as Scalar<W, W>
  }

  flag(description: string): Scalar<boolean, boolean> {
    return this.scalar<boolean, boolean>(description, {
      what: 'true or false',
      json: { type: 'boolean' },
      numbers: true,
      read: (text) =>
        text === 'true' || text === 'false'
          ? read(text === 'true')
          : wrong(`${JSON.stringify(text)} is not a truth value; write true or false`),
    })
  }

  count(description: string, least: number, most: number): Scalar<number, number> {
    return this.scalar(description, {
      what: `a whole number from ${least} to ${most}`,
      json: { type: 'integer', minimum: least, maximum: most },
      numbers: true,
      read: (text) => readCount(text, { least, most }),
    })
  }

  /** Makes a scalar of a duration, read in ms. */
  duration(
    description: string,
    { least, most }: Bounds = { least: 0, most: DURATION_MAX_MS },
  ): Scalar<number, WrittenDuration> {
    return this.scalar(description, {
      what: 'a duration, as 500ms, 10s or 2m',
      json: quantityJson(['ms', 's', 'm', 'h', 'd'], least),
      numbers: true,
      read: (text) => readDuration(text, { least, most }),
    })
  }

  /** Makes a scalar of a size, read in bytes. */
  size(description: string, bounds: Bounds): Scalar<number, WrittenSize> {
    return this.scalar(description, {
      what: 'a size, as 512B, 64KiB or 1MiB',
      json: quantityJson(['B', 'KiB', 'MiB', 'GiB'], bounds.least),
      numbers: true,
      read: (text) => readSize(text, bounds),
    })
  }

  /** Makes a scalar of a share, read as 0 to 1. */
  share(description: string): Scalar<number, WrittenShare> {
    return this.scalar(description, {
      what: 'a share, as 50% or 0.5',
      json: {
        anyOf: [
          { type: 'string', pattern: '^\\d+(\\.\\d+)?%$' },
          { type: 'number', minimum: 0, exclusiveMaximum: 1 },
        ],
      },
      numbers: true,
      read: readShare,
    })
  }

  /** Makes a scalar of another kind, whose numbers stand for their text. `I`: the written type. */
  number<T, I = string | number>(
    description: string,
    what: string,
    json: Readonly<Record<string, unknown>>,
    check: (text: string) => Reading<T>,
  ): Scalar<T, I> {
    return this.scalar(description, { what, json, numbers: true, read: check })
  }

  private scalar<T, I>(description: string, kind: Kind<T>): Scalar<T, I> {
    const anyOf = [
      ...((kind.json.anyOf as unknown[] | undefined) ?? [kind.json]),
      { $ref: OUTSIDE_REFERENCE },
    ]
    return z
      .unknown()
      .transform((value, context): T => {
        const issue = (message: string, params: ScalarIssue): never => {
          context.addIssue({ code: 'custom', message, params: { ...params } })
          return z.NEVER
        }
        if (value === undefined) return issue(`missing; write ${kind.what}`, { kind: 'missing' })
        let outside: OutsideText | null = null
        let inside = value as Plain
        if (isPlainMap(inside)) {
          const found = this.outside.resolve(inside)
          if ('wrong' in found)
            return issue(
              found.key === null ? `${found.wrong}; write ${kind.what}` : found.wrong,
              found.key === null ? { kind: 'value' } : { kind: 'key', key: found.key },
            )
          if ('inside' in found) inside = found.inside
          else outside = found
        }
        if (outside !== null) {
          const reading = kind.read(outside.text, outside)
          if ('value' in reading) return reading.value
          const hidden = masked(outside.text, this.secretKey)
          return issue(`${outside.origin} holds ${hidden}, which does not fit; it must hold ${kind.what}`, {
            kind: 'value',
          })
        }
        if (inside === null)
          return issue(`is empty; write ${kind.what}, or leave out the key`, { kind: 'value' })
        if (typeof inside === 'object')
          return issue(`got ${typeWord(inside)}; write ${kind.what}`, { kind: 'value' })
        if (typeof inside !== 'string' && !kind.numbers)
          return kind.isSecret === true
            ? issue(`got a ${typeof inside} where text is meant; quote it`, { kind: 'value' })
            : issue(typeWord(inside), { kind: 'text-expected' })
        if (typeof inside === 'number' && !Number.isFinite(inside))
          return issue(`got ${typeWord(inside)}; write ${kind.what}`, { kind: 'value' })
        const reading = kind.read(String(inside), null)
        return 'value' in reading ? reading.value : issue(reading.wrong, { kind: 'value' })
      })
      .meta({ description, anyOf }) as unknown as Scalar<T, I>
  }
}

function quantityJson(units: readonly string[], least: number): Readonly<Record<string, unknown>> {
  const text = { type: 'string', pattern: `^\\d+(\\.\\d+)? ?(${units.join('|')})$` }
  return least > 0 ? text : { anyOf: [text, { const: 0 }] }
}
