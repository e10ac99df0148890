// memcached's text protocol (doc/protocol.txt of memcached 1.6): reads the requests of clients and the
// answers of servers from chunks that may split them anywhere. Both readers only look; the result is a range
// between two offsets of the chunk.
//
// One thing is not passed on: `noreply` is removed. So each request has exactly one answer on a connection
// that clients share, and no error comes without a request.

import { BARE_CR, type KeptBytes, LineReader, MORE, TOO_LONG } from '../../src/transport/index.js'

const KEY = '[^\\x00-\\x20\\x7f]{1,250}'
const NUMBER = '\\d{1,20}'
/** verb, keys, the rest of the line, and the bytes of the value that follows it. */
const FORMS = [
  `(gets?|gats? ${NUMBER})((?: ${KEY})+)()()`,
  `(set|add|replace|append|prepend) (${KEY})( ${NUMBER} -?${NUMBER} (${NUMBER}))`,
  `(cas) (${KEY})( ${NUMBER} -?${NUMBER} (${NUMBER}) ${NUMBER})`,
  `(delete) (${KEY})(?: 0)?()()`,
  `(incr|decr) (${KEY})( ${NUMBER})()`,
  `(touch) (${KEY})( -?${NUMBER})()`,
  `(version|flush_all(?: ${NUMBER})?|mn|quit)()()()`,
].map((form) => new RegExp(`^${form}( noreply)?$`))
/** The commands with a value: if such a line cannot be read, the beginning of the next request is unknown. */
const VALUE_FOLLOWS = /^(set|add|replace|append|prepend|cas|ms) /
const LINE_BYTES_MAX = 65_536

export interface MemcachedCommand {
  /** The first word of its line. */
  readonly name: string
  /** The beginning of its line up to the keys, and the rest after them. */
  readonly verb: string
  readonly keys: readonly string[]
  readonly rest: string
  /** True if its client wants no answer. */
  readonly isQuiet: boolean
}

/** Returns the line of a command for some of its keys. */
export const lineOf = ({ verb, rest }: MemcachedCommand, keys: readonly string[]): Buffer =>
  Buffer.from(`${[verb, ...keys].join(' ')}${rest}\r\n`, 'latin1')

/**
 * The result of a read: more must come, a whole request, a refused one, or one after which none can be read.
 */
export type Found = 'more' | 'request' | 'refused' | 'unreadable'

export class RequestReader {
  command: MemcachedCommand | null = null
  /** The reason for a refusal: the line that the client gets. */
  error = ''
  private readonly lines = new LineReader(LINE_BYTES_MAX)
  /** Bytes of a value and its CR LF that are still to come. */
  private left = 0
  private readonly value: KeptBytes
  private readonly valueBytesMax: number

  /** @param value the place where values are kept until they are whole */
  constructor(value: KeptBytes, valueBytesMax: number) {
    this.value = value
    this.valueBytesMax = valueBytesMax
  }

  /** Reads one request or a part of one. Returns the offset after it, and notes the result. */
  read(chunk: Buffer, at: number): { readonly end: number; readonly found: Found } {
    if (this.left > 0) return this.readValue(chunk, at)
    const { lines } = this
    const end = lines.read(chunk, at, chunk.length)
    if (lines.found === MORE) return { end, found: 'more' }
    if (lines.found === TOO_LONG || lines.found === BARE_CR)
      return {
        end,
        found: this.refuse('CLIENT_ERROR the line is too long, or has a CR inside', 'unreadable'),
      }
    const text = lines.buffer(chunk).toString('latin1', lines.start, lines.end)
    return { end, found: this.takeLine(text.trim().replace(/ +/g, ' ')) }
  }

  private takeLine(line: string): Found {
    const name = line.split(' ')[0]
    const form = FORMS.map((each) => each.exec(line)).find((each) => each !== null)
    if (form === undefined) {
      if (VALUE_FOLLOWS.test(line)) return this.refuse('CLIENT_ERROR bad command line format', 'unreadable')
      return this.refuse(`CLIENT_ERROR this proxy does not serve '${name.slice(0, 20)}' in this form`)
    }
    const [, verb, keys, rest, bytes, quiet] = form
    this.command = { name, verb, keys: keys.split(' ').filter(Boolean), rest, isQuiet: quiet !== undefined }
    if (bytes === '') return 'request'
    this.left = Number(bytes) + 2
    this.error = this.left - 2 > this.valueBytesMax ? 'SERVER_ERROR object too large for cache' : ''
    return 'more'
  }

  private readValue(chunk: Buffer, at: number): { readonly end: number; readonly found: Found } {
    const end = Math.min(chunk.length, at + this.left)
    this.left -= end - at
    if (this.error === '') this.value.append(chunk, at, end)
    if (this.left > 0) return { end, found: 'more' }
    if (this.error !== '') return { end, found: 'refused' }
    const { bytes, length } = this.value
    if (bytes.toString('latin1', length - 2, length) === '\r\n') return { end, found: 'request' }
    return { end, found: this.refuse('CLIENT_ERROR bad data chunk', 'unreadable') }
  }

  private refuse(error: string, found: 'refused' | 'unreadable' = 'refused'): Found {
    this.value.clear()
    this.error = error
    return found
  }
}

/**
 * Finds the ends of answers. An answer is lines of VALUE, each with its data, or of STAT, and one more line.
 */
export class AnswerReader {
  /** The result of the last read: a part of an answer, the last part, or input that is no answer. */
  found: 'part' | 'last' | 'wrong' = 'part'
  private readonly lines = new LineReader(2_048)
  private left = 0

  /** Returns the offset after the bytes that were read. */
  read(chunk: Buffer, at: number): number {
    const { lines } = this
    this.found = 'part'
    if (this.left > 0) {
      const end = Math.min(chunk.length, at + this.left)
      this.left -= end - at
      return end
    }
    const end = lines.read(chunk, at, chunk.length)
    if (lines.found === MORE) return end
    if (lines.found === TOO_LONG || lines.found === BARE_CR) this.found = 'wrong'
    else {
      const [word, , , bytes] = lines.buffer(chunk).toString('latin1', lines.start, lines.end).split(' ')
      if (word === 'VALUE') this.left = Number(bytes) + 2
      else if (word !== 'STAT') this.found = 'last'
    }
    return end
  }
}

/** Returns the values of an answer by their keys: each from VALUE to the end of its data. */
export function valuesOf(answer: Buffer): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  for (let at = 0; answer.toString('latin1', at, at + 6) === 'VALUE '; ) {
    const line = answer.indexOf('\r\n', at)
    const [, key, , bytes] = answer.toString('latin1', at, line).split(' ')
    const end = line + 2 + Number(bytes) + 2
    values.set(key, answer.subarray(at, end))
    at = end
  }
  return values
}
