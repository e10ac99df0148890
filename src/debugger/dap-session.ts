// A debugger's connection: the Debug Adapter Protocol on a socket of the pollset. Requests are answered in
// the step that reads them; nothing of it is asynchronous. Live requests are never all stopped: a stop is
// that of one thread, and so is `continue`.

import type { Continuation } from '../continuation/index.js'
import { CLOSED, Deadline, ENDED, endsWorld, type Socket } from '../pollset/index.js'
import { ByteConnection, type TransportWorld } from '../transport/index.js'
import {
  checkRequest,
  type DapObject,
  DapReader,
  type DapRequest,
  dapBytes,
  MALFORMED,
  MESSAGE,
  MORE,
} from './dap-codec.js'
import { requests } from './dap-requests.js'
import { Views } from './dap-views.js'
import type { Debugger } from './debugger.js'
import { CommandError, type Commander } from './language.js'
import type { Sources } from './sources.js'

/** What all sessions of one server share. */
export interface DapContext {
  readonly world: TransportWorld
  readonly debugger: Debugger
  readonly sources: Sources
  /** The token that `attach` must give; null: none. */
  readonly token: string | null
  readonly secrets: boolean
  /** When the last wrong token came, in ms of the pollset's clock. */
  refusedAt: number
  closed(session: DapSession): void
}

/** Closes a connection that has not attached in time: it would keep a place that a debugger needs. */
class AttachBy extends Deadline {
  private readonly socket: Socket

  constructor(socket: Socket) {
    super()
    this.socket = socket
  }
  expire(): void {
    this.socket.destroy()
  }
}

export class DapSession extends ByteConnection implements Commander {
  readonly context: DapContext
  readonly debugger: Debugger
  readonly views: Views
  /** It has given the token, if one is asked for. */
  isAttached = false
  /** The filter of `attach`: requests that match are shown as threads. */
  filter = ''
  /** The continuation of the frame that a request of the protocol names. */
  selected: Continuation | null = null
  /** The numbers of breakpoints, by the request that set them. */
  readonly pointsBy = new Map<string, number[]>()
  private readonly reader: DapReader<DapRequest>
  private seq = 0
  private readonly attachBy: AttachBy

  constructor(context: DapContext, socket: Socket) {
    super(context.world, context.world.nextId('dbg'), socket)
    this.context = context
    this.debugger = context.debugger
    this.views = new Views(context)
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
  get mayRead(): boolean {
    return this.output.waiting < this.debugger.limits.outputBytesMax
  }
  get owes(): boolean {
    return false
  }

  take(socket: Socket): void {
    while (this.mayRead && !this.ending && (socket.readiness & CLOSED) === 0) {
      const chunk = socket.take()
      if (chunk !== null) this.takeMessages(socket, chunk)
      else {
        if ((socket.readiness & ENDED) !== 0) this.leave()
        return
      }
    }
  }

  private takeMessages(socket: Socket, chunk: Buffer): void {
    const { reader } = this
    let at = 0
    while (at < chunk.length && this.mayRead && !this.ending) {
      at = reader.read(chunk, at, chunk.length)
      if (reader.found === MORE) continue
      if (reader.found === MESSAGE) this.request(reader.message as DapRequest)
      else if (reader.found === MALFORMED) this.fail(reader.faultSeq, reader.faultCommand, reader.fault)
      else {
        // No word to what may be a browser: it gets nothing to read.
        this.leave()
        socket.destroy()
        return
      }
    }
    if (at < chunk.length && !this.ending) socket.unread(chunk.subarray(at))
  }

  /** Reads nothing more. What it holds goes on. */
  leave(): void {
    this.ending = true
    this.debugger.detach(this)
  }

  override closed(): void {
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
      this.send({
        type: 'response',
        request_seq: seq,
        success: true,
        command,
        ...(body === undefined ? {} : { body }),
      })
      if (command === 'attach') this.event('initialized')
      if (command === 'disconnect') this.leave()
    } catch (error) {
      // Odd arguments of a debugger must not cost it its connection, nor anybody else anything.
      if (endsWorld(error)) throw error
      this.fail(seq, command, error instanceof Error ? error.message : String(error))
    }
  }

  private fail(seq: number, command: string, message: string): void {
    const body = { error: { id: 1, format: message, showUser: true } }
    this.send({ type: 'response', request_seq: seq, success: false, command, message, body })
  }

  event(event: string, body?: DapObject): void {
    if (!this.ending) this.send({ type: 'event', event, ...(body === undefined ? {} : { body }) })
  }

  private send(message: DapObject): void {
    this.output.write(dapBytes({ seq: ++this.seq, ...message } as never))
  }

  /** Checks the token of `attach`, in constant time. */
  admit(given: string, filter: string): void {
    const { token, world } = this.context
    if (token !== null) {
      const { now } = world.pollset
      const { tokenRetryMs } = this.debugger.limits
      if (now - this.context.refusedAt < tokenRetryMs)
        throw new CommandError(`a wrong token came just now: wait ${tokenRetryMs} ms`)
      if (!areEqual(token, given)) {
        this.context.refusedAt = now
        throw new CommandError(
          'the token is wrong: it is in --debug-token-file, or was printed when the server started',
        )
      }
    }
    const condition = this.debugger.condition(filter, this)
    if (typeof condition === 'string') throw new CommandError(condition)
    this.isAttached = true
    world.pollset.deadlines.disarm(this.attachBy)
    this.debugger.attach(this)
  }

  // What the debugger tells

  stopped(continuation: Continuation, reason: string, text: string): void {
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
    const threadId = this.views.numberOf(continuation)
    this.views.forget(continuation)
    this.event('continued', { threadId, allThreadsContinued: false })
    if (continuation.finished) this.event('thread', { reason: 'exited', threadId })
    this.wrote(text)
  }

  noted(_continuation: Continuation, text: string): void {
    this.event('output', { category: 'important', output: `${text}\n` })
    this.event('invalidated', { areas: ['threads'] })
  }

  wrote(text: string): void {
    // A debugger that does not read loses lines, and costs no memory.
    if (!this.mayRead) return
    const line = text.length > LINE_CHARACTERS_MAX ? `${text.slice(0, LINE_CHARACTERS_MAX)}…` : text
    this.event('output', { category: 'console', output: `${line}\n` })
  }
}

/** The characters of a line that a log point writes. */
const LINE_CHARACTERS_MAX = 8192

/** The characters of a token that are compared. */
const TOKEN_CHARACTERS_MAX = 256

/** Compares in a time that does not depend on where the texts differ. */
function areEqual(token: string, given: string): boolean {
  let differ = token.length ^ given.length
  for (let at = 0; at < TOKEN_CHARACTERS_MAX; at++)
    differ |= (token.charCodeAt(at) | 0) ^ (given.charCodeAt(at) | 0)
  return differ === 0
}
