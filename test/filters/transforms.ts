// Transforms of bodies for tests.

import type { BodyInput, BodyTransform } from '../../src/proxy/index.js'

/** Changes each byte; `bytesAtOnce` bytes in each pull. */
export class Mapping implements BodyTransform {
  readonly holdBytesMax = 0
  readonly heldBytes = 0
  ended = false
  ends = 0
  private readonly map: (octet: number) => number
  private readonly bytesAtOnce: number

  constructor(map: (octet: number) => number = (octet) => octet, bytesAtOnce = Number.POSITIVE_INFINITY) {
    this.map = map
    this.bytesAtOnce = bytesAtOnce
  }

  pull(input: BodyInput, out: Buffer, at: number, room: number): number {
    const taken = input.take(out, at, Math.min(room, this.bytesAtOnce))
    for (let i = at; i < at + taken; i++) out[i] = this.map(out[i])
    this.ended = input.ended && input.available === 0
    return taken
  }

  end(): void {
    this.ends++
  }
}

/** Holds the whole body, and writes it twice. */
export class Doubling implements BodyTransform {
  ended = false
  readonly holdBytesMax: number
  private held = Buffer.alloc(0)
  private left = -1

  constructor(holdBytesMax: number) {
    this.holdBytesMax = holdBytesMax
  }

  get heldBytes(): number {
    return this.held.length
  }

  pull(input: BodyInput, out: Buffer, at: number, room: number): number {
    if (this.left < 0) {
      const part = Buffer.alloc(input.available)
      input.take(part, 0, part.length)
      this.held = Buffer.concat([this.held, part])
      if (!input.ended) return 0
      this.left = 2 * this.held.length
    }
    const from = 2 * this.held.length - this.left
    const size = Math.min(room, this.left)
    for (let i = 0; i < size; i++) out[at + i] = this.held[(from + i) % this.held.length]
    this.left -= size
    this.ended = this.left === 0
    return size
  }
}

/** Passes each piece on only when somebody wakes it, as one that waits for a task. */
export class Waiting implements BodyTransform {
  readonly holdBytesMax = 64 * 1024
  heldBytes = 0
  ended = false
  private ready: Buffer | null = null
  private rest: Buffer | null = null
  private wake: () => void = () => {}

  begin(wake: () => void): void {
    this.wake = wake
  }

  goOn(): void {
    this.ready = this.rest
    this.rest = null
    this.wake()
  }

  pull(input: BodyInput, out: Buffer, at: number, _room: number): number {
    const { ready } = this
    if (ready !== null) {
      this.ready = null
      this.heldBytes = 0
      ready.copy(out, at)
      this.ended = input.ended && input.available === 0
      return ready.length
    }
    if (this.rest === null && input.available > 0) {
      this.rest = Buffer.alloc(Math.min(input.available, 1_000))
      this.heldBytes = input.take(this.rest, 0, this.rest.length)
    }
    return 0
  }
}
