// The steps of a command: it takes its turn, leases a session, is sent, and its reply is told.
//
//   route ─── shared ──► lease ──► send ──► tell
//     │ ├─── alone, pinned: when all before it are answered ──► lease ──► send ──► tell
//     │ └─── local, refused ──────────────────────────────────────────────► tell
//     ├─── several servers ──► divide ──► collect, when each part has its reply ──► tell
//     └── the client's commands before it are not sent yet: it waits for its turn
//
// In a cluster, a command whose keys are elsewhere goes back from tell to route; it may pause before.
//
// The session of a long reply is shared no longer: the commands that stay on it `stream`.
//
import { defineLife } from '../continuation/index.js'
import { type Engine, LEASED, UNLEASED } from '../engine/index.js'
import type { Command } from './command.js'
import { ANSWERED, STAYS, TURN } from './command-answer.js'
import { collect, divide } from './division.js'
import type { RedisSession } from './session.js'
import { isMoving, notePace } from './staying.js'
import { errorReply, LATE, LOST, NO_LEASE_IN_TIME } from './texts.js'

export const commandLife = defineLife({
  name: 'redis.command',
  source: import.meta.url,
  edges: {
    route: ['route', 'lease', 'send', 'divide', 'tell', 'drop'],
    divide: ['collect', 'drop'],
    collect: ['tell'],
    lease: ['send', 'refuse', 'drop'],
    send: ['tell', 'giveUp', 'drop', 'refuse', 'route'],
    stream: ['tell', 'giveUp', 'drop'],
    tell: ['done', 'route', 'refuse', 'stream', 'pause'],
    pause: ['route', 'drop'],
    giveUp: ['tell', 'stream'],
    refuse: ['tell'],
    drop: ['done'],
  },
  waits: ['leaseMs', 'commandMs', 'slowReaderMs', 'tryAgainMs'],
})

const { goto, done, suspend } = commandLife
const waitForParts = suspend({ then: 'collect', cancelled: 'drop' })
const waitForTurn = suspend({ then: 'route', cancelled: 'drop' })
const waitForLease = suspend({ then: 'send', late: 'refuse', cancelled: 'drop', within: 'leaseMs' })
const waitForReply = suspend({ then: 'tell', late: 'giveUp', cancelled: 'drop', within: 'commandMs' })
const waitForRest = suspend({ then: 'tell', late: 'giveUp', cancelled: 'drop', within: 'slowReaderMs' })
const waitAWhile = suspend({ then: 'route', late: 'route', cancelled: 'drop', within: 'tryAgainMs' })
const waitWithoutEnd = suspend({ then: 'tell', cancelled: 'drop' })

export const commandSteps = commandLife.steps<Command>({
  /** Waits for its turn, and decides how it goes on. */
  route(c) {
    const { frontend } = c
    if (c.cancelAsked) return goto.drop
    if (!frontend.ring.isNext(c)) {
      c.answer.lower(TURN)
      c.waitOn(0, c.answer, TURN)
      return waitForTurn
    }
    const way = frontend.place.way(c)
    if (way === 'lease') return goto.lease
    if (way === 'send') return goto.send
    if (way === 'divide') return goto.divide
    if (way === 'tell') return goto.tell
    c.answer.lower(TURN)
    c.waitOn(0, c.answer, TURN)
    return waitForTurn
  },
  divide(c) {
    if (c.cancelAsked) return goto.drop
    divide(c)
    return waitForParts
  },
  collect(c) {
    collect(c)
    return goto.tell
  },
  lease(c) {
    // Cancelled while it was held: its bytes may be gone.
    if (c.cancelAsked) return goto.drop
    const answer = (c.engine as Engine<RedisSession>).lease(c.lease)
    if (answer === 'granted') return goto.send
    if (answer !== 'queued') {
      c.lease.fault = answer.fault
      return goto.refuse
    }
    c.waitOn(0, c.lease, LEASED | UNLEASED)
    return waitForLease
  },
  send(c) {
    if (c.cancelAsked) return goto.drop
    const sent = c.frontend.place.send(c)
    // Its node has left the cluster while it waited there.
    if (sent === 'unleased') return c.lease.fault?.code === 'engine-closed' ? goto.route : goto.refuse
    // Its session went while it was held, or in this turn.
    if (sent === 'lost') return goto.route
    if (sent === 'relayed') return goto.tell
    c.waitOn(0, c.answer, ANSWERED | STAYS)
    return c.does === 'blocking' ? waitWithoutEnd : waitForReply
  },
  /** Waits for a long reply, or behind one, as long as it moves (Y15). */
  stream(c) {
    notePace(c)
    c.waitOn(0, c.answer, ANSWERED)
    return waitForRest
  },
  tell(c) {
    if (c.isOwed) return goto.stream
    if (c.wasLost) {
      if (!c.mayRetry) return goto.refuse
      c.again()
      return goto.route
    }
    const { trail } = c
    if (trail?.isSentOn === true) {
      c.again()
      return trail.pauses ? goto.pause : goto.route
    }
    c.tell()
    return done
  },
  /** Its keys are just moving. */
  pause(c) {
    c.answer.lower(TURN)
    c.waitOn(0, c.answer, TURN)
    return waitAWhile
  },
  /** There is no reply in time. One that comes later is dropped. */
  giveUp(c) {
    if (isMoving(c)) return goto.stream
    c.giveUp(LATE)
    return goto.tell
  },
  refuse(c) {
    const { fault } = c.lease
    if (c.wasLost) c.refuse(LOST)
    else if (fault !== null) c.refuse(errorReply(fault.code, fault.message))
    else c.refuse(NO_LEASE_IN_TIME)
    c.wasLost = false
    c.lease.release()
    return goto.tell
  },
  drop(c) {
    c.drop()
    return done
  },
})
