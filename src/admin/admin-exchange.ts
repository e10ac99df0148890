// A request to the admin listener, and its answer. It waits for the body, has the question answered, which
// may take turns, and waits until the answer has left.

import { Continuation, defineLife } from '../continuation/index.js'
import { BODY, type FrontendStream, Head, RESET, SENT } from '../http/index.js'
import { Signal } from '../pollset/index.js'
import type { Admin, Judged } from './admin.js'
import { type AdminAnswer, error } from './routes.js'

const ANSWERED = 1

export const adminLife = defineLife({
  name: 'admin',
  source: import.meta.url,
  edges: {
    receive: ['receive', 'ask', 'answer', 'close'],
    ask: ['answer', 'close'],
    answer: ['close'],
    close: ['done'],
  },
  waits: ['answer'],
})

export class AdminExchange extends Continuation {
  readonly admin: Admin
  readonly stream: FrontendStream
  private readonly made: Signal
  /** The time by which its body must be whole, however slowly it comes: ms of the pollset's clock. */
  private readonly bodyBy: number
  private wasAsked = false
  private readonly judged: Judged
  private answer: AdminAnswer | null

  constructor(admin: Admin, stream: FrontendStream) {
    const { bodyMs, answerMs } = admin.limits
    const { deadlines, now } = admin.world.pollset
    super(admin.world, adminLife.durations(deadlines, { answer: answerMs }))
    this.bodyBy = now + bodyMs
    this.admin = admin
    this.stream = stream
    this.made = new Signal(`${stream.id}.answer`, 'signal', ['ANSWERED'])
    this.judged = admin.judge(stream.head as Head, !stream.remoteEnded)
    this.answer = 'refusal' in this.judged ? this.judged.refusal : null
  }

  get id(): string {
    return this.stream.id
  }
  get kind(): string {
    return 'admin'
  }

  crashed(): void {
    this.stream.owner = null
    this.stream.reset('internal')
  }

  /** True if its head alone decides the answer. */
  get isRefused(): boolean {
    return this.answer !== null
  }

  /** The answer to a body that is too large; null for a smaller one. */
  get tooMuch(): AdminAnswer | null {
    const { bodyBytesMax } = this.admin.limits
    const { stream } = this
    const length = Math.max(stream.waitingBytes, (stream.head as Head).contentLength)
    return length > bodyBytesMax ? error(413, `a body has at most ${bodyBytesMax} octets`) : null
  }

  /** The answer to a body that was given up for want of memory; null for others. Its stream takes one. */
  get stalled(): AdminAnswer | null {
    const { fault, closed } = this.stream
    return fault?.code === 'stall' && !closed ? error(503, 'memory ran short while the body came') : null
  }

  refuse(answer: AdminAnswer): void {
    this.answer = answer
  }

  waitForBody(): void {
    this.stream.lower(BODY)
    this.waitOn(0, this.stream, BODY | RESET)
    this.waitUntil(this.bodyBy)
  }

  /** Reads the body and asks the question. */
  ask(): void {
    const { stream, judged } = this
    this.wasAsked = true
    if ('refusal' in judged) return
    const bytes = Buffer.alloc(stream.waitingBytes)
    stream.receiveBuffer?.pull(bytes, 0, bytes.length, this.admin.world.pollset.now)
    const reading = parsed(bytes.toString('utf8'))
    if (reading === null) {
      this.answered(error(400, 'the body is not JSON'))
      return
    }
    judged.answers({ ...judged.question, ...reading }, (answer) => this.answered(answer))
  }

  private answered(answer: AdminAnswer): void {
    this.answer ??= answer
    this.made.raise(ANSWERED)
  }

  waitForAnswer(): void {
    this.waitOn(0, this.made, ANSWERED)
  }

  /** Sends the answer, or says what was late. */
  send(): void {
    const { stream, admin } = this
    const { status, type, text } = this.answer ?? this.lateness()
    const { fields } = admin.world
    const bytes = Buffer.from(text, 'utf8')
    const bare = bytes.length === 0 || stream.head?.method?.value === 'HEAD'
    const head = Head.response(
      [
        fields.field(':status', String(status)),
        fields.make('content-type', type),
        fields.make('content-length', String(bytes.length)),
        fields.make('cache-control', 'no-store'),
        fields.make('x-content-type-options', 'nosniff'),
      ],
      undefined,
      bytes.length,
    )
    admin.world.date.stamp(head)
    stream.sendHead(head, bare)
    if (!bare) stream.sendWhole(bytes)
    this.waitOn(0, stream, SENT | (stream.fault === null ? RESET : 0))
  }

  private lateness(): AdminAnswer {
    if (this.wasAsked) return error(504, 'no answer was made in time')
    return error(408, `the body was not whole within ${this.admin.limits.bodyMs} ms`)
  }

  close(): void {
    this.stream.owner = null
    this.stream.reset('no-error')
  }
}

/** Returns the value of JSON text, or undefined for an empty text; null if the text is not JSON. */
function parsed(text: string): { readonly body: unknown } | null {
  if (text.trim() === '') return { body: undefined }
  try {
    return { body: JSON.parse(text) as unknown }
  } catch {
    return null
  }
}

const { goto, done, suspend } = adminLife
const waitForBody = suspend({ then: 'receive', late: 'answer', cancelled: 'close' })
const waitForAnswer = suspend({ then: 'answer', late: 'answer', cancelled: 'close', within: 'answer' })
const waitUntilSent = suspend({ then: 'close', late: 'close', cancelled: 'close', within: 'answer' })

export const adminSteps = adminLife.steps<AdminExchange>({
  /** Waits for the whole body, unless the head or the length of the body decides the answer. */
  receive(a) {
    const { stream } = a
    const refusal = a.stalled ?? (stream.fault === null ? a.tooMuch : null)
    if (stream.fault !== null && refusal === null) return goto.close
    if (a.isRefused) return goto.answer
    if (refusal !== null) {
      a.refuse(refusal)
      return goto.answer
    }
    if (stream.remoteEnded) return goto.ask
    a.waitForBody()
    return waitForBody
  },
  ask(a) {
    a.ask()
    a.waitForAnswer()
    return waitForAnswer
  },
  answer(a) {
    a.send()
    return waitUntilSent
  },
  close(a) {
    a.close()
    return done
  },
})
