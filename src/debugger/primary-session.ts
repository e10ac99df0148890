// A debugger's connection to the primary process of a server with workers. `attach` names the worker to
// debug: the primary connects to the debugger of that worker, and from then on passes bytes both ways. Or it
// names `all`: then list, why and end go to all workers, and nothing can be stopped.

import type { Fault } from '../continuation/index.js'
import { endsWorld, type Socket } from '../pollset/index.js'
import {
  ByteConnection,
  type Dial,
  type DialEvents,
  type DialLimits,
  type DialTarget,
  dial,
  type TransportWorld,
} from '../transport/index.js'
import { AttachBy } from './attach-by.js'
import { checkToken, type TokenContext } from './attach-token.js'
import {
  ALL_WORKERS,
  checkAnswer,
  checkRequest,
  type DapEvent,
  type DapObject,
  DapReader,
  type DapRequest,
  type DapResponse,
  dapBytes,
  MALFORMED,
  MESSAGE,
  MORE,
} from './dap-codec.js'
import { CAPABILITIES, listAsked } from './dap-requests.js'
import { CommandError, type ListAsked } from './inquiry.js'
import type { DebuggerLimits } from './limits.js'

/** A question to all workers, or to the one that an id names. */
export type PrimaryQuestion =
  | ({ readonly ask: 'list' } & ListAsked)
  | { readonly ask: 'why'; readonly id: string }
  | { readonly ask: 'end'; readonly id: string }

export type PrimaryAnswer = { readonly json: string } | { readonly why: string }

/** The things that all sessions of one primary share. */
export interface PrimaryContext extends TokenContext {
  readonly world: TransportWorld
  readonly limits: DebuggerLimits
  readonly dialLimits: DialLimits
  /** The ids of the workers. */
  readonly workers: readonly string[]
  /** Returns the address of a worker's debugger. */
  debuggerOf(worker: string): DialTarget
  ask(question: PrimaryQuestion, answered: (answer: PrimaryAnswer) => void): void
  closed(session: PrimarySession): void
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

export class PrimarySession extends ByteConnection implements DialEvents {
  private readonly context: PrimaryContext
  private readonly reader: DapReader<DapRequest>
  private readonly attachBy: AttachBy
  private seq = 0
  /** True if it may ask all workers. */
  private asksAll = false
  /** True while its question is not answered: nothing is read until then. */
  private isAsking = false
  /** The request `attach` that waits for its worker. */
  private attaching: { readonly worker: string; readonly request: DapRequest; readonly dial: Dial } | null =
    null
  /** The connection to the debugger of the worker; null before. */
  private relay: Relay | null = null

  constructor(context: PrimaryContext, socket: Socket) {
    super(context.world, context.world.nextId('dbg'), socket)
    this.context = context
    this.reader = new DapReader<DapRequest>(context.limits.messageBytesMax, checkRequest)
    this.attachBy = new AttachBy(socket)
    context.world.pollset.deadlines.every(context.limits.attachMs).arm(this.attachBy)
  }

  get kind(): string {
    return 'debugger'
  }

  get hasRoom(): boolean {
    return this.output.waiting < this.context.limits.outputBytesMax
  }

  get mayRead(): boolean {
    if (this.relay !== null) return this.relay.hasRoom
    return !this.owes && this.hasRoom
  }

  get owes(): boolean {
    return this.isAsking || this.attaching !== null
  }

  protected takeBytes(chunk: Buffer, at: number): number {
    const { relay, reader } = this
    if (relay !== null) {
      relay.output.write(chunk.subarray(at))
      return chunk.length
    }
    const end = reader.read(chunk, at, chunk.length)
    if (reader.found === MESSAGE) this.request(reader.message as DapRequest)
    else if (reader.found === MALFORMED) this.fail(reader.faultSeq, reader.faultCommand, reader.fault)
    else if (reader.found !== MORE) {
      // The peer may be a browser, which must get nothing to read.
      this.ending = true
      this.socket.destroy()
    }
    return end
  }

  protected override inputEnded(): void {
    super.inputEnded()
    this.relay?.end()
  }

  override sent(): void {
    super.sent()
    this.relay?.changed()
  }

  closed(): void {
    this.context.world.pollset.deadlines.disarm(this.attachBy)
    this.attaching?.dial.cancel()
    this.attaching = null
    this.relay?.end()
    this.context.closed(this)
  }

  /** Is told that the worker's debugger sends nothing more. */
  workerEnded(): void {
    this.ending = true
    this.changed()
  }

  private request(request: DapRequest): void {
    const { seq, command } = request
    try {
      this.follow(request, request.arguments ?? {})
    } catch (error) {
      if (endsWorld(error)) throw error
      this.fail(seq, command, error instanceof Error ? error.message : String(error))
    }
  }

  private follow(request: DapRequest, given: DapObject): void {
    const { command } = request
    if (command === 'initialize') this.succeed(request, CAPABILITIES)
    else if (command === 'attach') this.attach(request, given)
    else if (command === 'disconnect') {
      this.succeed(request)
      this.ending = true
    } else if (!this.asksAll) throw new CommandError('attach first')
    else if (command === 'configurationDone') this.succeed(request)
    else if (command === 'threads') this.succeed(request, { threads: [] })
    else if (command === 'fermata/list') this.ask(request, { ask: 'list', ...listAsked(given, false) })
    else if (command === 'fermata/top') this.ask(request, { ask: 'list', ...listAsked(given, true) })
    else if (command === 'fermata/why') this.ask(request, { ask: 'why', id: text(given.id) })
    else if (command === 'fermata/end') this.ask(request, { ask: 'end', id: text(given.id) })
    else throw new CommandError(`'${command}' is for a debugger of one worker: ${this.choice}`)
  }

  /** The text that lists the possible workers. */
  private get choice(): string {
    return `attach to ${this.context.workers.join(' or ')}, as by fermata debug --worker ${this.context.workers[0]}`
  }

  private attach(request: DapRequest, given: DapObject): void {
    const { context } = this
    const worker = text(given.worker)
    checkToken(context, context.limits.tokenRetryMs, text(given.token))
    if (worker === ALL_WORKERS) {
      this.asksAll = true
      context.world.pollset.deadlines.disarm(this.attachBy)
      this.succeed(request)
      this.send({ type: 'event', event: 'initialized' })
    } else if (context.workers.includes(worker)) {
      const target = context.debuggerOf(worker)
      this.attaching = {
        worker,
        request,
        dial: dial(context.world, this.id, target, context.dialLimits, this),
      }
    } else if (worker === '') throw new CommandError(`this server has workers: ${this.choice}`)
    else throw new CommandError(`there is no worker ${worker}: ${this.choice}`)
  }

  // The reports of the dial

  connected(socket: Socket): void {
    const { attaching } = this
    if (attaching === null) {
      socket.destroy()
      return
    }
    const { request } = attaching
    this.attaching = null
    this.context.world.pollset.deadlines.disarm(this.attachBy)
    this.relay = new Relay(this, socket, this.context, request)
    this.changed()
  }

  failed(why: Fault): void {
    const { attaching } = this
    if (attaching === null) return
    const { worker, request } = attaching
    this.attaching = null
    this.fail(
      request.seq,
      request.command,
      `the debugger of ${worker} cannot be reached: ${why.detail ?? why.message}`,
    )
    this.changed()
  }

  // Questions to all workers

  private ask(request: DapRequest, question: PrimaryQuestion): void {
    this.isAsking = true
    this.context.ask(question, (answer) => {
      this.isAsking = false
      if ('json' in answer) this.succeed(request, JSON.parse(answer.json) as DapObject)
      else this.fail(request.seq, request.command, answer.why)
      this.changed()
    })
  }

  private succeed({ seq, command }: DapRequest, body?: DapObject): void {
    const response = { type: 'response', request_seq: seq, success: true, command }
    this.send({ ...response, ...(body === undefined ? {} : { body }) })
  }

  private fail(seq: number, command: string, message: string): void {
    const body = { error: { id: 1, format: message, showUser: true } }
    this.send({ type: 'response', request_seq: seq, success: false, command, message, body })
  }

  private send(message: DapObject): void {
    this.output.write(dapBytes({ seq: ++this.seq, ...message } as never))
  }
}

/** The connection to the debugger of a worker. */
class Relay extends ByteConnection {
  private readonly session: PrimarySession
  private readonly outputBytesMax: number
  /** Reads the answer to our `initialize`, which the client does not get; null once it was read. */
  private reader: DapReader<DapResponse | DapEvent> | null

  /** @param request `attach`; its token belongs to the primary, and no worker knows other tokens */
  constructor(
    session: PrimarySession,
    socket: Socket,
    { world, limits }: PrimaryContext,
    request: DapRequest,
  ) {
    super(world, `${session.id}.worker`, socket)
    this.session = session
    this.outputBytesMax = limits.outputBytesMax
    this.reader = new DapReader(limits.messageBytesMax, checkAnswer)
    this.output.write(dapBytes({ seq: 0, type: 'request', command: 'initialize' }))
    const given = { ...request.arguments, worker: undefined, token: undefined }
    this.output.write(dapBytes({ ...request, arguments: given }))
  }

  get kind(): string {
    return 'debugger'
  }

  get hasRoom(): boolean {
    return this.output.waiting < this.outputBytesMax
  }

  get mayRead(): boolean {
    return this.session.hasRoom
  }

  get owes(): boolean {
    return false
  }

  protected takeBytes(chunk: Buffer, at: number): number {
    const { reader, session } = this
    if (reader === null) {
      session.output.write(chunk.subarray(at))
      return chunk.length
    }
    const end = reader.read(chunk, at, chunk.length)
    if (reader.found === MESSAGE) this.reader = null
    else if (reader.found !== MORE) this.end()
    return end
  }

  protected override inputEnded(): void {
    super.inputEnded()
    this.session.workerEnded()
  }

  override sent(): void {
    super.sent()
    this.session.changed()
  }

  /** Stops writing and reading. */
  end(): void {
    this.ending = true
    this.changed()
  }

  closed(): void {
    this.session.workerEnded()
  }
}
