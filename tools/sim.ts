// Many seeds on the simulated network, every property checked after every turn (spec/simulator.md).
//
//   npm run sim -- --seeds 1000      npm run sim -- --minutes 10      npm run sim -- --seed 7

import { Command } from 'commander'
import { positive } from './bench/options.js'
import { sameTwice } from './sim/checks/s7.js'
import { drawPlan, parsePlan, planDifference } from './sim/plan.js'
import { defects, lookFor } from './sim/planted.js'
import { redisDefects } from './sim/redis/defects.js'
import { type Result, simulate } from './sim/run.js'
import { shrink } from './sim/shrink.js'

interface Options {
  readonly seeds?: number
  readonly seed?: number
  readonly minutes?: number
  readonly first?: number
  readonly plan: ReturnType<typeof parsePlan>
  readonly shrink: boolean
  readonly defects?: boolean
}

/** One seed in this many is run twice (S7). */
const TWICE_EVERY = 16
const LINES_SHOWN = 25

const totals = { seeds: 0, exchanges: 0, turns: 0 }
const faults: Record<string, number> = {}
const outcomes = new Map<string, number>()

function add(result: Result): void {
  totals.seeds++
  totals.exchanges += result.exchanges
  totals.turns += result.turns
  for (const [kind, count] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + count
  for (const [outcome, count] of result.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count)
}

const table = (counts: Iterable<readonly [string, number]>): string =>
  [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `  ${String(count).padStart(10)}  ${name}\n`)
    .join('')

/** Progress on stderr: one line redrawn on a terminal, otherwise a line every 20 s. */
class Progress {
  private shownAt = 0
  private readonly tty = process.stderr.isTTY === true
  show(text: string): void {
    const now = performance.now()
    if (now - this.shownAt < (this.tty ? 200 : 20_000)) return
    this.shownAt = now
    process.stderr.write(this.tty ? `\r\x1b[2K${text}` : `${text}\n`)
  }
  clear(): void {
    if (this.tty) process.stderr.write('\r\x1b[2K')
  }
}

/** Prints a failure, and the command that repeats it. */
function tell(failed: Result, shrinks: boolean): void {
  const shown = shrinks ? shrink(failed) : failed
  const lines: string[] = []
  simulate(shown.plan, { lines: (line) => lines.push(line) })
  const difference = planDifference(shown.plan)
  process.stdout.write(
    `seed ${failed.plan.seed}: ${failed.violation?.property}: ${failed.violation?.message}\n` +
      (shrinks ? `shortened: ${shown.violation?.message}\n` : '') +
      `the last of ${lines.length} trace lines:\n  ${lines.slice(-LINES_SHOWN).join('  ')}` +
      `again:\n  npm run sim -- --seed ${shown.plan.seed}${difference === '' ? '' : ` --plan ${difference}`}\n`,
  )
}

/** Prints the defects as a Markdown table. Returns the exit code: 1 if a defect was not found. */
function findDefects(seedsMax: number): number {
  process.stdout.write('| defect | found by | seeds | what is wrong |\n|---|---|---|---|\n')
  let missed = 0
  const all = [...defects, ...redisDefects]
  for (const defect of all) {
    const { property, seeds } = lookFor(defect, seedsMax)
    if (property === null) missed++
    process.stdout.write(`| ${defect.name} | ${property ?? 'no checker'} | ${seeds} | ${defect.what} |\n`)
  }
  process.stdout.write(`${all.length - missed} of ${all.length} found\n`)
  return missed === 0 ? 0 : 1
}

function main(options: Options): number {
  const first = options.seed ?? options.first ?? Date.now() % 1_000_000_000
  const last =
    options.seed !== undefined ? first : first + (options.seeds ?? (options.minutes ? 1e12 : 1000)) - 1
  const began = performance.now()
  const cpuBefore = process.cpuUsage()
  const until = began + (options.minutes ?? Number.POSITIVE_INFINITY) * 60_000
  const progress = new Progress()
  let failed: Result | null = null
  for (let seed = first; seed <= last && failed === null && performance.now() < until; seed++) {
    const plan = drawPlan(seed, options.plan)
    const twice = options.seed !== undefined || seed % TWICE_EVERY === 0
    const result = twice ? sameTwice(plan) : simulate(plan)
    add(result)
    if (result.violation !== null) failed = result
    const done = options.minutes
      ? (performance.now() - began) / (until - began)
      : (seed - first + 1) / (last - first + 1)
    progress.show(`${Math.floor(done * 100)}%  ${totals.seeds} seeds  ${totals.exchanges} exchanges`)
  }
  progress.clear()
  if (failed !== null) tell(failed, options.shrink)
  const minutes = (performance.now() - began) / 60_000
  const { user, system } = process.cpuUsage(cpuBefore)
  process.stdout.write(
    `${failed === null ? 'passed' : 'failed'}: ${totals.seeds} seeds from ${first}, ${totals.exchanges} exchanges, ` +
      `${totals.turns} turns, ${Math.round(totals.exchanges / minutes)} exchanges a minute, ` +
      `${Math.round((totals.exchanges * 60_000_000) / (user + system))} a minute of processor time\n`,
  )
  if (options.seed === undefined) {
    process.stdout.write(`faults tried\n${table(Object.entries(faults))}exchanges ended\n${table(outcomes)}`)
  }
  return failed === null ? 0 : 1
}

const command = new Command('sim')
  .description(
    'Simulate many network schedules, and check the properties of spec/properties.md after every turn.',
  )
  .option('--seeds <n>', 'number of seeds to run (1000 unless --minutes or --seed is given)', positive)
  .option('--seed <s>', 'run only this seed, twice', positive)
  .option('--minutes <m>', 'run new seeds for this many minutes', positive)
  .option('--first <s>', 'the first seed (default: taken from the clock)', positive)
  .option('--plan <name=number,...>', 'fix these numbers of the plan instead of drawing them', parsePlan, {})
  .option(
    '--defects',
    'plant one defect after the other; print which checker finds it, and after how many seeds',
  )
  .option('--no-shrink', 'print a failing schedule without shortening it')

const options = command.parse().opts<Options>()
process.exitCode = options.defects === true ? findDefects(options.seeds ?? 100) : main(options)
