// A debugger's connection: the Debug Adapter Protocol on a socket of the pollset. Requests are answered in
// the step that reads them, except for a survey, which takes more turns if there is much to look at or to
// say. Live requests are never all stopped: a stop belongs to one thread, and so does `continue`.

import type { Continuation } from '../continuation/index.js'
import { endsWorld, invariant, type Socket } from '../pollset/index.js'
import { ByteConnection, type TransportWorld } from '../transport/index.js'
import { AttachBy } from './attach-by.js'
import { checkToken, type TokenContext } from './attach-token.js'
import { CommandError, type Commander } from './commander.js'
import {
  checkRequest,
  type DapObject,
  DapReader,
  type DapRequest,
  dapBeginning,
  dapBytes,
  MALFORMED,
  MESSAGE,
  MORE,
} from './dap-codec.js'
import { requests } from './dap-requests.js'
import { Views } from './dap-views.js'
import type { Debugger } from './debugger.js'
import type { Sources } from './sources.js'
import { Survey, type Surveyor } from './survey.js'

/** The things that all sessions of one server share. */
export interface DapContext extends TokenContext {
  readonly world: TransportWorld
  readonly debugger: Debugger
  readonly sources: Sources
  readonly secrets: boolean
  closed(session: DapSession): void
}

export class DapSession extends ByteConnection implements Commander, Surveyor {
  readonly context: DapContext
  readonly debugger: Debugger
  readonly views: Views
  /** True once it has given the token, if one is needed. */
  isAttached = false
  /** The filter of `attach`: matching requests are shown as threads. */
  filter = ''
  /** The continuation of the frame that a request of the protocol names. */
  selected: Continuation | null = null
  /** The current continuation, until it goes on or another is named. */
  private chosen: Continuation | null = null
  /** The numbers of breakpoints, by the request that set them. */
  readonly pointsBy = new Map<string, number[]>()
  /** The request that a survey will answer; nothing is read until then. */
  private pending: { readonly survey: Survey; readonly seq: number; readonly command: string } | null = null
  /** The messages that follow the answer of a survey, while that is written; null otherwise. */
  private delayed: Buffer[] | null = null
  private readonly reader: DapReader<DapRequest>
  private seq = 0
  private readonly attachBy: AttachBy

  constructor(context: DapContext, socket: Socket) {
    super(context.world, context.world.nextId('dbg'), socket)
    this.context = context
    this.debugger = context.debugger
    this.views = new Views(context, (threadId) => this.event('thread', { reason: 'exited', threadId }))
    this.attachBy = new AttachBy(socket)
    context.world.pollset.deadlines.every(context.debugger.limits.attachMs).arm(this.attachBy)
    this.reader = new DapReader<DapRequest>(context.debugger.limits.messageBytesMax, checkRequest)
  }

  get kind(): string {
    return 'debugger'
  }
  get secrets(): boolean {
    return this.context.secrets
  }
  /** The current continuation; it stays current while it is stepped. */
  get current(): Continuation | null {
    const { selected, chosen } = this
    if (selected !== null) return selected
    return chosen !== null && this.debugger.isWith(chosen, this) ? chosen : this.debugger.lastHeld(this)
  }
  named(continuation: Continuation): void {
    if (this.debugger.isWith(continuation, this)) this.chosen = continuation
  }
  get mayRead(): boolean {
    return this.pending === null && this.hasRoom
  }
  get owes(): boolean {
    return this.pending !== null
  }
  /** True if the client reads its messages. */
  private get hasRoom(): boolean {
    return this.output.waiting < this.debugger.limits.outputBytesMax
  }

  protected takeBytes(chunk: Buffer, at: number): number {
    const { reader } = this
    const end = reader.read(chunk, at, chunk.length)
    if (reader.found === MESSAGE) this.request(reader.message as DapRequest)
    else if (reader.found === MALFORMED) this.fail(reader.faultSeq, reader.faultCommand, reader.fault)
    else if (reader.found !== MORE) {
      // The peer may be a browser, which must get nothing to read.
      this.leave()
      this.socket.destroy()
    }
    return end
  }

  protected override inputEnded(): void {
    this.leave()
  }

  /** Stops reading. Continuations that it holds go on. */
  leave(): void {
    this.ending = true
    this.debugger.detach(this)
  }

  override closed(): void {
    this.pending?.survey.stop()
    this.pending = null
    this.views.clear()
    this.context.world.pollset.deadlines.disarm(this.attachBy)
    this.debugger.detach(this)
    this.context.closed(this)
  }

  private request({ seq, command, arguments: given }: DapRequest): void {
    const handle = Object.hasOwn(requests, command) ? requests[command] : undefined
    if (handle === undefined) {
      this.fail(seq, command, `'${command}' is not a request that this debugger knows`)
      return
    }
    if (!this.isAttached && command !== 'initialize' && command !== 'attach' && command !== 'disconnect') {
      this.fail(seq, command, 'attach first')
      return
    }
    this.selected = null
    try {
      const body = handle(this, given ?? {})
      if (body instanceof Survey) {
        this.pending = { survey: body, seq, command }
        body.begin()
        return
      }
      this.send({ ...success(seq, command), ...(body === undefined ? {} : { body }) })
      if (command === 'attach') this.event('initialized')
      if (command === 'disconnect') this.leave()
    } catch (error) {
      // Wrong arguments of a debugger must not end its connection, or harm others.
      if (endsWorld(error)) throw error
      this.fail(seq, command, messageOf(error))
    }
  }

  // The results of a survey

  surveyed(bytes: number): void {
    const { pending } = this
    invariant(pending !== null, 'a survey answers a request')
    const head = JSON.stringify({ seq: ++this.seq, ...success(pending.seq, pending.command) })
    this.output.write(dapBeginning(`${head.slice(0, -1)},"body":`, bytes + END.length))
    this.delayed = []
  }

  surveyPiece(bytes: Buffer): void {
    this.output.write(bytes)
  }

  surveyOver(): void {
    this.output.write(END)
    for (const each of this.delayed ?? []) this.output.write(each)
    this.delayed = null
    this.answered()
  }

  surveyFailed(error: unknown): void {
    const { seq, command } = this.answered()
    this.fail(seq, command, messageOf(error))
  }

  private answered(): { readonly seq: number; readonly command: string } {
    const { pending } = this
    invariant(pending !== null, 'a survey ends once')
    this.pending = null
    this.changed()
    return pending
  }

  private fail(seq: number, command: string, message: string): void {
    const body = { error: { id: 1, format: message, showUser: true } }
    this.send({ type: 'response', request_seq: seq, success: false, command, message, body })
  }

  event(event: string, body?: DapObject): void {
    if (!this.ending) this.send({ type: 'event', event, ...(body === undefined ? {} : { body }) })
  }

  private send(message: DapObject): void {
    const bytes = dapBytes({ seq: ++this.seq, ...message } as never)
    if (this.delayed === null) this.output.write(bytes)
    else this.delayed.push(bytes)
  }

  /** Attaches the session. Throws a CommandError if the token or the filter is wrong. */
  admit(given: string, filter: string): void {
    checkToken(this.context, this.debugger.limits.tokenRetryMs, given)
    const condition = this.debugger.condition(filter, this)
    if (typeof condition === 'string') throw new CommandError(condition)
    this.isAttached = true
    this.context.world.pollset.deadlines.disarm(this.attachBy)
    this.debugger.attach(this)
  }

  // The events of the debugger

  stopped(continuation: Continuation, reason: string, text: string): void {
    if (this.chosen === null || !this.debugger.isWith(this.chosen, this)) this.chosen = continuation
    const threadId = this.views.numberOf(continuation)
    this.event('thread', { reason: 'started', threadId })
    const description = `${continuation.id}: ${text}`
    this.event('stopped', {
      reason,
      description,
      text,
      threadId,
      allThreadsStopped: false,
      preserveFocusHint: false,
    })
  }

  wentOn(continuation: Continuation, text: string): void {
    const threadId = this.views.given(continuation)
    this.views.dropFrames(continuation)
    if (this.chosen !== null && !this.debugger.isWith(this.chosen, this))
      this.chosen = this.debugger.lastHeld(this)
    if (threadId !== undefined) this.event('continued', { threadId, allThreadsContinued: false })
    this.wrote(text)
  }

  noted(_continuation: Continuation, text: string): void {
    this.event('output', { category: 'important', output: `${text}\n` })
    this.event('invalidated', { areas: ['threads'] })
  }

  wrote(text: string): void {
    // A debugger that does not read loses lines, and costs no memory.
    if (!this.hasRoom) return
    const line = text.length > LINE_CHARACTERS_MAX ? `${text.slice(0, LINE_CHARACTERS_MAX)}…` : text
    this.event('output', { category: 'console', output: `${line}\n` })
  }
}

const success = (request_seq: number, command: string) => ({
  type: 'response' as const,
  request_seq,
  success: true,
  command,
})

/** The end of a message whose last part is its body. */
const END = Buffer.from('}')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The most characters of a line that a log point writes. */
const LINE_CHARACTERS_MAX = 8192
