// A listener as a continuation: it binds, hands on each accepted socket, and closes when it is cancelled.
// Accepted sockets stay open.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import {
  ACCEPTABLE,
  type Address,
  LISTEN_FAILED,
  LISTENING,
  type Listener,
  type ListenOptions,
  type Socket,
} from '../pollset/index.js'

/** The events of a listener. */
export interface ListeningEvents {
  /** The address is bound. */
  ready?(listening: Listening): void
  /** The address could not be bound. The listener's `fault` says why. */
  failed?(listening: Listening): void
  accepted(socket: Socket): void
}

export const listeningLife = defineLife({
  name: 'listening',
  source: import.meta.url,
  edges: {
    bind: ['accept', 'close'],
    accept: ['accept', 'close'],
    close: ['done'],
  },
})

export class Listening extends Continuation {
  readonly id: string
  readonly listener: Listener
  readonly events: ListeningEvents

  constructor(world: World, address: Address, events: ListeningEvents, options?: ListenOptions) {
    super(world)
    this.id = world.nextId('l')
    this.events = events
    this.listener = world.pollset.listen(address, this.id, options)
    listeningSteps.start(world, this, 'bind')
  }

  get kind(): string {
    return 'listener'
  }

  crashed(): void {
    this.listener.close()
  }
}

const { goto, done, suspend } = listeningLife
const waitToAccept = suspend({ then: 'accept', cancelled: 'close' })

const listeningSteps = listeningLife.steps<Listening>({
  bind(l) {
    l.waitOn(0, l.listener, LISTENING | LISTEN_FAILED)
    return waitToAccept
  },
  /** Accepts all sockets that have come since the last turn. */
  accept(l) {
    const { listener, events } = l
    if ((listener.readiness & LISTEN_FAILED) !== 0) {
      events.failed?.(l)
      return goto.close
    }
    if ((listener.readiness & LISTENING) !== 0) {
      listener.lower(LISTENING)
      events.ready?.(l)
    }
    for (let socket = listener.accept(); socket !== null; socket = listener.accept()) events.accepted(socket)
    l.waitOn(0, listener, ACCEPTABLE | LISTEN_FAILED)
    return waitToAccept
  },
  close(l) {
    l.listener.close()
    return done
  },
})
