// The retry budget and the pauses before retries against spec/balancing.md: exact arithmetic.

import t from 'tap'
import { backoffMs, RetryBudget } from '../../src/balancing/index.js'
import { chanceOf } from './members.js'

/** Returns the number of retries that it grants now. */
function granted(budget: RetryBudget, now: number): number {
  let count = 0
  while (budget.take(now)) count++
  return count
}

t.test('B29: each first attempt pays in its ratio, and each second its tokens', async (t) => {
  const ratio = new RetryBudget({ ratio: 0.2, perSecond: 0 }, 0)
  t.equal(granted(ratio, 0), 0)
  for (let i = 0; i < 4; i++) ratio.first(0)
  t.equal(granted(ratio, 0), 0, 'four pay 0.8')
  ratio.first(0)
  t.equal(granted(ratio, 0), 1)
  for (let i = 0; i < 1000; i++) ratio.first(1)
  t.equal(granted(ratio, 1), 200)

  const time = new RetryBudget({ ratio: 0, perSecond: 10 }, 500)
  t.equal(granted(time, 500), 10, 'those of one second are there at the start')
  t.equal(granted(time, 599), 0)
  t.equal(granted(time, 600), 1)
  t.equal(granted(time, 3600), 30)
  t.strictSame(time.describe(), { tokens: 0, granted: 41, refused: 4 })

  const none = new RetryBudget({ ratio: 0, perSecond: 0 }, 0)
  for (let i = 0; i < 100; i++) none.first(i * 1000)
  t.equal(granted(none, 100_000), 0)
})

t.test('B29: a storm of failures is retried by no more than ratio and rate allow', async (t) => {
  const budget = new RetryBudget({ ratio: 0.2, perSecond: 10 }, 0)
  let firsts = 0
  let retries = 0
  for (let now = 0; now < 60_000; now += 5) {
    budget.first(now)
    firsts++
    // Each attempt fails, and asks for two retries.
    for (let i = 0; i < 2; i++) if (budget.take(now)) retries++
    const allowed = 0.2 * firsts + (10 * now) / 1000 + 10
    if (retries > allowed + 1e-6) t.fail(`${now} ms: ${retries} of ${firsts}`)
  }
  t.equal(retries, Math.floor(0.2 * 12_000 + 10 * 59.995 + 10))
})

t.test('B30: what was paid in is kept for ten seconds', async (t) => {
  const budget = new RetryBudget({ ratio: 0.2, perSecond: 0 }, 0)
  for (let i = 0; i < 5000; i++) budget.first(100)
  t.equal(budget.take(9999), true)
  t.equal(budget.take(10_000), false, 'the second in which it was paid in is ten back')
  for (let second = 20; second < 40; second++) for (let i = 0; i < 50; i++) budget.first(second * 1000)
  t.equal(granted(budget, 39_000), 100, 'ten in each of the last ten seconds')
  const idle = new RetryBudget({ ratio: 0.2, perSecond: 10 }, 0)
  t.equal(granted(idle, 3_600_999.9), 99, 'in an hour without requests it saves those of ten seconds')
  t.equal(granted(idle, 3_602_000), 11)
  // The oldest are spent first: what is left is kept as long as can be.
  const order = new RetryBudget({ ratio: 1, perSecond: 0 }, 0)
  order.first(0)
  order.first(5000)
  t.equal(order.take(5000), true)
  t.equal(order.take(14_999), true)
})

t.test('B31: pauses before retries are drawn below a bound that doubles', async (t) => {
  const bounds = [1, 2, 3, 4, 5, 6, 60, 2000].map((attempt) => backoffMs(attempt, 25, 250, () => 1))
  t.strictSame(bounds, [25, 50, 100, 200, 250, 250, 250, 250])
  t.equal(
    backoffMs(3, 25, 250, () => 0),
    0,
  )
  t.equal(
    backoffMs(3, 25, 250, () => 0.5),
    50,
  )
  t.equal(
    backoffMs(1, 0, 0, () => 0.5),
    0,
  )
  const chance = chanceOf(5)
  let sum = 0
  for (let i = 0; i < 10_000; i++) sum += backoffMs(2, 25, 250, chance)
  t.ok(Math.abs(sum / 10_000 - 25) < 0.5, 'on average half of it')
})
