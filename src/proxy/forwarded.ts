// Reads and writes the lists in which proxies describe a client: Forwarded (RFC 7239 §4), X-Forwarded-For and
// similar fields. A proxy appends to an earlier list, which may be malformed or may have an open quote on
// purpose. So a list is cut from its right end, where the last proxy has written: the rest of an element
// cannot change how it is read.

import type { Field } from '../http/index.js'
import { canonicalAddress } from '../pollset/index.js'

/** The parameters of an element, by name in lower case. */
export type ForwardedElement = ReadonlyMap<string, string>

const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Returns true if an odd number of backslashes stands before this place. */
function isEscaped(text: string, at: number): boolean {
  let before = at
  while (before > 0 && text.charCodeAt(before - 1) === BACKSLASH) before--
  return (at - before) % 2 === 1
}

/**
 * Returns elements of the field with this name, the last one first. Empty ones do not count (RFC 9110
 * §5.6.1). Quotes hide commas in Forwarded only.
 */
export function fromTheRight(fields: readonly Field[], name: string, most: number): string[] {
  const found: string[] = []
  for (let i = fields.length - 1; i >= 0 && found.length < most; i--)
    if (fields[i].name === name) cut(fields[i].value, name === 'forwarded', most, found)
  return found
}

function cut(value: string, hasQuotes: boolean, most: number, found: string[]): void {
  let end = value.length
  let inQuotes = false
  for (let at = end - 1; at >= -1 && found.length < most; at--) {
    const code = at < 0 ? COMMA : value.charCodeAt(at)
    if (hasQuotes && code === QUOTE && !isEscaped(value, at)) inQuotes = !inQuotes
    if (at >= 0 && (inQuotes || code !== COMMA)) continue
    const text = value.slice(at + 1, end).trim()
    end = at
    if (text !== '') found.push(text)
  }
}

/** The characters of an element. A longer one is malformed. */
const ELEMENT_CHARACTERS_MAX = 512
/**
 * `name=value` or `name="value"`. Some senders omit the quotes that `:` and `[` need, so quotes are optional.
 */
const PAIR = /[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)=(?:([^\s"\\,;]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*(?:;|$)/y

/** Returns the parameters of an element of Forwarded; null if it is malformed. */
export function readElement(text: string): ForwardedElement | null {
  if (text.length > ELEMENT_CHARACTERS_MAX) return null
  const parameters = new Map<string, string>()
  for (let at = 0; at < text.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at
    const [, name, bare, quoted] = PAIR.exec(text) ?? []
    if (PAIR.lastIndex === 0) return null
    if (name === undefined) continue
    const key = name.toLowerCase()
    // Each parameter stands once (RFC 7239 §4).
    if (parameters.has(key)) return null
    parameters.set(key, bare ?? quoted.replace(/\\(.)/g, '$1'))
  }
  return parameters
}

/** An address with its brackets and an obfuscated port has fewer characters. */
const NODE_CHARACTERS_MAX = 128
const NODE = /^(?:\[([\da-f:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::(?:\d{1,5}|_[\w.-]+))?$/i

/**
 * Returns the address of a node, with or without a port, in its shortest form; null for everything else, such
 * as `unknown` and `_hidden` (RFC 7239 §6).
 */
export function nodeAddress(text: string): string | null {
  if (text.length > NODE_CHARACTERS_MAX) return null
  const [, six, four] = NODE.exec(text) ?? []
  return canonicalAddress(six ?? four ?? text)
}

const nodeOf = (address: string): string =>
  address === '' ? 'unknown' : address.includes(':') ? `"[${address}]"` : address

/** Writes Forwarded: the client's element, and one for each proxy that the request came through. */
export function forwardedValue(
  address: string,
  scheme: string,
  host: string | null,
  through: readonly string[],
): string {
  const asked = host === null ? '' : `;host="${host}"`
  const rest = through.map((each) => `, for=${nodeOf(each)}`)
  return `for=${nodeOf(address)};proto=${scheme}${asked}${rest.join('')}`
}
