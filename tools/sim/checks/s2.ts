// S2: a stream gets the bytes of its own counterpart: a prefix, in order, unaltered; and its end only when
// all of it has arrived. The receiver checks it against the ledger of the sender.

import { type Message, Response } from '../ledger.js'
import { fail } from './check.js'

/** The part of a message that its receiver has. */
export interface Received {
  readonly id: number
  readonly received: number
  readonly trailers: string | null
}

/** Checks the next bytes received. */
export function bodyBelongs(stream: Received, message: Message, b: Buffer, from: number, to: number): void {
  const { received } = stream
  if (received + to - from <= message.sent && message.matches(received, b, from, to)) return
  fail('S2', `stream ${stream.id}: octets ${received}+${to - from} are not those of ${nameOf(message)}`)
}

/**
 * Returns true if a body has its full length: it is then whole, even if its sender fails later. Trailers may
 * be missed then, and so may a body longer than its length: its sender has sent no more than the length, or
 * its connection is lost.
 */
const isFullLength = (stream: Received, { promised, broken, ended, sent, cutOff }: Response): boolean =>
  promised === stream.received &&
  stream.trailers === null &&
  (cutOff() || (!ended && (!broken || sent === promised)))

/** Checks a message at END_STREAM. */
export function messageIsWhole(stream: Received, message: Message): void {
  if (message instanceof Response && isFullLength(stream, message)) return
  const got = `stream ${stream.id} ends with ${stream.received} of ${message.total} octets of ${nameOf(message)}`
  if (!message.ended) fail('S2', `${got}, which has not ended`)
  if (message.broken) fail('S2', `${got}, which is malformed`)
  if (stream.received !== message.total) fail('S2', got)
  if (stream.trailers !== message.trailers) fail('S2', `${got}, and trailers ${stream.trailers}`)
}

/**
 * A message of HTTP/1.1 has come whole, as its framing tells. By its length: no end is said, and no trailers
 * are; one whose sender promised less than it sent is whole short of that.
 */
export function framedIsWhole(
  stream: Received,
  message: Message,
  byLength: boolean,
  carriesTrailers: boolean,
): void {
  const got = `message ${stream.id} is whole with ${stream.received} of ${message.total} octets of ${nameOf(message)}`
  if (byLength && message.broken) {
    if (stream.received >= message.total) fail('S2', `${got}, which is malformed`)
    return
  }
  if (!byLength && !message.ended) fail('S2', `${got}, which has not ended`)
  if (!byLength && message.broken) fail('S2', `${got}, which is malformed`)
  if (stream.received !== message.total) fail('S2', got)
  const trailers = carriesTrailers ? message.trailers : null
  if (stream.trailers !== trailers) fail('S2', `${got}, and trailers ${stream.trailers}`)
}

/** One half of a tunnel has ended: as its sender has ended it, behind all that it has said. */
export function flowIsWhole(stream: Pick<Received, 'id' | 'received'>, message: Message): void {
  const got = `tunnel ${stream.id} ends with ${stream.received} of ${message.sent} octets of ${nameOf(message)}`
  if (!message.ended) fail('S2', `${got}, which has not ended`)
  if (stream.received !== message.sent) fail('S2', got)
}

/**
 * The head of a response has come behind these interim responses (RFC 9110 §15.2): none of its own is lost.
 */
export function interimsCame(id: number, tags: readonly string[], response: Response): void {
  const came = tags.filter((tag) => tag === response.interimTag).length
  if (came >= response.interims) return
  fail('S2', `request ${id} is answered after ${came} of ${response.interims} interim responses`)
}

const nameOf = (message: Message): string => `${message.kind} ${message.id}`
