// The life of a primary process: it takes orders until its workers have ended. Orders come through the
// pollset, as all input does.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { COMMANDED, Signal } from '../pollset/index.js'

/** The orders to a primary. */
export interface PrimaryOrders {
  readonly world: World
  /** ms until the keys of session tickets are changed */
  readonly ticketKeysMs: number
  follow(order: string): void
  changeTicketKeys(): void
  stop(): void
}

const OVER = 1

export const primaryControlLife = defineLife({
  name: 'primary control',
  source: import.meta.url,
  edges: { follow: ['follow', 'change', 'stop'], change: ['follow'], stop: ['done'] },
})

export class PrimaryControl extends Continuation {
  readonly id = 'control'
  private readonly orders: PrimaryOrders
  /** Rises when all workers have ended. */
  private readonly over = new Signal('control.over', 'signal', ['OVER'])
  /** The time at which the keys must be changed, in ms of the pollset's clock. */
  private changeAt: number
  private readonly world: World

  constructor(orders: PrimaryOrders) {
    super(orders.world)
    this.world = orders.world
    this.orders = orders
    this.changeAt = orders.world.pollset.now + orders.ticketKeysMs
    primaryControlSteps.start(orders.world, this, 'follow')
  }

  get kind(): string {
    return 'control'
  }

  crashed(): void {
    this.orders.stop()
  }

  /** Notes that all workers have ended. */
  end(): void {
    this.over.raise(OVER)
  }

  // Called by its steps

  follow(): void {
    const { commands } = this.world.pollset
    for (let order = commands.take(); order !== null; order = commands.take()) this.orders.follow(order)
    this.waitOn(0, commands, COMMANDED)
    this.waitOn(1, this.over, OVER)
    this.waitUntil(this.changeAt)
  }

  get isOver(): boolean {
    return (this.over.readiness & OVER) !== 0
  }

  changeKeys(): void {
    this.changeAt += this.orders.ticketKeysMs
    this.orders.changeTicketKeys()
  }

  stop(): void {
    this.orders.stop()
  }
}

const { goto, done, suspend } = primaryControlLife
const waitForOrder = suspend({ then: 'follow', late: 'change' })

const primaryControlSteps = primaryControlLife.steps<PrimaryControl>({
  follow(c) {
    if (c.isOver) return goto.stop
    c.follow()
    return waitForOrder
  },
  /** Changes the keys of session tickets. */
  change(c) {
    c.changeKeys()
    return goto.follow
  },
  stop(c) {
    c.stop()
    return done
  },
})
