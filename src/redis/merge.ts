// Makes one reply from those of several servers, by the response policies of the command table (Redis,
// "Command tips"). The first error is the reply, except if one success is enough.

import { integerReply } from './texts.js'

const MINUS = 0x2d
const COLON = 0x3a
const DOLLAR = 0x24
const BANG = 0x21
const EQUALS = 0x3d
const STAR = 0x2a
const TILDE = 0x7e
const MAP = 0x25
const ATTRIBUTE = 0x7c
const PUSH = 0x3e

/** A server's reply; `keys`: the places of its elements in the whole, if it has keys. */
export interface PartReply {
  readonly bytes: Buffer
  readonly keys: readonly number[] | null
}

const line = (bytes: Buffer, at: number): { readonly value: number; readonly end: number } => {
  const end = bytes.indexOf('\r\n', at)
  return { value: Number(bytes.toString('latin1', at + 1, end)), end: end + 2 }
}

/** Returns the offset behind the value that begins here. The reply is whole, and was checked as it came. */
function endOf(bytes: Buffer, at: number): number {
  const type = bytes[at]
  const { value, end } = line(bytes, at)
  if (type === DOLLAR || type === EQUALS || type === BANG) return value < 0 ? end : end + value + 2
  const each = type === MAP || type === ATTRIBUTE ? 2 : 1
  if (type !== STAR && type !== TILDE && type !== MAP && type !== PUSH && type !== ATTRIBUTE) return end
  let next = end
  for (let left = value * each; left > 0; left--) next = endOf(bytes, next)
  // An attribute stands before its value.
  return type === ATTRIBUTE ? endOf(bytes, next) : next
}

/** Returns the string or the number that this value is; '' for null. */
export function stringOf(bytes: Buffer): string {
  const { value, end } = line(bytes, 0)
  if (bytes[0] !== DOLLAR) return bytes.toString('latin1', 1, end - 2)
  return value < 0 ? '' : bytes.toString('utf8', end, end + value)
}

/** Returns the elements of an array. */
export function elementsOf(bytes: Buffer): Buffer[] {
  const elements: Buffer[] = []
  const { value, end } = line(bytes, 0)
  for (let left = value, at = end; left > 0; left--) {
    const next = endOf(bytes, at)
    elements.push(bytes.subarray(at, next))
    at = next
  }
  return elements
}

const arrayReply = (elements: readonly Buffer[], type = '*'): Buffer =>
  Buffer.concat([Buffer.from(`${type}${elements.length}\r\n`), ...elements])

const isError = ({ bytes }: PartReply): boolean => bytes[0] === MINUS || bytes[0] === BANG
const numberOf = ({ bytes }: PartReply): number => (bytes[0] === COLON ? line(bytes, 0).value : 0)

/** The treatment of several replies: a response policy, or one that a single command needs. */
export type Merge = 'sum' | 'min' | 'and' | 'all' | 'one' | 'elements' | 'any' | 'scan'

const inOrder = (replies: readonly PartReply[]): Buffer => {
  const elements: Buffer[] = []
  for (const { bytes, keys } of replies)
    for (const [at, element] of elementsOf(bytes).entries())
      if (keys === null) elements.push(element)
      else elements[keys[at]] = element
  return arrayReply(elements, replies[0].bytes[0] === TILDE ? '~' : '*')
}

const allTrue = (replies: readonly PartReply[]): Buffer => {
  const [first, ...others] = replies.map(({ bytes }) => elementsOf(bytes).map((each) => line(each, 0).value))
  return arrayReply(
    first.map((each, at) => integerReply(others.reduce((all, other) => all & other[at], each))),
  )
}

/** A key of any server that has one: the first in an order that chance has made. */
const nonEmpty = (replies: readonly PartReply[], chance: number): Buffer => {
  const found = replies.filter(({ bytes }) => bytes[0] === DOLLAR && bytes[1] !== MINUS)
  return found.length === 0 ? replies[0].bytes : found[chance % found.length].bytes
}

/** Returns the reply of them all. @param chance a number by chance, from 0 */
export function merged(merge: Merge, replies: readonly PartReply[], chance: number): Buffer {
  const error = replies.find(isError)
  if (merge === 'one') return (replies.find((each) => !isError(each)) ?? replies[0]).bytes
  if (error !== undefined) return error.bytes
  switch (merge) {
    case 'sum':
      return integerReply(replies.reduce((sum, each) => sum + numberOf(each), 0))
    case 'min':
      return integerReply(Math.min(...replies.map(numberOf)))
    case 'and':
      return allTrue(replies)
    case 'elements':
      return inOrder(replies)
    case 'any':
      return nonEmpty(replies, chance)
    default:
      return replies[0].bytes
  }
}

/** Returns the reply of SCAN with another cursor. */
export function withCursor(reply: Buffer, cursorOf: (cursor: bigint) => bigint): Buffer {
  if (reply[0] !== STAR) return reply
  const [cursor, keys] = elementsOf(reply)
  const text = cursorOf(BigInt(cursor.toString('latin1', line(cursor, 0).end, cursor.length - 2))).toString()
  return arrayReply([Buffer.from(`$${text.length}\r\n${text}\r\n`), keys])
}
