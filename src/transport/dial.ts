// Dialling: from a name, an address or a path to a connected socket, secured where TLS is asked for, within
// one deadline. It tells its caller once: a socket, or why there is none. A caller that no longer wants the
// socket cancels the dial.

import { Continuation, defineLife, type Fault, type World } from '../continuation/index.js'
import type { Socket } from '../pollset/index.js'
import { type DialLimits, HappyEyeballs } from './happy-eyeballs.js'
import type { DialTarget } from './target.js'

/** Told once of each dial. Neither is called before {@link dial} has returned. */
export interface DialEvents {
  /** The socket is CONNECTED, its TLS handshake done. It is the caller's from here on. */
  connected(socket: Socket): void
  /** No socket could be had. `late`: the time was over. */
  failed(why: Fault, late: boolean): void
}

export const dialLife = defineLife({
  edges: {
    resolve: ['connect', 'fail'],
    connect: ['connect', 'handOver', 'fail'],
    handOver: ['done'],
    fail: ['done'],
  },
})

export class Dial extends Continuation {
  readonly id: string
  readonly attempts: HappyEyeballs
  /** Ids of the sockets begin with it. */
  readonly name: string
  readonly events: DialEvents

  constructor(world: World, name: string, target: DialTarget, limits: DialLimits, told: DialEvents) {
    super(world, [])
    this.id = `${name}.dial`
    this.name = name
    this.attempts = new HappyEyeballs(world.pollset, target, limits)
    this.events = told
  }

  get kind(): string {
    return 'dial'
  }

  giveUp(): void {
    const { attempts } = this
    attempts.drop()
    this.events.failed(attempts.fault ?? attempts.ended, attempts.late)
  }

  crashed(): void {
    this.attempts.socket?.destroy()
    this.giveUp()
  }

  override describe() {
    return this.attempts.describe()
  }
}

const { goto, done, suspend } = dialLife
// Until the absolute time that is theirs.
const waitForName = suspend({ then: 'connect', late: 'fail', cancelled: 'fail' })
const waitForConnect = suspend({ then: 'connect', late: 'connect', cancelled: 'fail' })

const dialSteps = dialLife.steps<Dial>({
  /** Turn the name into addresses. */
  resolve: (d) => (d.attempts.resolve(d) ? waitForName : goto.connect),
  /** Try the addresses, until one is connected to. */
  connect(d) {
    if (d.attempts.advance(d, d.name)) return waitForConnect
    return d.attempts.socket === null ? goto.fail : goto.handOver
  },
  handOver(d) {
    d.events.connected(d.attempts.socket as Socket)
    return done
  },
  fail(d) {
    d.giveUp()
    return done
  },
})

/**
 * Dials a target. `told` hears of the outcome in a later step of the loop; `cancel()` of what is returned
 * ends the dial, which is then told as failed.
 * @param name of the connection, unique in its World: the socket's id is `NAME.socket`
 */
export function dial(
  world: World,
  name: string,
  target: DialTarget,
  limits: DialLimits,
  told: DialEvents,
): Dial {
  const it = new Dial(world, name, target, limits, told)
  dialSteps.start(world, it, 'resolve')
  return it
}
