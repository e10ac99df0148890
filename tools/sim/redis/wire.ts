// The codec of the actors for Redis: commands as clients send them, replies as servers send them, and readers
// of both that take nothing but well-formed input.

const CRLF = '\r\n'

/** A command, as a client sends it. */
export const commandOf = (words: readonly string[]): string =>
  `*${words.length}${CRLF}${words.map((each) => `$${each.length}${CRLF}${each}${CRLF}`).join('')}`

export const simple = (text: string): string => `+${text}${CRLF}`
export const error = (text: string): string => `-${text}${CRLF}`
export const integer = (value: number): string => `:${value}${CRLF}`
export const bulk = (text: string): string => `$${text.length}${CRLF}${text}${CRLF}`
export const array = (items: readonly string[]): string => `*${items.length}${CRLF}${items.join('')}`
export const push = (items: readonly string[]): string => `>${items.length}${CRLF}${items.join('')}`
/** @param pairs keys and values, one behind the other */
export const map = (pairs: readonly string[]): string => `%${pairs.length / 2}${CRLF}${pairs.join('')}`
export const nil = (resp: number): string => (resp === 3 ? `_${CRLF}` : `$-1${CRLF}`)
export const nilArray = (resp: number): string => (resp === 3 ? `_${CRLF}` : `*-1${CRLF}`)

/** A reply that was read. */
export interface Value {
  /** Its first character. */
  readonly type: string
  /** All its bytes. */
  readonly raw: string
  /** The line or the string; '' of an aggregate. */
  readonly text: string
  readonly items: readonly Value[]
}

class Short extends Error {}
class Wrong extends Error {}

/** Bytes that have come, and what is read of them. */
class Text {
  text = ''
  at = 0

  add(bytes: Uint8Array): void {
    this.text = this.text.slice(this.at) + Buffer.from(bytes).toString('latin1')
    this.at = 0
  }

  line(): string {
    const end = this.text.indexOf(CRLF, this.at)
    if (end < 0) throw new Short()
    const line = this.text.slice(this.at, end)
    this.at = end + 2
    return line
  }

  string(length: number): string {
    const end = this.at + length
    if (this.text.length < end + 2) throw new Short()
    if (this.text.slice(end, end + 2) !== CRLF) throw new Wrong('a string without its end')
    const found = this.text.slice(this.at, end)
    this.at = end + 2
    return found
  }

  number(text: string): number {
    if (!/^-?\d+$/.test(text)) throw new Wrong(`'${text}' is not a length`)
    return Number(text)
  }

  /** Reads what `read` reads; null if that is not whole yet. A string: what is wrong with it. */
  whole<T>(read: () => T): T | null | string {
    const { at } = this
    try {
      return read()
    } catch (error) {
      this.at = at
      if (error instanceof Short) return null
      if (error instanceof Wrong) return error.message
      throw error
    }
  }
}

/** Reads replies. */
export class ReplyText {
  private readonly input = new Text()

  add(bytes: Uint8Array): void {
    this.input.add(bytes)
  }

  /** The bytes that are not read: the beginning of a reply. */
  get rest(): string {
    return this.input.text.slice(this.input.at)
  }

  /** Returns the next reply; null: it is not whole yet. A string: what is wrong with it. */
  next(): Value | null | string {
    if (this.input.at === this.input.text.length) return null
    return this.input.whole(() => this.value())
  }

  private value(): Value {
    const { input } = this
    const { at } = input
    const line = input.line()
    const type = line[0] ?? ''
    const rest = line.slice(1)
    let text = rest
    const items: Value[] = []
    if ('$!='.includes(type)) {
      const length = input.number(rest)
      text = length < 0 ? '' : input.string(length)
    } else if ('*~>%|'.includes(type)) {
      text = ''
      const count = input.number(rest) * ('%|'.includes(type) ? 2 : 1)
      for (let i = 0; i < count; i++) items.push(this.value())
    } else if (!'+-:_#,('.includes(type) || type === '') throw new Wrong(`a reply begins with '${line}'`)
    // An attribute belongs to the value behind it.
    if (type === '|') {
      const { raw: _raw, ...value } = this.value()
      return { ...value, raw: input.text.slice(at, input.at) }
    }
    return { type, raw: input.text.slice(at, input.at), text, items }
  }
}

/** Reads commands, which are arrays of strings. */
export class CommandText {
  private readonly input = new Text()

  add(bytes: Uint8Array): void {
    this.input.add(bytes)
  }

  /** True if a command has begun, and is not whole. */
  get isWithin(): boolean {
    return this.input.at < this.input.text.length
  }

  /** Returns the next command; null: it is not whole yet. A string: what is wrong with it. */
  next(): readonly string[] | null | string {
    const { input } = this
    if (input.at === input.text.length) return null
    return input.whole(() => {
      const first = input.line()
      if (!/^\*[1-9]\d*$/.test(first)) throw new Wrong(`a command begins with '${first}'`)
      return Array.from({ length: Number(first.slice(1)) }, () => {
        const length = input.line()
        if (!/^\$\d+$/.test(length)) throw new Wrong(`an argument begins with '${length}'`)
        return input.string(Number(length.slice(1)))
      })
    })
  }
}
