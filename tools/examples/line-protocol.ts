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
  type Opening,
  type Session,
  type SessionReports,
  sessionsOn,
  UNLEASED,
} from '../../src/engine/index.js'
import { type Address, ENDED, Pollable, type Socket } from '../../src/pollset/index.js'
import {
  ByteConnection,
  Connections,
  type DialTarget,
  dial,
  dialLimits,
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

/** A connection to the backend: a session of the engine. */
class LineSession extends LineConnection implements Session {
  readonly kind = 'line-session'
  readonly mayRead = true
  readonly features = 0
  readonly capacity: number
  state: Session['state'] = 'opening'
  leased = 0
  protected readonly lineBytesMax: number
  private readonly reports: SessionReports<LineSession>
  private readonly asked: Reply[] = []

  constructor(proxy: LineProxy, id: string, socket: Socket, reports: SessionReports<LineSession>) {
    super(proxy.world, id, socket)
    this.capacity = proxy.options.depth
    this.lineBytesMax = proxy.options.lineBytesMax
    this.reports = reports
  }

  get owes(): boolean {
    return this.asked.length > 0
  }

  /** Its first step: it stands on its socket, and can carry questions. */
  override take(socket: Socket): void {
    if (this.state === 'opening') this.reports.opened(this)
    super.take(socket)
  }

  ask(text: string): Reply {
    const reply = new Reply(`${this.id}.reply`)
    this.asked.push(reply)
    this.say(text)
    return reply
  }

  close(): void {
    this.cancel()
  }

  protected line(text: string): void {
    const reply = this.asked.shift()
    if (reply === undefined) {
      this.overlong()
      return
    }
    reply.text = text
    reply.raise(ANSWERED)
    this.reports.freed(this)
  }

  /** It says what nobody asked for, or without end. */
  protected overlong(): void {
    this.socket.reset()
  }

  closed(): void {
    for (const reply of this.asked) reply.raise(ANSWERED)
    this.reports.closed(this, GONE)
  }
}

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
  readonly target: DialTarget
  readonly options: LineOptions
  readonly engine: Engine<LineSession>
  readonly clients: Connections
  readonly listening: Listening
  /** Why it does not listen. */
  failure: string | null = null

  constructor(
    world: TransportWorld,
    address: Address,
    target: DialTarget,
    options: Partial<LineOptions> = {},
  ) {
    this.world = world
    this.target = target
    this.options = { ...defaults, ...options }
    this.clients = new Connections('clients', this.options.clientsMax)
    this.engine = new Engine(world, 'lines', (reports) => this.open(reports), this.options)
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

  /** Dials the backend; the session stands on the connected socket, and can carry questions at once. */
  private open(reports: SessionReports<LineSession>): Opening {
    const { world, target, options } = this
    const id = world.nextId('b')
    const limits = { ...dialLimits, connectMs: options.connectMs }
    return sessionsOn<LineSession, Socket>(
      (told) => dial(world, id, target, limits, told),
      (socket, to) => new LineSession(this, id, socket, to),
    )(reports)
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
