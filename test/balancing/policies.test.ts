// The policies against spec/balancing.md: which member gets a request, and how often.

import t from 'tap'
import { hashText, mix } from '../../src/balancing/hash.js'
import { Member } from '../../src/balancing/index.js'
import { balancerOf, chanceOf, chosen, counts, letterOf } from './members.js'

const POLICIES = ['round-robin', 'least-requests', 'random', 'hash'] as const

/** Returns true if each count is within this part of the expected one. */
const near = (counted: readonly number[], expected: readonly number[], part: number): boolean =>
  counted.every((each, at) => Math.abs(each - expected[at]) <= part * expected[at])

t.test('B1: one member gets all requests, none gives null', async (t) => {
  for (const policy of POLICIES) {
    const { balancer, members } = balancerOf([7], { balance: { policy } })
    for (const key of [null, 'k', '']) t.equal(balancer.choose(0, key, []), members[0])
    t.equal(balancer.choose(0, 'k', members), members[0], 'though it was tried')
    balancer.replace([], 0)
    t.equal(balancer.choose(0, 'k', []), null)
  }
})

t.test('B2: members that were tried are avoided while another is left', async (t) => {
  for (const policy of POLICIES) {
    const { balancer, members } = balancerOf([1, 2, 1, 1], { balance: { policy } })
    for (let i = 0; i < 200; i++) {
      const tried: Member[] = []
      for (let attempt = 0; attempt < 4; attempt++) {
        const member = balancer.choose(0, `k${i}`, tried)
        if (member === null || tried.includes(member)) t.fail(`${policy}: ${member?.name} again`)
        else tried.push(member)
      }
      const fifth = balancer.choose(0, `k${i}`, tried)
      if (fifth === null || !members.includes(fifth)) t.fail(`${policy}: nobody is left`)
    }
  }
})

t.test('B3: round-robin is exact in each round, and spreads the heavy ones', async (t) => {
  const round = (weights: readonly number[], times: number) =>
    chosen(balancerOf(weights, { balance: { policy: 'round-robin' } }).balancer, times)
  t.equal(round([1, 1, 1], 6), 'abcabc')
  t.equal(round([5, 1, 1], 7), 'aabacaa', 'as in nginx, which has this algorithm')
  for (const weights of [
    [1, 2],
    [3, 1, 4, 1, 5],
    [256, 1],
    [7, 7, 7, 9],
  ]) {
    const sum = weights.reduce((a, b) => a + b)
    const names = round(weights, 10 * sum)
    for (let at = 0; at < names.length; at += sum)
      t.strictSame(counts(names.slice(at, at + sum), weights.length), weights)
    t.strictSame(
      counts(names, weights.length),
      weights.map((each) => 10 * each),
    )
  }
})

t.test('B3: round-robin goes on fairly when members come and go', async (t) => {
  const { balancer, members } = balancerOf([1, 3, 2, 2], { balance: { policy: 'round-robin' } })
  for (let i = 0; i < 50; i++) {
    balancer.replace(
      members.filter((_, at) => at !== i % 4),
      i,
    )
    chosen(balancer, i % 7)
    balancer.replace(members, i)
    chosen(balancer, i % 5)
  }
  for (let i = 0; i < 20; i++) chosen(balancer, 8)
  t.strictSame(counts(chosen(balancer, 800), 4), [100, 300, 200, 200])
})

t.test('B4: random keeps to the weights', async (t) => {
  const { balancer } = balancerOf([1, 2, 5], { balance: { policy: 'random' } })
  t.ok(near(counts(chosen(balancer, 80_000), 3), [10_000, 20_000, 50_000], 0.03))
  const even = balancerOf([4, 4, 4, 4], { balance: { policy: 'random' } }).balancer
  t.ok(near(counts(chosen(even, 80_000), 4), [20_000, 20_000, 20_000, 20_000], 0.03))
})

t.test('B5: of two members, least-requests takes the one with less load', async (t) => {
  const { balancer, members } = balancerOf([1, 1])
  members[0].load = 1
  t.equal(chosen(balancer, 20), 'b'.repeat(20))
  members[1].load = 2
  t.equal(chosen(balancer, 20), 'a'.repeat(20))
  const three = balancerOf([1, 1, 1])
  three.members[0].load = 10
  three.members[1].load = 5
  t.match(chosen(three.balancer, 300), /^[bc]+$/, 'the most loaded loses to any other')
  const names = counts(chosen(three.balancer, 30_000), 3)
  t.ok(near(names.slice(1), [10_000, 20_000], 0.05), 'the second wins only of the first')
})

t.test('B5: without load, least-requests keeps to the weights', async (t) => {
  t.ok(near(counts(chosen(balancerOf([1, 3]).balancer, 40_000), 2), [10_000, 30_000], 0.05))
  t.ok(near(counts(chosen(balancerOf([1, 1, 2]).balancer, 40_000), 3), [10_000, 10_000, 20_000], 0.05))
})

t.test('B5: under load, least-requests loads members by their weights', async (t) => {
  for (const weights of [
    [1, 3],
    [1, 1, 2, 4],
  ]) {
    const { balancer, members } = balancerOf(weights)
    const sum = weights.reduce((a, b) => a + b)
    const running: Member[] = []
    const chance = chanceOf(3)
    const loads = weights.map(() => 0)
    for (let i = 0; i < 40_000; i++) {
      const member = balancer.choose(0, null, []) as Member
      balancer.began(member)
      running.push(member)
      if (running.length <= 20 * sum) continue
      // One request ends, no matter which.
      const at = Math.floor(chance() * running.length)
      balancer.ended(running[at])
      running[at] = running[running.length - 1]
      running.pop()
      for (const [of, each] of members.entries()) loads[of] += each.load
    }
    const all = loads.reduce((a, b) => a + b)
    t.ok(
      near(
        loads,
        weights.map((each) => (all * each) / sum),
        0.1,
      ),
      `${loads.map((each) => each / all)}`,
    )
  }
})

t.test('B6: a key stays with its member, and members have their weights of the keys', async (t) => {
  const { balancer } = balancerOf([1, 2, 5], { balance: { policy: 'hash', bound: 0 } })
  const again = balancerOf([1, 2, 5], { balance: { policy: 'hash', bound: 0 } }, 99).balancer
  again.replace([...again.members].reverse(), 0)
  let names = ''
  for (let i = 0; i < 80_000; i++) {
    const member = balancer.choose(0, `user-${i}`, []) as Member
    names += letterOf(balancer, member)
    if (again.choose(5, `user-${i}`, [])?.name !== member.name) t.fail('another process, the same answer')
  }
  t.ok(near(counts(names, 3), [10_000, 20_000, 50_000], 0.03), `${counts(names, 3)}`)
  t.equal(balancer.choose(0, 'x', []), balancer.choose(0, 'x', []))
})

t.test('B7: only the keys of a lost member move, and a new one takes its share of all', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 2, 1, 3], { balance: { policy: 'hash', bound: 0 } })
  const keys = Array.from({ length: 20_000 }, (_, i) => `${i}.example`)
  const placed = () => keys.map((each) => balancer.choose(0, each, []) as Member)
  const before = placed()
  for (const lost of members) {
    balancer.replace(
      members.filter((each) => each !== lost),
      0,
    )
    const after = placed()
    t.ok(after.every((each, at) => (before[at] === lost ? each !== lost : each === before[at])))
    const moved = keys.filter((_, at) => before[at] === lost).length
    t.ok(near([moved], [(20_000 * lost.weight) / 8], 0.05), `${moved} keys moved`)
  }
  balancer.replace(members, 0)
  t.strictSame(placed(), before, 'and come back with it')
  const added = new Member('10.0.0.99:80', 2, 0)
  balancer.replace([...members, added], 0)
  const after = placed()
  t.ok(after.every((each, at) => each === added || each === before[at]))
  t.ok(near([after.filter((each) => each === added).length], [4000], 0.06))
})

t.test('B8: a hashed member above the bound is passed over', async (t) => {
  const { balancer, members } = balancerOf([1, 1, 1, 1, 1], { balance: { policy: 'hash', bound: 1.25 } })
  const own = balancer.choose(0, 'hot', []) as Member
  let second: Member | null = null
  for (let load = 1; load <= 400; load++) {
    const member = balancer.choose(0, 'hot', []) as Member
    second ??= member === own ? null : member
    balancer.began(member)
    const most = Math.ceil((1.25 * load) / 5)
    if (members.some((each) => each.load > most)) t.fail(`${load}: more than ${most}`)
  }
  t.equal(own.load, 100, 'one key can take 1.25 of the mean')
  t.equal(second?.load, 100)
  balancer.ended(own)
  t.equal(balancer.choose(0, 'hot', []), own, 'with room again, its keys come back')
  const weighted = balancerOf([1, 3], { balance: { policy: 'hash', bound: 1.5 } })
  const [light, heavy] = weighted.members
  const key = 'abcdefghij'.split('').find((each) => weighted.balancer.choose(0, each, []) === light) as string
  for (let load = 0; load < 80; load++) balancer.began(weighted.balancer.choose(0, key, []) as Member)
  t.strictSame([light.load, heavy.load], [30, 50], 'the bound follows the weights: 1.5 of a quarter')
  const free = balancerOf([1, 1], { balance: { policy: 'hash', bound: 0 } }).balancer
  for (let load = 0; load < 50; load++) free.began(free.choose(0, 'k', []) as Member)
  t.ok(
    free.members.some((each) => each.load === 50),
    'without a bound a key stays',
  )
})

t.test('B8: a tried member is avoided even for one above the bound', async (t) => {
  const { balancer, members } = balancerOf([1, 1], { balance: { policy: 'hash', bound: 1 } })
  members[0].load = 100
  t.equal(balancer.choose(0, 'k', [members[1]]), members[0])
})

t.test('B9: without a key, hash does as least-requests', async (t) => {
  const { balancer, members } = balancerOf([1, 1], { balance: { policy: 'hash' } })
  members[0].load = 1
  t.equal(chosen(balancer, 20), 'b'.repeat(20))
})

t.test('B10: explain has the scores of a key, the best first', async (t) => {
  const { balancer, members } = balancerOf([1, 2, 1], { balance: { policy: 'hash', bound: 0 } })
  for (let i = 0; i < 100; i++) {
    const scores = balancer.scores(`k${i}`, 0)
    t.equal(scores[0].member, balancer.choose(0, `k${i}`, [])?.name)
    const [, next] = scores
    t.equal(
      next.member,
      balancer.choose(
        0,
        `k${i}`,
        members.filter((each) => each.name === scores[0].member),
      )?.name,
    )
  }
})

t.test('B6: the hash spreads texts that differ in little', async (t) => {
  const families: Record<string, (i: number) => string> = {
    numbers: (i) => `${i}`,
    addresses: (i) => `10.0.${i >> 8}.${i & 255}`,
    long: (i) => `${'x'.repeat(200)}${i}`,
    first: (i) => `${i}${'x'.repeat(50)}`,
    wide: (i) => String.fromCharCode(0x4e00 + (i & 0xfff), i >> 12),
  }
  for (const [name, text] of Object.entries(families)) {
    const buckets = new Uint32Array(64)
    const seen = new Set<number>()
    const count = 20_000
    for (let i = 0; i < count; i++) {
      const hash = hashText(text(i))
      seen.add(hash)
      buckets[hash >>> 26]++
    }
    let chiSquare = 0
    for (const each of buckets) chiSquare += (each - count / 64) ** 2 / (count / 64)
    t.ok(chiSquare < 110, `${name}: chi-square ${chiSquare} of 63 degrees of freedom`)
    t.ok(seen.size > count - 5, `${name}: ${count - seen.size} collisions`)
  }
  let flipped = 0
  for (let i = 0; i < 1000; i++)
    for (let bit = 0; bit < 32; bit++) {
      let changed = mix(i) ^ mix(i ^ (1 << bit))
      for (; changed !== 0; changed &= changed - 1) flipped++
    }
  t.ok(Math.abs(flipped / 32_000 - 16) < 0.1, 'each bit of the input flips half of the output')
})
