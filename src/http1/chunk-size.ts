// Parses the line before a chunk (RFC 9112 §7.1): a size in hexadecimal digits, and extensions.

/** By octet: the value of a hexadecimal digit, or 255. */
const HEX: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(c).toLowerCase())
  return digit < 0 ? 255 : digit
})

const HTAB = 0x09
const SP = 0x20
const SEMICOLON = 0x3b

const ZERO = 0x30
const isBlank = (octet: number): boolean => octet === SP || octet === HTAB

/** Returns the start of the size behind blanks and zeros, of which it leaves one digit. */
export function paddingStart(b: Buffer, start: number, end: number): number {
  while (start < end && isBlank(b[start])) start++
  while (start + 1 < end && b[start] === ZERO && HEX[b[start + 1]] !== 255) start++
  return start
}

/** Returns the end of the line before trailing blanks. */
export function paddingEnd(b: Buffer, start: number, end: number): number {
  while (end > start && isBlank(b[end - 1])) end--
  return end
}

/** Counts the digits of the size; 0 if there is none or if there are more than `max`. */
export function chunkSizeDigits(b: Buffer, start: number, end: number, max: number): number {
  let i = start
  while (i < end && HEX[b[i]] !== 255) i++
  const digits = i - start
  if (digits > max) return 0
  return i === end || b[i] === SEMICOLON || b[i] === SP || b[i] === HTAB ? digits : 0
}

/** Returns the size. Up to 13 digits are exact. */
export function chunkSizeOf(b: Buffer, start: number, digits: number): number {
  let size = 0
  for (let i = start; i < start + digits; i++) size = size * 16 + HEX[b[i]]
  return size
}

/** Chunk extensions (RFC 9112 §7.1.1), with quoted strings (RFC 9110 §5.6.4). */
const CHUNK_EXTENSIONS =
  /^(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/

export const isChunkExtensions = (text: string): boolean => CHUNK_EXTENSIONS.test(text)
