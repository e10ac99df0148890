// Fuzzing in its long form: draws values for a target (fuzz/targets.ts) until told to stop or until one shows
// a defect, which is then shrunk. The tests run the same targets for a moment. With --guided a fuzzer alters
// the values, and watches which code they reach.
//
//   npm run fuzz -- --help

import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { positive } from './bench/options.js'
import { guided, missing } from './fuzz/guided.js'
import { type Finding, find, report } from './fuzz/target.js'
import { type AnyTarget, targets } from './fuzz/targets.js'

interface Options {
  readonly runs?: number
  readonly minutes?: number
  readonly seed?: number
  readonly path?: string
  readonly guided?: boolean
  readonly corpus?: string
  readonly octets?: string
}

/** The number of runs between two looks at the clock. */
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
  const list = Object.entries(targets).map(
    ([name, { about, octets }]) => `${octets ? '*' : ' '} ${name.padEnd(14)} ${about}`,
  )
  return new Command('fuzz')
    .description('Draws inputs for a target until one shows a defect, then shrinks it.')
    .argument('<target>', 'what to fuzz', (name: string) => {
      if (!Object.hasOwn(targets, name))
        throw new InvalidArgumentError(`Targets: ${Object.keys(targets).join(', ')}.`)
      return name
    })
    .option('--runs <n>', `number of runs (${RUNS} if neither this nor --minutes is given)`, positive)
    .option('--minutes <n>', 'run for this many minutes', minutesOf)
    .option('--seed <n>', 'begin with this seed; each further batch of runs takes the next', whole)
    .option('--path <path>', 'with --seed: only the value at this path, as a failure prints it')
    .addOption(
      new Option(
        '--guided',
        'coverage-guided (Jazzer.js), for --minutes; a minute if they are not given',
      ).conflicts(['runs', 'path']),
    )
    .option('--corpus <dir>', 'with --guided: keep what reaches new code here, and begin with what is there')
    .option('--octets <file>', 'check the octets of this file once, as --guided leaves them')
    .addHelpText('after', `\nTargets:\n${list.join('\n')}\n\nThose marked * are for --guided too.`)
}

/** Runs batches until the time or the runs are over. */
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

/** Runs the forms in octets: one file, or as many as are reached. */
async function inOctets(program: Command, name: string, options: Options, seed: number): Promise<void> {
  const { octets } = targets[name]
  if (octets === undefined) {
    const those = Object.keys(targets).filter((each) => targets[each].octets !== undefined)
    return program.error(`${name} has no form in octets. These have: ${those.join(', ')}.`)
  }
  if (options.octets !== undefined) {
    octets.check(readFileSync(options.octets))
    process.stdout.write(`${name}: ${options.octets}, nothing found\n`)
    return
  }
  const why = await missing()
  if (why !== null) return program.error(why)
  const { minutes = 1, corpus } = options
  if (!guided(name, targets[name], { minutes, seed, ...(corpus === undefined ? {} : { corpus }) }))
    process.exitCode = 1
}

async function main(): Promise<void> {
  const parsed = command().parse()
  const name = parsed.processedArgs[0] as string
  const options = parsed.opts<Options>()
  const target = targets[name]
  const seed = options.seed ?? (Date.now() ^ (process.pid << 16)) | 0
  if (options.guided === true || options.octets !== undefined) return inOctets(parsed, name, options, seed)
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
