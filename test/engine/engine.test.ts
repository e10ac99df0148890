// The engine against spec/engine.md, with sessions that have only a capacity: which taker gets a lease, on
// which session, and in which order.

import t from 'tap'
import { createWorld, type Fault, fault } from '../../src/continuation/index.js'
import {
  ALL_ENDED,
  Engine,
  type EngineLimits,
  engineLimits,
  Gather,
  LEASED,
  Lease,
  PART_FAILED,
  RecentTable,
  type Session,
  type SessionReports,
  type SessionState,
  UNLEASED,
} from '../../src/engine/index.js'
import type { Waiter } from '../../src/pollset/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { seeded } from '../world/random.js'

class Plain implements Session {
  readonly id: string
  readonly kind = 'session'
  state: SessionState = 'opening'
  leased = 0
  capacity: number
  readonly features = 0
  idleBy = Number.POSITIVE_INFINITY
  closes = 0
  private readonly reports: SessionReports<Plain>

  constructor(id: string, capacity: number, reports: SessionReports<Plain>) {
    this.id = id
    this.capacity = capacity
    this.reports = reports
  }
  /** Says goodbye only; the test tells when it has gone. */
  close(): void {
    this.closes++
  }
  opened(capacity = this.capacity): void {
    this.capacity = capacity
    this.reports.opened(this)
  }
  allow(capacity: number): void {
    this.capacity = capacity
    this.reports.changed(this)
  }
  free(): void {
    this.reports.freed(this)
  }
  decline(): void {
    this.reports.declined(this)
  }
  retire(served?: number): void {
    this.reports.retired(this, served)
  }
  leave(): void {
    this.reports.leaving(this)
  }
  gone(why: Fault | null = null): void {
    this.reports.closed(this, why)
  }
}

t.test('E24: a session that is reserved for an owner whose engine closes is retired', (t) => {
  const world = createWorld(new MemoryPollset())
  const sessions: Plain[] = []
  const open = (reports: SessionReports<Plain>): Plain => {
    const session = new Plain(`b${sessions.length + 1}`, 1, reports)
    sessions.push(session)
    return session
  }
  const own = new Engine<Plain>(world, 'own', open)
  const shared = new Engine<Plain>(world, 'shared', open)
  shared.onReserved = () => own
  const lease = new Lease<Plain>({ id: 'm1/s1' })
  shared.lease(lease)
  sessions[0].opened()
  own.close()
  Object.assign(sessions[0], { reportTo() {} })
  shared.reserved(sessions[0], {})
  t.equal(sessions[0].state, 'retired')
  t.equal(own.sessions.length, 0)
  t.end()
})

/** Notes in which order leases were told. */
class Waiting implements Waiter {
  readonly name: string
  readonly lease: Lease<Plain>
  woken = 0
  private readonly order: string[]

  constructor(name: string, order: string[]) {
    this.name = name
    this.order = order
    this.lease = new Lease<Plain>({ id: name })
    this.lease.waiter = this
    this.lease.interest = LEASED | UNLEASED
  }
  wake(): void {
    this.woken++
    this.order.push(this.name)
  }
  resume(): void {}
}

function setUp(capacity: number, limits: Partial<EngineLimits> = {}) {
  const pollset = new MemoryPollset()
  const made: Plain[] = []
  const order: string[] = []
  const engine = new Engine<Plain>(
    createWorld(pollset),
    'plain',
    (reports) => {
      const session = new Plain(`b${made.length + 1}`, capacity, reports)
      made.push(session)
      return session
    },
    { ...engineLimits, ...limits },
  )
  const wish = (name: string) => new Waiting(name, order)
  /** Ask, and take at once where granted. */
  const ask = (name: string) => {
    const one = wish(name)
    const answer = engine.lease(one.lease)
    const session = answer === 'granted' ? one.lease.take() : null
    return { ...one, one, answer, session, lease: one.lease }
  }
  return { pollset, engine, made, order, wish, ask }
}

/** With one open session; the lease that opened it is given back. */
function opened(capacity: number, limits: Partial<EngineLimits> = {}) {
  const all = setUp(capacity, limits)
  const first = all.ask('opener')
  all.made[0].opened()
  first.lease.release()
  all.order.length = 0
  return all
}

const refused = fault('refused', 'backend', 'connection', 'safe', 'nobody listens')

t.test('E1: those who ask share one session', async (t) => {
  const { engine, made, ask } = opened(10)
  const leases = [ask('a'), ask('b'), ask('c')]
  t.strictSame(
    leases.map((each) => each.session?.id),
    ['b1', 'b1', 'b1'],
  )
  t.equal(made.length, 1)
  t.equal(made[0].leased, 3)
  t.equal(engine.opens, 1)
})

t.test('E3: a session that opens counts as room for one, and openings are bounded', async (t) => {
  const { engine, made, ask } = setUp(1, { openingMax: 2, sessionsMax: 8 })
  ask('a')
  t.equal(made.length, 1, 'one waits: one opens')
  ask('b')
  ask('c')
  ask('d')
  t.equal(made.length, 2, 'four wait: two at most are opening')
  made[0].opened()
  t.equal(made.length, 3, 'another takes its place')
  t.equal(engine.queued, 3)
})

t.test('E3: room that opens is enough for all who wait: no further session', async (t) => {
  const { made, order, ask } = setUp(100, { openingMax: 1, sessionsMax: 8 })
  for (const name of ['a', 'b', 'c']) ask(name)
  made[0].opened()
  t.equal(made.length, 1)
  t.strictSame(order, ['a', 'b', 'c'])
})

t.test('E4: the session with room and the fewest leases', async (t) => {
  const { pollset, made, ask } = opened(2, { sessionsMax: 2 })
  const askLater = (name: string) => {
    pollset.one()
    return ask(name)
  }
  ask('a')
  ask('b')
  const third = ask('c')
  made[1].opened(5)
  t.equal(third.lease.take().id, 'b2')
  made[0].free()
  made[0].free()
  t.equal(askLater('d').session?.id, 'b1', '0 beside 1')
  made[1].allow(1)
  t.equal(askLater('e').session?.id, 'b1', 'the other has no room')
  made[0].allow(9)
  made[1].allow(9)
  t.equal(askLater('f').session?.id, 'b2', '2 beside 1')
})

t.test('E4: leases of one turn keep to one session, in a row of bounded length', async (t) => {
  const { pollset, made, ask } = opened(1, { sessionsMax: 2 })
  ask('a')
  ask('b')
  made[1].opened(100)
  made[0].allow(100)
  made[0].free()
  made[1].free()
  const turn = (requests: number) => {
    pollset.one()
    return Array.from({ length: requests }, (_, at) => ask(`r${at}`).session?.id)
  }
  const row = (id: string, length: number) => Array.from({ length }, () => id)
  t.strictSame(turn(20), row('b1', 20))
  t.strictSame(turn(30), row('b2', 30), 'the next turn begins at the one with fewer')
  t.strictSame(turn(45), [...row('b1', 32), ...row('b2', 13)], 'a row ends, others get theirs')
  made[1].allow(45)
  t.strictSame(turn(4), [...row('b2', 2), ...row('b1', 2)], 'a row ends where there is no room')
  made[1].gone()
  t.strictSame(turn(2), row('b1', 2))
})

t.test('E5, E6: sessions up to the limit, then a queue in order, then a refusal', async (t) => {
  const { engine, made, order, ask } = opened(1, { sessionsMax: 2, queueMax: 3 })
  ask('a')
  const b = ask('b')
  made[1].opened()
  t.equal(b.lease.take().id, 'b2')
  const waiting = ['c', 'd', 'e'].map((name) => ask(name))
  t.strictSame(
    waiting.map((each) => each.answer),
    ['queued', 'queued', 'queued'],
  )
  t.equal(made.length, 2)
  const f = ask('f')
  t.match(f.answer, { code: 'queue-full', fault: { code: 'queue-full' } })
  t.equal(f.lease.fault, null, 'full, not broken')
  t.equal(engine.queued, 3)
  order.length = 0
  made[0].free()
  made[1].free()
  t.strictSame(order, ['c', 'd'])
  t.strictSame(
    waiting.slice(0, 2).map((each) => each.lease.take().id),
    ['b1', 'b2'],
  )
  t.equal(ask('g').answer, 'queued', 'a place in the queue is free again')
})

t.test('E7, E8: granted, not signalled; newcomers queue behind', async (t) => {
  const { made, order, ask } = opened(1, { sessionsMax: 1 })
  ask('a')
  const b = ask('b')
  const c = ask('c')
  made[0].free()
  t.equal(b.lease.session, made[0], 'it has the session before it has run')
  t.equal(made[0].leased, 1, 'and is counted')
  t.equal(ask('d').answer, 'queued')
  t.equal(c.lease.readiness, 0)
  made[0].allow(2)
  t.strictSame(order, ['b', 'c'], 'who came first')
  made[0].allow(4)
  t.strictSame(order, ['b', 'c', 'd'])
})

t.test('E9: a granted waiter that leaves gives its lease to the next', async (t) => {
  const { made, order, ask } = opened(1, { sessionsMax: 1 })
  ask('a')
  const b = ask('b')
  const c = ask('c')
  made[0].free()
  b.lease.release()
  t.strictSame(order, ['b', 'c'])
  t.equal(b.lease.session, null)
  t.equal(b.lease.readiness, 0)
  t.equal(c.lease.session, made[0])
  t.equal(made[0].leased, 1)
  b.lease.release()
  t.equal(made[0].leased, 1, 'E12: twice is once')
})

t.test('a waiter leaves from the front, the middle and the end of the queue', async (t) => {
  const { engine, made, order, ask } = opened(1, { sessionsMax: 1 })
  ask('a')
  const waiting = ['b', 'c', 'd', 'e', 'f'].map((name) => ask(name))
  for (const at of [0, 2, 4]) waiting[at].lease.release()
  t.equal(engine.queued, 2)
  made[0].allow(10)
  t.strictSame(order, ['c', 'e'])
  t.equal(engine.queued, 0)
  t.equal(made[0].leased, 3)
})

t.test('E10, E11: lowered capacity ends none and grants none until there is room', async (t) => {
  const { made, order, ask } = opened(3, { sessionsMax: 1 })
  for (const name of ['a', 'b', 'c', 'd']) ask(name)
  made[0].allow(1)
  t.equal(made[0].leased, 3)
  made[0].free()
  made[0].free()
  t.strictSame(order, [])
  made[0].free()
  t.strictSame(order, ['d'])
  made[0].allow(0)
  made[0].free()
  t.equal(ask('e').answer, 'queued', 'no room at all')
  made[0].allow(1)
  t.strictSame(order, ['d', 'e'], 'E11: raised, and heard of at once')
})

t.test('E13: a retired session grants nothing, keeps what it has, and closes when it is done', async (t) => {
  const { made, ask } = opened(2, { sessionsMax: 2 })
  ask('a')
  ask('b')
  made[0].retire()
  t.equal(made[0].closes, 0)
  const c = ask('c')
  t.equal(c.answer, 'queued')
  t.equal(made.length, 2, 'another opens')
  made[0].free()
  t.equal(c.lease.session, null, 'its room is not given out again')
  t.equal(made[0].closes, 0)
  made[0].free()
  t.equal(made[0].closes, 1)
  made[1].opened()
  t.equal(c.lease.session, made[1])
  made[0].gone()
  t.equal(made[1].state, 'open')
})

t.test('E13: a retired session has its place until it has closed', async (t) => {
  const { engine, made, ask } = opened(1, { sessionsMax: 1 })
  ask('a')
  made[0].retire()
  ask('b')
  t.equal(made.length, 1)
  made[0].free()
  t.equal(made.length, 1)
  made[0].gone()
  t.equal(made.length, 2)
  t.equal(engine.sessions.length + engine.opening, 1)
})

t.test('E13: retired while opening', async (t) => {
  const { pollset, made, ask } = setUp(5, { openingMax: 1, sessionsMax: 4, reopenDelayMs: 50 })
  const a = ask('a')
  made[0].retire()
  t.equal(made.length, 1, 'the next one would hardly do better at once')
  pollset.advance(50)
  t.equal(made.length, 2, 'openings are counted down')
  t.equal(made[0].closes, 1)
  made[0].opened()
  t.equal(a.lease.readiness, 0, 'too late to be of use')
  made[1].opened()
  t.equal(a.lease.session, made[1])
})

t.test('E15: a session that dies leaves the queue alone', async (t) => {
  const { engine, made, order, ask } = opened(1, { sessionsMax: 2 })
  ask('a')
  const b = ask('b')
  made[1].opened()
  b.lease.take()
  const c = ask('c')
  order.length = 0
  made[0].gone(refused)
  t.strictSame(order, [], 'who waits is not told')
  t.equal(c.lease.fault, null)
  t.equal(made.length, 3, 'another opens in its place')
  t.equal(made[1].leased, 1, 'E17: the other does not hear of it')
  made[2].opened()
  t.equal(c.lease.session, made[2])
  t.equal(engine.sessions.length, 2)
})

t.test('E16: when none can be opened, all who wait are told at once', async (t) => {
  const { pollset, engine, made, order, ask } = setUp(1, { openingMax: 2 })
  const waiting = ['a', 'b', 'c'].map((name) => ask(name))
  made[0].gone(refused)
  t.strictSame(order, [], 'another is still being opened')
  made[1].gone(refused)
  t.strictSame(order, ['a', 'b', 'c'])
  for (const each of waiting) {
    t.equal(each.lease.readiness, UNLEASED)
    t.equal(each.lease.fault, refused)
  }
  t.equal(engine.queued, 0)
  t.equal(engine.sessions.length, 0)
  t.equal(pollset.now, 0)
  ask('d')
  t.equal(made.length, 3, 'who asks next is not made to wait for the last one failing')
})

t.test('E16: closed while opening without a fault tells one all the same', async (t) => {
  const { made, ask } = setUp(1)
  const a = ask('a')
  made[0].gone(null)
  t.equal(a.lease.fault?.code, 'session-not-opened')
})

t.test('E16: while others serve, those who wait go on waiting, and openings are paced', async (t) => {
  const { pollset, made, order, ask } = opened(1, { sessionsMax: 3, reopenDelayMs: 1_000 })
  ask('a')
  const b = ask('b')
  made[1].gone(refused)
  t.strictSame(order, [])
  ask('c')
  t.equal(made.length, 2, 'not again at once')
  pollset.advance(999)
  ask('d')
  t.equal(made.length, 2)
  pollset.advance(1)
  t.equal(made.length, 3, 'by itself, once the pause is over')
  made[0].free()
  t.equal(b.lease.session, made[0])
})

t.test('E15: when the last that serves dies, the pause ends with it', async (t) => {
  const { pollset, made, ask } = opened(1, { sessionsMax: 2, reopenDelayMs: 1_000 })
  ask('a')
  const b = ask('b')
  made[1].gone(refused)
  t.equal(made.length, 2)
  made[0].gone(refused)
  t.equal(made.length, 3, 'nothing else would wake who waits')
  made[2].opened()
  t.equal(b.lease.session, made[2])
  t.equal(pollset.deadlines.earliest(), Number.POSITIVE_INFINITY, 'no deadline stays behind')
})

t.test('E29: a pause leaves nothing behind when the engine closes', async (t) => {
  const { pollset, engine, made, ask } = opened(1, { sessionsMax: 2 })
  ask('a')
  ask('b')
  made[1].gone(refused)
  t.equal(pollset.deadlines.earliest(), engineLimits.reopenDelayMs)
  engine.close()
  t.equal(pollset.deadlines.earliest(), Number.POSITIVE_INFINITY)
})

t.test('E28: a surrendered session leaves the engine', async (t) => {
  const { engine, made, ask } = opened(5, { sessionsMax: 1 })
  ask('tunnel')
  engine.surrendered(made[0])
  t.equal(engine.sessions.length, 0)
  const b = ask('b')
  t.equal(b.answer, 'queued')
  t.equal(made.length, 2, 'its place is free')
  made[0].free()
  made[0].allow(9)
  made[0].gone(refused)
  t.equal(b.lease.readiness, 0, 'nothing it tells concerns the engine')
  made[1].opened()
  t.equal(b.lease.session, made[1])
})

t.test(
  'E36: sessions that wait for their backend only take no place, as many as there are places',
  async (t) => {
    const { engine, made, ask } = opened(1, { sessionsMax: 1 })
    for (const name of ['a', 'b']) {
      ask(name)
      made.at(-1)?.retire(1)
      made.at(-1)?.free()
      t.equal(made.length, name === 'a' ? 1 : 2)
      const next = ask('next')
      t.equal(made.length, name === 'a' ? 1 : 2, 'its place is taken until it has said its last word')
      made.at(-1)?.leave()
      t.equal(made.length, 2, name === 'a' ? 'then it is free' : 'but only one may wait so')
      if (name === 'a') made[1].opened()
      next.lease.release()
      if (name === 'a') t.equal(next.lease.session, null)
    }
    made[0].gone()
    const last = ask('last')
    t.equal(made.length, 3, 'it has gone: the other waits so in its place')
    made[2].opened()
    t.equal(last.lease.session, made[2])
    t.equal(engine.sessions.length, 2)
  },
)

t.test('close: idle sessions part, busy ones finish, who waits is told, who asks is refused', async (t) => {
  const { engine, made, order, ask } = opened(1, { sessionsMax: 3 })
  ask('a')
  const b = ask('b')
  made[1].opened()
  b.lease.take()
  made[1].free()
  ask('c')
  made[1].free()
  ask('d')
  ask('e')
  const f = ask('f')
  t.equal(made.length, 3)
  made[1].free()
  order.length = 0
  f.lease.release()
  const g = ask('g')
  engine.close()
  t.ok(order.includes('g'))
  t.equal(g.lease.fault?.code, 'engine-closed')
  t.equal(engine.queued, 0)
  const h = ask('h')
  t.match(h.answer, { code: 'engine-closed', fault: { code: 'engine-closed' } })
  t.equal(made[0].closes, 0, 'it has a lease')
  made[0].free()
  t.equal(made[0].closes, 1)
  made[2].opened()
  t.equal(made[2].closes, 2, 'asked while it was opening, and again once open')
  for (const each of made) each.gone()
  t.equal(engine.sessions.length, 0, 'E29: nothing is left')
  t.equal(made.length, 3, 'and nothing opens')
})

t.test('E8: one that a debugger holds keeps its place, and is passed over until it goes on', async (t) => {
  const { made, engine, ask, order } = opened(1, { sessionsMax: 1 })
  ask('a')
  const b = ask('b')
  ask('c')
  const holder = b.lease.of as { held?: boolean }
  holder.held = true
  made[0].free()
  t.strictSame(order, ['c'], 'the one behind it')
  made[0].free()
  t.strictSame(order, ['c'], 'and it waits, though a session has room')
  t.equal(engine.queued, 1)
  const d = ask('d')
  t.ok(d.session !== null, 'a newcomer passes it too')
  holder.held = false
  made[0].free()
  t.strictSame(order, ['c', 'b'])
  const e = ask('e')
  const late = e.lease.of as { held?: boolean }
  late.held = true
  made[0].free()
  t.equal(e.lease.session, null)
  late.held = false
  e.lease.heldNoMore()
  t.ok(e.lease.session !== null, 'the engine looks again when it goes on')
})

t.test('E8: no session is opened for those that are held', async (t) => {
  const { engine, made, ask } = setUp(1, { sessionsMax: 4, openingMax: 4 })
  const a = ask('a')
  const holder = a.lease.of as { held?: boolean }
  holder.held = true
  made[0].gone(null)
  t.equal(engine.queued, 0, 'E16 holds for them too')
  t.equal(engine.lease(a.lease), 'queued')
  t.equal(made.length, 1)
  holder.held = false
  a.lease.heldNoMore()
  t.equal(made.length, 2)
})

t.test('what it shows of itself', async (t) => {
  const { engine, ask } = opened(1, { sessionsMax: 1 })
  ask('a')
  const b = ask('b')
  t.same(engine.describe(), {
    id: 'e1',
    name: 'plain',
    queued: 1,
    opening: 0,
    surrendered: 0,
    share: null,
    sessions: [{ id: 'b1', state: 'open', leased: 1, capacity: 1 }],
  })
  t.equal(b.lease.id, 'b.lease')
  const [{ subject, reason }] = b.lease.holders()
  t.equal(subject, engine)
  t.equal(reason, 'it is number 1 of 1 that wait for plain')
  t.same(
    engine.holders().map((each) => [each.subject.id, each.reason]),
    [['b1', 'open, with 1 of 1 places taken']],
  )
})

t.test('E16: a session that is retired while opening and then dies tells those who wait', async (t) => {
  const { made, order, ask } = setUp(5)
  const a = ask('a')
  made[0].retire()
  made[0].gone(refused)
  t.strictSame(order, ['a'])
  t.equal(a.lease.fault, refused)
  t.equal(made.length, 1)
})

t.test('E30: a session that opens only to close is not followed by another at once', async (t) => {
  const { pollset, engine, made, ask } = setUp(0, { sessionsMax: 1, reopenDelayMs: 50 })
  ask('one')
  for (let count = 1; count <= 5; count++) {
    t.equal(engine.opens, count)
    made[count - 1].opened()
    if (count % 2 === 0) made[count - 1].retire()
    made[count - 1].gone(refused)
    pollset.advance(49)
    t.equal(engine.opens, count, 'not yet')
    pollset.advance(1)
  }
  t.equal(engine.opens, 6, 'and yet those who wait are not forgotten')
  t.equal(engine.queued, 1)
})

/** Serves as many leases on one session as this backend takes; the others come back. Returns how often leases were taken in all. */
function sends(requests: number, perSession: number, capacity: number): number {
  const { engine, made, wish } = setUp(capacity, { sessionsMax: 4 })
  let taken = 0
  let waiting = Array.from({ length: requests }, (_, i) => wish(`r${i}`))
  let at = 0
  for (const each of waiting) engine.lease(each.lease)
  for (let round = 0; waiting.length > 0; round++) {
    if (round > 10 * requests) throw new Error('it does not end')
    for (; at < made.length; at++) made[at].opened()
    for (const session of [...engine.sessions] as Plain[]) {
      const here = waiting.filter((each) => each.lease.session === session)
      if (here.length === 0) continue
      for (const each of here) each.lease.take()
      taken += here.length
      const served = here.slice(0, perSession)
      if (here.length > perSession || served.length === perSession)
        session.retire(here.length > perSession ? perSession : undefined)
      waiting = waiting.filter((each) => !served.includes(each))
      for (const _ of here) session.free()
      for (const each of here.slice(perSession)) engine.lease(each.lease)
      if (session.state === 'retired') session.gone()
    }
  }
  return taken
}

t.test(
  'E34: a session serves k of its leases and goes: the next one gets no more than that at once',
  async (t) => {
    const { engine, made, ask } = setUp(100, { sessionsMax: 1 })
    for (let i = 0; i < 20; i++) ask(`${i}`)
    made[0].opened()
    t.equal(made[0].leased, 20)
    made[0].retire(5)
    for (let i = 0; i < 20; i++) made[0].free()
    for (let i = 0; i < 20; i++) ask(`again ${i}`)
    made[0].gone()
    made[1].opened()
    t.equal(made[1].leased, 5, 'as many as the one before has served')
    for (let i = 0; i < 4; i++) made[1].free()
    t.equal(made[1].leased, 5, 'each that ends makes room for another')
    made[1].free()
    t.equal(made[1].leased, 10, 'it has served them: twice as many')
    for (let i = 0; i < 10; i++) made[1].free()
    t.equal(engine.queued, 0)
  },
)

t.test('E34: what requests cost where each session serves so many, in sends', async (t) => {
  for (const perSession of [1, 2, 3, 10, 50])
    for (const capacity of [1, 10, 128]) {
      const all = sends(1000, perSession, capacity)
      t.ok(all <= 3000, `${perSession} a session of ${capacity}: ${all} sends of 1000 requests`)
    }
})

t.test('E34: a share that is more than the one before is granted at once', async (t) => {
  const { engine, made, ask } = setUp(100, { sessionsMax: 2, openingMax: 2 })
  for (let i = 0; i < 6; i++) ask(`${i}`)
  made[0].opened()
  made[1].opened()
  for (let i = 0; i < 5; i++) made[0].decline()
  for (let i = 0; i < 4; i++) ask(`again ${i}`)
  const { leased } = made[1]
  t.equal(engine.queued > 0, true)
  made[0].retire(4)
  t.equal(made[1].leased > leased, true)
})

t.test('E34: a refused lease leaves a session as many as it has left', async (t) => {
  const { engine, made, ask } = setUp(100, { sessionsMax: 1 })
  for (let i = 0; i < 10; i++) ask(`${i}`)
  made[0].opened()
  for (let i = 0; i < 6; i++) made[0].decline()
  for (let i = 0; i < 6; i++) ask(`again ${i}`)
  t.equal(made[0].leased, 4)
  t.equal(engine.queued, 6)
  for (let i = 0; i < 4; i++) made[0].free()
  t.equal(made[0].leased, 6, 'four were served: eight may be there')
  for (let i = 0; i < 6; i++) made[0].free()
  t.equal(made[0].leased, 0)
})

t.test('E45: no session has more leases than streamsPerSessionMax', async (t) => {
  const { engine, made, ask } = setUp(100, { sessionsMax: 2, openingMax: 2, streamsPerSessionMax: 3 })
  for (let i = 0; i < 8; i++) ask(`${i}`)
  for (const each of made) each.opened()
  t.strictSame(
    made.map((each) => each.leased),
    [3, 3],
  )
  t.equal(engine.queued, 2)
  made[1].free()
  t.equal(made[1].leased, 3)
  t.match(engine.holders()[0].reason, /3 of 3 places taken/)
})

t.test(
  'E45: where the backend serves fewer, it is as many as that, and at most the bound again',
  async (t) => {
    const { made, ask } = setUp(100, { sessionsMax: 1, streamsPerSessionMax: 3 })
    for (let i = 0; i < 8; i++) ask(`${i}`)
    made[0].opened()
    made[0].decline()
    made[0].decline()
    t.equal(made[0].leased, 1, 'what was left when the last was refused')
    for (let i = 0; i < 3; i++) made[0].free()
    t.equal(made[0].leased, 3)
  },
)

t.test('E33, E45: the room for doubtful leases is by streamsPerSessionMax', async (t) => {
  const { engine, made, ask } = setUp(100, { sessionsMax: 2, streamsPerSessionMax: 2 })
  const all = ['a', 'b', 'c'].map((name) => ask(name))
  made[0].opened()
  const ended: string[] = []
  for (const { lease } of all) {
    Object.assign(lease.of, { cancel: () => ended.push(lease.of.id) })
    lease.doubt()
  }
  t.strictSame(ended, ['a'], 'two of the four that two sessions carry')
  t.equal(engine.sessions.length, 1)
})

const AGED = { sessionsMax: 1, sessionAgeMs: 1_000 }

t.test('E46: an idle session closes at its age, more or less by a tenth', async (t) => {
  const { pollset, made } = opened(10, AGED)
  let closedAt = 0
  for (let ms = 0; ms < 1_200 && closedAt === 0; ms++) {
    pollset.advance(1)
    if (made[0].closes > 0) closedAt = ms + 1
  }
  t.ok(closedAt >= 900 && closedAt <= 1_100, `${closedAt}`)
})

t.test('E46: an old session ends its leases and takes no new one, and another opens beside it', async (t) => {
  const { engine, pollset, made, ask } = setUp(10, AGED)
  ask('long')
  made[0].opened()
  made[0].leased = 1
  pollset.advance(1_100)
  t.equal(made[0].state, 'retired')
  t.equal(made[0].closes, 0, 'its lease goes on')
  ask('next')
  t.equal(made.length, 2, 'it takes no place')
  made[1].opened()
  t.equal(made[1].leased, 1)
  t.equal(made[0].leased, 1)
  made[0].free()
  t.equal(made[0].closes, 1, 'closed behind its last lease')
  made[0].gone()
  t.equal(engine.sessions.length, 1)
})

t.test('E46: an old session serves on while as many as sessionsMax end their leases', async (t) => {
  const { engine, pollset, made, ask } = setUp(10, AGED)
  ask('long')
  made[0].opened()
  pollset.advance(1_100)
  ask('long too')
  made[1].opened()
  pollset.advance(1_100)
  t.equal(made[1].state, 'open')
  ask('more')
  t.equal(made[1].leased, 2)
  made[0].free()
  made[0].gone()
  pollset.advance(100)
  t.equal(made[1].state, 'retired', 'the first has gone')
  t.equal(engine.opens, 2, 'none is opened without need')
})

t.test(
  'E46: nothing is left of the age of a session that closes, or that belongs to one client',
  async (t) => {
    const { engine, pollset, made, ask } = setUp(1, AGED)
    const armed = () => Number.isFinite(pollset.deadlines.earliest())
    ask('a')
    made[0].opened()
    t.equal(armed(), true)
    made[0].free()
    made[0].gone()
    t.equal(armed(), false)
    ask('b')
    made[1].opened()
    const own = new Engine<Plain>(createWorld(pollset), 'own', () => made[1])
    engine.onReserved = () => own
    Object.assign(made[1], { reportTo() {} })
    engine.reserved(made[1], {})
    t.equal(armed(), false)
  },
)

t.test('E47: with a lower sessionsMax the sessions with the fewest leases are retired', async (t) => {
  const { engine, made, ask } = setUp(2, { sessionsMax: 3, openingMax: 3 })
  for (let i = 0; i < 3; i++) ask(`${i}`)
  for (const each of made) each.opened()
  for (let i = 0; i < 3; i++) ask(`more ${i}`)
  made[0].free()
  made[2].free()
  made[2].free()
  engine.configure({ ...engineLimits, sessionsMax: 1, openingMax: 3 })
  t.strictSame(
    made.map((each) => [each.state, each.closes]),
    [
      ['retired', 0],
      ['open', 0],
      ['retired', 1],
    ],
  )
  ask('waits')
  t.equal(made.length, 3, 'none is opened')
  made[2].gone()
  made[0].free()
  t.equal(made[0].closes, 1, 'closed behind its last lease')
  made[0].gone()
  t.equal(engine.queued, 1)
  made[1].free()
  t.equal(engine.queued, 0)
})

t.test('E47: with a higher one, and with more streams a session, waiting leases go on', async (t) => {
  const { engine, made, ask } = setUp(10, { sessionsMax: 1, streamsPerSessionMax: 1 })
  for (let i = 0; i < 4; i++) ask(`${i}`)
  made[0].opened()
  t.equal(engine.queued, 3)
  engine.configure({ ...engineLimits, sessionsMax: 1, streamsPerSessionMax: 2 })
  t.equal(made[0].leased, 2)
  engine.configure({ ...engineLimits, sessionsMax: 2, streamsPerSessionMax: 2 })
  t.equal(made.length, 2)
  made[1].opened()
  t.equal(engine.queued, 0)
  engine.configure({ ...engineLimits, sessionsMax: 2, streamsPerSessionMax: 2, queueMax: 0 })
  t.type(ask('one more').answer, 'object', 'refused: none may wait')
})

t.test('E47: sessions get another age, from when they were opened', async (t) => {
  const { engine, pollset, made } = opened(10, { sessionsMax: 2, sessionAgeMs: 10_000 })
  pollset.advance(5_000)
  engine.configure({ ...engineLimits, sessionsMax: 2, sessionAgeMs: 6_000 })
  pollset.advance(1_600)
  t.equal(made[0].closes, 1)
})

t.test('E47: sessions that are older already go within a tenth of the age', async (t) => {
  const { engine, pollset, made } = opened(10, { sessionAgeMs: 10_000 })
  pollset.advance(5_000)
  engine.configure({ ...engineLimits, sessionAgeMs: 1_000 })
  t.equal(made[0].state, 'open')
  pollset.advance(100)
  t.equal(made[0].closes, 1)
})

t.test('E47: sessions age from now on if they did not, and no longer', async (t) => {
  const { engine, pollset, made, ask } = opened(10)
  const armed = () => Number.isFinite(pollset.deadlines.earliest())
  pollset.advance(5_000)
  engine.configure({ ...engineLimits, sessionAgeMs: 1_000 })
  t.equal(armed(), true)
  engine.configure(engineLimits)
  t.equal(armed(), false)
  pollset.advance(5_000)
  t.equal(made[0].state, 'open')
  engine.configure({ ...engineLimits, sessionAgeMs: 1_000 })
  pollset.advance(800)
  t.equal(made[0].state, 'open')
  pollset.advance(300)
  t.equal(made[0].closes, 1)
  ask('next')
  t.equal(made.length, 2)
})

t.test('E35: a session that goes and has begun none is not followed by another at once', async (t) => {
  const { pollset, engine, made, ask } = setUp(10, { sessionsMax: 1, reopenDelayMs: 50 })
  ask('a')
  made[0].opened()
  made[0].retire(0)
  made[0].free()
  made[0].gone()
  ask('again')
  pollset.advance(49)
  t.equal(engine.opens, 1, 'not yet')
  pollset.advance(1)
  t.equal(engine.opens, 2)
})

t.test('E34: sessions of one lease each, closed after it, are opened as fast as ever', async (t) => {
  const { engine, made, ask } = setUp(1, { sessionsMax: 8, openingMax: 8 })
  for (let i = 0; i < 8; i++) ask(`${i}`)
  t.equal(engine.opens, 8)
  for (const each of made) each.opened()
  for (let i = 0; i < 8; i++) ask(`behind ${i}`)
  for (const each of made.slice(0, 8)) {
    each.retire()
    each.free()
    each.gone()
  }
  t.equal(engine.opens, 16)
})

t.test('a lease that is given back twice, or taken twice, is a defect of ours', async (t) => {
  const { made, ask } = opened(2)
  const a = ask('a')
  t.throws(() => a.lease.take(), { name: 'InvariantBroken' })
  made[0].free()
  t.throws(() => made[0].free(), { name: 'InvariantBroken', message: /given back once/ })
})

/** Checks what must always hold, independently of the engine's own counts. */
t.test('E12: at random, against a model that only counts', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = seeded(seed)
    const limits = {
      sessionsMax: 1 + next(4),
      openingMax: 1 + next(2),
      queueMax: 5 + next(20),
      reopenDelayMs: 50,
    }
    const { pollset, engine, made, order, wish } = setUp(1 + next(3), limits)
    /** Queued by the model, in order; granted, not yet taken; taken, by session. */
    let queue: Waiting[] = []
    const granted = new Set<Waiting>()
    const taken: Plain[] = []
    let asked = 0
    let pausedUntil = 0
    /** Sessions that were given out at least once. */
    const used = new Set<Plain>()
    /** Those that were retired before they were open. */
    const never = new Set<Plain>()
    let step = ''
    const must = (holds: boolean, what: string) => {
      if (!holds) throw new Error(`seed ${seed}, ${step}: ${what}`)
    }
    const look = () => {
      // First in, first out: the woken takers are the front of the queue, in order.
      for (const name of order.splice(0)) {
        const one = queue.shift()
        must(one !== undefined && one.name === name, `${name} woke, ${one?.name} was first`)
        if (one !== undefined && one.lease.readiness === LEASED) {
          granted.add(one)
          used.add(one.lease.session as Plain)
        } else must(one?.lease.fault !== null, 'woken without lease and without fault')
      }
      must(engine.queued === queue.length, `queued ${engine.queued}, not ${queue.length}`)
      must(queue.length <= limits.queueMax, 'queue over its bound')
      const { opening } = engine
      const there = made.filter((each) => each.state !== 'closed').length
      must(there <= limits.sessionsMax, 'sessions over their bound')
      must(opening <= limits.openingMax, 'openings over their bound')
      for (const session of made) {
        const count =
          taken.filter((each) => each === session).length +
          [...granted].filter((each) => each.lease.session === session).length
        must(session.leased === count, `${session.id} leased ${session.leased}, not ${count}`)
      }
      // No lost wake-up: no lease waits while there is room, or while another session may be opened.
      if (queue.length > 0) {
        must(
          engine.sessions.every((each) => each.state !== 'open' || each.leased >= each.capacity),
          'somebody waits beside room',
        )
        const serves = opening > 0 || engine.sessions.some((each) => each.state === 'open')
        const full = there >= limits.sessionsMax
        must(serves || full || pollset.now < pausedUntil, 'somebody waits for nothing')
        const mayOpen = opening < limits.openingMax && !full && pollset.now >= pausedUntil
        must(queue.length <= opening || !mayOpen, 'somebody waits beside leave to open')
      }
    }
    for (let turn = 0; turn < 400; turn++) {
      const living = made.filter((each) => each.state !== 'closed')
      const session = living[next(living.length || 1)] as Plain | undefined
      const what = next(12)
      step = `turn ${turn}, event ${what}`
      // A session that ends without having served anything is not followed by another at once.
      const barren = session !== undefined && queue.length > 0 && !used.has(session)
      if (what <= 3) {
        const one = wish(`w${++asked}`)
        const full = queue.length >= limits.queueMax
        const before = queue.length
        const answer = engine.lease(one.lease)
        if (answer === 'granted') {
          must(before === 0, 'a newcomer overtook the queue')
          const given = one.lease.take()
          used.add(given)
          taken.push(given)
        } else if (answer === 'queued') queue.push(one)
        else must(full, 'refused beside room in the queue')
      } else if (what === 4 && granted.size > 0) {
        const [one] = granted
        granted.delete(one)
        taken.push(one.lease.take())
      } else if (what === 5 && granted.size > 0) {
        const [one] = granted
        granted.delete(one)
        one.lease.release()
      } else if (what === 6 && queue.length > 0) {
        const one = queue[next(queue.length)]
        queue = queue.filter((each) => each !== one)
        one.lease.release()
      } else if (what <= 8 && taken.length > 0) {
        const [freed] = taken.splice(next(taken.length), 1)
        freed.free()
      } else if (what === 9 && session !== undefined) {
        if (session.state === 'opening') {
          if (next(4) > 0) session.opened()
          else {
            session.gone(refused)
            pausedUntil = pollset.now + limits.reopenDelayMs
          }
        } else session.allow(next(4))
      } else if (what === 10 && session !== undefined && next(3) === 0) {
        if (session.state === 'opening') never.add(session)
        session.retire()
        if (barren) pausedUntil = pollset.now + limits.reopenDelayMs
      } else if (what === 11 && session !== undefined && next(3) === 0) {
        if (session.state !== 'opening') {
          session.gone(refused)
          if (barren || never.has(session)) pausedUntil = pollset.now + limits.reopenDelayMs
        }
      }
      pollset.advance(10)
      look()
    }
  }
  t.pass('sixty seeds')
})

t.test('E33: past half of the room the oldest doubtful leases are ended', async (t) => {
  for (const capacity of [1, 4]) {
    const { engine, made, ask } = setUp(capacity, { sessionsMax: 4, openingMax: 4 })
    const ended: string[] = []
    const doubtful = (name: string) => {
      const asked = ask(name)
      const of = asked.lease.of as { cancel?: () => void }
      of.cancel = () => {
        ended.push(name)
        asked.lease.release()
      }
      asked.lease.doubt()
      return asked.lease
    }
    const half = 2 * capacity
    const names = Array.from({ length: half + 3 }, (_, i) => `d${i}`)
    const leases = names.map(doubtful)
    t.strictSame(ended, [], 'before a session is open nobody is')
    for (const session of [...made]) session.opened()
    t.strictSame(ended, ['d0', 'd1', 'd2'], 'the oldest, as many as are too many')
    leases[half + 2].trust()
    doubtful('more')
    t.equal(ended.length, 3, 'one of which there is no doubt any more is not counted')
    leases[half + 1].release()
    doubtful('again')
    t.equal(ended.length, 3, 'nor one that was given back')
    doubtful('last')
    t.strictSame(ended.slice(3), [capacity === 1 ? 'more' : 'd3'])
    t.equal(engine.sessions.length, 4)
  }
})

t.test('E33: where the sessions can carry none, no doubtful lease is ended', async (t) => {
  const { ask } = opened(0, { sessionsMax: 1 })
  const ended: string[] = []
  for (const name of ['a', 'b', 'c']) {
    const { lease } = ask(name)
    ;(lease.of as { cancel?: () => void }).cancel = () => ended.push(name)
    lease.doubt()
  }
  t.strictSame(ended, [])
})

t.test('E33: one there may be, whatever the room', async (t) => {
  const { ask } = opened(1, { sessionsMax: 1 })
  const ended: string[] = []
  for (const name of ['a', 'b']) {
    const { lease } = ask(name)
    ;(lease.of as { cancel?: () => void }).cancel = () => ended.push(name)
    lease.doubt()
  }
  t.strictSame(ended, ['a'])
})

t.test(
  'E48: a gather is ready when its last part has ended, and tells of the first that fails',
  async (t) => {
    const part = (id: string) => ({ id, kind: 'part' })
    const gather = new Gather<ReturnType<typeof part>>('x.gather')
    let woken = 0
    gather.waiter = { wake: () => woken++, resume() {} }
    gather.interest = ALL_ENDED | PART_FAILED
    t.equal(gather.readiness, ALL_ENDED, 'without parts there is nothing to wait for')
    const [a, b, c] = ['a', 'b', 'c'].map(part)
    for (const each of [a, b, c]) gather.add(each)
    t.equal(gather.readiness, 0)
    gather.ended(b)
    t.equal(woken, 0)
    t.strictSame(
      gather.holders().map(({ subject }) => subject),
      [a, c],
      'what it waits for',
    )
    gather.ended(c, true)
    t.same([gather.readiness, gather.size, woken], [PART_FAILED, 1, 1])
    t.throws(() => gather.ended(c), /a part ends once/)
    gather.ended(a)
    t.same([gather.readiness, gather.size, [...gather]], [ALL_ENDED | PART_FAILED, 0, []])
  },
)

const armed = ({ deadlines }: MemoryPollset) => Number.isFinite(deadlines.earliest())

t.test('E49: a session without leases is retired at the time that it names', async (t) => {
  const { pollset, made, ask } = setUp(1, { sessionsMax: 3 })
  const [a, b] = [ask('a'), ask('b')]
  for (const each of made) each.idleBy = pollset.now + 1_000
  made[0].opened()
  made[1].opened()
  t.notOk(armed(pollset), 'both carry a lease')
  for (const each of [a, b]) each.lease.take()
  made[0].free()
  made[1].idleBy = pollset.now + 400
  made[1].free()
  pollset.advance(399)
  t.equal(made[1].closes, 0)
  pollset.advance(1)
  t.equal(made[1].closes, 1, 'the earlier one first')
  t.equal(made[0].closes, 0)
  pollset.advance(600)
  t.equal(made[0].closes, 1)
  t.notOk(armed(pollset))
})

t.test('E49: a session that is leased in time stays, and one deadline serves all', async (t) => {
  const { engine, pollset, made, ask } = setUp(1)
  const { lease } = ask('a')
  made[0].opened()
  lease.take()
  for (let n = 0; n < 3; n++) {
    made[0].idleBy = pollset.now + 1_000
    made[0].free()
    pollset.advance(999)
    ask('again')
  }
  pollset.advance(5_000)
  t.equal(made[0].closes, 0, 'it carries a lease')
  t.notOk(armed(pollset), 'and nothing looks at it meanwhile')
  made[0].free()
  t.ok(armed(pollset))
  engine.close()
  t.notOk(armed(pollset))
})

t.test('E49: a session that names no time stays', async (t) => {
  const { pollset, made, ask } = setUp(1)
  const { lease } = ask('a')
  made[0].opened()
  lease.take()
  made[0].free()
  t.notOk(armed(pollset))
  pollset.advance(1_000_000)
  t.equal(made[0].closes, 0)
})

t.test('E50: an engine that has been used keeps sessions open', async (t) => {
  const { engine, pollset, made, ask } = setUp(1, { sessionsMin: 2, sessionsMax: 3 })
  engine.configure({ ...engineLimits, sessionsMin: 2, sessionsMax: 3 })
  t.equal(made.length, 0, 'not before its first use')
  ask('a')
  t.equal(made.length, 1, 'one opens at a time')
  made[0].opened()
  t.equal(made.length, 2, 'and one more, for which nobody waits')
  made[1].idleBy = pollset.now + 1_000
  made[1].opened()
  t.equal(made.length, 2)
  pollset.advance(1_000)
  t.equal(made[1].closes, 1, 'it was idle for too long')
  t.equal(made.length, 3, 'and another follows')
  made[1].gone()
  made[2].opened()
  made[0].gone()
  t.equal(made.length, 4)
  engine.close()
  t.equal(made.length, 4, 'a closed engine opens none')
})

t.test('E50: no more than sessionsMax are kept', async (t) => {
  const { made, ask } = setUp(1, { sessionsMin: 5, sessionsMax: 2 })
  ask('a')
  made[0].opened()
  made[1].opened()
  t.equal(made.length, 2)
})

t.test('E50: a backend that refuses, or opens only to close, is tried again after a pause', async (t) => {
  const { pollset, made, ask } = setUp(1, { sessionsMin: 1, reopenDelayMs: 1_000 })
  const first = ask('a').lease
  made[0].gone(refused)
  t.equal(first.readiness, UNLEASED)
  t.equal(made.length, 1)
  pollset.advance(999)
  t.equal(made.length, 1)
  pollset.advance(1)
  t.equal(made.length, 2, 'nobody waits, and it is tried')
  made[1].gone(refused)
  t.equal(made.length, 2)
  ask('b')
  t.equal(made.length, 3, 'one who waits does not wait for the pause')
  made[2].opened()
  made[2].free()
  made[2].gone()
  t.equal(made.length, 4)
  made[3].opened()
  made[3].gone()
  t.equal(made.length, 4, 'it was of no use')
  pollset.advance(1_000)
  t.equal(made.length, 5)
})

t.test('E51: surrendered sessions are counted, and past their bound keep their places', async (t) => {
  const { engine, made, ask } = setUp(1, { sessionsMax: 1, surrenderedMax: 1 })
  const { lease } = ask('tunnel')
  made[0].opened()
  lease.take()
  t.equal(engine.maySurrender, true)
  engine.surrendered(made[0])
  t.equal(engine.maySurrender, false)
  t.match(engine.describe(), { surrendered: 1 })
  const another = ask('another').lease
  made[1].opened()
  another.take()
  engine.surrendered(made[1])
  t.equal(made[1].state, 'retired')
  t.equal(made[1].closes, 0, 'it serves its user')
  ask('waits')
  t.equal(made.length, 2, 'and keeps its place')
  made[0].gone()
  t.equal(engine.maySurrender, true)
  made[1].free()
  t.equal(made[1].closes, 1)
  made[1].gone()
  t.equal(made.length, 3)
})

t.test(
  'E52: in a bounded table the entry that was used longest ago, and is not in use, makes room',
  async (t) => {
    const used = new Set<string>()
    const dropped: string[] = []
    const table = new RecentTable<string>(
      2,
      (each) => used.has(each),
      (each) => dropped.push(each),
    )
    const of = (key: string) => table.of(key, () => key.toUpperCase())
    t.equal(of('a'), 'A')
    t.equal(of('b'), 'B')
    t.equal(of('a'), 'A')
    t.equal(of('a'), 'A')
    t.equal(of('c'), 'C')
    t.strictSame(dropped, ['B'])
    used.add('A')
    t.equal(of('d'), 'D')
    t.strictSame(dropped, ['B', 'C'])
    used.add('D')
    t.equal(of('e'), null, 'all are in use')
    used.delete('A')
    t.throws(() =>
      table.of('f', () => {
        throw new Error('no')
      }),
    )
    t.strictSame([...table.values()].sort(), ['A', 'D'], 'an entry that cannot be made takes no room')
    t.equal(table.size, 2)
  },
)
