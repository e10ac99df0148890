// Compares a unit directly and through the proxy, and both with the list of differences.

import { DIFFERENCES } from './differences.js'
import { type Outcome, runUnit, type Way } from './suite.js'

/** The longest time of a test, in s. */
const TEST_SECONDS = 240
/** The longest time of a test that is listed, and of one behind it, in s. */
const LISTED_SECONDS = 30
/** The number of tests of a unit that may hang before the unit is given up. */
const HANGS_MAX = 5

export interface Comparison {
  readonly way: Way
  /** The number of tests that passed. */
  readonly direct: number
  readonly through: number
  /** The number of tests that passed directly only, as the list says. */
  readonly listed: number
  /** The tests that passed only when their unit was run again. */
  readonly late: readonly string[]
  /** One sentence each. */
  readonly faults: readonly string[]
}

/** Runs a unit; a test that does not end is noted, and the unit is run again without it. */
async function runWhole(folder: string, way: Way, unit: string, listed: readonly string[]) {
  const without = [...listed]
  const hung = new Set<string>()
  for (;;) {
    const outcome: Outcome = await runUnit(folder, way, unit, { without, testSeconds: TEST_SECONDS })
    if (outcome.hung === null || without.includes(outcome.hung) || hung.size === HANGS_MAX)
      return { ...outcome, hungTests: hung }
    hung.add(outcome.hung)
    without.push(outcome.hung)
  }
}

/** Returns true if a test passes without the others of its unit. */
async function passesAlone(folder: string, way: Way, unit: string, name: string): Promise<boolean> {
  const { passed } = await runUnit(folder, way, unit, { only: [name], testSeconds: LISTED_SECONDS })
  return passed.has(name)
}

/**
 * Runs a unit directly, and each of these ways.
 * @param folder of Redis's sources
 */
export async function compareUnit(
  folder: string,
  ways: readonly Way[],
  unit: string,
): Promise<readonly Comparison[]> {
  const direct = await runWhole(folder, 'direct', unit, [])
  const comparisons: Comparison[] = []
  for (const way of ways) comparisons.push(await compareWay(folder, way, unit, direct))
  return comparisons
}

async function compareWay(
  folder: string,
  way: Way,
  unit: string,
  direct: Awaited<ReturnType<typeof runWhole>>,
): Promise<Comparison> {
  const rows = way === 'auto' ? DIFFERENCES.filter((each) => each.unit === unit) : []
  const listed = new Set(rows.flatMap(({ tests }) => tests))
  const through = await runWhole(folder, way, unit, [...listed])
  const faults: string[] = []
  const late: string[] = []
  for (const { broke, hung } of [direct, through])
    if (broke !== null || hung !== null) faults.push(`${unit} ended early: ${broke ?? hung}`)
  if (direct.passed.size === 0) faults.push(`${unit}: no test passes directly`)
  const missing = [...direct.passed].filter((each) => !through.passed.has(each) && !listed.has(each))
  // Many tests expect that something happens within a time, and a busy machine is late.
  const again = missing.length === 0 ? null : await runWhole(folder, way, unit, [...listed])
  for (const each of missing) {
    if (again?.passed.has(each) === true) {
      late.push(each)
      continue
    }
    const why = through.hungTests.has(each)
      ? 'it does not end'
      : (through.failed.get(each) ?? 'it did not run')
    faults.push(`${unit}, ${each}: ${why}`)
  }
  // Some depend on a machine that has nothing else to do.
  for (const each of listed)
    if (!direct.passed.has(each) && !(await passesAlone(folder, 'direct', unit, each)))
      faults.push(`${unit}, ${each}: it is listed, and does not pass directly`)
  const passes = (each: string): void => {
    faults.push(`${unit}, ${each}: it passes, and should not be listed`)
  }
  const hanging = rows.filter(({ hangs }) => hangs === true).flatMap(({ tests }) => tests)
  if (listed.size > hanging.length) {
    // The others are judged without them: those that fail leave a server behind as no test expects it.
    const { passed } = await runUnit(folder, way, unit, { without: hanging, testSeconds: LISTED_SECONDS })
    for (const each of listed) if (passed.has(each)) passes(each)
  }
  for (const each of hanging) {
    if (await passesAlone(folder, way, unit, each)) passes(each)
    else if (!(await passesAlone(folder, 'direct', unit, each)))
      faults.push(`${unit}, ${each}: it does not pass directly without the others, so nothing is known of it`)
  }
  const passed = through.passed.size + late.length
  return { way, direct: direct.passed.size, through: passed, listed: listed.size, late, faults }
}
