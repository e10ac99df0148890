// An attack: octets, wave by wave, and their rhythm. Sans-IO, so that the same attackers run in memory
// (test/attacks) and over sockets (tools/attack.ts). spec/attacks.md has a row for each.

import { block, frame, headers, uint32 } from '../testbed/frames.js'

export type Role = 'client' | 'backend'

export interface Attack {
  /** As in spec/attacks.md, where the pair of name and role is the row's key. */
  readonly name: string
  readonly role: Role
  /**
   * The octets of this wave. Of a backend: `streams` are those it was asked on and that are still open, `fresh` those it
   * was asked on since the last wave.
   */
  wave(at: number, streams: readonly number[], fresh: readonly number[]): Buffer
  /** ms between two waves; without: as fast as they are taken */
  readonly everyMs?: number
  /** Waves at most. */
  readonly waves?: number
  /** The waves are all it sends: no preface, no SETTINGS, no answer. */
  readonly raw?: boolean
  /** Said as soon as it is connected, in place of SETTINGS; then it hangs up. */
  readonly lastWords?: Buffer
  /** It hangs up as soon as it is asked, without a word. */
  readonly hangsUp?: boolean
  /** It does not acknowledge SETTINGS. */
  readonly rude?: boolean
  /** It stays after our FIN: only a closed socket ends it. */
  readonly stays?: boolean
  /** It reads nothing from its socket. */
  readonly deaf?: boolean
  /** It reads nothing but, each wave, what one write has left waiting. */
  readonly sips?: boolean
  /** Against a backend: what its victims ask for. */
  readonly victim?: 'get' | 'upload'
  /** Limits, by room and name, without which a test would take too long. */
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
/** Windows as wide as they come: a body is not held up by them. */
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
