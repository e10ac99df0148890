// Deadlines against spec/pollset.md (P17 to P19): in order, none before its time, nothing left behind.

import t from 'tap'
import { Deadline, Deadlines } from '../../src/pollset/index.js'
import { seeded } from '../world/random.js'

class Alarm extends Deadline {
  readonly name: string
  private readonly fired: string[]
  private readonly also: () => void
  constructor(name: string, fired: string[], also: () => void = () => {}) {
    super()
    this.name = name
    this.fired = fired
    this.also = also
  }
  expire(): void {
    this.fired.push(this.name)
    this.also()
  }
}

function setUp() {
  const deadlines = new Deadlines()
  const fired: string[] = []
  const alarm = (name: string, also?: () => void) => new Alarm(name, fired, also)
  /** Returns the deadlines that have fired since the last call. */
  const at = (now: number): string => {
    deadlines.expire(now)
    return fired.splice(0).join(' ')
  }
  return { deadlines, alarm, at }
}

const NEVER = Number.POSITIVE_INFINITY

t.test('one list a duration, in order, none before its time', async (t) => {
  const { deadlines, alarm, at } = setUp()
  t.equal(deadlines.every(10), deadlines.every(10))
  t.not(deadlines.every(10), deadlines.every(11))
  const list = deadlines.every(10)
  list.arm(alarm('a'))
  at(3)
  list.arm(alarm('b'))
  list.arm(alarm('c'))
  t.equal(deadlines.earliest(), 10)
  t.equal(at(9.999), '')
  t.equal(at(10), 'a')
  t.equal(deadlines.earliest(), 13)
  t.equal(at(100), 'b c')
  t.equal(at(1_000), '', 'each once')
  t.equal(deadlines.earliest(), NEVER)
})

t.test('P17: across durations and the wheel, in the order of time, then of arming', async (t) => {
  const { deadlines, alarm, at } = setUp()
  deadlines.every(50).arm(alarm('50'))
  deadlines.every(10).arm(alarm('10'))
  deadlines.at(alarm('30 wheel'), 30)
  deadlines.every(30).arm(alarm('30'))
  deadlines.at(alarm('5 wheel'), 5)
  deadlines.at(alarm('30 wheel, later'), 30)
  deadlines.every(20).arm(alarm('20'))
  t.equal(at(60), '5 wheel 10 20 30 wheel 30 30 wheel, later 50')
})

t.test('the wheel: near, in the past, a round and many rounds away', async (t) => {
  const { deadlines, alarm, at } = setUp()
  at(1_000)
  deadlines.at(alarm('past'), 3)
  deadlines.at(alarm('now'), 1_000)
  deadlines.at(alarm('soon'), 1_000.5)
  deadlines.at(alarm('same slot, next round'), 1_000 + 16 * 256)
  deadlines.at(alarm('far'), 1_000_000)
  t.equal(deadlines.earliest(), 3)
  t.equal(at(1_000), 'past now')
  t.equal(at(1_000.4), '')
  t.equal(at(1_000.5), 'soon')
  t.equal(at(1_000 + 16 * 256 - 1), '')
  t.equal(at(1_000 + 16 * 256), 'same slot, next round')
  t.equal(at(999_999.9), '')
  t.equal(deadlines.earliest(), 1_000_000)
  t.equal(at(5_000_000), 'far')
  t.equal(deadlines.earliest(), NEVER)
  deadlines.at(alarm('after an empty while'), 5_000_001)
  t.equal(at(5_000_000), '')
  t.equal(at(5_000_001), 'after an empty while')
})

t.test('what a firing arms waits for a later turn, and is not lost', async (t) => {
  const { deadlines, alarm, at } = setUp()
  let rings = 0
  const again: Alarm = alarm('again', () => {
    rings++
    if (rings < 3) deadlines.at(again, deadlines.now)
    else if (rings < 5) deadlines.every(0).arm(again)
  })
  deadlines.at(again, 1)
  // A long way on, so that the slot of the first arming lies far behind.
  t.equal(at(900), 'again')
  t.equal(at(900), 'again')
  t.equal(at(900), 'again')
  t.equal(at(900), 'again')
  t.equal(at(900), 'again')
  t.equal(at(900), '')
})

t.test('what a firing disarms does not fire; what it moves fires when it is moved to', async (t) => {
  for (const where of ['list', 'wheel']) {
    const { deadlines, alarm, at } = setUp()
    const arm = (node: Alarm, ms: number) =>
      where === 'list' ? deadlines.every(ms).arm(node) : deadlines.at(node, deadlines.now + ms)
    const victim = alarm('victim')
    const moved = alarm('moved')
    arm(
      alarm('first', () => {
        deadlines.disarm(victim)
        deadlines.disarm(moved)
        arm(moved, 10)
      }),
      5,
    )
    arm(victim, 5)
    arm(moved, 5)
    arm(alarm('last'), 5)
    t.equal(at(6), 'first last', where)
    t.notOk(victim.deadlineArmed)
    t.equal(at(15.9), '')
    t.equal(at(16), 'moved')
  }
})

t.test('a node knows whether it is armed, and is free before it fires', async (t) => {
  const { deadlines, alarm, at } = setUp()
  let armed = true
  const node: Alarm = alarm('node', () => {
    armed = node.deadlineArmed
  })
  t.notOk(node.deadlineArmed)
  deadlines.disarm(node)
  deadlines.every(1).arm(node)
  t.ok(node.deadlineArmed)
  at(1)
  t.notOk(armed)
})

t.test('a deadline that throws leaves none that expires before its time', async (t) => {
  const { deadlines, alarm, at } = setUp()
  const late = alarm('late')
  deadlines.at(
    alarm('throws', () => {
      throw new Error('planted')
    }),
    10,
  )
  deadlines.at(late, 20)
  t.throws(() => deadlines.expire(30), /planted/)
  deadlines.disarm(late)
  deadlines.at(late, 100)
  t.equal(at(40), 'throws', 'and not the other, which is due at 100 now')
  t.equal(at(100), 'late')
})

t.test('P18: a million armed and disarmed leave nothing behind', async (t) => {
  const { deadlines, alarm, at } = setUp()
  const nodes = Array.from({ length: 1_000 }, (_, n) => alarm(`n${n}`))
  const lists = [deadlines.every(10), deadlines.every(1_000)]
  for (let round = 0; round < 1_000; round++) {
    for (let n = 0; n < nodes.length; n++) {
      if (n % 10 === 0) deadlines.at(nodes[n], round + 500)
      else lists[n % 2].arm(nodes[n])
    }
    for (const node of nodes) deadlines.disarm(node)
  }
  t.equal(deadlines.earliest(), NEVER)
  t.ok(nodes.every((node) => node.deadlinePrev === null && node.deadlineNext === null))
  t.equal(at(1_000_000), '')
})

t.test('lists without nodes are forgotten, and still work for those who have them', async (t) => {
  const { deadlines, alarm, at } = setUp()
  const first = deadlines.every(1)
  const armed = deadlines.every(2)
  armed.arm(alarm('armed'))
  for (let ms = 3; ms <= 10_000; ms++) deadlines.every(ms)
  const { lists, visits } = deadlines as unknown as { lists: Map<number, unknown>; visits: unknown[] }
  t.ok(lists.size <= 512, `${lists.size} lists are kept`)
  t.equal(deadlines.every(2), armed, 'one with nodes stays')
  t.equal(visits.length, 1, 'only lists that had nodes are visited')
  first.arm(alarm('first'))
  deadlines.every(1).arm(alarm('second'))
  t.equal(deadlines.earliest(), 1)
  t.equal(at(1), 'first second')
  t.equal(at(2), 'armed')
  at(3)
  t.equal(visits.length, 0)
})

t.test('at random, against a sorted list', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = seeded(seed)
    const { deadlines, alarm, at } = setUp()
    let model: { name: string; node: Alarm; at: number; order: number }[] = []
    let order = 0
    let now = next(100_000)
    at(now)
    for (let step = 0; step < 500; step++) {
      const what = next(4)
      if (what <= 1) {
        const node = alarm(`n${step}`)
        const wheel = next(2) === 0
        const ms = wheel ? next(10_000) - 50 : [10, 100, 1_000, 5_000][next(4)]
        if (wheel) deadlines.at(node, now + ms)
        else deadlines.every(ms).arm(node)
        model.push({ name: `n${step}`, node, at: now + ms, order: order++ })
      } else if (what === 2 && model.length > 0) {
        const [gone] = model.splice(next(model.length), 1)
        deadlines.disarm(gone.node)
      } else {
        now += next(3) === 0 ? next(6_000) : next(40)
        const due = model.filter((each) => each.at <= now)
        due.sort((a, b) => a.at - b.at || a.order - b.order)
        model = model.filter((each) => each.at > now)
        const expected = due.map((each) => each.name).join(' ')
        const found = at(now)
        if (found !== expected) t.equal(found, expected, `seed ${seed}, step ${step}`)
      }
      const first = Math.min(NEVER, ...model.map((each) => each.at))
      if (deadlines.earliest() !== first) t.equal(deadlines.earliest(), first, `seed ${seed}, step ${step}`)
    }
  }
  t.pass('forty seeds')
})
