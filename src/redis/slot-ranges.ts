// The slots of the nodes of a Redis Cluster, as one of them tells them (CLUSTER SLOTS).

import { elementsOf, stringOf } from './merge.js'
import { SLOTS } from './slots.js'

/** Slots, from the first to the last, and the node that has them: its master. */
export interface SlotRange {
  readonly first: number
  readonly last: number
  /** '': the node that was asked. */
  readonly host: string
  readonly port: number
}

const STAR = 0x2a

/** Reads a reply of CLUSTER SLOTS, which is whole. Null: it is none. */
export function slotRangesOf(reply: Buffer): readonly SlotRange[] | null {
  if (reply[0] !== STAR) return null
  const ranges: SlotRange[] = []
  for (const each of elementsOf(reply)) {
    if (each[0] !== STAR) return null
    const [from, to, master] = elementsOf(each)
    if (master === undefined || master[0] !== STAR) return null
    const [host, at] = elementsOf(master)
    if (at === undefined) return null
    const first = Number(stringOf(from))
    const last = Number(stringOf(to))
    const port = Number(stringOf(at))
    const isRange = first >= 0 && first <= last && last < SLOTS
    if (!isRange || !(port >= 1 && port <= 65_535)) return null
    const name = stringOf(host)
    // A server that does not know its own name says so.
    ranges.push({ first, last, host: name === '?' ? '' : name, port })
  }
  return ranges
}
