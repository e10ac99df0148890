// Fuzzing in its long form: draws values for a target (fuzz/targets.ts) until told to stop or until one shows
// a defect, which is then shrunk. The tests run the same targets for a moment.
//
//   npm run fuzz -- --help

import { Command, InvalidArgumentError } from 'commander'
import { positive } from './bench/options.js'
import { type Finding, find, report } from './fuzz/target.js'
import { type AnyTarget, targets } from './fuzz/targets.js'

interface Options {
  readonly runs?: number
  readonly minutes?: number
  readonly seed?: number
  readonly path?: string
}

/** Runs between two looks at the clock. */
const BATCH = 200
const RUNS = 10_000

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('Give a whole number.')
  return value
}

function minutesOf(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('Give a number above 0.')
  return value
}

function command(): Command {
  const list = Object.entries(targets).map(([name, { about }]) => `  ${name.padEnd(14)} ${about}`)
  return new Command('fuzz')
    .description('Draws inputs for a target until one shows a defect, then shrinks it.')
    .argument('<target>', 'what to fuzz', (name: string) => {
      if (!Object.hasOwn(targets, name))
        throw new InvalidArgumentError(`Targets: ${Object.keys(targets).join(', ')}.`)
      return name
    })
    .option('--runs <n>', `so many runs (${RUNS} if neither this nor --minutes is given)`, positive)
    .option('--minutes <n>', 'for so long', minutesOf)
    .option('--seed <n>', 'begin with this seed; each further batch of runs takes the next', whole)
    .option('--path <path>', 'with --seed: only the value at this path, as a failure prints it')
    .addHelpText('after', `\nTargets:\n${list.join('\n')}`)
}

/** Batches until the time or the runs are over. */
async function run(
  target: AnyTarget,
  options: Options,
  first: number,
): Promise<{ runs: number; found: Finding | null }> {
  const until = Date.now() + (options.minutes ?? Number.POSITIVE_INFINITY) * 60_000
  const most = options.runs ?? (options.minutes === undefined ? RUNS : Number.POSITIVE_INFINITY)
  const says = setInterval(() => process.stderr.write(`${runs} runs\n`), 10_000)
  let runs = 0
  let found: Finding | null = null
  for (let seed = first; found === null && runs < most && Date.now() < until; seed++) {
    const batch = Math.min(BATCH, most - runs)
    found = find(target, { seed, runs: batch })
    runs += batch
    await new Promise(setImmediate)
  }
  clearInterval(says)
  return { runs, found }
}

async function main(): Promise<void> {
  const parsed = command().parse()
  const name = parsed.processedArgs[0] as string
  const options = parsed.opts<Options>()
  const target = targets[name]
  const seed = options.seed ?? (Date.now() ^ (process.pid << 16)) | 0
  const { runs, found } =
    options.path === undefined
      ? await run(target, options, seed)
      : { runs: 1, found: find(target, { seed, runs: BATCH, path: options.path }) }
  if (found === null) process.stdout.write(`${name}: ${runs} runs from seed ${seed}, nothing found\n`)
  else {
    process.stdout.write(`${report(name, found)}\n`)
    process.exitCode = 1
  }
}

await main()
