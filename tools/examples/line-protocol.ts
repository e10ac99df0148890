// A proxy for a protocol of lines, on transport, continuation and engine alone: an example of another protocol
// than HTTP.
//
// Each line of a client is a question, and one line of the backend answers it. Clients share a few connections
// to the backend, each of which carries `depth` questions at once. Answers leave in the order of their
// questions; where there is none, `ERROR why` does. All that waits is bounded: the bytes of a line, the
// questions of a client and the bytes it has not taken (it is read no further), the time of a dial and of an
// answer, and by the World's memory budget all of it together.

import { Continuation, defineLife, fault } from '../../src/continuation/index.js'
import {
  Engine,
  type EngineLimits,
  engineLimits,
  LEASED,
  Lease,
  type Session,
  type SessionReports,
  UNLEASED,
} from '../../src/engine/index.js'
import { type Address, ENDED, Pollable, type Socket } from '../../src/pollset/index.js'
import {
  Attempts,
  attemptLimits,
  type BackendTarget,
  ByteConnection,
  Connections,
  Listening,
  type TransportWorld,
} from '../../src/transport/index.js'

export interface LineOptions extends EngineLimits {
  /** questions that one connection to the backend carries at once */
  readonly depth: number
  /** clients at once; one more is closed as it comes */
  readonly clientsMax: number
  /** questions of one client that wait for their answers; it is read no further */
  readonly questionsMax: number
  /** bytes of a line; bytes of answers that a client has not taken before it is read no further */
  readonly lineBytesMax: number
  /** ms for a connection to the backend; for a place on one; for an answer */
  readonly connectMs: number
  readonly leaseMs: number
  readonly answerMs: number
}

const defaults: LineOptions = {
  ...engineLimits,
  depth: 8,
  clientsMax: 1_000,
  questionsMax: 64,
  lineBytesMax: 4_096,
  connectMs: 2_000,
  leaseMs: 5_000,
  answerMs: 5_000,
}

/** Both ends read lines and write lines. */
abstract class LineConnection extends ByteConnection {
  private rest = ''
  protected abstract readonly lineBytesMax: number
  protected abstract line(text: string): void
  /** A line does not end within its bound. */
  protected abstract overlong(): void

  say(text: string): void {
    this.output.write(Buffer.from(`${text}\n`, 'latin1'))
  }

  take(socket: Socket): void {
    while (this.mayRead && !this.ending) {
      const end = this.rest.indexOf('\n')
      if ((end < 0 ? this.rest.length : end) > this.lineBytesMax) {
        this.ending = true
        this.overlong()
      } else if (end >= 0) {
        const text = this.rest.slice(0, end)
        this.rest = this.rest.slice(end + 1)
        this.line(text)
      } else {
        const chunk = socket.take()
        if (chunk !== null) this.rest += chunk.toString('latin1')
        else if ((socket.readiness & ENDED) !== 0) this.ending = true
        else return
      }
    }
  }
}

const ANSWERED = 1

/** The answer to one question; `text` stays null where the session ends before it. */
class Reply extends Pollable {
  readonly id: string
  readonly kind = 'reply'
  readonly bitNames = ['ANSWERED']
  text: string | null = null
  constructor(id: string) {
    super()
    this.id = id
  }
}

const GONE = fault('line-closed', 'backend', 'connection', 'never', 'the backend has gone')

/** A connection to the backend, as its engine sees it: from the dial on. */
class LineSession implements Session {
  readonly id: string
  readonly features = 0
  readonly capacity: number
  state: Session['state'] = 'opening'
  leased = 0
  readonly reports: SessionReports<LineSession>
  private readonly dial: LineDial
  private backend: LineBackend | null = null

  constructor(proxy: LineProxy, reports: SessionReports<LineSession>) {
    this.id = proxy.world.nextId('b')
    this.capacity = proxy.options.depth
    this.reports = reports
    this.dial = new LineDial(proxy, this)
  }

  connected(proxy: LineProxy, socket: Socket): void {
    this.backend = new LineBackend(proxy, this, socket)
    this.reports.opened(this)
  }

  ask(text: string): Reply {
    return (this.backend as LineBackend).ask(text)
  }

  close(): void {
    ;(this.backend ?? this.dial).cancel()
  }
}

class LineBackend extends LineConnection {
  readonly kind = 'line-backend'
  readonly mayRead = true
  protected readonly lineBytesMax: number
  private readonly session: LineSession
  private readonly asked: Reply[] = []

  constructor(proxy: LineProxy, session: LineSession, socket: Socket) {
    super(proxy.world, session.id, socket)
    this.lineBytesMax = proxy.options.lineBytesMax
    this.session = session
  }

  get owes(): boolean {
    return this.asked.length > 0
  }

  ask(text: string): Reply {
    const reply = new Reply(`${this.id}.reply`)
    this.asked.push(reply)
    this.say(text)
    return reply
  }

  protected line(text: string): void {
    const reply = this.asked.shift()
    if (reply === undefined) {
      this.overlong()
      return
    }
    reply.text = text
    reply.raise(ANSWERED)
    this.session.reports.freed(this.session)
  }

  /** It says what nobody asked for, or without end. */
  protected overlong(): void {
    this.socket.reset()
  }

  closed(): void {
    for (const reply of this.asked) reply.raise(ANSWERED)
    this.session.reports.closed(this.session, GONE)
  }
}

const dialLife = defineLife({
  edges: {
    resolve: ['connect', 'fail'],
    connect: ['connect', 'handOver', 'fail'],
    handOver: ['done'],
    fail: ['done'],
  },
})
const waitForName = dialLife.suspend({ then: 'connect', late: 'fail', cancelled: 'fail' })
const waitForConnect = dialLife.suspend({ then: 'connect', late: 'connect', cancelled: 'fail' })

class LineDial extends Continuation {
  readonly id: string
  readonly kind = 'line-dial'
  readonly proxy: LineProxy
  readonly session: LineSession
  readonly attempts: Attempts

  constructor(proxy: LineProxy, session: LineSession) {
    super(proxy.world)
    this.id = `${session.id}.dial`
    this.proxy = proxy
    this.session = session
    const { connectMs } = proxy.options
    this.attempts = new Attempts(proxy.world.pollset, proxy.target, { ...attemptLimits, connectMs })
    dialSteps.start(proxy.world, this, 'resolve')
  }

  crashed(): void {
    this.attempts.drop()
    this.session.reports.closed(this.session, this.attempts.fault ?? this.attempts.ended)
  }
}

const dialSteps = dialLife.steps<LineDial>({
  resolve: (d) => (d.attempts.resolve(d) ? waitForName : dialLife.goto.connect),
  connect(d) {
    if (d.attempts.goOn(d, d.session.id)) return waitForConnect
    return d.attempts.socket === null ? dialLife.goto.fail : dialLife.goto.handOver
  },
  handOver(d) {
    d.session.connected(d.proxy, d.attempts.socket as Socket)
    return dialLife.done
  },
  fail(d) {
    d.crashed()
    return dialLife.done
  },
})

const questionLife = defineLife({
  edges: { lease: ['ask', 'tell'], ask: ['tell'], tell: ['done'] },
  waits: ['lease', 'answer'],
})
const waitForLease = questionLife.suspend({ then: 'ask', late: 'tell', cancelled: 'tell', within: 'lease' })
const waitForAnswer = questionLife.suspend({
  then: 'tell',
  late: 'tell',
  cancelled: 'tell',
  within: 'answer',
})

/** One line of a client: it leases, asks and answers. */
class Question extends Continuation {
  readonly id: string
  readonly kind = 'question'
  readonly client: LineFrontend
  readonly text: string
  readonly lease: Lease<LineSession>
  reply: Reply | null = null
  answer: string | null = null

  constructor(client: LineFrontend, text: string) {
    const { world, options } = client.proxy
    const ms = { lease: options.leaseMs, answer: options.answerMs }
    super(world, questionLife.durations(world.pollset.deadlines, ms))
    this.id = world.nextId(`${client.id}/q`)
    this.client = client
    this.text = text
    this.lease = new Lease<LineSession>(this)
    questionSteps.start(world, this, 'lease')
  }

  tell(answer: string): void {
    this.lease.release()
    this.answer = answer
    this.client.answered()
  }

  crashed(): void {
    this.tell('ERROR internal error')
  }
}

const questionSteps = questionLife.steps<Question>({
  lease(q) {
    const answer = q.client.proxy.engine.lease(q.lease)
    if (answer === 'granted') return questionLife.goto.ask
    if (answer !== 'queued') return questionLife.goto.tell
    q.waitOn(0, q.lease, LEASED | UNLEASED)
    return waitForLease
  },
  ask(q) {
    if (q.lease.session === null) return questionLife.goto.tell
    q.reply = q.lease.take().ask(q.text)
    q.waitOn(0, q.reply, ANSWERED)
    return waitForAnswer
  },
  tell(q) {
    const why = q.lease.fault ?? GONE
    q.tell(q.reply?.text ?? `ERROR ${q.late ? 'no answer in time' : why.message}`)
    return questionLife.done
  },
})

class LineFrontend extends LineConnection {
  readonly kind = 'line-frontend'
  readonly proxy: LineProxy
  protected readonly lineBytesMax: number
  private readonly questions: { readonly answer: string | null; cancel?(): void }[] = []

  constructor(proxy: LineProxy, socket: Socket) {
    super(proxy.world, proxy.world.nextId('m'), socket)
    this.proxy = proxy
    this.lineBytesMax = proxy.options.lineBytesMax
  }

  get mayRead(): boolean {
    return this.questions.length < this.proxy.options.questionsMax && this.output.waiting < this.lineBytesMax
  }

  get owes(): boolean {
    return this.questions.length > 0
  }

  protected line(text: string): void {
    this.questions.push(new Question(this, text))
  }

  protected overlong(): void {
    this.questions.push({ answer: 'ERROR the line is too long' })
    this.answered()
  }

  /** Answers leave in the order of their questions. */
  answered(): void {
    while (this.questions.length > 0 && this.questions[0].answer !== null)
      this.say(this.questions.shift()?.answer as string)
    this.changed()
  }

  closed(): void {
    for (const question of this.questions) question.cancel?.()
    this.proxy.left(this)
  }
}

/** Listens, and shares the connections to one backend among all its clients. */
export class LineProxy {
  readonly world: TransportWorld
  readonly target: BackendTarget
  readonly options: LineOptions
  readonly engine: Engine<LineSession>
  readonly clients: Connections
  readonly listening: Listening
  /** Why it does not listen. */
  failure: string | null = null

  constructor(
    world: TransportWorld,
    address: Address,
    target: BackendTarget,
    options: Partial<LineOptions> = {},
  ) {
    this.world = world
    this.target = target
    this.options = { ...defaults, ...options }
    this.clients = new Connections('clients', this.options.clientsMax)
    this.engine = new Engine(world, 'lines', (reports) => new LineSession(this, reports), this.options)
    this.listening = new Listening(world, address, {
      ready() {},
      failed: ({ listener }) => {
        this.failure = listener.fault?.code ?? 'unknown'
      },
      accepted: (socket) => {
        if (!this.clients.refuse(socket)) this.clients.add(new LineFrontend(this, socket))
      },
    })
  }

  left(client: LineFrontend): void {
    this.clients.delete(client)
    this.endIfDrained()
  }

  /** Accepts nobody more. What was asked is answered; then all closes. */
  drain(): void {
    this.listening.cancel()
    this.clients.drain()
    this.endIfDrained()
  }

  private endIfDrained(): void {
    if (this.clients.draining && this.clients.size === 0) this.engine.close()
  }
}
