// Health and slow start against spec/balancing.md: which members are chosen from, and since when.

import t from 'tap'
import { Balancer, Member } from '../../src/balancing/index.js'
import { balancerOf, chanceOf, chosen, counts, optionsOf, usable } from './members.js'

const ROUND = { policy: 'round-robin' } as const

/** Fails this member this number of times in a row. */
function fail(balancer: Balancer, member: Member, times: number, now: number): void {
  for (let i = 0; i < times; i++) balancer.failed(member, now, null)
}

t.test('B11: a draining member, and one of weight 0, get no new request', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1])
  members[0].draining = true
  members[1].weight = 0
  balancer.replace(members, 0)
  t.equal(chosen(balancer, 5), 'ccccc')
  members[2].draining = true
  balancer.replace(members, 0)
  t.equal(balancer.choose(0, null, []), null)
  t.equal(balancer.isPanicking(0), false)
})

const NO_OVERLAY = { weight: null, drain: false, block: false, until: Number.POSITIVE_INFINITY }

t.test('B42: an overlay stands over the configuration; a blocked member gets nothing', async (t) => {
  const hmac = (name: string) => name
  const { balancer, members } = balancerOf([1, 1], { balance: ROUND, hmac, active: {}, panic: 1 })
  const [a, b] = members
  for (const each of members) balancer.checked(each, true, 0)
  balancer.overlay(a, { ...NO_OVERLAY, weight: 3 }, 0)
  t.strictSame(counts(chosen(balancer, 8), 2), [6, 2])
  balancer.overlay(a, { ...NO_OVERLAY, drain: true }, 0)
  t.equal(chosen(balancer, 3), 'bbb')
  t.equal(balancer.byAffinity(a.name, 0), a, 'it drains, and its clients stay')
  balancer.overlay(a, { ...NO_OVERLAY, drain: true, block: true }, 0)
  t.equal(balancer.byAffinity(a.name, 0), null, 'it is blocked')
  for (let i = 0; i < 3; i++) balancer.checked(b, false, 0)
  t.equal(chosen(balancer, 2), 'bb', 'in a panic too')
  t.match(balancer.states(0), [
    { draining: true, blocked: true, overlay: { weight: null, endsInMs: null } },
    { overlay: null },
  ])
  balancer.overlay(a, null, 0)
  t.match(balancer.states(0), [
    { draining: false, blocked: false, weight: 1, overlay: null, active: 'up' },
    {},
  ])
})

t.test('B43: an overlay ends with its time, and what it had kept back has a slow start', async (t) => {
  const { balancer, members, events } = balancerOf([2, 2], { balance: { ...ROUND, slowStartMs: 1000 } })
  const [a] = members
  balancer.overlay(a, { ...NO_OVERLAY, weight: 0, until: 5000 }, 0)
  a.configure(4)
  balancer.replace(members, 10)
  t.equal(usable(balancer, 4999), 'b')
  t.match(balancer.states(4000), [{ weight: 0, overlay: { endsInMs: 1000 } }, {}])
  t.equal(usable(balancer, 5500), 'ab')
  t.strictSame(events, [`5000 overlay-over ${a.name}`])
  t.match(balancer.states(5500), [{ weight: 4, share: 2, overlay: null }, { share: 2 }])
  balancer.overlay(a, { ...NO_OVERLAY, weight: 7, until: 9000 }, 6000)
  t.match(balancer.states(6000), [{ weight: 7, share: 7 }, {}], 'it got requests before')
})

t.test('B2: another is left only if it may be chosen now', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1, 1], { active: {}, passive: {}, panic: 0 })
  const [a, b, c] = members
  for (const each of [a, b, c]) balancer.checked(each, true, 0)
  for (let i = 0; i < 3; i++) balancer.checked(b, false, 0)
  t.equal(balancer.hasOther(0, []), true)
  t.equal(balancer.hasOther(0, [a]), true, 'c')
  fail(balancer, c, 5, 0)
  t.equal(balancer.hasOther(0, [a]), false, 'b is down, c ejected, d not yet checked')
  t.equal(balancer.hasOther(30_000, [a]), true, 'c has returned')
  balancer.unreached(c, 30_000, {})
  t.equal(balancer.hasOther(60_000, [a]), true, 'one that cannot be reached is tried, if no other is left')
  t.equal(balancer.choose(60_000, null, [a]), c)
})

t.test('B12: a cookie names its member while that can be used, or drains', async (t) => {
  const hmac = (name: string) => `hmac of ${name}`
  const { balancer, members } = balancerOf([1, 1, 1], { hmac, active: {}, passive: {} })
  for (const each of members) balancer.checked(each, true, 0)
  const values = members.map((each) => balancer.affinityOf(each))
  t.equal(values[0], `hmac of ${members[0].name}`)
  t.strictSame(
    values.map((each) => balancer.byAffinity(each, 0)),
    members,
  )
  t.equal(balancer.byAffinity('another', 0), null)
  fail(balancer, members[0], 5, 0)
  t.equal(balancer.byAffinity(values[0], 0), null, 'it is ejected')
  t.equal(balancer.byAffinity(values[0], 30_000), members[0])
  members[0].draining = true
  balancer.replace(members, 30_000)
  t.equal(balancer.byAffinity(values[0], 30_000), members[0], 'it drains')
  for (let i = 0; i < 3; i++) balancer.checked(members[0], false, 30_000)
  t.equal(balancer.byAffinity(values[0], 30_000), null, 'it is down')
  balancer.replace(members.slice(1), 30_000)
  t.equal(balancer.byAffinity(values[0], 30_000), null, 'it is removed')
  const without = balancerOf([1])
  t.equal(without.balancer.affinityOf(without.members[0]), '')
  t.equal(without.balancer.byAffinity('', 0), null)
})

// Slow start

t.test('B13: a new member ramps from a tenth of its weight over the slow start', async (t) => {
  const { balancer, members } = balancerOf([2, 4], { balance: { ...ROUND, slowStartMs: 30_000 } })
  const added = new Member('10.0.0.9:80', 4, 100_000)
  balancer.replace([...members, added], 100_000)
  const share = (age: number): number => {
    balancer.isPanicking(100_000 + age)
    return added.share
  }
  t.equal(share(0), 0.4)
  t.equal(share(2999), 0.4)
  t.equal(share(6000), 0.8)
  t.equal(share(15_000), 2)
  t.equal(share(29_999).toFixed(2), '4.00')
  t.ok(share(29_999) < 4)
  t.equal(share(30_000), 4)
  t.strictSame(
    members.map((each) => each.share),
    [2, 4],
  )
  balancer.replace([...members, added], 100_000)
  t.strictSame(counts(chosen(balancer, 640, 100_000), 3), [200, 400, 40])
  t.strictSame(counts(chosen(balancer, 1000, 200_000), 3), [200, 400, 400])
})

t.test('B13: it ramps under least-requests too, at low and at high load', async (t) => {
  for (const running of [0, 1, 2, 60]) {
    const { balancer, members } = balancerOf([1], { balance: { slowStartMs: 30_000 } })
    const added = new Member('10.0.0.9:80', 1, 1000)
    balancer.replace([...members, added], 1000)
    const chance = chanceOf(running)
    const load: Member[] = []
    let young = 0
    for (let i = 0; i < 20_000; i++) {
      const member = balancer.choose(1000, null, []) as Member
      if (member === added) young++
      balancer.began(member)
      load.push(member)
      if (load.length > running) balancer.ended(load.splice(Math.floor(chance() * load.length), 1)[0])
    }
    t.ok(young > 20_000 * 0.07 && young < 20_000 * 0.115, `${young} of 20000 with ${running} running`)
  }
})

t.test('B13: age counts from when it was up again, or its ejection ended', async (t) => {
  const given = { balance: { ...ROUND, slowStartMs: 30_000 }, active: {}, passive: {} }
  const { balancer, members } = balancerOf([10, 10, 10], given)
  for (const each of members) balancer.checked(each, true, 0)
  t.strictSame(
    members.map((each) => each.share),
    [10, 10, 10],
  )
  for (let i = 0; i < 3; i++) balancer.checked(members[0], false, 1000 * i)
  balancer.checked(members[0], true, 50_000)
  balancer.checked(members[0], true, 60_000)
  balancer.isPanicking(66_000)
  t.equal(members[0].share, 2, 'up again at 60 s')
  fail(balancer, members[1], 5, 100_000)
  balancer.isPanicking(139_000)
  t.equal(members[1].share, 3, 'returned at 130 s, though nobody asked then')
  t.equal(members[0].share, 10)
})

t.test('B13: age counts from when it was reached again', async (t) => {
  const { balancer, members, events } = balancerOf([10, 10], { balance: { ...ROUND, slowStartMs: 30_000 } })
  balancer.unreached(members[0], 100_000, {})
  balancer.reached(members[0], 105_000)
  balancer.reached(members[0], 109_000)
  balancer.isPanicking(111_000)
  t.equal(members[0].share, 2)
  t.strictSame(events, ['105000 reached 10.0.0.1:80'])
})

// Reachability

t.test('B39: a member that cannot be reached gets one request a second, until it is reached', async (t) => {
  for (const policy of ['round-robin', 'least-requests', 'random'] as const) {
    const { balancer, members } = balancerOf([1, 1, 1], { balance: { policy } })
    balancer.unreached(members[1], 0, {})
    t.equal(counts(chosen(balancer, 300, 999), 3)[1], 0, `${policy}: none`)
    t.equal(counts(chosen(balancer, 300, 1000), 3)[1], 1, 'one, and no second one while it runs')
    t.equal(counts(chosen(balancer, 300, 1999), 3)[1], 0)
    balancer.unreached(members[1], 2500, {})
    t.equal(counts(chosen(balancer, 300, 3499), 3)[1], 0, 'a second from when it failed')
    t.equal(counts(chosen(balancer, 300, 3500), 3)[1], 1)
    balancer.reached(members[1], 3501)
    t.ok(counts(chosen(balancer, 300, 3501), 3)[1] > 50)
  }
  const { balancer, members } = balancerOf([1, 1], { balance: { policy: 'hash' } })
  const [owner] = balancer.scores('k', 0)
  const member = members.find((each) => each.name === owner?.member) as Member
  balancer.unreached(member, 0, {})
  t.not(balancer.choose(0, 'k', []), member, 'a key goes to the next member')
  balancer.reached(member, 1)
  t.equal(balancer.choose(1, 'k', []), member)
})

t.test('B39: it is avoided only while another candidate is left', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { balance: ROUND, passive: { consecutive: 1 } })
  const [a, b, c] = members
  balancer.unreached(a, 0, {})
  t.equal(usable(balancer, 0), 'bc', 'ejected too, as it has failed')
  balancer.unreached(b, 0, {})
  t.equal(usable(balancer, 0), 'bc', 'no more may be ejected')
  t.equal(chosen(balancer, 4, 10), 'cccc')
  t.equal(balancer.choose(10, null, [c]), b, 'rather than one that was tried')
  balancer.unreached(c, 20, {})
  t.strictSame(counts(chosen(balancer, 4, 30), 3), [0, 2, 2], 'all others are unreachable too')
  balancer.replace([a, c], 40)
  balancer.replace([a, b, c], 50)
  t.equal(b.trialAt, 0, 'one that was removed is forgotten')
})

t.test('B39: a passed check ends it, and a cookie does not name it meanwhile', async (t) => {
  const hmac = (name: string) => `hmac of ${name}`
  const { balancer, members } = balancerOf([1, 1], { balance: ROUND, active: { initial: 'up' }, hmac })
  const [a, b] = members
  balancer.unreached(a, 0, {})
  t.equal(balancer.byAffinity(`hmac of ${a.name}`, 10), null)
  t.equal(balancer.byAffinity(`hmac of ${b.name}`, 10), b)
  t.equal(balancer.byAffinity(`hmac of ${a.name}`, 1000), a, 'it is tried')
  t.equal(balancer.byAffinity(`hmac of ${a.name}`, 1001), null)
  balancer.checked(a, true, 1100)
  t.equal(balancer.byAffinity(`hmac of ${a.name}`, 1100), a)
})

t.test('B14: those of the start do not ramp, nor those without an older one beside them', async (t) => {
  const given = { balance: { ...ROUND, slowStartMs: 30_000 }, active: {} }
  const { balancer, members } = balancerOf([1, 1], given)
  for (const each of members) balancer.checked(each, true, 500)
  balancer.isPanicking(500)
  t.strictSame(
    members.map((each) => each.share),
    [1, 1],
  )
  const added = [new Member('10.0.0.8:80', 1, 1000), new Member('10.0.0.9:80', 1, 1000)]
  balancer.replace([...members, ...added], 1000)
  for (const each of added) balancer.checked(each, true, 2000)
  balancer.isPanicking(2000)
  t.strictSame(
    added.map((each) => each.share),
    [0.1, 0.1],
    'age counts from the check that it passed',
  )
  for (const each of members) for (let i = 0; i < 3; i++) balancer.checked(each, false, 3000)
  balancer.isPanicking(3000)
  t.strictSame(
    added.map((each) => each.share),
    [1, 1],
    'the older ones are down',
  )
  const late = new Balancer(optionsOf({ balance: { ...ROUND, slowStartMs: 30_000 } }), 0, chanceOf(1))
  late.replace([], 0)
  late.replace(added, 9000)
  late.isPanicking(9000)
  t.strictSame(
    added.map((each) => each.share),
    [1, 1],
    'the first answer of a discovery is the start',
  )
})

// Active checks

t.test('B15: so many checks in a row make a member down, and up', async (t) => {
  const { balancer, members, events } = balancerOf([1, 1], { active: { initial: 'up' } })
  const [a] = members
  const check = (results: string) => {
    for (const each of results) balancer.checked(a, each === '+', 7)
    return usable(balancer, 7)
  }
  t.equal(check(''), 'ab', 'initial up')
  t.equal(check('--'), 'ab')
  t.equal(check('+--'), 'ab', 'a passed one begins the count again')
  t.equal(check('-'), 'b')
  t.equal(check('+-+-+-'), 'b')
  t.equal(check('+'), 'b')
  t.equal(check('+'), 'ab')
  t.equal(check('--'), 'ab')
  t.equal(check('-'), 'b')
  t.strictSame(events, ['7 up 10.0.0.1:80', '7 down 10.0.0.1:80', '7 up 10.0.0.1:80', '7 down 10.0.0.1:80'])
})

t.test('B15: without active checks results are ignored', async (t) => {
  const { balancer, members } = balancerOf([1, 1])
  for (let i = 0; i < 9; i++) balancer.checked(members[0], false, 0)
  t.equal(usable(balancer, 0), 'ab')
})

t.test('B16: with initial check, the first check of a member decides', async (t) => {
  const { balancer, members } = balancerOf([1], { active: {} })
  balancer.checked(members[0], true, 0)
  const good = new Member('10.0.0.8:80', 1, 1000)
  const bad = new Member('10.0.0.9:80', 1, 1000)
  balancer.replace([...members, good, bad], 1000)
  t.equal(usable(balancer, 9000), 'a')
  t.equal(balancer.isPanicking(9000), false, 'no ejection, and not all down')
  balancer.checked(good, true, 9000)
  balancer.checked(bad, false, 9000)
  t.equal(usable(balancer, 9000), 'ab')
  t.equal(bad.active, 'down')
})

t.test('B17: at the start nobody is usable before a check, or until one timeout has passed', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { active: { timeoutMs: 2000 } })
  const calls: number[] = []
  balancer.onUsable = (now) => calls.push(now)
  t.equal(balancer.choose(0, null, []), null)
  t.equal(balancer.awaitsChecksUntil(0), 2000)
  t.equal(balancer.choose(1999, null, []), null)
  t.equal(usable(balancer, 2000), 'abc')
  t.equal(balancer.isPanicking(2000), false)
  t.equal(balancer.awaitsChecksUntil(2000), 0)
  t.strictSame(calls, [2000])
  balancer.checked(members[0], false, 2100)
  t.equal(usable(balancer, 2100), 'bc', 'those unknown still count as up')
  balancer.checked(members[1], true, 2200)
  t.equal(usable(balancer, 2200), 'b', 'one is up')

  const early = balancerOf([1, 1], { active: { timeoutMs: 2000 } })
  early.balancer.onUsable = (now) => calls.push(now)
  early.balancer.checked(early.members[0], false, 3)
  t.equal(early.balancer.choose(3, null, []), null, 'the other may be up')
  t.equal(early.balancer.awaitsChecksUntil(3), 2000)
  early.balancer.checked(early.members[1], true, 5)
  t.equal(usable(early.balancer, 5), 'b')
  t.strictSame(calls, [2000, 5])
})

t.test('B17, B26: later, while the others are down, a new member is awaited in the same way', async (t) => {
  for (const panic of [0.5, 0]) {
    const { balancer, members, events } = balancerOf([1, 1], { active: { timeoutMs: 2000 }, panic })
    for (const each of members) balancer.checked(each, true, 0)
    for (const each of members) for (let i = 0; i < 3; i++) balancer.checked(each, false, 0)
    t.equal(usable(balancer, 0), panic > 0 ? 'ab' : '')
    const calls: number[] = []
    balancer.onUsable = (now) => calls.push(now)
    const added = new Member('10.0.0.9:80', 1, 1000)
    balancer.replace([...members, added], 1000)
    t.equal(usable(balancer, 1000), '', 'neither those that are down, nor the new one unchecked')
    t.equal(balancer.isPanicking(1000), false)
    t.equal(balancer.choose(2999, null, []), null)
    t.equal(balancer.awaitsChecksUntil(2999), 3000)
    t.equal(usable(balancer, 3000), 'c', 'its check is late: it counts as up')
    t.strictSame(calls, [3000])
    balancer.checked(added, false, 3100)
    t.equal(usable(balancer, 3100), panic > 0 ? 'abc' : '', 'all are down')
    t.equal(balancer.awaitsChecksUntil(3100), 0)
    balancer.checked(added, true, 3200)
    balancer.checked(added, true, 3300)
    t.equal(usable(balancer, 3300), 'c')
    const panics = panic > 0 ? ['0 panic', '1000 calm', '3100 panic', '3300 calm'] : []
    t.strictSame(
      events.filter((each) => /panic|calm/.test(each)),
      panics,
    )
  }
})

// Passive health

t.test('B18: failures in a row eject', async (t) => {
  const { balancer, members, events } = balancerOf([1, 1, 1], { passive: {} })
  fail(balancer, members[0], 4, 10)
  balancer.succeeded(members[0], 10)
  fail(balancer, members[0], 4, 10)
  t.equal(usable(balancer, 10), 'abc')
  fail(balancer, members[0], 1, 20)
  t.equal(usable(balancer, 20), 'bc')
  t.strictSame(events, ['20 ejected 10.0.0.1:80'])
  const off = balancerOf([1, 1, 1], { passive: { consecutive: 0, rate: 0 } })
  fail(off.balancer, off.members[0], 1000, 10)
  const none = balancerOf([1, 1, 1], {})
  fail(none.balancer, none.members[0], 1000, 10)
  t.equal(usable(off.balancer, 10) + usable(none.balancer, 10), 'abcabc')
})

t.test('B19: so does a share of failures, of enough requests in a time', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { passive: { consecutive: 0 } })
  const requests = (at: number, pattern: string) => {
    for (const each of pattern) {
      if (each === '-') balancer.failed(members[at], now, null)
      else balancer.succeeded(members[at], now)
    }
  }
  let now = 50_000
  requests(0, '-+'.repeat(9))
  requests(0, '-')
  t.equal(usable(balancer, now), 'abc', '19 requests')
  requests(0, '-')
  t.equal(usable(balancer, now), 'bc')
  now = 51_000
  const other = balancerOf([1, 1, 1], { passive: { consecutive: 0 } })
  for (let i = 0; i < 100; i++) {
    other.balancer.succeeded(other.members[1], now)
    other.balancer.succeeded(other.members[1], now)
    other.balancer.failed(other.members[1], now, null)
  }
  t.equal(usable(other.balancer, now), 'abc', 'a third of them')
  // The window: nine tenths of it later the successes still count, after the whole of it they do not.
  for (let i = 0; i < 20; i++) other.balancer.failed(other.members[1], now + 9000, null)
  t.equal(usable(other.balancer, now + 9000), 'abc')
  other.balancer.failed(other.members[1], now + 10_000, null)
  t.equal(usable(other.balancer, now + 10_000), 'ac')
})

t.test('B19: requests out of the window do not count', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { passive: { consecutive: 0, rateMs: 1000 } })
  for (let i = 0; i < 1000; i++) balancer.failed(members[0], i * 60, null)
  t.equal(usable(balancer, 60_000), 'abc', '16 in each second are too few')
  for (let i = 0; i < 25; i++) balancer.failed(members[0], 90_000 + i * 40, null)
  t.equal(usable(balancer, 91_000), 'bc')
})

t.test('B20: a lost connection counts once, however many requests it carried', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { passive: {} })
  const sessions = Array.from({ length: 5 }, () => ({}))
  for (const session of sessions) {
    t.equal(usable(balancer, 0), 'abc')
    for (let i = 0; i < 100; i++) balancer.failed(members[0], 0, session)
  }
  t.equal(usable(balancer, 0), 'bc')
})

t.test(
  'B20: the fault of a connection that was not made counts once a second, for each member',
  async (t) => {
    const { balancer, members } = balancerOf([1, 1, 1, 1], { passive: { consecutive: 2 } })
    const fault = {}
    for (let now = 0; now < 1000; now += 100)
      for (const each of members.slice(0, 2)) balancer.failed(each, now, fault)
    t.equal(usable(balancer, 999), 'abcd')
    balancer.failed(members[0], 1000, fault)
    t.equal(usable(balancer, 1000), 'bcd')
    balancer.failed(members[1], 1000, fault)
    t.equal(usable(balancer, 1000), 'cd')
  },
)

t.test('B24: a check that passes after an ejection has ended does not end it again', async (t) => {
  const given = { active: {}, passive: { ejectionMs: 30_000 }, balance: { slowStartMs: 60_000 } }
  const { balancer, members, events } = balancerOf([10, 10, 10], given)
  for (const each of members) balancer.checked(each, true, 0)
  fail(balancer, members[0], 5, 0)
  balancer.checked(members[0], true, 60_000)
  t.equal(events.at(-1), '30000 returned 10.0.0.1:80')
  balancer.isPanicking(60_000)
  t.equal(members[0].share, 5, 'its slow start counts from the end of its ejection')
})

t.test('B21: the n-th ejection lasts n times as long, up to a maximum', async (t) => {
  const given = { passive: { ejectionMs: 30_000, ejectionMostMs: 100_000 } }
  const { balancer, members, events } = balancerOf([1, 1, 1], given)
  let now = 1000
  for (const seconds of [30, 60, 90, 100, 100]) {
    fail(balancer, members[0], 5, now)
    t.equal(usable(balancer, now), 'bc')
    fail(balancer, members[0], 50, now + 500)
    t.equal(usable(balancer, now + seconds * 1000 - 1), 'bc', 'what fails meanwhile does not count')
    now += seconds * 1000
    t.equal(usable(balancer, now), 'abc', `after ${seconds} s`)
  }
  t.equal(events.filter((each) => each.includes('returned')).length, 5)
  // Three times 30 s without an ejection take back three of five.
  now += 90_000
  fail(balancer, members[0], 4, now)
  t.equal(usable(balancer, now), 'abc', 'the count has begun again')
  fail(balancer, members[0], 1, now)
  t.equal(members[0].ejectedUntil, now + 90_000)
})

t.test('B22: ejections are limited, by share but for the first; those down are not', async (t) => {
  const ejectedOf = (count: number, ejectedMax: number): number => {
    const { balancer, members } = balancerOf(Array(count).fill(1), { passive: { ejectedMax } })
    for (const each of members) fail(balancer, each, 9, 0)
    return members.filter((each) => each.ejectedUntil > 0).length
  }
  t.strictSame(
    [2, 3, 4, 5, 10].map((count) => ejectedOf(count, 0.5)),
    [1, 1, 2, 2, 5],
  )
  t.strictSame(
    [2, 3, 10, 20].map((count) => ejectedOf(count, 0.1)),
    [1, 1, 1, 2],
  )
  t.strictSame([ejectedOf(4, 1), ejectedOf(4, 0)], [4, 0])

  const { balancer, members } = balancerOf([1, 1, 1, 1, 1, 1], { active: {}, passive: {} })
  for (const each of members) balancer.checked(each, true, 0)
  for (let i = 0; i < 3; i++) for (const each of members.slice(0, 3)) balancer.checked(each, false, 0)
  t.equal(usable(balancer, 0), 'def', 'half are down, which is no limit')
  fail(balancer, members[3], 5, 0)
  t.ok(members[3].ejectedUntil > 0, 'and does not count')
  fail(balancer, members[4], 4, 0)
  t.equal(members[4].ejectedUntil, 0)
})

t.test('B22: one that failed while no more could be ejected is ejected by its next failure', async (t) => {
  const { balancer, members } = balancerOf([1, 1], { passive: {} })
  fail(balancer, members[0], 5, 0)
  fail(balancer, members[1], 5, 10_000)
  t.equal(members[1].ejectedUntil, 0)
  fail(balancer, members[1], 1, 30_000)
  t.equal(usable(balancer, 30_000), 'a')
})

t.test('B23: a lone member is never ejected, nor one that checks have left alone', async (t) => {
  const lone = balancerOf([1], { passive: { ejectedMax: 1 } })
  fail(lone.balancer, lone.members[0], 100, 0)
  t.equal(lone.members[0].ejectedUntil, 0)
  t.equal(lone.balancer.choose(0, null, []), lone.members[0])
  const { balancer, members } = balancerOf([1, 1, 1], { active: { initial: 'up' }, passive: {}, panic: 0 })
  for (let i = 0; i < 3; i++) for (const each of members.slice(1)) balancer.checked(each, false, 0)
  fail(balancer, members[0], 100, 0)
  t.equal(usable(balancer, 0), 'a')
})

t.test(
  'B21: the counts begin again when an ejection ends, with the first request that is answered then',
  async (t) => {
    const rate = { consecutive: 0, rate: 0.5, rateLeast: 2, ejectionMs: 1000 }
    const { balancer, members } = balancerOf([1, 1], { passive: rate, panic: 0 })
    fail(balancer, members[0], 2, 0)
    t.equal(members[0].ejectedUntil, 1000)
    balancer.succeeded(members[0], 1001)
    balancer.failed(members[0], 1002, null)
    t.equal(members[0].ejectedUntil, 1002 + 2000, 'one of two has failed')
  },
)

t.test('B23: a member that the list has no longer is not ejected', async (t) => {
  const { balancer, members, events } = balancerOf([1, 1, 1], { passive: {}, panic: 0 })
  balancer.replace(members.slice(1), 0)
  fail(balancer, members[0], 100, 0)
  t.equal(members[0].ejectedUntil, 0)
  t.strictSame(events, [])
})

t.test('B24: a passed active check ends an ejection', async (t) => {
  const { balancer, members, events } = balancerOf([1, 1, 1], { active: {}, passive: {} })
  for (const each of members) balancer.checked(each, true, 0)
  fail(balancer, members[0], 5, 1000)
  balancer.checked(members[0], false, 2000)
  t.equal(usable(balancer, 2000), 'bc')
  balancer.checked(members[0], true, 3000)
  t.equal(usable(balancer, 3000), 'abc')
  t.equal(events.at(-1), '3000 returned 10.0.0.1:80')
  fail(balancer, members[0], 5, 3000)
  t.equal(members[0].ejectedUntil, 63_000, 'the next one is longer all the same')
})

// Panic

t.test('B25: below the panic share ejections are ignored, those that are down are not', async (t) => {
  const given = { active: {}, passive: { ejectedMax: 1 }, panic: 0.5 }
  const { balancer, members, events } = balancerOf([1, 1, 1, 1], given)
  for (const each of members) balancer.checked(each, true, 0)
  for (let i = 0; i < 3; i++) balancer.checked(members[0], false, 0)
  fail(balancer, members[1], 5, 0)
  t.equal(usable(balancer, 0), 'cd')
  t.equal(balancer.isPanicking(0), false, 'a half is not below a half')
  fail(balancer, members[2], 5, 0)
  t.equal(usable(balancer, 0), 'bcd')
  t.equal(balancer.isPanicking(0), true)
  t.equal(balancer.isPanicking(30_000), false)
  t.equal(usable(balancer, 30_000), 'bcd')
  t.strictSame(
    events.filter((each) => /panic|calm/.test(each)),
    ['0 panic', '30000 calm'],
  )
})

t.test('B25: without an ejection, few usable members are no panic', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1, 1], { active: { initial: 'up' } })
  for (let i = 0; i < 3; i++) for (const each of members.slice(1)) balancer.checked(each, false, 0)
  t.equal(usable(balancer, 0), 'a')
  t.equal(balancer.isPanicking(0), false)
})

t.test('B26: all are tried only when all are down', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { active: { initial: 'up' }, passive: {} })
  for (let i = 0; i < 3; i++) for (const each of members) balancer.checked(each, false, 0)
  t.equal(usable(balancer, 0), 'abc')
  t.equal(balancer.isPanicking(0), true)
  balancer.checked(members[1], true, 10)
  t.equal(usable(balancer, 10), 'abc')
  balancer.checked(members[1], true, 20)
  t.equal(usable(balancer, 20), 'b')
  t.equal(balancer.isPanicking(20), false)
})

t.test('B27: with panic 0 nobody is chosen when none is usable', async (t) => {
  const { balancer, members } = balancerOf([1, 1], { active: { initial: 'up' }, panic: 0 })
  for (let i = 0; i < 3; i++) for (const each of members) balancer.checked(each, false, 0)
  t.equal(balancer.choose(0, null, []), null)
  t.equal(balancer.isPanicking(0), false)
  const ejected = balancerOf([1, 1, 1], { passive: { ejectedMax: 1 }, panic: 0 })
  for (const each of ejected.members) fail(ejected.balancer, each, 5, 0)
  t.equal(ejected.balancer.choose(29_999, null, []), null)
  t.equal(usable(ejected.balancer, 30_000), 'abc')
})

// Changes while it runs

t.test('B28: members that stay keep load and health, and options can change', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1], { active: {}, passive: {}, panic: 0.2 })
  for (const each of members) balancer.checked(each, true, 0)
  balancer.began(members[0])
  for (let i = 0; i < 3; i++) balancer.checked(members[0], false, 0)
  fail(balancer, members[1], 5, 0)
  balancer.replace([...members].reverse(), 1000)
  t.equal(usable(balancer, 1000), 'a')
  t.equal(members[0].load, 1)
  balancer.ended(members[0])
  t.equal(members[0].load, 0)
  balancer.configure(optionsOf({ active: {}, passive: { consecutive: 1 }, panic: 0.2 }))
  t.equal(usable(balancer, 1000), 'a')
  balancer.configure(optionsOf({ active: {}, passive: null, panic: 0.2 }))
  t.equal(usable(balancer, 1000), 'ab', 'without passive health nobody is ejected')
  balancer.configure(optionsOf({ passive: null }))
  t.equal(usable(balancer, 1000), 'abc', 'without active checks nobody is down')
  balancer.configure(optionsOf({ active: {}, balance: { policy: 'random' } }))
  t.equal(usable(balancer, 1000), 'abc', 'who has served is up until a check fails')
  balancer.checked(members[0], false, 2000)
  t.equal(usable(balancer, 2000), 'abc')
  t.match(balancer.describe(2000), { policy: 'random', panicking: false, members: { length: 3 } })
})
