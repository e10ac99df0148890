// A fixed set of seeds passes, twice the same; a schedule that fails is shortened, and the shortened plan can be said
// on the command line.

import t from 'tap'
import { sameTwice } from '../../tools/sim/checks/s7.js'
import { defects } from '../../tools/sim/defects.js'
import { drawPlan, parsePlan, planDifference, planNames } from '../../tools/sim/plan.js'
import { simulate } from '../../tools/sim/run.js'
import { shrink } from '../../tools/sim/shrink.js'

const SEEDS = 150
const TWICE_EVERY = 10

t.test('the seeds pass', async (t) => {
  const faults = new Set<string>()
  let exchanges = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const plan = drawPlan(seed)
    const result = seed % TWICE_EVERY === 0 ? sameTwice(plan) : simulate(plan)
    exchanges += result.exchanges
    for (const kind of Object.keys(result.faults)) faults.add(kind)
    if (result.violation !== null) {
      t.fail(`seed ${seed}: ${result.violation.property}: ${result.violation.message}`)
    }
  }
  t.ok(exchanges > 10 * SEEDS, `${exchanges} exchanges`)
  t.ok(faults.size >= 25, `faults of ${faults.size} kinds: ${[...faults].join(', ')}`)
})

/**
 * C1 and H1: a response behind others of its HTTP/1.1 connection is given up before its head has left (8099,
 * 32684), in its midst, a tunnel in its midst (710296401), or by a client that has sent FIN (31836); an answer
 * after another attempt (810258); a keep-alive client that is still reading (718050209), a backend that is idle
 * before its response is read (920001399), a stalled response whose backend goes (930030417). A6 and A8: a
 * removed endpoint that was ejected (810324), a request given up too soon (815639), one that was served and had
 * a refusal (810038), one whose backend was configured no longer (810139). Of the simulator
 * itself: resets that crossed a vanished connection (910001118, 910017235), a full length whose rest was lost
 * (910015829, 910040773, 960017381), credit of a peer that had ended (910033712), a backend that allows no streams
 * (910087724), a response that is still being read (930024416), a tunnel that stalls while it is held, and whose
 * steps after its release take two turns (775408682).
 */
const FOUND = [
  6504, 8099, 31836, 32684, 810258, 710296401, 718050209, 910001118, 910015829, 910017235, 910033712,
  910040773, 810324, 815639, 810038, 810139, 920001399, 930030417, 910087724, 930024416, 726630059, 960017381,
  775408682,
]

t.test('seeds that have failed once pass', (t) => {
  // As they ran when they failed.
  const before = { operators: 0, changeovers: 0, redis: 0 }
  for (const seed of FOUND)
    t.equal(simulate(drawPlan(seed, before)).violation?.message, undefined, String(seed))
  t.end()
})

t.test('a plan can be said', async (t) => {
  const plan = drawPlan(7)
  t.equal(planDifference(plan), '')
  const changed = { ...plan, clients: 9, holdMs: 3 }
  t.equal(planDifference(changed), 'clients=9,holdMs=3')
  t.strictSame(drawPlan(7, parsePlan(planDifference(changed))), changed)
  const calm = drawPlan(7, parsePlan('calm,requests=3'))
  t.equal(planDifference(calm), 'calm,requests=3')
  t.strictSame(drawPlan(7, parsePlan(planDifference(calm))), calm)
  for (const wrong of ['', 'clients', 'clients=-1', 'nothing=1', 'seed=1']) {
    t.throws(() => parsePlan(wrong), { name: 'RangeError' }, wrong)
  }
})

t.test('a failing schedule is shortened and fails still', async (t) => {
  const defect = defects.find((each) => each.name === 'trailers dropped')
  if (defect === undefined) throw new Error('that defect is gone')
  const undo = defect.plant()
  t.teardown(undo)
  const plan = { redis: 0, ...defect.plan }
  let failed = simulate(drawPlan(1, plan))
  for (let seed = 2; failed.violation === null; seed++) failed = simulate(drawPlan(seed, plan))
  const shortened = shrink(failed)
  t.equal(shortened.violation?.property, failed.violation.property)
  const quiet = (result: typeof failed): number =>
    planNames.filter((name) => result.plan[name] === drawPlan(1, parsePlan('calm'))[name]).length
  t.ok(quiet(shortened) > quiet(failed), `${quiet(failed)} numbers were quiet, ${quiet(shortened)} are`)
  t.ok(shortened.exchanges <= failed.exchanges)
  const again = simulate(drawPlan(shortened.plan.seed, parsePlan(planDifference(shortened.plan))))
  t.equal(again.violation?.message, shortened.violation?.message)
})
