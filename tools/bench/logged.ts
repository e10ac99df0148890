// Measures the cost of the access log and the metrics: the CPU time per request of one process of Fermata under
// the load of `small-50`. Its log and metrics are switched on and off between loads. Metrics are scraped while
// they are on. Each round measures `off` twice: the difference of the two is the possible error of the ratio.
//
//   npm run bench:log -- --help

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { h2load, unsuccessful } from '../testbed/h2load.js'
import { findProgram, freePort } from '../testbed/programs.js'
import { startBackend } from './backends.js'
import { figure, median, middle, table } from './figures.js'
import type { Switch, Switched } from './logged-proxy.js'
import { cpuMicroseconds } from './measure.js'
import { positive } from './options.js'
import { pin } from './pinning.js'
import { scenariosOf } from './scenarios.js'
import { Worker } from './worker.js'

const TIMEOUT_MS = 600_000
/** The ratio of on to off that is allowed. */
const RATIO_MAX = 1.15
const SCRAPE_MS = 1_000

interface Options {
  readonly rounds: number
  readonly requests: number
  readonly warmUp: number
  readonly format: string
  readonly parts: boolean
}

const { rounds, requests, warmUp, format, parts } = new Command('bench:log')
  .description('Compares access log and metrics with neither, in one process. Needs h2load and nghttpd.')
  .option('--rounds <n>', 'rounds; each is measured once in each', positive, 21)
  .option('--requests <n>', 'requests for each in a round', positive, 60_000)
  .option('--warm-up <n>', 'unmeasured requests for each', positive, 200_000)
  .addOption(
    new Option('--format <name>', 'the format of a line')
      .choices(['json', 'logfmt', 'combined'])
      .default('json'),
  )
  .option('--parts', 'measures the log alone and the metrics alone too', false)
  .parse()
  .opts<Options>()

interface Measured extends Switch {
  readonly name: string
  readonly cpuUs: number[]
  errors: number
}

const measured = (name: string, log: boolean, metrics: boolean): Measured => ({
  name,
  log,
  metrics,
  cpuUs: [],
  errors: 0,
})
const off = measured('off', false, false)
const on = measured('log and metrics', true, true)
const all = [
  off,
  measured('off again', false, false),
  on,
  ...(parts ? [measured('log alone', true, false), measured('metrics alone', false, true)] : []),
]

for (const each of ['h2load', 'nghttpd'])
  if (findProgram(each) === null) throw new Error(`${each} is not installed`)

const folder = mkdtempSync(join(tmpdir(), 'fermata-logged-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'small'), 'twelve bytes')
const [small] = scenariosOf({ requests, largeRequests: 1, connections: 1, seconds: 1, body: 1 }).filter(
  ({ name }) => name === 'small-50',
)
if (small === undefined) throw new Error('there is no small-50')
const { clients, streams, backendStreams } = small
const pinning = pin()
const backendPort = await startBackend('h2c', folder, backendStreams)
const [port, probes] = [await freePort(), await freePort()]
const file = join(folder, 'fermata.yaml')
writeFileSync(
  file,
  JSON.stringify({
    version: 1,
    listeners: { main: { address: `127.0.0.1:${port}` } },
    backends: { site: { protocol: 'h2c', endpoints: [`127.0.0.1:${backendPort}`] } },
    routes: [{ name: 'site', backend: 'site' }],
    accessLog: { file: join(folder, 'access.log'), format },
    probes: { address: `127.0.0.1:${probes}` },
  }),
)
const proxy = new Worker('logged-proxy.js', [file], [], pinning.proxy)
await proxy.next<Switched>()

async function scrape(): Promise<void> {
  await (await fetch(`http://127.0.0.1:${probes}/metrics`)).text()
}

/** Returns the CPU µs of a request. */
async function load(each: Measured, number: number): Promise<number> {
  const { log, metrics } = each
  await proxy.ask<Switched>({ log, metrics } satisfies Switch)
  const scraping = metrics ? setInterval(() => void scrape().catch(() => {}), SCRAPE_MS) : null
  const before = cpuMicroseconds([proxy.pid])
  const url = `http://127.0.0.1:${port}/${small?.file}`
  const report = await h2load({ url, requests: number, clients, streams, timeoutMs: TIMEOUT_MS })
  const us = (cpuMicroseconds([proxy.pid]) - before) / report.total
  if (scraping !== null) clearInterval(scraping)
  each.errors += unsuccessful(report)
  return us
}

for (let part = 0; part < 4; part++) for (const each of all) await load(each, Math.ceil(warmUp / 4))
const [loadBefore] = loadavg()
for (let round = 0; round < rounds; round++) {
  const first = round % all.length
  for (const each of [...all.slice(first), ...all.slice(0, first)]) {
    process.stderr.write(`round ${round + 1} of ${rounds}, ${each.name}\n`)
    each.cpuUs.push(await load(each, requests))
  }
}
const { dropped } = await proxy.ask<Switched>({ log: false, metrics: false } satisfies Switch)

/** Returns the least time: a busy machine has added the least to it. */
const least = (of: Measured): number => Math.min(...of.cpuUs)
const ratios = (of: Measured): number[] => of.cpuUs.map((us, at) => us / (off.cpuUs[at] as number))
console.log(pinning.text)
console.log(
  `h2load -c ${clients} -m ${streams}, ${requests.toLocaleString('en-US')} requests a round, nghttpd behind it; ` +
    `${format}; ${rounds} rounds, median (first quartile–third); load of the machine ${figure(loadBefore as number)}`,
)
console.log(
  table(
    ['', 'CPU µs/request', '× off', 'least µs', '× off', 'errors'],
    all.map((each) => [
      each.name,
      middle(each.cpuUs),
      middle(ratios(each)),
      figure(least(each)),
      figure(least(each) / least(off)),
      String(each.errors),
    ]),
  ),
)
console.log(`lines dropped: ${dropped}`)
const reached = median(ratios(on))
console.log(
  `log and metrics to off: ${figure(reached)}, at most ${RATIO_MAX} is allowed: ${reached <= RATIO_MAX ? 'reached' : 'missed'}`,
)
await proxy.end()
process.exit()
