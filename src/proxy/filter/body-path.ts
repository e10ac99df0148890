// A body on its way through filters: from a stream, or from a whole collected body, through transforms, to
// the stream of the other side, which pulls it. Each transform fills a block of output when that is empty. So
// a body takes bounded memory, and its sender gets credit for bytes that have left (spec/flow-control.md).

import { BODY, type BodySource } from '../../http/index.js'
import type { Signal } from '../../pollset/index.js'
import type { MemoryBudget } from '../../transport/index.js'
import type { BodyInput, BodyTransform } from './contract.js'

/** The bytes of a transform's output that wait for the next one, or to leave. */
const BLOCK_BYTES = 16 * 1024

/** An arriving body, as the input of the first transform. */
class StreamInput implements BodyInput {
  private readonly stream: BodySource
  private readonly now: () => number

  constructor(stream: BodySource, now: () => number) {
    this.stream = stream
    this.now = now
  }

  get available(): number {
    return this.stream.waitingBytes
  }
  get ended(): boolean {
    return this.stream.remoteEnded
  }
  take(target: Buffer, at: number, bytes: number): number {
    return this.stream.receiveBuffer?.pull(target, at, bytes, this.now(), true) ?? 0
  }
  /** Returns credit to the sender: the taken bytes have left, or are held within the declared bound. */
  credit(): void {
    this.stream.receiveBuffer?.creditTaken?.()
  }
}

/** A whole body in memory. */
class HeldInput implements BodyInput {
  readonly ended = true
  private at = 0
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get available(): number {
    return this.bytes.length - this.at
  }
  take(target: Buffer, at: number, bytes: number): number {
    const taken = this.bytes.copy(target, at, this.at, Math.min(this.bytes.length, this.at + bytes))
    this.at += taken
    return taken
  }
  credit(): void {}
  restart(): void {
    this.at = 0
  }
}

/** A transform with its output. */
class Stage implements BodyInput {
  readonly transform: BodyTransform
  readonly filter: string
  private readonly input: BodyInput
  private readonly block = Buffer.allocUnsafe(BLOCK_BYTES)
  private start = 0
  private end = 0

  constructor(filter: string, transform: BodyTransform, input: BodyInput) {
    this.filter = filter
    this.transform = transform
    this.input = input
  }

  get available(): number {
    return this.end - this.start
  }
  get ended(): boolean {
    return this.transform.ended
  }
  take(target: Buffer, at: number, bytes: number): number {
    const taken = this.block.copy(target, at, this.start, Math.min(this.end, this.start + bytes))
    this.start += taken
    return taken
  }

  /** Fills its output while that is empty. Throws any error of the transform. */
  fill(): void {
    const { transform, input, block } = this
    while (this.start === this.end && !transform.ended) {
      const before = input.available
      const written = transform.pull(input, block, 0, BLOCK_BYTES)
      if (!(written >= 0 && written <= BLOCK_BYTES)) throw new Error(`pull() returned ${written}`)
      this.start = 0
      this.end = written
      if (transform.heldBytes > transform.holdBytesMax) return
      if (written === 0 && input.available === before) return
    }
  }

  get holdsTooMuch(): boolean {
    return this.transform.heldBytes > this.transform.holdBytesMax
  }
}

export interface BodyStep {
  readonly filter: string
  readonly make: () => BodyTransform
}

export class BodyPath implements BodySource {
  readonly receiveBuffer: Pick<BodyPath, 'pull'> = this
  private readonly memory: MemoryBudget
  private readonly stream: BodySource | null
  /** Rises when output has left, and when a transform goes on. */
  private readonly moves: Signal
  private readonly bit: number
  private input: StreamInput | HeldInput
  private stages: Stage[] = []
  private readonly steps: BodyStep[] = []
  private charged = 0
  private begun = false
  /** True if a transform holds more than it has declared. */
  tooMuch = false
  /** No more bytes may be held, by whomever: a transform was not begun. */
  lacksRoom = false
  /** The filter whose transform failed, and its error; null while none has. */
  failure: { readonly filter: string; readonly error: unknown } | null = null

  /** @param source null: the body is held from the beginning @param bit a bit of `moves` */
  constructor(
    source: BodySource | null,
    memory: MemoryBudget,
    now: () => number,
    moves: Signal,
    bit: number,
  ) {
    this.stream = source
    this.memory = memory
    this.moves = moves
    this.bit = bit
    this.input = source === null ? new HeldInput(Buffer.alloc(0)) : new StreamInput(source, now)
  }

  /** Replaces the source by this whole body in memory. */
  hold(bytes: Buffer): void {
    this.input = new HeldInput(bytes)
  }

  /** The whole body, if it is held; else null. */
  get held(): Buffer | null {
    return this.input instanceof HeldInput ? this.input.bytes : null
  }

  /** True if no transform has been added. */
  get isPlain(): boolean {
    return this.steps.length === 0
  }

  add(step: BodyStep): void {
    this.steps.push(step)
  }

  /** Charges bytes that are held for it. */
  charge(bytes: number): void {
    this.charged += bytes
    this.memory.charge(bytes)
  }

  /** Begins to send, again in each attempt. */
  begin(): void {
    this.endStages()
    this.begun = true
    this.tooMuch = false
    this.lacksRoom = false
    this.failure = null
    if (this.input instanceof HeldInput) this.input.restart()
    let input: BodyInput = this.input
    for (const { filter, make } of this.steps) {
      try {
        const transform = make()
        const bytes = transform.holdBytesMax + BLOCK_BYTES
        if (this.memory.bytes + bytes > this.memory.limits.heldBytesMax) {
          this.lacksRoom = true
          transform.end?.()
          return
        }
        this.charge(bytes)
        const stage = new Stage(filter, transform, input)
        this.stages.push(stage)
        input = stage
        transform.begin?.(() => this.moves.raise(this.bit))
      } catch (error) {
        this.failure = { filter, error }
        return
      }
    }
  }

  /** Moves the arrived bytes through the transforms, as far as their output is empty. */
  pump(): void {
    if (!this.begun) this.begin()
    this.stream?.lower(BODY)
    if (this.isStuck) return
    for (const stage of this.stages) {
      try {
        stage.fill()
      } catch (error) {
        this.failure = { filter: stage.filter, error }
        return
      }
      if (stage.holdsTooMuch) {
        this.tooMuch = true
        return
      }
    }
    // Taken bytes that are not on their way out are held.
    if (this.waitingBytes === 0) this.input.credit()
  }

  /** It cannot go on. */
  get isStuck(): boolean {
    return this.failure !== null || this.tooMuch || this.lacksRoom
  }

  private get last(): BodyInput {
    return this.stages.at(-1) ?? this.input
  }

  // The view of the stream that sends it

  get waitingBytes(): number {
    return this.last.available
  }
  get remoteEnded(): boolean {
    return !this.isStuck && this.last.ended
  }
  get trailers(): BodySource['trailers'] {
    return this.stream?.trailers ?? null
  }
  lower(_bits: number): void {}
  pull(target: Buffer, at: number, bytes: number): number {
    const taken = this.last.take(target, at, bytes)
    if (this.waitingBytes === 0) {
      this.input.credit()
      if (!this.last.ended) this.moves.raise(this.bit)
    }
    return taken
  }

  /** True if nothing is to be sent, not even trailers. */
  get isEmpty(): boolean {
    return this.held?.length === 0 && this.steps.length === 0 && this.trailers === null
  }
  /** True if something may leave. */
  get isReady(): boolean {
    return this.waitingBytes > 0 || this.remoteEnded
  }

  /** Releases everything. */
  end(): void {
    this.endStages()
    this.memory.discharge(this.charged)
    this.charged = 0
  }

  private endStages(): void {
    const { stages } = this
    this.stages = []
    for (const { transform } of stages) {
      const bytes = transform.holdBytesMax + BLOCK_BYTES
      this.charged -= bytes
      this.memory.discharge(bytes)
      try {
        transform.end?.()
      } catch (error) {
        this.failure ??= { filter: '', error }
      }
    }
  }
}
