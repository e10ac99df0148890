// The life of an HTTP/2 connection, of either role, as steps. A frontend begins at `preface`, a backend at
// `greet`. One `frames` a readable batch. What each step does is the connection's (connection.ts,
// frontend.ts, backend.ts); here is only what may follow what.

import { type Continuation, defineLife, type Outcome } from '../continuation/index.js'

export const connectionLife = defineLife({
  edges: {
    greet: ['frames', 'closed'],
    preface: ['preface', 'frames', 'closing'],
    frames: ['frames', 'tend', 'goaway', 'closing'],
    tend: ['frames', 'drain', 'goaway', 'closing'],
    goaway: ['drain'],
    drain: ['drain', 'tend', 'closing'],
    closing: ['linger', 'closed'],
    linger: ['linger', 'hurry', 'closed'],
    hurry: ['linger', 'closed'],
    closed: ['done'],
  },
  waits: ['tend', 'look', 'pace'],
})

const { goto, done, suspend } = connectionLife
/** Until the absolute time the connection has set: octets that trickle in do not prolong it. */
export const waitForPreface = suspend({ then: 'preface', late: 'closing', cancelled: 'preface' })
export const waitForFrames = suspend({
  then: 'frames',
  late: 'tend',
  cancelled: 'goaway',
  within: 'tend',
  fair: true,
})
/** Somebody waits for the peer, or it owes a handshake or the rest of a frame: these have shorter limits. */
export const waitInHaste = suspend({
  then: 'frames',
  late: 'tend',
  cancelled: 'goaway',
  within: 'look',
  fair: true,
})
/** Streams run dry: come back soon, to reset them as the budget allows. */
export const waitAtPace = suspend({
  then: 'frames',
  late: 'tend',
  cancelled: 'goaway',
  within: 'pace',
  fair: true,
})
export const waitToDrain = suspend({
  then: 'drain',
  late: 'tend',
  cancelled: 'closing',
  within: 'look',
  fair: true,
})
/** The same, for streams that are on their way, until the absolute time the connection has set. */
export const waitForCrossing = suspend({
  then: 'drain',
  late: 'drain',
  cancelled: 'closing',
  fair: true,
})
/** The peer's FIN, until the absolute time the connection has set; what was written meanwhile may move it. */
export const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

type Edges = typeof connectionLife.edges
export type After<S extends keyof Edges> = Outcome<Edges[S][number]>

/** What the steps ask of a connection. */
export interface Living extends Continuation {
  greet(): After<'greet'>
  preface(): After<'preface'>
  frames(): After<'frames'>
  tend(): After<'tend'>
  sayGoaway(): void
  drain(): After<'drain'>
  closing(): After<'closing'>
  linger(): After<'linger'>
  hurry(): After<'hurry'>
  closed(): void
}

export const connectionSteps = connectionLife.steps<Living>({
  /** Connected. If it is HTTP/2 that was agreed on, our preface and SETTINGS go out. */
  greet: (c) => c.greet(),
  /** Wait for the client's preface (RFC 9113 §3.4). */
  preface: (c) => c.preface(),
  /** Read what has arrived; the streams it concerns wake in this turn. */
  frames: (c) => c.frames(),
  /** Every few seconds: is the peer still there, is the connection still of use, is nothing overdue? */
  tend: (c) => c.tend(),
  /** No new streams; those there are may finish (§6.8). */
  goaway(c) {
    c.sayGoaway()
    return goto.drain
  },
  drain: (c) => c.drain(),
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
