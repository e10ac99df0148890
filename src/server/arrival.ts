// An accepted socket, until it is known what it speaks: it is secured where its listener is, sniffed where it is not,
// and handed over to the protocol. All of it has a time, and holds nobody up.

import { Continuation, defineLife, type Program, type World } from '../continuation/index.js'
import { CLOSED, ENDED, READABLE, SECURED, type Socket, type TlsServer } from '../pollset/index.js'

/** What a socket turned out to speak, by its ALPN name (RFC 7301). */
export type Spoken = 'http/1.1' | 'h2'

export interface ArrivalEvents {
  /** All its octets are still there. */
  arrived(arrival: Arrival, spoken: Spoken): void
  /** It is gone, or was given up. */
  dropped(arrival: Arrival): void
}

export const arrivalLife = defineLife({
  edges: {
    meet: ['secure', 'sniff'],
    secure: ['handOver', 'drop'],
    sniff: ['sniff', 'handOver', 'drop'],
    handOver: ['done'],
    drop: ['done'],
  },
  waits: ['arrival'],
})

/** RFC 9113 §3.4: the preface of HTTP/2 begins so, and no request of HTTP/1. */
const H2_BEGINS = Buffer.from('PRI ', 'latin1')

export class Arrival extends Continuation {
  readonly id: string
  readonly socket: Socket
  readonly tls: TlsServer | null
  readonly events: ArrivalEvents
  /** Octets of {@link H2_BEGINS} that have come. */
  seen = 0
  spoken: Spoken = 'http/1.1'

  constructor(world: World, socket: Socket, tls: TlsServer | null, arrivalMs: number, events: ArrivalEvents) {
    super(
      world.scheduler,
      arrivalSteps as Program<never>,
      arrivalLife.durations(world.pollset.deadlines, { arrival: arrivalMs }),
    )
    this.id = world.nextId('a')
    this.socket = socket
    this.tls = tls
    this.events = events
    world.scheduler.start(this, arrivalSteps, 'meet')
  }

  get kind(): string {
    return 'arrival'
  }

  crashed(): void {
    this.socket.destroy()
    this.events.dropped(this)
  }

  override describe() {
    return { remote: this.socket.remote.host, secured: this.socket.secured, seen: this.seen }
  }
}

const { goto, done, suspend } = arrivalLife
const waitForHandshake = suspend({
  then: 'handOver',
  late: 'drop',
  cancelled: 'drop',
  within: 'arrival',
})
const waitForOctets = suspend({ then: 'sniff', late: 'drop', cancelled: 'drop', within: 'arrival' })

export const arrivalSteps = arrivalLife.steps<Arrival>({
  meet: (a) => (a.tls === null ? goto.sniff : goto.secure),

  secure(a) {
    a.socket.secure(a.tls as TlsServer)
    a.waitOn(0, a.socket, SECURED | CLOSED)
    return waitForHandshake
  },

  /** HTTP/2 with prior knowledge begins with its preface; what begins otherwise is HTTP/1's to judge. */
  sniff(a) {
    const { socket } = a
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      const size = Math.min(H2_BEGINS.length - a.seen, chunk.length)
      const like = chunk.compare(H2_BEGINS, a.seen, a.seen + size, 0, size) === 0
      if (like && a.seen + size < H2_BEGINS.length) {
        a.seen += size
        continue
      }
      if (like) a.spoken = 'h2'
      socket.unread(chunk)
      if (a.seen > 0) socket.unread(H2_BEGINS.subarray(0, a.seen))
      return goto.handOver
    }
    if ((socket.readiness & (ENDED | CLOSED)) !== 0) return goto.drop
    a.waitOn(0, socket, READABLE | ENDED | CLOSED)
    return waitForOctets
  },

  handOver(a) {
    const { socket } = a
    if ((socket.readiness & CLOSED) !== 0) a.events.dropped(a)
    else {
      if (socket.secured?.protocol === 'h2') a.spoken = 'h2'
      a.events.arrived(a, a.spoken)
    }
    return done
  },

  drop(a) {
    a.socket.destroy()
    a.events.dropped(a)
    return done
  },
})
