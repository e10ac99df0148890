// Heads over every bound, as either side of the simulation sends them: too many fields, too many bytes or
// CONTINUATIONs to be kept, and too many to be read at all. Those that are read put an entry into the dynamic
// table, which later heads name: they do not decode where the table has come out of step.

import type { Prng } from '../../src/pollset/index.js'
import * as wire from './wire.js'

/** The bounds under which the proxy is tried (limits.ts). */
export const BLOCK_LIMITS = {
  headerBlockBytesMax: 4096,
  continuationsMax: 4,
  headerBlockDiscardMax: 16_384,
  continuationsDiscardMax: 12,
}

/** The part that is too large. The last two end the connection. */
export type Excess = 'list' | 'bytes' | 'frames' | 'bytes past all' | 'frames past all'

export const drawExcess = (chance: Prng): Excess =>
  (['list', 'bytes', 'bytes', 'frames', 'frames', 'bytes past all', 'frames past all'] as const)[
    chance.below(chance.chance(80) ? 5 : 7)
  ]
export const isPastAll = (excess: Excess): boolean => excess.endsWith('past all')

/** Lengths of the fillers, one a CONTINUATION. */
function fillers(excess: Excess, chance: Prng): number[] {
  const many = (count: number, length: number): number[] => Array.from({ length: count }, () => length)
  if (excess === 'list') return [chance.between(2100, 3500)]
  if (excess === 'bytes') return many(chance.between(2, 4), chance.between(2500, 3900))
  if (excess === 'frames') return many(chance.between(5, 11), chance.below(100))
  return excess === 'bytes past all' ? many(4, 4200) : many(13, chance.below(100))
}

const text = (value: string): Buffer => {
  const octets = [value.length]
  if (value.length >= 127) {
    octets[0] = 127
    let rest = value.length - 127
    for (; rest > 127; rest >>>= 7) octets.push((rest & 127) | 128)
    octets.push(rest)
  }
  return Buffer.concat([Buffer.from(octets), Buffer.from(value, 'latin1')])
}

/** A head that is too large, in as many frames as it needs. */
export function sendLargeHead(
  out: wire.FrameOut,
  id: number,
  flags: number,
  fields: wire.Fields,
  excess: Excess,
  chance: Prng,
): void {
  const update = out.emptyTable ? [Buffer.from([0x20])] : []
  if (out.emptyTable) out.tableUsed = false
  out.emptyTable = false
  const first = [...update, ...fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)])]
  const entry = out.tableUsed ? [Buffer.from([0x40]), text('x-m'), text(String(id))] : []
  const lengths = fillers(excess, chance)
  out.frame(wire.HEADERS, flags, id, Buffer.concat(first))
  lengths.forEach((length, at) => {
    const last = at === lengths.length - 1
    const filler = [Buffer.from([0]), text('x-f'), text('f'.repeat(length))]
    const parts = Buffer.concat(last ? [...filler, ...entry] : filler)
    out.frame(wire.CONTINUATION, last ? wire.END_HEADERS : 0, id, parts)
  })
  if (out.tableUsed) out.entries++
}
