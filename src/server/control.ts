// The server's own life: it serves until it is told to drain, then lets what runs come to its end, for as
// long as it may. Orders come through the pollset like everything else.

import { Continuation, defineLife } from '../continuation/index.js'
import { COMMANDED } from '../pollset/index.js'
import { EMPTY } from '../transport/index.js'
import type { Server } from './server.js'

export const controlLife = defineLife({
  edges: {
    serve: ['serve', 'drain'],
    drain: ['settle', 'stop'],
    settle: ['cut', 'stop'],
    cut: ['stop'],
    stop: ['done'],
  },
  waits: ['cut'],
})

export class Control extends Continuation {
  readonly id = 'control'
  readonly server: Server

  private readonly drainIdleMs: number
  /** ms of the pollset's clock: when draining is late */
  private drainedBy = 0

  /**
   * @param drainIdleMs for what is on its way when draining begins; a part of the time that draining may
   * take
   */
  constructor(server: Server, drainIdleMs: number, cutMs: number) {
    super(server.world, controlLife.durations(server.world.pollset.deadlines, { cut: cutMs }))
    this.server = server
    this.drainIdleMs = drainIdleMs
    controlSteps.start(server.world, this, 'serve')
  }

  get kind(): string {
    return 'control'
  }

  crashed(): void {
    this.server.stop()
  }

  /**
   * Waits until the last client connection has gone: for what is on its way when draining begins, and then
   * for the rest.
   */
  waitForEmpty(part: 'idle' | 'rest'): void {
    const { now } = this.server.world.pollset
    const { drainTimeoutMs } = this.server
    if (part === 'idle') this.drainedBy = now + drainTimeoutMs
    const at = part === 'idle' ? now + Math.min(this.drainIdleMs, drainTimeoutMs) : this.drainedBy
    this.waitOn(0, this.server.connections, EMPTY)
    this.waitUntil(Math.max(now + 1, at))
  }
}

const { goto, done, suspend } = controlLife
const waitForOrder = suspend({ then: 'serve' })
const waitForHandshakes = suspend({ then: 'stop', late: 'settle' })
const waitForEnd = suspend({ then: 'stop', late: 'cut' })
const waitForCut = suspend({ then: 'stop', late: 'stop', within: 'cut' })

const controlSteps = controlLife.steps<Control>({
  serve(c) {
    const { commands } = c.server.world.pollset
    for (let order = commands.take(); order !== null; order = commands.take()) {
      if (order === 'drain') return goto.drain
      if (order === 'reload') c.server.reload()
    }
    c.waitOn(0, commands, COMMANDED)
    return waitForOrder
  },
  /** No new connections, no new streams; those there are may finish. */
  drain(c) {
    c.server.drain()
    c.waitForEmpty('idle')
    return waitForHandshakes
  },
  /** Who has connected and said nothing by now has nothing to say. */
  settle(c) {
    c.server.settle()
    c.waitForEmpty('rest')
    return waitForEnd
  },
  /** Their time is over. */
  cut(c) {
    c.server.cut()
    c.waitOn(0, c.server.connections, EMPTY)
    return waitForCut
  },
  stop(c) {
    c.server.stop()
    return done
  },
})
