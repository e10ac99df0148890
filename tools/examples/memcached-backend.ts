// The side of the servers: a connection to a server, which the engine shares, and the part of a request
// that is asked there.

import { Continuation, defineLife } from '../../src/continuation/index.js'
import {
  type Engine,
  engineLimits,
  LEASED,
  Lease,
  type Session,
  type SessionReports,
  type SessionState,
  UNLEASED,
} from '../../src/engine/index.js'
import { Signal, type Socket } from '../../src/pollset/index.js'
import {
  ByteConnection,
  dialLimits,
  KeptBytes,
  Pipeline,
  type TransportWorld,
} from '../../src/transport/index.js'
import { AnswerReader, lineOf, type MemcachedCommand } from './memcached-text.js'

export const memcachedDefaults = {
  ...engineLimits,
  ...dialLimits,
  /** connections to one server */
  sessionsMax: 2,
  /** requests that one connection to a server carries at once */
  depth: 256,
  /** clients at once; one more is closed as it comes */
  clientsMax: 10_000,
  /** requests of one client that wait for their answers; past them reading from it stops */
  requestsMax: 256,
  /** bytes of a value; of an answer; of answers that a client has not taken before reading from it stops */
  valueBytesMax: 1_048_576,
  answerBytesMax: 16_777_216,
  unreadBytesMax: 1_048_576,
  /** ms for a place on a connection to a server, and for an answer */
  leaseMs: 5_000,
  answerMs: 5_000,
}
export type MemcachedOptions = Readonly<typeof memcachedDefaults>

/** A connection to a server, shared by the engine. Each answer belongs to the oldest part. */
export class MemcachedSession extends ByteConnection implements Session {
  readonly kind = 'memcached-session'
  readonly mayRead = true
  readonly features = 0
  readonly capacity: number
  state: SessionState = 'opening'
  leased = 0
  private readonly reports: SessionReports<MemcachedSession>
  private readonly asked = new Pipeline<Part>()
  private readonly answers = new AnswerReader()

  constructor(
    world: TransportWorld,
    depth: number,
    id: string,
    socket: Socket,
    reports: SessionReports<MemcachedSession>,
  ) {
    super(world, id, socket)
    this.capacity = depth
    this.reports = reports
  }

  get owes(): boolean {
    return this.asked.size > 0
  }

  override take(socket: Socket): void {
    if (this.state === 'opening') this.reports.opened(this)
    super.take(socket)
  }

  ask(part: Part, line: Buffer, value: KeptBytes): void {
    this.asked.push(part)
    this.output.write(line)
    this.output.put(value.bytes, 0, value.length)
  }

  protected takeBytes(chunk: Buffer, at: number): number {
    const { answers, asked } = this
    const end = answers.read(chunk, at)
    const part = asked.first
    if (part === null || answers.found === 'wrong') {
      this.socket.reset()
      return chunk.length
    }
    part.receive(chunk, at, end)
    if (answers.found === 'last') {
      asked.shift()
      part.answered(true)
      this.reports.freed(this)
    }
    return end
  }

  /**
   * Handles a part without an answer in time. The oldest part has waited at least as long, so no
   * part gets an answer.
   */
  gaveUp(): void {
    this.socket.reset()
  }

  close(): void {
    this.cancel()
  }

  closed(): void {
    for (const part of this.asked) part.answered(false)
    this.reports.closed(this, null)
  }
}

const partLife = defineLife({
  name: 'memcached.part',
  source: import.meta.url,
  edges: { lease: ['ask', 'end'], ask: ['judge', 'end'], judge: ['lease', 'end'], end: ['done'] },
  waits: ['leaseMs', 'answerMs'],
})

const ANSWERED = 1
const READS = /^g/

/** A request of a client, as seen by its parts. */
export interface Asking {
  readonly id: string
  readonly command: MemcachedCommand
  readonly value: KeptBytes
  /** Is told that a part has ended: it has an answer, or an error. */
  ended(part: Part): void
}

/** The part of a request for one server: it leases a place on a session, and asks there. */
export class Part extends Continuation {
  readonly id: string
  readonly kind = 'memcached-part'
  readonly request: Asking
  readonly engine: Engine<MemcachedSession>
  readonly keys: readonly string[]
  readonly lease: Lease<MemcachedSession>
  readonly reply: Signal
  readonly bytes: KeptBytes
  session: MemcachedSession | null = null
  error: string | null = null
  isWhole = false
  private attempts = 0
  private readonly bytesMax: number

  constructor(
    world: TransportWorld,
    options: MemcachedOptions,
    request: Asking,
    engine: Engine<MemcachedSession>,
    keys: readonly string[],
  ) {
    super(world, partLife.durations(world.pollset.deadlines, options))
    this.request = request
    this.bytesMax = options.answerBytesMax
    this.engine = engine
    this.keys = keys
    this.id = world.nextId(`${request.id}/p`)
    this.lease = new Lease<MemcachedSession>(this)
    this.reply = new Signal(`${this.id}.reply`, 'reply', ['ANSWERED'])
    this.bytes = new KeptBytes(world.pollset, world.memory)
    partSteps.start(world, this, 'lease')
  }

  ask(): void {
    const { request } = this
    this.session = this.lease.take()
    this.attempts++
    this.session.ask(this, lineOf(request.command, this.keys), request.value)
  }

  receive(chunk: Buffer, from: number, to: number): void {
    if (this.error !== null) return
    this.bytes.append(chunk, from, to)
    if (this.bytes.length <= this.bytesMax) return
    this.bytes.clear()
    this.error = 'SERVER_ERROR answer-too-large ask for fewer keys at once'
  }

  /** Notes that the answer has ended, or that the session has ended before it. */
  answered(isWhole: boolean): void {
    this.isWhole = isWhole
    this.reply.raise(ANSWERED)
  }

  /** Returns true if it may be asked once more: it only reads. */
  mayRetry(): boolean {
    if (this.isWhole || this.cancelAsked || this.error !== null || !READS.test(this.request.command.verb))
      return false
    return this.attempts === 1
  }

  end(otherwise: string): void {
    this.lease.release()
    if (!this.isWhole) this.error ??= `SERVER_ERROR ${otherwise}`
    this.request.ended(this)
  }

  /** Drops its answer, which has left or is of no use. */
  discard(): void {
    this.error ??= 'SERVER_ERROR discarded'
    this.bytes.clear()
  }

  crashed(): void {
    this.end('internal-error the proxy failed')
  }
}

const { goto, done, suspend } = partLife
const waitForLease = suspend({ then: 'ask', late: 'end', cancelled: 'end', within: 'leaseMs' })
// The part has been asked and gets its answer even if its client has left: a cancel changes nothing.
const waitForAnswer = suspend({ then: 'judge', late: 'end', within: 'answerMs' })

const partSteps = partLife.steps<Part>({
  lease(p) {
    const answer = p.engine.lease(p.lease)
    if (answer === 'granted') return goto.ask
    if (answer !== 'queued') {
      p.error = `SERVER_ERROR ${answer.fault.code} ${answer.fault.message}`
      return goto.end
    }
    p.waitOn(0, p.lease, LEASED | UNLEASED)
    return waitForLease
  },
  ask(p) {
    if (p.lease.session === null) return goto.end
    p.ask()
    p.waitOn(0, p.reply, ANSWERED)
    return waitForAnswer
  },
  judge(p) {
    if (!p.mayRetry()) return goto.end
    p.bytes.clear()
    p.reply.lower(ANSWERED)
    return goto.lease
  },
  end(p) {
    if (p.late) p.session?.gaveUp()
    const { fault } = p.lease
    const why = fault === null ? 'backend-lost the request may have run' : `${fault.code} ${fault.message}`
    p.end(p.late ? 'answer-late there was no answer in time' : why)
    return done
  },
})
