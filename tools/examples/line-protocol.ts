// A proxy for a protocol of lines, on transport, continuation and engine alone: an example of a
// protocol besides HTTP.
//
// Each line of a client is a question, and one line of the backend answers it. Clients share a few
// connections to the backend, each of which carries `depth` questions at once. Answers leave in the order of
// their questions; in place of a missing answer, `ERROR why` leaves. Everything that waits is bounded: the
// bytes of a line, the questions of a client and the bytes that it has not taken (past them reading from it
// stops), the time of a dial and of an answer. The World's memory budget bounds all of it together.

import { Continuation, defineLife } from '../../src/continuation/index.js'
import {
  Engine,
  engineLimits,
  LEASED,
  Lease,
  type Session,
  type SessionReports,
  type SessionState,
  sessionsOn,
  UNLEASED,
} from '../../src/engine/index.js'
import { type Address, Signal, type Socket } from '../../src/pollset/index.js'
import {
  Connections,
  type Dial,
  type DialTarget,
  dial,
  dialLimits,
  LineConnection,
  type Listening,
  Pipeline,
  type TransportWorld,
} from '../../src/transport/index.js'

const defaults = {
  ...engineLimits,
  ...dialLimits,
  /** questions that one connection to the backend carries at once */
  depth: 8,
  /** clients at once; one more is closed as it comes */
  clientsMax: 1_000,
  /** questions of one client that wait for their answers; past them reading from it stops */
  questionsMax: 64,
  /** bytes of a line; bytes of answers that a client has not taken before reading from it stops */
  lineBytesMax: 4_096,
  /** ms for a place on a connection to the backend */
  leaseMs: 5_000,
  /** ms for an answer */
  answerMs: 5_000,
}
export type LineOptions = Readonly<typeof defaults>

/** A connection to the backend, shared by the engine. Each line of the backend answers the oldest question. */
class LineSession extends LineConnection implements Session {
  readonly kind = 'line-session'
  readonly mayRead = true
  readonly features = 0
  readonly capacity: number
  state: SessionState = 'opening'
  leased = 0
  private readonly reports: SessionReports<LineSession>
  private readonly asked = new Pipeline<Question>()

  constructor(proxy: LineProxy, id: string, socket: Socket, reports: SessionReports<LineSession>) {
    super(proxy.world, id, socket, proxy.options.lineBytesMax)
    this.capacity = proxy.options.depth
    this.reports = reports
  }

  get owes(): boolean {
    return this.asked.size > 0
  }

  /** Reports in its first step that it can carry questions. */
  override take(socket: Socket): void {
    if (this.state === 'opening') this.reports.opened(this)
    super.take(socket)
  }

  ask(question: Question): void {
    this.asked.push(question)
    this.writeLine(question.text)
  }

  protected line(text: string): void {
    const question = this.asked.shift()
    if (question === null) this.badLine()
    else {
      question.answered(text)
      this.reports.freed(this)
    }
  }

  /** Handles a line that is too long, or that answers no question. */
  protected badLine(): void {
    this.socket.reset()
  }

  close(): void {
    this.cancel()
  }

  closed(): void {
    for (const question of this.asked) question.answered(null)
    this.reports.closed(this, null)
  }
}

const questionLife = defineLife({
  name: 'question',
  source: import.meta.url,
  edges: { lease: ['ask', 'tell'], ask: ['tell'], tell: ['done'] },
  waits: ['leaseMs', 'answerMs'],
})
const { goto, done, suspend } = questionLife
const waitForLease = suspend({ then: 'ask', late: 'tell', cancelled: 'tell', within: 'leaseMs' })
// The question has been asked and gets its answer even if its client has left: a cancel changes nothing.
const waitForAnswer = suspend({ then: 'tell', late: 'tell', within: 'answerMs' })

const ANSWERED = 1

/** One line of a client: it leases a place on a session, asks there, and tells its client the answer. */
class Question extends Continuation {
  readonly id: string
  readonly kind = 'question'
  readonly client: LineFrontend
  readonly text: string
  readonly lease: Lease<LineSession>
  readonly reply: Signal
  session: LineSession | null = null
  answer: string | null = null

  constructor(client: LineFrontend, text: string) {
    const { world, options } = client.proxy
    super(world, questionLife.durations(world.pollset.deadlines, options))
    this.id = world.nextId(`${client.id}/q`)
    this.client = client
    this.text = text
    this.lease = new Lease<LineSession>(this)
    this.reply = new Signal(`${this.id}.reply`, 'reply', ['ANSWERED'])
    questionSteps.start(world, this, 'lease')
  }

  /** Notes that the session has its answer, or has closed without one. */
  answered(text: string | null): void {
    this.answer ??= text
    this.reply.raise(ANSWERED)
  }

  tell(otherwise: string): void {
    this.lease.release()
    this.answer ??= `ERROR ${otherwise}`
    this.client.sendAnswers()
  }

  crashed(): void {
    this.tell('internal error')
  }
}

const questionSteps = questionLife.steps<Question>({
  lease(q) {
    const answer = q.client.proxy.engine.lease(q.lease)
    if (answer === 'granted') return goto.ask
    if (answer !== 'queued') {
      q.answer = `ERROR ${answer.fault.message}`
      return goto.tell
    }
    q.waitOn(0, q.lease, LEASED | UNLEASED)
    return waitForLease
  },
  ask(q) {
    if (q.lease.session === null) return goto.tell
    q.session = q.lease.take()
    q.session.ask(q)
    q.waitOn(0, q.reply, ANSWERED)
    return waitForAnswer
  },
  tell(q) {
    // The oldest question of its session has waited at least as long, so no question gets an answer there.
    if (q.late) q.session?.socket.reset()
    q.tell(q.late ? 'no answer in time' : (q.lease.fault?.message ?? 'the backend has gone'))
    return done
  },
})

/** A connection from a client. */
class LineFrontend extends LineConnection {
  readonly kind = 'line-frontend'
  readonly proxy: LineProxy
  private readonly questions = new Pipeline<Question | { readonly answer: string; cancel(): void }>()

  constructor(proxy: LineProxy, socket: Socket) {
    super(proxy.world, proxy.world.nextId('m'), socket, proxy.options.lineBytesMax)
    this.proxy = proxy
  }

  get mayRead(): boolean {
    const { questionsMax, lineBytesMax } = this.proxy.options
    return this.questions.size < questionsMax && this.output.waiting < lineBytesMax
  }

  get owes(): boolean {
    return this.questions.size > 0
  }

  protected line(text: string): void {
    this.questions.push(new Question(this, text))
  }

  protected badLine(why: string): void {
    this.questions.push({ answer: `ERROR ${why}`, cancel() {} })
    this.sendAnswers()
  }

  /** Sends answers in the order of their questions. */
  sendAnswers(): void {
    for (let first = this.questions.first; first?.answer != null; first = this.questions.first) {
      this.questions.shift()
      this.writeLine(first.answer)
    }
    this.changed()
  }

  closed(): void {
    for (const question of this.questions) question.cancel()
    this.proxy.clients.delete(this)
  }
}

/** Listens, and shares the connections to one backend among all its clients. */
export class LineProxy {
  readonly world: TransportWorld
  readonly options: LineOptions
  readonly engine: Engine<LineSession>
  readonly clients: Connections
  readonly listening: Listening

  constructor(world: TransportWorld, at: Address, target: DialTarget, options: Partial<LineOptions> = {}) {
    this.world = world
    this.options = { ...defaults, ...options }
    const sessions = sessionsOn<LineSession, Socket, Dial>(
      (told) => dial(world, world.nextId('b'), target, this.options, told),
      (socket, reports, { name }) => new LineSession(this, name, socket, reports),
    )
    this.engine = new Engine(world, 'lines', sessions, this.options)
    this.clients = new Connections('clients', this.options.clientsMax)
    this.listening = this.clients.serve(world, at, (socket) => new LineFrontend(this, socket))
  }

  /** Stops accepting. Pending questions are answered, then all connections close. */
  drain(): void {
    this.clients.drain(() => this.engine.close())
  }
}
