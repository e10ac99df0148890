// The life of the server: it serves until it is told to drain, then lets running requests finish within the
// drain timeout. Orders come through the pollset, as all input does.

import { Continuation, defineLife } from '../continuation/index.js'
import { COMMANDED } from '../pollset/index.js'
import { EMPTY } from '../transport/index.js'
import type { Server } from './server.js'

export const controlLife = defineLife({
  name: 'control',
  source: import.meta.url,
  edges: {
    serve: ['serve', 'delay', 'drain'],
    delay: ['delay', 'drain'],
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
  /** The time at which draining begins after the order to shut down: ms of the pollset's clock. */
  delayedUntil = 0
  /** The time by which draining must end: ms of the pollset's clock. */
  private drainedBy = 0

  /** @param drainIdleMs the ms for handshakes and requests that are on their way when draining begins */
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

  /** Waits until the last client connection has closed. */
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
const waitForDelay = suspend({ then: 'delay', late: 'drain' })
const waitForHandshakes = suspend({ then: 'stop', late: 'settle' })
const waitForEnd = suspend({ then: 'stop', late: 'cut' })
const waitForCut = suspend({ then: 'stop', late: 'stop', within: 'cut' })

const controlSteps = controlLife.steps<Control>({
  serve(c) {
    const { commands } = c.server.world.pollset
    for (let order = commands.take(); order !== null; order = commands.take()) {
      if (order === 'drain') return goto.drain
      if (order === 'shutdown') {
        const { delayMs } = c.server.configuration.shutdown
        c.server.leave(delayMs)
        c.delayedUntil = c.server.world.pollset.now + delayMs
        return goto.delay
      }
      if (order === 'reload') c.server.reload()
    }
    c.waitOn(0, commands, COMMANDED)
    return waitForOrder
  },
  /** Serves on while load balancers learn that it closes. */
  delay(c) {
    const { commands, now } = c.server.world.pollset
    if (now >= c.delayedUntil) return goto.drain
    for (let order = commands.take(); order !== null; order = commands.take())
      if (order === 'drain') return goto.drain
    c.waitOn(0, commands, COMMANDED)
    c.waitUntil(c.delayedUntil)
    return waitForDelay
  },
  /** Stops accepting connections and streams. Open ones may finish. */
  drain(c) {
    c.server.drain()
    c.waitForEmpty('idle')
    return waitForHandshakes
  },
  /** Drops connections that have not sent anything by now. */
  settle(c) {
    c.server.settle()
    c.waitForEmpty('rest')
    return waitForEnd
  },
  /** Cuts the rest, since the drain timeout has passed. */
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
