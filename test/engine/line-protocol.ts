// A protocol that is not HTTP, on pollset, continuation and engine alone: lines of text, answered in order. A
// session carries as many questions at once as its pipeline is deep. Each line of a client is a continuation
// that leases, asks and answers.

import { Continuation, defineLife, type Fault, fault, type World } from '../../src/continuation/index.js'
import {
  type Engine,
  LEASED,
  Lease,
  type Session,
  type SessionReports,
  UNLEASED,
} from '../../src/engine/index.js'
import {
  type Address,
  CLOSED,
  CONNECTED,
  ENDED,
  Pollable,
  READABLE,
  type Socket,
  WRITABLE,
} from '../../src/pollset/index.js'

/** Splits what a socket received into lines. */
function linesOf(socket: Socket, rest: { text: string }): string[] {
  for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) rest.text += chunk.toString('latin1')
  const lines = rest.text.split('\n')
  rest.text = lines.pop() ?? ''
  return lines
}

const ANSWERED = 1

/** The answer to one question: a pollable, like any stream. */
class Reply extends Pollable {
  readonly id = 'reply'
  readonly kind = 'reply'
  readonly bitNames = ['ANSWERED']
  text: string | null = null
}

const lineLife = defineLife({
  edges: { connect: ['read', 'closed'], read: ['read', 'closed'], closed: ['done'] },
})
const lineWait = lineLife.suspend({ then: 'read', cancelled: 'closed' })

/** Both ends of the protocol read lines and write lines. */
abstract class LineConnection extends Continuation {
  readonly id: string
  readonly socket: Socket
  private readonly rest = { text: '' }
  private unsent = ''
  constructor(world: World, kind: string, connection: (id: string) => Socket) {
    super(world)
    this.id = world.nextId(kind)
    this.socket = connection(this.id)
    this.socket.output = this
    lineSteps.start(world, this, 'connect')
  }
  abstract line(text: string): void
  abstract over(): void
  connected(): void {}
  crashed(): void {
    this.socket.destroy()
  }
  say(text: string): void {
    this.unsent += `${text}\n`
    this.flush()
  }
  flush(): void {
    if ((this.socket.readiness & WRITABLE) === 0 || this.unsent === '') return
    const bytes = Buffer.from(this.unsent, 'latin1')
    this.unsent = ''
    this.socket.write(bytes)
  }
  read(): boolean {
    for (const line of linesOf(this.socket, this.rest)) this.line(line)
    return (this.socket.readiness & (ENDED | CLOSED)) === 0
  }
}

const lineSteps = lineLife.steps<LineConnection>({
  connect(c) {
    c.waitOn(0, c.socket, CONNECTED | CLOSED)
    return lineWait
  },
  read(c) {
    c.connected()
    if (!c.read()) return lineLife.goto.closed
    c.waitOn(0, c.socket, READABLE | ENDED | CLOSED)
    return lineWait
  },
  closed(c) {
    c.over()
    c.socket.destroy()
    return lineLife.done
  },
})

export class LineSession extends LineConnection implements Session {
  readonly kind = 'line-backend'
  state: Session['state'] = 'opening'
  leased = 0
  readonly features = 0
  readonly capacity: number
  private readonly reports: SessionReports<LineSession>
  private readonly asked: Reply[] = []
  constructor(world: World, address: Address, depth: number, reports: SessionReports<LineSession>) {
    super(world, 'b', (id) => world.pollset.connect(address, id))
    this.capacity = depth
    this.reports = reports
  }
  override connected(): void {
    if (this.state === 'opening' && (this.socket.readiness & CONNECTED) !== 0) this.reports.opened(this)
  }
  ask(text: string): Reply {
    const reply = new Reply()
    this.asked.push(reply)
    this.say(text)
    return reply
  }
  line(text: string): void {
    const reply = this.asked.shift()
    if (reply === undefined) return
    reply.text = text
    reply.raise(ANSWERED)
    this.reports.freed(this)
  }
  over(): void {
    for (const reply of this.asked) reply.raise(ANSWERED)
    const why: Fault = fault('line-closed', 'backend', 'connection', 'never', 'the backend has gone')
    this.reports.closed(this, why)
  }
  close(): void {
    this.cancel()
  }
}

const questionLife = defineLife({
  edges: { lease: ['lease', 'ask', 'tell'], ask: ['tell'], tell: ['done'] },
  waits: ['lease', 'answer'],
})
const waitForLease = questionLife.suspend({ then: 'lease', late: 'tell', within: 'lease' })
const waitForAnswer = questionLife.suspend({ then: 'tell', late: 'tell', within: 'answer' })

class Question extends Continuation {
  readonly id: string
  readonly kind = 'question'
  readonly frontend: LineFrontend
  readonly text: string
  readonly lease: Lease<LineSession>
  reply: Reply | null = null
  answer: string | null = null
  constructor(world: World, frontend: LineFrontend, text: string) {
    const durations = questionLife.durations(world.pollset.deadlines, { lease: 1_000, answer: 1_000 })
    super(world, durations)
    this.id = world.nextId(`${frontend.id}/q`)
    this.frontend = frontend
    this.text = text
    this.lease = new Lease<LineSession>(this)
    questionSteps.start(world, this, 'lease')
  }
  crashed(): void {
    this.lease.release()
  }
}

const questionSteps = questionLife.steps<Question>({
  lease(q) {
    if ((q.lease.readiness & LEASED) !== 0) return questionLife.goto.ask
    if ((q.lease.readiness & UNLEASED) !== 0) return questionLife.goto.tell
    const answer = q.frontend.engine.lease(q.lease)
    if (answer === 'granted') return questionLife.goto.ask
    if (answer !== 'queued') return questionLife.goto.tell
    q.waitOn(0, q.lease, LEASED | UNLEASED)
    return waitForLease
  },
  ask(q) {
    q.reply = q.lease.take().ask(q.text)
    q.waitOn(0, q.reply, ANSWERED)
    return waitForAnswer
  },
  tell(q) {
    q.lease.release()
    q.answer = q.reply?.text ?? 'sorry'
    q.frontend.tell()
    return questionLife.done
  },
})

export class LineFrontend extends LineConnection {
  readonly kind = 'line-frontend'
  readonly engine: Engine<LineSession>
  private readonly world: World
  private readonly questions: Question[] = []
  constructor(world: World, socket: Socket, engine: Engine<LineSession>) {
    super(world, 'm', () => socket)
    this.world = world
    this.engine = engine
  }
  line(text: string): void {
    this.questions.push(new Question(this.world, this, text))
  }
  /** Answers leave in the order of their questions. */
  tell(): void {
    while (this.questions.length > 0 && this.questions[0].answer !== null)
      this.say(this.questions.shift()?.answer ?? '')
  }
  over(): void {}
}
