// The line before a chunk (RFC 9112 §7.1): its size in hexadecimal digits, and extensions, which mean nothing
// to us.

/** By octet: the value of a hexadecimal digit, 255 for what is none. */
const HEX: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(c).toLowerCase())
  return digit < 0 ? 255 : digit
})

const HTAB = 0x09
const SP = 0x20
const SEMICOLON = 0x3b

const ZERO = 0x30
const isBlank = (octet: number): boolean => octet === SP || octet === HTAB

/** Where a size begins behind blanks and zeros; one digit is left. */
export function paddingStart(b: Buffer, start: number, end: number): number {
  while (start < end && isBlank(b[start])) start++
  while (start + 1 < end && b[start] === ZERO && HEX[b[start + 1]] !== 255) start++
  return start
}

/** Where the line ends before blanks. */
export function paddingEnd(b: Buffer, start: number, end: number): number {
  while (end > start && isBlank(b[end - 1])) end--
  return end
}

/** How many digits the size has that this line begins with; 0 where it is none, or has more than `max`. */
export function chunkSizeDigits(b: Buffer, start: number, end: number, max: number): number {
  let i = start
  while (i < end && HEX[b[i]] !== 255) i++
  const digits = i - start
  if (digits > max) return 0
  return i === end || b[i] === SEMICOLON || b[i] === SP || b[i] === HTAB ? digits : 0
}

/** Up to 13 digits stay exact. */
export function chunkSizeOf(b: Buffer, start: number, digits: number): number {
  let size = 0
  for (let i = start; i < start + digits; i++) size = size * 16 + HEX[b[i]]
  return size
}

/** RFC 9112 §7.1.1, quoted strings by RFC 9110 §5.6.4. */
const CHUNK_EXTENSIONS =
  /^(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/

export const isChunkExtensions = (text: string): boolean => CHUNK_EXTENSIONS.test(text)
