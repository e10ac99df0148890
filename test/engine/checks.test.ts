// Checks of a server, and the session of a question of the proxy's own, against spec/engine.md.

import t from 'tap'
import { createWorld, type Fault, fault } from '../../src/continuation/index.js'
import {
  Checks,
  type Opening,
  OwnSession,
  type Session,
  type SessionReports,
  type SessionState,
} from '../../src/engine/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

/** Checks that the test ends. */
class Told extends Checks {
  readonly begun: number[] = []
  readonly reports: string[] = []
  cancelled = 0
  /** The ms from one to the next. */
  interval = 100
  onReport = (): void => {}
  private readonly clock: MemoryPollset

  constructor(pollset: MemoryPollset) {
    super(pollset)
    this.clock = pollset
  }

  protected begin() {
    this.begun.push(this.clock.now)
    return { cancel: () => void this.cancelled++ }
  }

  protected judged(passed: boolean, why: string): number {
    this.reports.push(`${passed} ${why}`)
    this.onReport()
    return this.interval
  }

  end(passed: boolean, why: string): void {
    this.ended(passed, why)
  }
}

function checking() {
  const pollset = new MemoryPollset()
  const checks = new Told(pollset)
  checks.start()
  return { pollset, checks }
}

t.test('E53: each check begins at its time after the one before, and when that has ended', async (t) => {
  const { pollset, checks } = checking()
  const first = pollset.now
  t.strictSame(checks.begun, [first], 'the first begins at once')
  pollset.advance(30)
  checks.end(true, 'it answers')
  pollset.advance(69)
  t.equal(checks.begun.length, 1)
  pollset.advance(1)
  t.strictSame(checks.begun, [first, first + 100])
  pollset.advance(250)
  t.equal(checks.begun.length, 2, 'two never run at once')
  checks.interval = 10
  checks.end(false, 'no answer')
  pollset.advance(1)
  t.equal(checks.begun.length, 3, 'it is late, so the next begins at once')
  t.strictSame(checks.reports, ['true it answers', 'false no answer'])
  checks.close()
})

t.test('E53: the check that runs when they are closed ends, and is not reported', async (t) => {
  const { pollset, checks } = checking()
  checks.close()
  t.equal(checks.cancelled, 1)
  checks.end(true, 'it answers')
  pollset.advance(1_000)
  t.strictSame([checks.reports, checks.begun.length], [[], 1])
})

t.test('E53: a report may close them, and so may anyone between two checks', async (t) => {
  for (const within of [true, false]) {
    const { pollset, checks } = checking()
    if (within) checks.onReport = () => checks.close()
    checks.end(true, 'it answers')
    if (!within) checks.close()
    pollset.advance(1_000)
    t.strictSame([checks.reports.length, checks.begun.length, checks.cancelled], [1, 1, 0])
  }
})

class Plain implements Session {
  readonly id = 'b1'
  readonly kind = 'session'
  state: SessionState = 'opening'
  leased = 0
  readonly capacity = 1
  readonly features = 0
  closes = 0
  readonly reports: SessionReports<Plain>

  constructor(reports: SessionReports<Plain>) {
    this.reports = reports
  }
  close(): void {
    this.closes++
    this.reports.closed(this, null)
  }
  failed(why: Fault): void {
    this.reports.unopened(this as unknown as Opening, why)
  }
}

function asking() {
  const made: Plain[] = []
  const world = createWorld(new MemoryPollset())
  const open = (reports: SessionReports<Plain>): Plain => {
    const session = new Plain(reports)
    made.push(session)
    return session
  }
  const own = new OwnSession<Plain>(world, 'server', open, { id: 'k1' })
  return { own, made }
}

t.test('E54: a session is opened for a question, and closes with it', async (t) => {
  const { own, made } = asking()
  t.equal(own.open(), false, 'it is waited for')
  t.strictSame([made.length, own.session, own.fault], [1, null, null])
  made[0].reports.opened(made[0])
  t.equal(own.session, made[0])
  t.equal(own.take(), made[0])
  made[0].reports.freed(made[0])
  own.close()
  t.equal(made[0].closes, 1)
  t.equal(made.length, 1, 'no other is opened')
})

t.test('E54: one that does not open tells why', async (t) => {
  const { own, made } = asking()
  own.open()
  made[0].failed(fault('refused', 'backend', 'connection', 'safe', 'nobody listens'))
  t.equal(own.session, null)
  t.equal(own.fault?.message, 'nobody listens')
  own.close()
  t.equal(made[0].closes, 0)
})

t.test('E54: one that is granted, or still opens, when the question is given up closes too', async (t) => {
  const granted = asking()
  granted.own.open()
  granted.made[0].reports.opened(granted.made[0])
  granted.own.close()
  t.equal(granted.made[0].closes, 1)
  const opening = asking()
  opening.own.open()
  opening.own.close()
  t.equal(opening.made[0].closes, 1)
  t.equal(opening.own.open(), true, 'a question that was given up opens none')
  t.match(opening.own.fault, { code: 'engine-closed' })
})
