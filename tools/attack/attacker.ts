// An attacker over sockets, in a separate process: `attacker.js ROLE NAME`. Over IPC a backend reports its
// port, and a client receives the port to attack. Both report their results when asked, and end with their
// parent. Loopback only.

import { connect, createServer, type Socket } from 'node:net'
import { frame, PREFACE } from '../testbed/frames.js'
import { type Attack, settings } from './attack.js'
import { backendAttacks } from './backend-attacks.js'
import { clientAttacks } from './client-attacks.js'
import { http1Attacks } from './http1-attacks.js'
import { stepBack } from './niceness.js'

export interface Got {
  connections: number
  ended: number
  /** The connections that ended before a byte arrived: refused, or cut off. */
  wordless: number
  /** The number of GOAWAY frames by error code. */
  goaways: Record<number, number>
  resets: Record<number, number>
  sentBytes: number
}

export type Order = { order: 'begin'; port: number; connections: number } | { order: 'tell' }

const got: Got = { connections: 0, ended: 0, wordless: 0, goaways: {}, resets: {}, sentBytes: 0 }
const count = (table: Record<number, number>, code: number): void => {
  table[code] = (table[code] ?? 0) + 1
}
/** The source address of the attacker alone, so that no well-behaved client is blocked with it. */
const FROM = '127.0.0.2'
/**
 * The time before another connection replaces an ended one, in ms. It keeps an attack from running out of
 * ports.
 */
const AGAIN_MS = 5
/** The default time between two waves in ms. Without it the attacker would only measure itself. */
const WAVE_MS = 2

/** One connection of the attack, of either role. */
class Line {
  private readonly attack: Attack
  private readonly socket: Socket
  private rest: Buffer = Buffer.alloc(0)
  private preface: boolean
  private readonly asked = new Set<number>()
  private fresh: number[] = []
  private at = 0
  private timer: NodeJS.Timeout | null = null

  constructor(attack: Attack, socket: Socket, over: () => void) {
    this.attack = attack
    this.socket = socket
    this.preface = attack.role === 'backend'
    got.connections++
    socket.on('error', () => {})
    socket.on('close', () => {
      got.ended++
      if (this.socket.bytesRead === 0) got.wordless++
      if (this.timer !== null) clearTimeout(this.timer)
      over()
    })
    if (!attack.deaf && !attack.sips) socket.on('data', (octets: Buffer) => this.take(octets))
    const first = [attack.role === 'client' ? PREFACE : Buffer.alloc(0), settings(), frame(4, 1, 0)]
    if (attack.lastWords !== undefined) {
      socket.end(attack.lastWords)
      return
    }
    if (!attack.raw) this.send(Buffer.concat(attack.rude ? first.slice(0, 2) : first))
    this.wave()
  }

  private send(octets: Buffer): void {
    got.sentBytes += octets.length
    if (this.socket.writable && octets.length > 0) this.socket.write(octets)
  }

  private wave(): void {
    const { attack, socket } = this
    const sip: Buffer | null = attack.sips ? socket.read() : null
    if (sip !== null) this.take(sip)
    const again = (): void => {
      this.timer = setTimeout(() => this.wave(), attack.everyMs ?? WAVE_MS)
    }
    if (this.at < (attack.waves ?? Number.POSITIVE_INFINITY)) {
      // A backend attacks when it gets a request.
      const octets = attack.wave(this.at++, [...this.asked], this.fresh)
      this.fresh = []
      this.send(octets)
    } else if (attack.everyMs === undefined) {
      socket.end()
      return
    }
    if (socket.writableNeedDrain) socket.once('drain', again)
    else again()
  }

  private take(octets: Buffer): void {
    let all = this.rest.length === 0 ? octets : Buffer.concat([this.rest, octets])
    if (this.preface) {
      if (all.length < PREFACE.length) {
        this.rest = all
        return
      }
      this.preface = false
      all = all.subarray(PREFACE.length)
    }
    while (all.length >= 9) {
      const end = 9 + all.readUIntBE(0, 3)
      if (all.length < end) break
      this.act(all[3], all[4], all.readUInt32BE(5), all.subarray(9, end))
      all = all.subarray(end)
    }
    this.rest = Buffer.from(all)
  }

  private act(type: number, flags: number, stream: number, payload: Buffer): void {
    const { raw, rude } = this.attack
    if (type === 6 && (flags & 1) === 0 && !raw && !rude) this.send(frame(6, 1, 0, payload))
    else if (type === 7) count(got.goaways, payload.readUInt32BE(4))
    else if (type === 3) {
      count(got.resets, payload.readUInt32BE(0))
      this.asked.delete(stream)
    } else if (type === 1 && this.attack.role === 'backend') {
      if (this.attack.hangsUp) this.socket.destroy()
      this.asked.add(stream)
      this.fresh.push(stream)
    }
  }
}

function attackFrom(attack: Attack, port: number): void {
  const dial = (): void => {
    const allowHalfOpen = attack.stays === true
    const socket = connect({ port, host: '127.0.0.1', localAddress: FROM, allowHalfOpen })
    socket.once('connect', () => new Line(attack, socket, () => setTimeout(dial, AGAIN_MS)))
    socket.on('error', () => {
      if (socket.connecting) setTimeout(dial, AGAIN_MS)
    })
  }
  dial()
}

const [role, name] = process.argv.slice(2)
const attack = [...clientAttacks, ...http1Attacks, ...backendAttacks].find(
  (each) => each.role === role && each.name === name,
)
if (attack === undefined) throw new Error(`no attack '${name}' of a ${role}`)

stepBack()
if (attack.role === 'backend') {
  const server = createServer({ noDelay: true }, (socket) => {
    new Line(attack, socket, () => {})
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') process.send?.(address.port)
  })
}
process.on('message', (order: Order) => {
  if (order.order === 'tell') process.send?.(got)
  else for (let i = 0; i < order.connections; i++) attackFrom(attack, order.port)
})
process.on('disconnect', () => process.exit(0))
