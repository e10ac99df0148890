// The fields of a message, as seen by a filter. Each write is checked when it is made, as the codecs of both
// versions would check it (spec/filters.md, K5). It goes to a copy: others see the message as it came.

import {
  type Field,
  type FieldTable,
  type Head,
  HOP_BY_HOP,
  isCredential,
  isForbiddenTrailer,
  NAME_INVALID,
  Token,
  tokenSet,
} from '../../http/index.js'
import { fieldValue } from '../field-value.js'
import { type Assigned, byField, refuseAssignments } from './assignments.js'
import type { FilterFields, ReadFields } from './contract.js'
import type { PreparedChange } from './prepared-change.js'

/** Fields that no filter may write or remove: those of framing, of one connection, of a handshake. */
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

/**
 * Values up to this length are interned: most come from the configuration, and an encoder recognises them.
 */
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
  'content-length': ': it follows the body',
}

/** The characters of a field that {@link WrittenFields} keeps. */
const KEPT_CHARS_MAX = 1_024
const KEPT_MAX = 256

/**
 * Fields that filters have written, by the names as filters write them: the last field of each name, since
 * the next write is mostly the same. It was checked then, and is not made again; an encoder recognises it.
 */
export class WrittenFields {
  readonly table: FieldTable
  private readonly kept = new Map<string, Field>()

  constructor(table: FieldTable) {
    this.table = table
  }

  /** Returns the field of a write. Throws a {@link FilterWriteError} for one that must not be sent. */
  field(name: string, value: string): Field {
    const found = this.kept.get(name)
    if (found !== undefined && found.value === value) return found
    const field = writtenField(this.table, name, value)
    if (name.length + value.length <= KEPT_CHARS_MAX && !isCredential(field.token)) this.keep(name, field)
    return field
  }

  /**
   * Returns a field of the removed name. Throws a {@link FilterWriteError} for one that must not be removed.
   */
  removed(name: string): Field {
    return this.kept.get(name) ?? this.field(name, '')
  }

  private keep(name: string, field: Field): void {
    if (this.kept.size >= KEPT_MAX && !this.kept.has(name)) this.kept.clear()
    this.kept.set(name, field)
  }
}

/** The owner of the message. */
export interface FieldsOwner extends Assigned {
  readonly written: WrittenFields
  /** The head to read. Throws when the phase is over. */
  readonly readHead: Head
  /** Returns the head to write, which nobody else sees. Throws if it must not be written. */
  ownHead(): Head
  /** Notes a wrong write, and returns the error to throw. */
  spoilt(error: Error): Error
  /** True if the fields are trailers, where fewer are allowed (RFC 9110 §6.5.1). */
  readonly isTrailer: boolean
  /** True if the fields are those of the request that is sent on, whose Host a filter may change. */
  readonly isRequest: boolean
  /** The largest sum of field sizes in a head (RFC 9113 §6.5.2). */
  readonly headBytesMax: number
}

/** Fields that can only be read. */
export abstract class SeenFields implements ReadFields, Assigned {
  static {
    refuseAssignments(SeenFields, 'x.fields', byField, ['owner', 'request'])
  }

  protected abstract readonly head: Head

  abstract misassigned(message: string): Error

  get(name: string): string | null {
    return fieldValue(this.head, name.toLowerCase())
  }

  lines(name: string): readonly string[] {
    const lower = name.toLowerCase()
    const { fields, pseudos } = this.head
    return fields.slice(pseudos).flatMap((each) => (each.name === lower ? [each.value] : []))
  }

  has(name: string): boolean {
    const lower = name.toLowerCase()
    const { fields, pseudos } = this.head
    for (let at = pseudos; at < fields.length; at++) if (fields[at].name === lower) return true
    return false
  }

  each(visit: (name: string, value: string) => void): void {
    const { fields, pseudos } = this.head
    for (const { name, value } of fields.slice(pseudos)) visit(name, value)
  }
}

export class CheckedFields extends SeenFields implements FilterFields {
  static {
    refuseAssignments(CheckedFields, 'x.fields', byField)
  }

  private readonly owner: FieldsOwner

  constructor(owner: FieldsOwner) {
    super()
    this.owner = owner
  }

  protected get head(): Head {
    return this.owner.readHead
  }

  misassigned(message: string): Error {
    return this.owner.misassigned(message)
  }

  set(name: string, value: string | readonly string[]): void {
    if (typeof value === 'string') this.write(name, value, true)
    else if (value.length === 0) this.remove(name)
    else this.setLines(name, value)
  }

  append(name: string, value: string): void {
    this.write(name, value, false)
  }

  /** Removes a field. The removal is checked by its name. */
  remove(name: string): void {
    const { owner } = this
    const head = owner.ownHead()
    try {
      head.removeLike(owner.written.removed(name))
    } catch (error) {
      throw this.spoilt(error as Error, name)
    }
  }

  change(change: PreparedChange): void {
    const { owner } = this
    const head = owner.ownHead()
    try {
      const made = change.in(owner.written.table)
      if (owner.isTrailer) for (const each of made.added) mayTrail(each)
      head.change(made)
      if (made.added.length > 0) this.checkSize(head, made.added[0])
    } catch (error) {
      throw owner.spoilt(error as Error)
    }
  }

  private write(name: string, value: string, replaces: boolean): void {
    const { owner } = this
    const head = owner.ownHead()
    try {
      const field = this.checked(name, value)
      if (replaces) head.removeLike(field)
      head.add(field)
      this.checkSize(head, field)
    } catch (error) {
      throw this.spoilt(error as Error, name)
    }
  }

  /** Writes all lines, each of which is checked before any is written. */
  private setLines(name: string, values: readonly string[]): void {
    const { owner } = this
    const head = owner.ownHead()
    try {
      const fields = values.map((each) => this.checked(name, each))
      head.removeLike(fields[0])
      for (const each of fields) head.add(each)
      this.checkSize(head, fields[0])
    } catch (error) {
      throw this.spoilt(error as Error, name)
    }
  }

  /** Notes the error of a write. That of Host tells the method which changes it. */
  private spoilt(error: Error, name: string): Error {
    const { owner } = this
    return owner.spoilt(
      owner.isRequest && name.toLowerCase() === 'host'
        ? new FilterWriteError(`${error.message}: call x.setAuthority(HOST)`)
        : error,
    )
  }

  private checked(name: string, value: string): Field {
    const { owner } = this
    const field = owner.written.field(name, value)
    if (owner.isTrailer) mayTrail(field)
    return field
  }

  private checkSize({ size }: Head, { name }: Field): void {
    const { headBytesMax } = this.owner
    if (size > headBytesMax)
      throw new FilterWriteError(`the head has more than ${headBytesMax} bytes with ${name}`)
  }
}

function mayTrail({ name, token }: Field): void {
  if (isForbiddenTrailer(token)) throw new FilterWriteError(`${name} must not be a trailer`)
}
