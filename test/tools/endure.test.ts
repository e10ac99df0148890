// The endurance runs over real sockets, in a short form whose steps are counted in requests; and what their
// findings say of figures that are wrong.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { code } from '../../tools/endure/coding.js'
import { type Finding, ofCoding, ofKills, ofRamp, ofReloads, ofStorm } from '../../tools/endure/findings.js'
import { killInTurn, killOnce } from '../../tools/endure/killing.js'
import type { Answered, Tally } from '../../tools/endure/load.js'
import { heaviestPath } from '../../tools/endure/profile.js'
import { rampOf } from '../../tools/endure/ramp.js'
import { type ReloadFigures, reload } from '../../tools/endure/reloading.js'
import { storm } from '../../tools/endure/storming.js'
import { run } from '../../tools/testbed/programs.js'

t.jobs = 2
// The time limit of the file is the only one.
t.setTimeout(110_000)

const own = { buffered: true, timeout: 110_000 } as const

function allHold(t: Test, findings: readonly Finding[]): void {
  for (const { holds, what, told } of findings) t.ok(holds, `${what}: ${told}`)
}

const broken = (findings: readonly Finding[]): string[] =>
  findings.filter((each) => !each.holds).map((each) => each.what)

t.test('B39: endpoints that die in turn cost no request without a head', own, async (t) => {
  const figures = await killInTurn({
    kills: 3,
    up: { requests: 150 },
    down: { requests: 400 },
    besideSeconds: 0,
  })
  allHold(t, ofKills(figures))
  t.ok(figures.tally.answered > 500, `${figures.tally.answered} answered`)
  t.match(figures.log, /no connection to/)
})

t.test('B13: an endpoint that has come back ramps', own, async (t) => {
  const figures = await killOnce({
    policy: 'round-robin',
    slowStartSeconds: 2,
    ejectionSeconds: 1,
    tolerance: 0.1,
    // Half a thousand requests a second tell shares apart as well as thousands.
    pauseMs: 20,
  })
  allHold(t, ofRamp(figures))
})

t.test('B29: a storm of retries stays within its budget', own, async (t) =>
  allHold(t, ofStorm(await storm({ requests: 500 }))),
)

t.test('compress: many responses at once, of which no more are coded than memory allows', own, async (t) => {
  const figures = await code({ requests: 400 })
  allHold(t, ofCoding(figures))
  t.ok(figures.plain > 0, `${figures.plain} went out as they were`)
})

t.test('a configuration that changes', own, async (t) => {
  const figures = await reload({
    ...{ routes: 20, certificates: 2, renewed: 2, warmUp: 1, webSockets: 2, by: 'signal' },
    files: 2,
    every: { requests: 60 },
    profiled: 1,
  })
  // So few files say nothing of the heap.
  allHold(
    t,
    ofReloads(figures, 1).filter((each) => each.what !== 'the heap is back'),
  )
  t.ok(figures.turns.turns > 0)
  t.ok((figures.profile?.inTurns.length ?? 0) > 0)
})

// Findings

const none = new Map<string, number>()
const good: Tally = { sent: 10, answered: 10, others: none, cut: none, lost: none, closed: 0 }
const LOST = 'no request is lost whose response head had not come'

t.test('what is lost is told from what is cut', async (t) => {
  const of = (tally: Partial<Tally>): string[] =>
    broken(ofKills({ kills: 1, tally: { ...good, ...tally }, h2load: null, wrk: null, log: '' }))
  t.strictSame(of({}), [])
  t.strictSame(of({ answered: 9, cut: new Map([['ECONNRESET', 1]]) }), [])
  t.strictSame(of({ answered: 9, lost: new Map([['ECONNRESET', 1]]) }), [LOST])
  t.strictSame(of({ answered: 9, others: new Map([['502 backend-not-connected', 1]]) }), [LOST])
  t.strictSame(of({ answered: 9 }), ['each request is accounted for'])
})

t.test('a ramp that is none is off', async (t) => {
  const options = { slowStartMs: 4_000, endpoints: 3, usable: [0, 0], tolerance: 0.1 } as const
  /** 1,000 requests a second, of which this share goes to the endpoint. */
  const samples = (share: (ms: number) => number): Answered[] => {
    let owed = 0
    return Array.from({ length: 5_000 }, (_, ms) => {
      owed += share(ms)
      const from = owed >= 1 ? 'back' : 'other'
      if (owed >= 1) owed--
      return { sentAt: ms, headAt: ms + 1, from }
    })
  }
  const off = (share: (ms: number) => number): number[] =>
    rampOf(samples(share), 'back', options)
      .filter((each) => !each.holds)
      .map((each) => each.second)
  const weight = (ms: number): number => Math.min(1, Math.max(0.1, ms / 4_000))
  t.strictSame(
    off((ms) => weight(ms) / (2 + weight(ms))),
    [],
  )
  t.strictSame(
    off(() => 1 / 3),
    [0, 1, 2],
  )
  t.strictSame(
    off(() => 0.05),
    [1, 2, 3, 4],
  )
  t.strictSame(broken(ofRamp({ seconds: rampOf([], 'back', options), tally: good })).length, 1, 'no request')
})

t.test('more retries than the budget has are found', async (t) => {
  const tally = { ...good, answered: 0, others: new Map([['503', 10]]) }
  const of = (seen: number): string[] =>
    broken(ofStorm({ tally, seconds: [], offered: 1_000, seen, lastedSeconds: 9 }))
  t.strictSame(of(1_300), [])
  t.strictSame(of(1_301), ['endpoints see at most 1.2 times the load, and 10 a second'])
  t.strictSame(of(1_000), ['requests are sent again'])
})

t.test('what a reload must not do is found', async (t) => {
  const turns = { turns: 1, turnsMs: [], roundsMs: [], inTurns: [], inRounds: [] }
  const held = { heapBytes: 20_000_000, routes: 101 }
  const right: ReloadFigures = {
    routes: 100,
    ...{ files: 10, commits: 5, seconds: 1, faults: [], tally: good, lastServes: true, resumed: true },
    ...{ echoes: { sent: 3, echoed: 3, closed: 0 }, before: held, after: held, turns, profile: null },
  }
  const of = (wrong: Partial<ReloadFigures>): number => broken(ofReloads({ ...right, ...wrong }, 5)).length
  t.equal(of({}), 0)
  for (const wrong of [
    { commits: 4 },
    { lastServes: false },
    { tally: { ...good, answered: 9 } },
    { tally: { ...good, closed: 1 } },
    { echoes: { sent: 3, echoed: 2, closed: 0 } },
    { echoes: { sent: 3, echoed: 3, closed: 1 } },
    { resumed: false },
    { after: { ...held, routes: 102 } },
    { before: { ...held, routes: 201 }, after: { ...held, routes: 201 } },
    { after: { ...held, heapBytes: 23_000_000 } },
    { faults: ['a warning'] },
  ])
    t.equal(of(wrong), 1, JSON.stringify(wrong))
})

t.test('what was in a span of a profile', async (t) => {
  const node = (id: number, functionName: string, ...children: number[]) => ({
    id,
    callFrame: { functionName, scriptId: '', url: '', lineNumber: 0, columnNumber: 0 },
    children,
  })
  const profile = {
    nodes: [node(1, '(root)', 2), node(2, 'turn', 3, 4), node(3, 'read'), node(4, 'write')],
    startTime: 0,
    endTime: 100,
    samples: [1, 3, 3, 3, 4, 4, 1],
    timeDeltas: [0, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
  }
  t.equal(heaviestPath(profile, [1_000, 5_000], 4), 'turn 4.0 ms (read 2.4 ms, write 1.6 ms), of 5 samples')
  t.equal(heaviestPath(profile, [8_000, 9_000], 1), 'no sample')
})

t.test('the command line', { buffered: true }, async (t) => {
  const tool = join(import.meta.dirname, '..', '..', 'tools', 'endure.js')
  const [help, wrong] = await Promise.all([
    run(process.execPath, [tool, '--help']),
    run(process.execPath, [tool, 'reload', '--by', 'chance']),
  ])
  t.match(help, { code: 0, stdout: /kill[\s\S]*storm[\s\S]*reload/ })
  t.match(wrong, { code: 1, stderr: /Allowed choices are signal, watch/ })
})
