// The life of an HTTP/1.1 connection, of either role, as steps. A frontend begins at `messages`, a backend at
// `resolve`. One `messages` a readable batch, or for what has become of the message under way. What each step
// does is the connection's (connection.ts, frontend.ts, backend.ts); here is only what may follow what.

import { type Continuation, defineLife, type Outcome } from '../continuation/index.js'

export const connectionLife = defineLife({
  edges: {
    resolve: ['connect', 'closed'],
    connect: ['connect', 'greet', 'closed'],
    greet: ['messages'],
    messages: ['messages', 'tend', 'drain', 'closing'],
    tend: ['messages', 'closing'],
    drain: ['messages'],
    closing: ['linger', 'closed'],
    linger: ['linger', 'hurry', 'closed'],
    hurry: ['linger', 'closed'],
    closed: ['done'],
  },
  waits: ['tend'],
})

const { goto, done, suspend } = connectionLife
/** For the name, and for any of its addresses: until the absolute time that is theirs. */
export const waitForName = suspend({ then: 'connect', late: 'closed', cancelled: 'closed' })
export const waitForConnect = suspend({ then: 'connect', late: 'connect', cancelled: 'closed' })
export const waitForMessages = suspend({
  then: 'messages',
  late: 'tend',
  cancelled: 'drain',
  within: 'tend',
})
/** The same, until the absolute time the connection has set. */
export const waitForTime = suspend({ then: 'messages', late: 'tend', cancelled: 'drain' })
/** The same after a connection's share of a turn: what has come further is read in the next. */
export const waitForNextTurn = suspend({
  then: 'messages',
  late: 'tend',
  cancelled: 'drain',
  within: 'tend',
  fair: true,
})
/** The peer's FIN, until the absolute time the connection has set; what was written meanwhile may move it. */
export const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

type Edges = typeof connectionLife.edges
export type After<S extends keyof Edges> = Outcome<Edges[S][number]>

/** What the steps ask of a connection. */
export interface Living extends Continuation {
  resolve(): After<'resolve'>
  connect(): After<'connect'>
  greet(): After<'greet'>
  messages(): After<'messages'>
  tend(): After<'tend'>
  drain(): void
  closing(): After<'closing'>
  linger(): After<'linger'>
  hurry(): After<'hurry'>
  closed(): void
}

export const connectionSteps = connectionLife.steps<Living>({
  /** Turn the backend's name into an address. */
  resolve: (c) => c.resolve(),
  /** Try its addresses, until one is connected to. */
  connect: (c) => c.connect(),
  /** Connected. */
  greet: (c) => c.greet(),
  /** Read what has arrived, as far as the message under way lets more in. */
  messages: (c) => c.messages(),
  /** Nothing has arrived for a while: is the connection still of use? */
  tend: (c) => c.tend(),
  /** The message under way is the last. */
  drain(c) {
    c.drain()
    return goto.messages
  },
  /** All that was pending is written, then FIN. */
  closing: (c) => c.closing(),
  /**
   * Let the peer read the last word before the socket goes: destroyed now, it could be lost to a TCP reset.
   */
  linger: (c) => c.linger(),
  /** Told to end while it lingers. */
  hurry: (c) => c.hurry(),
  closed(c) {
    c.closed()
    return done
  },
})
