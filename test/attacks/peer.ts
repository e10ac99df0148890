// A well-behaved peer of the proxy in memory: it acknowledges SETTINGS, answers PING, notes what it receives,
// and, as a backend, answers by path. The attackers have one too, for their handshakes and acknowledgements.

import { type Field, FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/index.js'
import { data, request, response, settings } from '../../tools/attack/attack.js'
import { type Frame, frame, framesOf, headers } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'

const LARGE_BODY = 4 * 1024 * 1024
/** octets of bodies that a backend sends in a turn: a few reads of a connection */
const BODIES_A_TURN = 4 * 65_536

/** The bytes that a backend still owes on a stream, and may send. */
interface Debt {
  left: number
  window: number
}

export class Peer {
  readonly far: FarEnd
  /** The last status that came, by stream. */
  readonly statuses = new Map<number, number>()
  readonly ended = new Set<number>()
  /** RST_STREAM codes received, and GOAWAY codes. */
  readonly resets: number[] = []
  readonly goaways: number[] = []
  /** Requests received, as a backend: the streams that are open, and those not yet seen by the attack. */
  readonly asked = new Set<number>()
  fresh: number[] = []
  received = 0
  private readonly decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  private readonly debts = new Map<number, Debt>()
  private window = 65_535
  private initial = 65_535
  private readonly answers: boolean
  private readonly acknowledges: boolean
  private readonly stays: boolean

  constructor(far: FarEnd, options: { answers?: boolean; acknowledges?: boolean; stays?: boolean } = {}) {
    this.far = far
    this.answers = options.answers ?? false
    this.acknowledges = options.acknowledges ?? true
    this.stays = options.stays ?? false
  }

  get gone(): boolean {
    return (this.far.ended && !this.stays) || this.far.closed
  }

  /** A backend's first octets. */
  greet(): void {
    this.far.put(Buffer.concat([settings([3, 1000]), frame(4, 1, 0)]))
  }

  /** Read what has come and put the answers; no turn is run. */
  read(): void {
    let octets = this.far.take()
    this.received += octets.length
    if (octets.subarray(0, 3).toString() === 'PRI') octets = octets.subarray(24)
    const out: Buffer[] = []
    for (const each of framesOf(octets)) this.take(each, out)
    let left = BODIES_A_TURN
    for (const [id, debt] of this.debts) left -= this.pay(id, debt, left, out)
    if (out.length > 0 && !this.gone) this.far.put(Buffer.concat(out))
  }

  private take(each: Frame, out: Buffer[]): void {
    const { type, flags, stream, payload } = each
    if (type === 4 && (flags & 1) === 0) {
      if (this.acknowledges) out.push(frame(4, 1, 0))
      for (let at = 0; at < payload.length; at += 6)
        if (payload.readUInt16BE(at) === 4) this.initial = payload.readUInt32BE(at + 2)
    } else if (type === 6 && (flags & 1) === 0) {
      if (this.acknowledges) out.push(frame(6, 1, 0, payload))
    } else if (type === 7) this.goaways.push(payload.readUInt32BE(4))
    else if (type === 3) {
      this.resets.push(payload.readUInt32BE(0))
      this.asked.delete(stream)
      this.debts.delete(stream)
    } else if (type === 8) this.widened(stream, payload.readUInt32BE(0))
    else if (type === 1 || type === 9) this.head(each, out)
    if ((type === 0 || type === 1) && (flags & 1) !== 0) this.ended.add(stream)
  }

  private head(each: Frame, out: Buffer[]): void {
    // A list of up to 32 KiB may need CONTINUATION. Only the attackers have such lists, and this peer does
    // not read theirs.
    if ((each.flags & 4) === 0 || each.type === 9) return
    const fields: Field[] = []
    this.decoder.decode(each.payload, 0, each.payload.length, fields, 1 << 20, 1000)
    const value = (name: string) => fields.find((field) => field.name === name)?.value
    const status = value(':status')
    if (status !== undefined) this.statuses.set(each.stream, Number(status))
    const path = value(':path')
    if (path === undefined) return
    this.asked.add(each.stream)
    this.fresh.push(each.stream)
    if (!this.answers) return
    if (path === '/steady' || path === '/beside') {
      this.asked.delete(each.stream)
      out.push(response(each.stream, '200', [], true))
    } else if (path === '/large') {
      out.push(response(each.stream))
      this.debts.set(each.stream, { left: LARGE_BODY, window: this.initial })
    }
  }

  private widened(stream: number, by: number): void {
    const debt = this.debts.get(stream)
    if (stream === 0) this.window += by
    else if (debt !== undefined) debt.window += by
  }

  /** Sends what it may of a body, at most `most` octets. Returns how many they are. */
  private pay(id: number, debt: Debt, most: number, out: Buffer[]): number {
    for (let paid = 0; ; ) {
      const size = Math.min(16_384, debt.left, debt.window, this.window, most - paid)
      if (size <= 0) return paid
      paid += size
      debt.left -= size
      debt.window -= size
      this.window -= size
      out.push(data(id, size, debt.left === 0 ? 1 : 0))
    }
  }
}

/** A client that asks again and again, and counts the turns until it is answered. */
export class Steady extends Peer {
  private next = 1
  private readonly path: string

  constructor(far: FarEnd, path: string) {
    super(far)
    this.path = path
  }

  ask(): number {
    const id = this.next
    this.next += 2
    this.far.put(headers(id, request(this.path)))
    return id
  }
}
