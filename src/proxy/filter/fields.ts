// The fields of a message as a filter sees them. Each write is checked when it is made, as the codecs of both
// versions would (spec/filters.md, K5), and goes to a copy: others see the message as it came.

import {
  type Field,
  type FieldTable,
  type Head,
  HOP_BY_HOP,
  isForbiddenTrailer,
  NAME_INVALID,
  Token,
  tokenSet,
} from '../../http/index.js'
import { fieldValue } from '../field-value.js'
import type { FilterFields, ReadFields } from './contract.js'

/** Fields that no filter may write or remove: of framing, of one connection, of a handshake. */
const NOT_WRITTEN = tokenSet(
  Token.HOST,
  Token.CONTENT_LENGTH,
  Token.FRAMING_LOOKALIKE,
  Token.TRAILER,
  Token.SEC_WEBSOCKET_KEY,
  Token.SEC_WEBSOCKET_ACCEPT,
  Token.SEC_WEBSOCKET_VERSION,
  ...HOP_BY_HOP,
)

/** A write that a codec would refuse. */
export class FilterWriteError extends Error {
  override name = 'FilterWriteError'
}

/** Values up to this length are interned: most are of the configuration, and an encoder knows them again. */
const INTERNED_CHARS_MAX = 64

const COLON = 0x3a

const shown = (text: string): string => JSON.stringify(text).slice(0, 80)

/** Returns the field of a write. Throws a {@link FilterWriteError} for one that must not be sent. */
export function writtenField(fields: FieldTable, name: string, value: string): Field {
  const lower = name.toLowerCase()
  const field = value.length <= INTERNED_CHARS_MAX ? fields.field(lower, value) : fields.make(lower, value)
  if (lower.charCodeAt(0) === COLON) throw new FilterWriteError(`${lower} is a pseudo-field`)
  if (NOT_WRITTEN[field.token] === 1)
    throw new FilterWriteError(`${lower} is written by the proxy alone${ADVICE[lower] ?? ''}`)
  if (field.faults === 0) return field
  throw new FilterWriteError(
    (field.faults & NAME_INVALID) === 0
      ? `${lower}: this value is not one of a field: ${shown(value)}`
      : `${shown(name)} is not the name of a field`,
  )
}

const ADVICE: Readonly<Record<string, string>> = {
  host: ': use setAuthority',
  'content-length': ': it follows the body',
}

/** The owner of the message. */
export interface FieldsOwner {
  readonly fieldTable: FieldTable
  /** The head to read. Throws when the phase is over. */
  readonly readHead: Head
  /** The head to write, which nobody else sees. Throws when it must not be written. */
  ownHead(): Head
  /** Notes that a write was wrong, and returns what to throw. */
  spoilt(error: Error): Error
  /** The fields are trailers, where fewer may be (RFC 9110 §6.5.1). */
  readonly isTrailer: boolean
  /** The sum of the sizes of fields that a head may have (RFC 9113 §6.5.2). */
  readonly headBytesMax: number
}

class SeenFields implements ReadFields {
  private readonly headOf: () => Head

  constructor(headOf: () => Head) {
    this.headOf = headOf
  }

  get(name: string): string | null {
    return fieldValue(this.headOf(), name.toLowerCase())
  }

  lines(name: string): readonly string[] {
    const lower = name.toLowerCase()
    const { fields, pseudos } = this.headOf()
    return fields.slice(pseudos).flatMap((each) => (each.name === lower ? [each.value] : []))
  }

  has(name: string): boolean {
    const lower = name.toLowerCase()
    const { fields, pseudos } = this.headOf()
    for (let at = pseudos; at < fields.length; at++) if (fields[at].name === lower) return true
    return false
  }

  each(visit: (name: string, value: string) => void): void {
    const { fields, pseudos } = this.headOf()
    for (const { name, value } of fields.slice(pseudos)) visit(name, value)
  }
}

/** Fields that can only be read. */
export const readFields = (headOf: () => Head): ReadFields => new SeenFields(headOf)

export class CheckedFields extends SeenFields implements FilterFields {
  private readonly owner: FieldsOwner

  constructor(owner: FieldsOwner) {
    super(() => owner.readHead)
    this.owner = owner
  }

  set(name: string, value: string | readonly string[]): void {
    this.write(name, typeof value === 'string' ? [value] : value, true)
  }

  append(name: string, value: string): void {
    this.write(name, [value], false)
  }

  remove(name: string): void {
    this.write(name, [], true)
  }

  private write(name: string, values: readonly string[], replaces: boolean): void {
    const { owner } = this
    const head = owner.ownHead()
    try {
      const { fieldTable } = owner
      const lower = name.toLowerCase()
      // A removal is judged by its name.
      if (values.length === 0) writtenField(fieldTable, lower, '')
      if (replaces && !hasNone(head, lower)) {
        for (const each of values) writtenField(fieldTable, lower, each)
        head.removeNamed((each) => each === lower)
      }
      for (const each of values) {
        const field = writtenField(fieldTable, lower, each)
        if (owner.isTrailer && isForbiddenTrailer(field.token))
          throw new FilterWriteError(`${lower} must not be a trailer`)
        head.add(field)
      }
      if (head.size > owner.headBytesMax)
        throw new FilterWriteError(`the head has more than ${owner.headBytesMax} bytes with ${lower}`)
    } catch (error) {
      throw owner.spoilt(error as Error)
    }
  }
}

/** Whether a head has no field of this name. */
function hasNone({ fields, pseudos }: Head, name: string): boolean {
  for (let at = pseudos; at < fields.length; at++) if (fields[at].name === name) return false
  return true
}
