// Coverage-guided fuzzing: Jazzer.js (libFuzzer) alters octets and keeps those that reach new code. It
// serves the targets that have a form in octets. It runs as a separate process, since it instruments the
// code that it loads.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import type { AnyTarget } from './targets.js'

const HERE = dirname(fileURLToPath(import.meta.url))
/** The instrumented code: our own, as built. */
const INSTRUMENTED = join('dist', 'src')
/** The number of values drawn for a corpus to begin with. */
const SEEDS = 300
const OCTETS_MAX = 4096
/** A run that takes longer hangs. */
const RUN_SECONDS_MAX = 5

export interface GuidedRun {
  readonly minutes: number
  readonly seed: number
  /** The folder of the corpus, which is kept and extended; without it a new folder. */
  readonly corpus?: string
}

/** Returns the reason why it cannot run on this machine, or null. */
export async function missing(): Promise<string | null> {
  try {
    await import('@jazzer.js/core')
    return null
  } catch (error) {
    const { message } = error as Error
    return `coverage-guided fuzzing needs the addon of @jazzer.js/fuzzer, which does not load here: ${message}`
  }
}

/** Runs a target. Returns false when it found something, which is written to a file and reported. */
export function guided(name: string, target: AnyTarget, run: GuidedRun): boolean {
  const { octets } = target
  if (octets === undefined) throw new Error(`${name} has no form in octets`)
  const corpus = run.corpus ?? mkdtempSync(join(tmpdir(), `fuzz-${name}-`))
  const found = join(corpus, 'found')
  mkdirSync(found, { recursive: true })
  const drawn = fc.sample(target.arbitrary, { seed: run.seed, numRuns: SEEDS })
  for (const [i, value] of drawn.entries()) writeFileSync(join(corpus, `drawn-${i}`), octets.of(value))
  const cli = createRequire(import.meta.url).resolve('@jazzer.js/core/dist/cli.js')
  const { status } = spawnSync(
    process.execPath,
    [
      ...[cli, relative(process.cwd(), join(HERE, 'guided-target.js')), corpus],
      ...['--sync', '--includes', INSTRUMENTED, '--'],
      ...[`-max_total_time=${Math.ceil(run.minutes * 60)}`, `-max_len=${OCTETS_MAX}`],
      ...[`-timeout=${RUN_SECONDS_MAX}`, `-artifact_prefix=${found}/`, `-seed=${run.seed >>> 0 || 1}`],
    ],
    { stdio: 'inherit', env: { ...process.env, FUZZ_TARGET: name } },
  )
  const files = readdirSync(found)
  for (const file of files)
    process.stdout.write(`again: npm run fuzz -- ${name} --octets ${join(found, file)}\n`)
  if (status === null || (status !== 0 && files.length === 0)) throw new Error('the fuzzer itself has failed')
  return files.length === 0
}
