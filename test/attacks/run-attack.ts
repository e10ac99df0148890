// One attack in memory: the attacker sends its waves, and beside it a well-behaved client sends requests all
// along. It tells what the attacker got, how many turns the steady requests took, and the most that was held
// of anything.

import type { Http2Connection } from '../../src/http2/connection.js'
import type { FrameReader } from '../../src/http2/frame-reader.js'
import type { Output } from '../../src/http2/output.js'
import type { StreamTable } from '../../src/http2/stream-table.js'
import { limitsWith } from '../../src/server/index.js'
import { defaultLimits, type Limits, type SomeLimits, setLimit } from '../../src/server/limits.js'
import { type Attack, data, quiet, request } from '../../tools/attack/attack.js'
import { frame, headers, PREFACE } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { Peer, Steady } from './peer.js'

/** The largest chunk that Node gives. */
const CHUNK = 65_536
const STEP_MS = 1_000
const WAVES = 60
/** Slow backends take long for each wave, so fewer waves are enough. */
const SLOW_WAVES = 20

export interface Held {
  heldBytes: number
  controlBytes: number
  bufferedBytes: number
  /** of one client connection */
  streams: number
  slabs: number
  living: number
  queued: number
  sessions: number
  /** of one stream: interim heads that wait, all but the last */
  interimBytes: number
  /** of one connection in one turn */
  frames: number
}

export interface Outcome {
  readonly waves: number
  /** ms of the clock, until the attacker's connection was ended */
  readonly endedAfterMs: number
  readonly gone: boolean
  readonly goaways: readonly number[]
  readonly resets: readonly number[]
  /** Statuses that the attacker got; of a backend's attack, that its victims got. */
  readonly statuses: readonly number[]
  readonly victimResets: readonly number[]
  /** The most turns that a steady request took, before and during. */
  readonly turnsBefore: number
  readonly turnsDuring: number
  /** The most there was in the first half of the waves and in the second. */
  readonly first: Held
  readonly second: Held
  /** The objects that are left when all is over. */
  readonly left: { heldBytes: number; slabs: number; frontends: number; exchanges: number }
  readonly counts: Readonly<Record<string, number>>
  readonly opens: number
  readonly limits: Limits
}

/** Fields of a connection that only a test may see. */
interface Inside {
  readonly reader: FrameReader
  readonly output: Output
  readonly streams: StreamTable
}

const nothing = (): Held => ({
  heldBytes: 0,
  controlBytes: 0,
  bufferedBytes: 0,
  streams: 0,
  slabs: 0,
  living: 0,
  queued: 0,
  sessions: 0,
  interimBytes: 0,
  frames: 0,
})

class Field {
  readonly proxy: ReturnType<typeof memoryProxy>
  readonly peers: Peer[] = []
  readonly steady: Steady
  most = nothing()
  private readonly attack: Attack
  private readonly framesBefore = new Map<FrameReader, number>()
  attacker: Peer | null = null
  private readonly good: FarEnd[]
  private seen = 0
  private seenBad = 0

  constructor(attack: Attack, limits: SomeLimits) {
    this.attack = attack
    this.proxy = memoryProxy(limits, { beside: '/beside' })
    const ofClient = attack.role === 'client'
    this.good = ofClient ? this.proxy.backends : this.proxy.beside
    this.steady = new Steady(this.proxy.client(), ofClient ? '/steady' : '/beside')
    this.peers.push(this.steady)
  }

  /**
   * Backends that were connected to since the last look: the good ones shake hands, the attacker has its own
   * way.
   */
  private meet(): void {
    for (; this.seen < this.good.length; this.seen++) {
      const peer = new Peer(this.good[this.seen], { answers: true })
      peer.greet()
      this.peers.push(peer)
    }
    if (this.attack.role === 'client') return
    for (; this.seenBad < this.proxy.backends.length; this.seenBad++) {
      const far = this.proxy.backends[this.seenBad]
      if (this.attack.deaf) far.reading = false
      const { raw, rude, lastWords } = this.attack
      this.attacker = new Peer(far, { acknowledges: !raw && !rude })
      if (lastWords !== undefined) {
        far.put(lastWords)
        if (lastWords.length > 0) far.end()
        else far.destroy()
      } else if (!raw) far.put(Buffer.concat([frame(4, 0, 0), rude ? Buffer.alloc(0) : frame(4, 1, 0)]))
      this.peers.push(this.attacker)
    }
  }

  /** Connections of an attacking backend, but for the last, that were asked since. */
  earlier(): Peer[] {
    if (this.attack.role === 'client' || this.attack.hangsUp) return []
    return this.peers.filter(
      (each) =>
        each !== this.attacker &&
        !each.gone &&
        each.fresh.length > 0 &&
        this.proxy.backends.includes(each.far),
    )
  }

  /** Runs a turn, and lets the peers answer. */
  turn(): void {
    this.proxy.pollset.one()
    this.look()
    this.meet()
    for (const peer of this.peers) if (peer.far.reading) peer.read()
  }

  settle(): void {
    for (let i = 0; i < 8; i++) this.turn()
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.proxy.pollset.advance(Math.min(left, STEP_MS))
      this.settle()
    }
  }

  /** Turns until a steady request is answered. */
  measure(): number {
    const id = this.steady.ask()
    for (let turns = 1; turns <= 100; turns++) {
      this.turn()
      if (this.steady.ended.has(id)) return this.steady.statuses.get(id) === 200 ? turns : 1_000
    }
    return 1_000
  }

  put(far: FarEnd, octets: Buffer): void {
    for (let at = 0; at < octets.length; at += CHUNK) far.put(octets.subarray(at, at + CHUNK))
  }

  private look(): void {
    const { world, backend } = this.proxy
    const { most } = this
    const note = (name: keyof Held, value: number) => {
      if (value > most[name]) most[name] = value
    }
    note('heldBytes', world.memory.bytes)
    note('slabs', world.slabs.lent)
    note('living', world.scheduler.living)
    for (const engine of backend.engines()) {
      note('queued', engine.queued)
      note('sessions', engine.sessions.length)
    }
    for (const each of world.scheduler.alive()) {
      if (each.kind !== 'frontend' && each.kind !== 'backend') continue
      const { reader, output, streams } = each as unknown as Http2Connection & Inside
      note('controlBytes', output.describe().controlBytes as number)
      note('bufferedBytes', reader.bufferedBytes)
      for (const stream of streams.all())
        for (const heads of [stream.interims, stream.pendingInterims])
          note('interimBytes', heads === null ? 0 : heads.slice(1).reduce((sum, head) => sum + head.size, 0))
      if (each.kind === 'frontend') note('streams', streams.count)
      note('frames', reader.frames - (this.framesBefore.get(reader) ?? 0))
      this.framesBefore.set(reader, reader.frames)
    }
  }

  get opens(): number {
    return this.proxy.backend.engines().reduce((sum, engine) => sum + engine.opens, 0)
  }
}

const UPLOAD = headers(1, request('/upload', 'POST'), false)

/** The limits that this attack asks for. */
const limitsOf = (attack: Attack): SomeLimits =>
  Object.entries(attack.limits ?? {}).reduce<SomeLimits>(
    (limits, [name, value]) => setLimit(limits, `${name}=${value}`),
    {},
  )

export function runAttack(attack: Attack): Outcome {
  const limits = limitsOf(attack)
  const field = new Field(attack, limits)
  const { proxy } = field
  field.measure()
  let turnsBefore = 0
  for (let i = 0; i < 10; i++) turnsBefore = Math.max(turnsBefore, field.measure())
  const victims: Peer[] = []
  if (attack.role === 'client') {
    const socket = proxy.pollset.socket({ host: '192.0.2.66', port: 666 })
    proxy.serve(socket)
    const far = socket.far
    if (attack.deaf || attack.sips) far.reading = false
    const acknowledges = !attack.raw && !attack.rude
    field.attacker = new Peer(far, { acknowledges, stays: attack.stays === true })
    field.peers.push(field.attacker)
    if (!attack.raw)
      far.put(Buffer.concat([PREFACE, frame(4, 0, 0), attack.rude ? Buffer.alloc(0) : frame(4, 1, 0)]))
    field.settle()
  }
  const began = proxy.pollset.now
  const slow = attack.role === 'backend' && (attack.everyMs ?? 0) > 1_000
  const waves = attack.waves ?? (slow ? SLOW_WAVES : WAVES)
  let turnsDuring = 0
  let first = nothing()
  let wave = 0
  let at = 0
  let endedAt = Number.POSITIVE_INFINITY
  let of: Peer | null = field.attacker
  for (; wave < waves; wave++, at++) {
    if (attack.role === 'backend') {
      // A victim each wave, so that there is always one to harm.
      const victim = new Peer(proxy.client())
      victims.push(victim)
      field.peers.push(victim)
      victim.far.put(attack.victim === 'upload' ? Buffer.concat([UPLOAD, data(1, 16_000)]) : quiet(1))
      if (attack.everyMs === undefined) field.settle()
      else field.turn()
    }
    const attacker = field.attacker
    if (attacker !== null && attacker !== of) {
      of = attacker
      at = 0
    }
    if (attacker?.gone) {
      endedAt = Math.min(endedAt, proxy.pollset.now - began)
      if (attack.role === 'client' || attack.everyMs === undefined) break
    } else if (attack.hangsUp && attacker !== null && attacker.fresh.length > 0) {
      attacker.fresh = []
      attacker.far.destroy()
    } else if (attacker !== null) {
      const octets = attack.wave(at, [...attacker.asked], attacker.fresh)
      attacker.fresh = []
      field.put(attacker.far, octets)
      if (attack.sips) {
        attacker.far.drain()
        attacker.read()
      }
    }
    // Requests that it had before are answered too.
    for (const each of field.earlier()) {
      const octets = attack.wave(at, [...each.asked], each.fresh)
      each.fresh = []
      field.put(each.far, octets)
    }
    turnsDuring = Math.max(turnsDuring, field.measure())
    if (attack.everyMs !== undefined) field.pass(attack.everyMs)
    if (wave === waves >> 1) {
      first = field.most
      field.most = nothing()
    }
  }
  field.settle()
  const attacker = of
  if (attacker?.gone) endedAt = Math.min(endedAt, proxy.pollset.now - began)
  const attackers =
    attack.role === 'client' ? [attacker] : field.peers.filter((each) => proxy.backends.includes(each.far))
  const second = field.most
  const outcome = {
    waves: wave,
    endedAfterMs: endedAt,
    gone: attackers.some((each) => each?.gone),
    goaways: attackers.flatMap((each) => each?.goaways ?? []),
    resets: attackers.flatMap((each) => each?.resets ?? []),
    statuses: (attack.role === 'client' ? [attacker] : victims).flatMap((each) => [
      ...(each?.statuses.values() ?? []),
    ]),
    victimResets: victims.flatMap((each) => each.resets),
    turnsBefore,
    turnsDuring,
    first,
    second,
    counts: { ...proxy.http2.counts },
    opens: field.opens,
    limits: limitsWith(defaultLimits, limits),
  }
  // Victims first: while they wait, a backend that has gone is followed by another.
  for (const each of [...victims, ...attackers]) if (each !== null && !each.far.closed) each.far.destroy()
  field.pass(5_000)
  turnsDuring = Math.max(turnsDuring, field.measure())
  field.settle()
  return {
    ...outcome,
    turnsDuring,
    left: {
      heldBytes: proxy.world.memory.bytes,
      slabs: proxy.world.slabs.lent,
      frontends: [...proxy.world.scheduler.alive()].filter((each) => each.kind === 'frontend').length,
      exchanges: proxy.proxy.begun - proxy.proxy.logged,
    },
  }
}
