// Unfolds field lines of a response (RFC 9112 §5.2): a folded line continues the value before it, after one
// space.

import { type Field, HOP_BY_HOP, isBlank, Token, tokenSet } from '../http/index.js'
import type { FieldDecoder } from './field-decoder.js'

/** Fields that frame the message. They must not be folded: two parsers could see two messages. */
const FRAMES = tokenSet(...HOP_BY_HOP, Token.CONTENT_LENGTH)

export class Folding {
  /** The field of the line before, if a folded line may continue it; else null. */
  private field: Field | null
  /** The value with its folded lines; null if there are none. */
  private value: string | null

  constructor() {
    this.field = null
    this.value = null
  }

  /** Begins a head. */
  begin(): void {
    this.field = null
  }

  /** Notes a field that the next lines may continue. */
  follows(field: Field): void {
    this.field = FRAMES[field.token] === 1 ? null : field
  }

  /** True if the field before has folded lines, which {@link unfold} joins. */
  get isFolded(): boolean {
    return this.value !== null
  }

  /** Takes a folded line. Returns false if it must not be one. */
  take(b: Buffer, start: number, end: number): boolean {
    if (!isBlank(b[start]) || this.field === null) return false
    const before = this.value ?? this.field.value
    const text = textOf(b, start, end)
    this.value = before === '' ? text : text === '' ? before : `${before} ${text}`
    return true
  }

  /** Returns the field with its whole value; null if the decoder refuses it. */
  unfold(decoder: FieldDecoder): Field | null {
    const field = decoder.unfolded((this.field as Field).name, this.value as string)
    this.value = null
    this.field = null
    return field
  }
}

/** Returns the text of a folded line without blanks around it. */
function textOf(b: Buffer, start: number, end: number): string {
  while (start < end && isBlank(b[start])) start++
  while (end > start && isBlank(b[end - 1])) end--
  return b.toString('latin1', start, end)
}
