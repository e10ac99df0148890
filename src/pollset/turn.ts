// The turn: one iteration of the outer loop, the same for every pollset (design: Turn).
//
//   read the clock → expire deadlines → turn marks into readiness → resume waiters until the queue is empty
//   or the budget spent → flush each dirty output once → settle inputs → resume waiters that the flush woke
//   (a response that has left ends its exchange in the same turn) → settle inputs again
//
// Callbacks of the operating system only mark and queue; no protocol code runs in them. An error in flush or
// settle ends the owner. A broken invariant of the World ends the World at once, wherever it is noticed.

import Denque from 'denque'
import { Deadlines } from './deadlines.js'
import type { Flushable, Settleable } from './door.js'
import { endsWorld, type InvariantBroken } from './invariant.js'
import type { Waiter } from './pollable.js'

export interface TurnLimits {
  /**
   * The number of continuations that one turn resumes. The rest wait for the next turn, so that a flood does
   * not keep the loop from its sockets.
   */
  readonly resumesMax: number
}

export const turnLimits: TurnLimits = { resumesMax: 100_000 }

export abstract class Turns {
  turns = 0
  readonly deadlines = new Deadlines()
  onBroken: ((error: InvariantBroken) => void) | null = null
  /** Is given the duration of each turn, in ms, after it. It must not throw. */
  onTurn: ((ms: number) => void) | null = null
  private readonly ready = new Denque<Waiter>()
  private readonly deferred: Waiter[] = []
  private flushing: Flushable[] = []
  private flushed: Flushable[] = []
  private settling: Settleable[] = []
  private settled: Settleable[] = []
  private readonly limits: TurnLimits
  private running = false
  private isBroken = false

  constructor(limits: TurnLimits = turnLimits) {
    this.limits = limits
  }

  get now(): number {
    return this.deadlines.now
  }

  spentMs(): number {
    return this.readClock() - this.deadlines.now
  }

  queue(waiter: Waiter): void {
    this.ready.push(waiter)
    if (!this.running) this.askForTurn()
  }

  queueLater(waiter: Waiter): void {
    this.deferred.push(waiter)
    if (!this.running) this.askForTurn()
  }

  flushLater(output: Flushable): void {
    this.flushing.push(output)
    if (!this.running) this.askForTurn()
  }

  settleLater(input: Settleable): void {
    this.settling.push(input)
  }

  /** Runs one turn. Only the outer loop calls it. */
  protected turn(): void {
    try {
      this.phases()
      this.turnOver()
      if (this.onTurn !== null) this.onTurn(this.spentMs())
    } catch (error) {
      this.broken(error)
    }
  }

  /**
   * Ends the World and tells {@link onBroken}, once, if this error must end it. Throws any other error. A
   * callback of the operating system must call it for each error that it catches.
   */
  protected broken(error: unknown): void {
    if (!endsWorld(error)) throw error
    if (this.isBroken) return
    this.isBroken = true
    this.close()
    if (this.onBroken === null) throw error
    this.onBroken(error)
  }

  /** Is called at the end of each turn, when nothing uses the bytes that were read in it. */
  protected turnOver(): void {}

  private phases(): void {
    this.running = true
    this.turns++
    this.deadlines.expire(this.readClock())
    this.steal()
    const left = this.drain(this.limits.resumesMax)
    this.flush()
    this.settle()
    this.drain(left)
    // Waiters resumed by the flush may have read too, from buffers that are reused after the turn.
    this.settle()
    for (let i = 0; i < this.deferred.length; i++) this.ready.push(this.deferred[i])
    this.deferred.length = 0
    this.running = false
    if (this.ready.length !== 0 || this.flushing.length !== 0) this.askForTurn()
  }

  private drain(budget: number): number {
    const ready = this.ready
    while (budget > 0 && ready.length !== 0) {
      budget--
      ;(ready.shift() as Waiter).resume()
    }
    return budget
  }

  private flush(): void {
    const outputs = this.flushing
    this.flushing = this.flushed
    for (let i = 0; i < outputs.length; i++) {
      try {
        outputs[i].flush()
      } catch (error) {
        if (endsWorld(error)) throw error
        outputs[i].crashWith(error)
      }
    }
    outputs.length = 0
    this.flushed = outputs
  }

  private settle(): void {
    const inputs = this.settling
    this.settling = this.settled
    for (let i = 0; i < inputs.length; i++) {
      try {
        inputs[i].settle()
      } catch (error) {
        if (endsWorld(error)) throw error
        inputs[i].crashWith(error)
      }
    }
    inputs.length = 0
    this.settled = inputs
  }

  /** Stops for good: no further turn runs. */
  abstract close(): void
  /** Returns the monotonic clock, in ms. */
  protected abstract readClock(): number
  /** Turns the marks of the operating system into readiness. */
  protected abstract steal(): void
  /** Makes sure that another turn runs soon. It may be called many times. */
  protected abstract askForTurn(): void
}
