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
  waits: ['idle', 'drain', 'cut'],
})

export class Control extends Continuation {
  readonly id = 'control'
  readonly server: Server

  /**
   * @param drainTimeoutMs all in all; of that at most `drainIdleMs` is for what is on its way when it begins
   */
  constructor(server: Server, drainTimeoutMs: number, drainIdleMs: number, cutMs: number) {
    const { deadlines } = server.world.pollset
    const idle = Math.max(1, Math.min(drainIdleMs, drainTimeoutMs))
    const durations = controlLife.durations(deadlines, {
      idle,
      drain: Math.max(1, drainTimeoutMs - idle),
      cut: cutMs,
    })
    super(server.world, durations)
    this.server = server
    controlSteps.start(server.world, this, 'serve')
  }

  get kind(): string {
    return 'control'
  }

  crashed(): void {
    this.server.stop()
  }
}

const { goto, done, suspend } = controlLife
const waitForOrder = suspend({ then: 'serve' })
const waitForArrivals = suspend({ then: 'stop', late: 'settle', within: 'idle' })
const waitForEnd = suspend({ then: 'stop', late: 'cut', within: 'drain' })
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
    c.waitOn(0, c.server.connections, EMPTY)
    return waitForArrivals
  },
  /** Who has connected and said nothing by now has nothing to say. */
  settle(c) {
    c.server.settle()
    c.waitOn(0, c.server.connections, EMPTY)
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
