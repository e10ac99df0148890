// The cost of workers, and their shares: CPU time a request of two workers, including the primary, against
// that of one process, under the same load of HTTP/2 in clear text; and the number of some connections that
// each worker gets. One process runs twice: the distance between the two is the error of a ratio.
//
//   npm run bench:workers -- --help

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { h2load, unsuccessful } from '../testbed/h2load.js'
import { findProgram, freePort, type Program, start } from '../testbed/programs.js'
import { startBackend } from './backends.js'
import { fermata, H2C, type Started, startContender } from './contenders.js'
import { figure, median, middle, spread, table } from './figures.js'
import { cpuMicroseconds, processTree } from './measure.js'
import { positive } from './options.js'
import { pin } from './pinning.js'

const STREAMS = 100
const TIMEOUT_MS = 600_000
/** The ratio of two workers to one that is allowed. */
const RATIO_MAX = 1.1

interface Options {
  readonly rounds: number
  readonly requests: number
  readonly warmUp: number
  readonly clients: number
  readonly streams: number
  readonly connections: number
}

const options = new Command('bench:workers')
  .description('Compares two workers with one process. Needs h2load and nghttpd.')
  .option('--rounds <n>', 'rounds; each is measured once in each', positive, 9)
  .option('--requests <n>', 'requests for each in a round', positive, 200_000)
  .option('--warm-up <n>', 'unmeasured requests for each', positive, 400_000)
  .option('--clients <n>', 'connections of clients', positive, 50)
  .option('--streams <n>', 'concurrent streams on each', positive, 20)
  .option('--connections <n>', 'connections that two workers share', positive, 200)
  .parse()
  .opts<Options>()

/** A contender, and the load that it gets. */
interface Measured {
  readonly name: string
  readonly started: Started
  readonly clients: number
  readonly cpuUs: number[]
  errors: number
}

async function load(
  { started, clients }: Measured,
  requests: number,
): Promise<{ us: number; errors: number }> {
  const pids = processTree(started.program.pid)
  const before = cpuMicroseconds(pids)
  const url = `http://127.0.0.1:${started.port}/small`
  const report = await h2load({ url, requests, clients, streams: options.streams, timeoutMs: TIMEOUT_MS })
  return { us: (cpuMicroseconds(pids) - before) / report.total, errors: unsuccessful(report) }
}

async function begin(name: string, args: readonly string[], clients: number, backendPort: number) {
  const started = await startContender(fermata(args), H2C, backendPort, [], pinning.proxy)
  if (started === null) throw new Error('it was not started')
  if (args.length > 0)
    await started.program.until('its workers serve', () => /workers serve/.test(started.program.stderr))
  return { name, started, clients, cpuUs: [], errors: 0 }
}

async function measureCpu(folder: string): Promise<void> {
  const backendPort = await startBackend('h2c', folder, STREAMS)
  const { clients } = options
  const two = ['--workers', '2']
  const all: Measured[] = [
    await begin('one process', [], clients, backendPort),
    await begin('the same again', [], clients, backendPort),
    await begin('two workers', two, clients, backendPort),
  ]
  for (const each of all) await load(each, options.warmUp)
  for (let round = 0; round < options.rounds; round++) {
    const first = round % all.length
    for (const each of [...all.slice(first), ...all.slice(0, first)]) {
      process.stderr.write(`round ${round + 1} of ${options.rounds}, ${each.name}\n`)
      const { us, errors } = await load(each, options.requests)
      each.cpuUs.push(us)
      each.errors += errors
    }
  }
  print(
    all,
    `h2load -c ${clients} -m ${options.streams}, ${options.requests.toLocaleString('en-US')} requests a round, nghttpd behind it`,
    'CPU µs/request',
  )
  const reached = median(ratios(all[2] as Measured, all[0] as Measured))
  console.log(
    `two workers to one process: ${figure(reached)}, at most ${RATIO_MAX} is allowed: ${reached <= RATIO_MAX ? 'reached' : 'missed'}`,
  )
  await measureConnections(all)
  await Promise.all(all.map(({ started }) => started.program.stop()))
}

/** Measures connections with one request each: workers get them from the primary, one by one. */
async function measureConnections(all: readonly Measured[]): Promise<void> {
  const { connections } = options
  for (const each of all) each.cpuUs.length = 0
  for (let round = 0; round < options.rounds; round++)
    for (const each of all) {
      const { us, errors } = await load({ ...each, clients: connections }, connections)
      each.cpuUs.push(us)
      each.errors += errors
    }
  print(all, `\n${connections} connections at once, a request on each`, 'CPU µs/connection')
}

const ratios = (of: Measured, to: Measured): number[] =>
  of.cpuUs.map((us, at) => us / (to.cpuUs[at] as number))

/** Prints the figures, and their ratios to those of the first. */
function print(all: readonly Measured[], load: string, of: string): void {
  const one = all[0] as Measured
  console.log(
    `${load}; the CPU time of two workers is that of the primary too; median (first quartile–third) of the rounds`,
  )
  const rows = all.map((each) => [
    each.name,
    middle(each.cpuUs),
    middle(ratios(each, one)),
    spread(ratios(each, one)),
    String(each.errors),
  ])
  console.log(table(['', of, '× one process', 'least–most', 'errors'], rows))
}

/** Opens connections at once, with a request on each, and counts those of each worker by the access log. */
async function measureShares(folder: string): Promise<void> {
  const { connections } = options
  const log = join(folder, 'access.log')
  const file = join(folder, 'fermata.yaml')
  const port = await freePort()
  writeFileSync(
    file,
    JSON.stringify({
      version: 1,
      workers: 2,
      listeners: { main: { address: `127.0.0.1:${port}` } },
      routes: [{ answer: { status: 200, body: 'x' } }],
      accessLog: { file: log, format: 'json' },
    }),
  )
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
  const program: Program = await start(process.execPath, [main, 'serve', file], { line: /workers serve/ })
  const url = `http://127.0.0.1:${port}/`
  for (let round = 0; round < options.rounds; round++)
    await h2load({ url, requests: connections, clients: connections, streams: 1, timeoutMs: TIMEOUT_MS })
  // All lines are written when it has ended.
  await program.stop()
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  const shares = Array.from({ length: options.rounds }, (_, round) => {
    const some = lines.slice(round * connections, (round + 1) * connections)
    return some.filter((line) => (JSON.parse(line) as { id: string }).id.startsWith('w1/')).length
  })
  console.log(
    `\n${connections} connections at once, ${options.rounds} times: w1 has ${spread(shares)} of them`,
  )
}

for (const each of ['h2load', 'nghttpd'])
  if (findProgram(each) === null) throw new Error(`${each} is not installed`)

const folder = mkdtempSync(join(tmpdir(), 'fermata-workers-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'small'), 'twelve bytes')
const pinning = pin()
console.log(pinning.text)
await measureCpu(folder)
await measureShares(folder)
process.exit()
