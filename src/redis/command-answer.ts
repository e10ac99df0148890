// The waits of a command: for its turn among the commands of its client, and for its reply. The received
// bytes of the reply are kept here until they may leave: for this turn as a piece of a read buffer, then in a
// copy.

import { type Holder, Pollable } from '../pollset/index.js'
import { KeptBytes, KeptCopy } from '../transport/index.js'
import type { Command } from './command.js'
import { holdersOf } from './session-holders.js'

/** The command may be sent now, or it has become the oldest of its client. */
export const TURN = 1
/** Its reply is complete, or its session has gone. */
export const ANSWERED = 2
/** Its session is no longer shared (Y15). */
export const STAYS = 4

/** The reply of a command, as a pollable to wait for. */
export class Answer extends Pollable {
  private readonly command: Command
  /** The received bytes, as long as they are one piece. */
  private piece: Buffer | null
  private from: number
  private to: number
  /** True if the piece lies in this turn's read buffer. */
  private isLoose: boolean
  /** The bytes that came in several pieces. */
  private kept: KeptBytes | null
  /** The count of the piece, if it is a copy. */
  private copy: KeptCopy | null
  /** The number of bytes that wait until they may leave. */
  private waiting: number

  constructor(command: Command) {
    super()
    this.command = command
    this.piece = null
    this.from = 0
    this.to = 0
    this.isLoose = false
    this.kept = null
    this.copy = null
    this.waiting = 0
  }

  get id(): string {
    return `${this.command.id}.reply`
  }
  get kind(): string {
    return 'reply'
  }
  get bitNames(): readonly string[] {
    return ['TURN', 'ANSWERED', 'STAYS']
  }

  /** The number of its bytes that are here. */
  get heldBytes(): number {
    return this.waiting
  }

  /** The number of its bytes that leave: those that came, or our own. */
  get leavingBytes(): number {
    const { kept, piece, command } = this
    if (command.streams) return command.received
    return (kept?.length ?? 0) + (piece === null ? 0 : this.to - this.from)
  }

  /** The bytes that have come of it, if they are one piece. */
  get onePiece(): Buffer | null {
    return this.piece?.subarray(this.from, this.to) ?? null
  }

  /** The reply is of the proxy's own. */
  own(reply: Buffer): void {
    this.piece = reply
    this.from = 0
    this.to = reply.length
  }

  /** The reply is a copy, which is counted until it leaves. */
  ownCopy(reply: Buffer): void {
    const { total } = this.command.frontend
    this.copy = new KeptCopy(total, reply.length)
    total.settleSoon()
    this.own(reply)
  }

  /** The bytes that have come. */
  get text(): string {
    const { kept, piece } = this
    const before = kept === null ? '' : kept.bytes.toString('latin1', 0, kept.length)
    return piece === null ? before : before + piece.toString('latin1', this.from, this.to)
  }

  /** Bytes of it have come that cannot leave yet. */
  add(buffer: Buffer, from: number, to: number): void {
    const { frontend } = this.command
    this.waiting += to - from
    frontend.keptBytes += to - from
    if (this.kept === null && this.piece === null) {
      this.piece = buffer
      this.from = from
      this.to = to
      this.isLoose = true
      frontend.hasLooseReplies = true
      frontend.settleSoon()
    } else if (this.piece === buffer && this.to === from) this.to = to
    else this.keep().append(buffer, from, to)
  }

  /** Copies the one piece to memory to which more can be added. */
  private keep(): KeptBytes {
    const { proxy, total } = this.command.frontend
    const { pollset, memory } = proxy.world
    this.kept ??= new KeptBytes(pollset, memory, total)
    if (this.piece !== null) this.kept.append(this.piece, this.from, this.to)
    this.dropPiece()
    return this.kept
  }

  /** Sends the received bytes: the command is the oldest of its client. */
  leave(): void {
    const { kept, piece } = this
    const { frontend } = this.command
    if (kept !== null) frontend.put(kept.bytes, 0, kept.length)
    if (piece !== null) frontend.put(piece, this.from, this.to)
    this.forget()
  }

  /** Copies a piece that lies in a read buffer, since the turn ends. */
  settle(): void {
    const { piece } = this
    if (piece === null || !this.isLoose) return
    this.isLoose = false
    this.ownCopy(Buffer.from(piece.subarray(this.from, this.to)))
  }

  private dropPiece(): void {
    this.piece = null
    this.copy?.clear()
    this.copy = null
  }

  forget(): void {
    this.kept?.clear()
    this.kept = null
    this.dropPiece()
    this.command.frontend.keptBytes -= this.waiting
    this.waiting = 0
  }

  override holders(bits: number): readonly Holder[] {
    const { command } = this
    const { session, frontend } = command
    if ((bits & (ANSWERED | STAYS)) !== 0 && session !== null)
      return holdersOf(session, command, frontend.proxy.world.pollset.now)
    const before = frontend.ring.before(command)
    return before === null ? [] : [{ subject: before, reason: 'is the command before it of its client' }]
  }
}
