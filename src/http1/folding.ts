// A field line of a response that is folded onto the next (RFC 9112 §5.2): it goes on with the value before
// it, behind one space.

import { type Field, HOP_BY_HOP, isBlank, Token, tokenSet } from '../http/index.js'
import type { FieldDecoder } from './field-decoder.js'

/**
 * Their values decide what the message is: two readers could see two messages where one of them is folded.
 */
const FRAMES = tokenSet(...HOP_BY_HOP, Token.CONTENT_LENGTH)

export class Folding {
  /** The field of the line before, where a folded line may go on with it; null where none may. */
  private field: Field | null
  /** What its folded lines have made of its value; null while there is none. */
  private value: string | null

  constructor() {
    this.field = null
    this.value = null
  }

  /** Before the first field line of a head. */
  begin(): void {
    this.field = null
  }

  /** A field that later lines may go on with. */
  follows(field: Field): void {
    this.field = FRAMES[field.token] === 1 ? null : field
  }

  /** Lines were folded into the field before, and {@link unfold} makes it whole. */
  get isFolded(): boolean {
    return this.value !== null
  }

  /** Takes a folded line; false where it is not one, or must not be. */
  take(b: Buffer, start: number, end: number): boolean {
    if (!isBlank(b[start]) || this.field === null) return false
    const before = this.value ?? this.field.value
    const text = textOf(b, start, end)
    this.value = before === '' ? text : text === '' ? before : `${before} ${text}`
    return true
  }

  /** The field with all of its value; null where the decoder refuses it. */
  unfold(decoder: FieldDecoder): Field | null {
    const field = decoder.unfolded((this.field as Field).name, this.value as string)
    this.value = null
    this.field = null
    return field
  }
}

/** The text of a folded line, without its blanks. */
function textOf(b: Buffer, start: number, end: number): string {
  while (start < end && isBlank(b[start])) start++
  while (end > start && isBlank(b[end - 1])) end--
  return b.toString('latin1', start, end)
}
