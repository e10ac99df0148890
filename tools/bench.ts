// The benchmark: Fermata and other proxies, each in front of the same backend, loaded in turn by h2load or
// wrk. Absolute figures swing with the machine and the minute, so the proxies take turns within each round,
// and what counts is the ratio of the medians of one run.
//
//   npm run bench -- --help

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { Client } from '../src/terminal/client.js'
import { requestsOf, startBackend } from './bench/backends.js'
import {
  ATTACHED,
  againstBuild,
  BREAKPOINT,
  COPY,
  contenderNames,
  contenders,
  contendersUsual,
  debugAddress,
  type Started,
  startContender,
} from './bench/contenders.js'
import { figure, median, spread, table } from './bench/figures.js'
import { connectionsTo, cpuMicroseconds, peakRssKib, processTree, resetPeak } from './bench/measure.js'
import { collect, names, positive } from './bench/options.js'
import { type Pinning, pin } from './bench/pinning.js'
import { load, loadText, type Scenario, scenarioNames, scenariosOf } from './bench/scenarios.js'
import { findProgram } from './testbed/programs.js'

interface Options {
  readonly rounds: number
  readonly requests: number
  readonly largeRequests: number
  readonly connections: number
  readonly seconds: number
  readonly body: number
  readonly warmUp: number
  readonly only?: readonly string[]
  readonly scenarios: readonly string[]
  readonly fermataArg: readonly string[]
  readonly nodeArg: readonly string[]
  readonly json?: string
  readonly against?: string
}

interface Sample {
  readonly cpuPerRequestUs: number
  readonly requestsPerSecond: number
  readonly medianMs: number
  readonly errors: number
  readonly peakRssMib: number
  readonly backendConnections: number
}

function readOptions(): Options {
  return new Command('bench')
    .usage('[options]')
    .description(
      'Compares the CPU time per request of Fermata and other proxies, each in front of the same backend: HTTP/2 under h2load ' +
        '(of nghttp2, as are nghttpd and nghttpx), HTTP/1.1 under wrk, nginx behind it. All on 127.0.0.1.',
    )
    .option('--rounds <n>', 'rounds; each proxy is measured once in each', positive, 5)
    .option(
      '--requests <n>',
      'requests with 12-byte bodies per round (the plain proxy gets a quarter)',
      positive,
      200_000,
    )
    .option(
      '--large-requests <n>',
      'requests with large bodies per round (the plain proxy gets a quarter)',
      positive,
      20_000,
    )
    .option('--connections <n>', 'connections per round, with one request each', positive, 10_000)
    .option('--seconds <n>', 'seconds per round under wrk', positive, 5)
    .option('--body <bytes>', 'size of a large body', positive, 65_536)
    .option(
      '--warm-up <percent>',
      'unmeasured load for each proxy before the first round, in percent of a round: V8 compiles what runs often',
      positive,
      1000,
    )
    .option(
      '--only <names>',
      `proxies to measure, out of ${contenderNames.join(',')} (default: ${contendersUsual.join(',')}, or those of the scenario)`,
      names(contenderNames),
    )
    .option(
      '--scenarios <names>',
      `scenarios to run, out of ${scenarioNames.join(',')}`,
      names(scenarioNames),
      scenarioNames,
    )
    .option('--fermata-arg <arg>', 'a further argument for fermata serve (repeat it for more)', collect, [])
    .option(
      '--node-arg <arg>',
      "an argument for Fermata's node, as --node-arg=--cpu-prof (repeat it)",
      collect,
      [],
    )
    .option(
      '--against <dir>',
      'compare with the build in DIR/dist, with a copy of this one, and with this one under a debugger that only attaches, or sets a breakpoint that is never met',
    )
    .option('--json <file>', 'write all samples to this file as well')
    .parse()
    .opts<Options>()
}

/** The setting of a scenario. */
interface Bench {
  readonly backendPort: number
  readonly pinning: Pinning
  /** A file for the log of the load generator. */
  readonly log: string
}

/** One measured run against one proxy. */
async function sample(started: Started, scenario: Scenario, bench: Bench): Promise<Sample> {
  const { share } = started.contender
  const { backendPort, log } = bench
  const pids = processTree(started.program.pid)
  resetPeak(pids)
  let backendConnections = 0
  const look = (): void => {
    backendConnections = Math.max(backendConnections, connectionsTo(backendPort, pids))
  }
  const looking = setInterval(look, 100)
  const asked = scenario.isCached ? await requestsOf(backendPort) : 0
  const before = cpuMicroseconds(pids)
  const { total, requestsPerSecond, errors, medianMs } = await load(scenario, started.port, share, log)
  const used = cpuMicroseconds(pids) - before
  clearInterval(looking)
  look()
  if (scenario.isCached && (await requestsOf(backendPort)) - asked > total / 1000)
    throw new Error(`${started.contender.name} has asked its backend: these were no hits`)
  return {
    cpuPerRequestUs: used / total,
    requestsPerSecond,
    medianMs,
    errors,
    peakRssMib: peakRssKib(pids) / 1024,
    backendConnections,
  }
}

type Samples = Map<string, Sample[]>

/** Returns, for each round, the CPU time of one proxy divided by that of another. */
function ratios(samples: Samples, name: string, than: string): number[] {
  const [of, to] = [samples.get(name) ?? [], samples.get(than) ?? []]
  return to.length === 0
    ? []
    : of.map((each, round) => each.cpuPerRequestUs / (to[round]?.cpuPerRequestUs ?? Number.NaN))
}

function printScenario(scenario: Scenario, samples: Samples, warmUp: number, against: boolean): void {
  const of = (name: string, key: keyof Sample): number[] => (samples.get(name) ?? []).map((each) => each[key])
  const than = against ? COPY : (scenario.aims[0]?.than ?? '')
  const rows = [...samples.keys()].map((name) => [
    name,
    spread(of(name, 'cpuPerRequestUs')),
    spread(ratios(samples, name, than)),
    spread(of(name, 'requestsPerSecond')),
    spread(of(name, 'medianMs')),
    String(of(name, 'errors').reduce((sum, each) => sum + each, 0)),
    Math.max(...of(name, 'peakRssMib')).toFixed(1),
    String(Math.max(...of(name, 'backendConnections'))),
  ])
  console.log(
    `\n${scenario.name}, ${scenario.way.client} to ${scenario.way.backend}: ` +
      `${scenario.body.toLocaleString('en-US')} bytes, ${loadText(scenario)}, ` +
      (scenario.way.backend === 'h2c' ? `backend of ${scenario.backendStreams} streams a connection, ` : '') +
      `each warmed up by ${warmUp} % of a round; median (least–most) of the rounds`,
  )
  const head = [
    'proxy',
    'CPU µs/request',
    `× ${than}`,
    'requests/s',
    'p50 ms',
    'errors',
    'peak RSS MiB',
    'backend connections',
  ]
  console.log(table(head, rows))
  for (const aim of against ? [] : scenario.aims) {
    const { of: name = 'fermata', than: other, ratio } = aim
    const reached = median(ratios(samples, name, other))
    const most = typeof ratio === 'number' ? ratio : Math.max(...ratios(samples, ratio, other))
    if (!Number.isFinite(reached) || !Number.isFinite(most)) continue
    const why = typeof ratio === 'number' ? '' : `, the most of ${ratio}`
    console.log(
      `${name} to ${other}: ${figure(reached)}, the aim is ${figure(most)} or less${why}: ` +
        (reached <= most ? 'reached' : 'missed'),
    )
  }
}

/** Attaches a debugger, which stays until this process ends. */
async function attach({ log }: Bench, name: string): Promise<void> {
  const client = await Client.attach(debugAddress(dirname(log), name), {})
  if (name === BREAKPOINT) await client.run("break exchange.lease if request.path == '/never'")
}

/** Starts the proxies of this scenario, whose protocols are fixed at start. */
async function startAll(options: Options, scenario: Scenario, bench: Bench): Promise<Started[]> {
  const { backendPort, pinning } = bench
  const proxies: Started[] = []
  const { against, fermataArg, nodeArg } = options
  const all =
    against === undefined
      ? contenders(options.only ?? scenario.contenders ?? contendersUsual, fermataArg, nodeArg)
      : againstBuild(against, dirname(bench.log), fermataArg, nodeArg)
  for (const contender of all) {
    const started = await startContender(contender, scenario.way, backendPort, [], pinning.proxy)
    if (started === null) continue
    proxies.push(started)
    if (contender.name === ATTACHED || contender.name === BREAKPOINT) await attach(bench, contender.name)
  }
  if (proxies.length === 0) throw new Error(`no proxy to measure for ${scenario.name}`)
  return proxies
}

async function measure(options: Options, scenario: Scenario, bench: Bench): Promise<Samples> {
  const proxies = await startAll(options, scenario, bench)
  const samples: Samples = new Map(proxies.map((each) => [each.contender.name, []]))
  for (const { contender, port } of proxies) {
    process.stderr.write(`${scenario.name}: warm-up, ${contender.name}\n`)
    await load(scenario, port, (contender.share * options.warmUp) / 100, bench.log)
  }
  for (let round = 0; round < options.rounds; round++) {
    // Each round begins with another proxy, so that none always follows the same one.
    const first = round % proxies.length
    for (const started of [...proxies.slice(first), ...proxies.slice(0, first)]) {
      const { name } = started.contender
      process.stderr.write(`${scenario.name}: round ${round + 1} of ${options.rounds}, ${name}\n`)
      samples.get(name)?.push(await sample(started, scenario, bench))
    }
  }
  await Promise.all(proxies.map((each) => each.program.stop()))
  return samples
}

async function measureAll(
  options: Options,
  pinning: Pinning,
  log: string,
  backendPort: (scenario: Scenario) => Promise<number>,
): Promise<void> {
  const results: { readonly scenario: Scenario; readonly samples: Samples }[] = []
  for (const scenario of scenariosOf(options)) {
    if (!options.scenarios.includes(scenario.name)) continue
    const samples = await measure(options, scenario, {
      backendPort: await backendPort(scenario),
      pinning,
      log,
    })
    printScenario(scenario, samples, options.warmUp, options.against !== undefined)
    results.push({ scenario, samples })
  }
  if (options.json !== undefined) {
    const all = results.map((each) => ({ ...each.scenario, samples: Object.fromEntries(each.samples) }))
    const machine = {
      node: process.version,
      cpu: cpus()[0]?.model,
      cpus: cpus().length,
      pinning: pinning.text,
    }
    writeFileSync(options.json, `${JSON.stringify({ machine, options, scenarios: all }, null, 2)}\n`)
  }
}

async function main(): Promise<void> {
  const options = readOptions()
  const asked = scenariosOf(options).filter((each) => options.scenarios.includes(each.name))
  const loads = asked.map((each) => (each.connects ? [] : each.way.client === 'h1' ? ['wrk'] : ['h2load']))
  const backends = asked.map((each) =>
    each.way.backend === 'h2c' ? ['nghttpd'] : each.isCached ? ['nginx'] : [],
  )
  for (const each of new Set([...loads, ...backends].flat())) {
    if (findProgram(each) === null) throw new Error(`${each} is not installed`)
  }
  const htdocs = mkdtempSync(join(tmpdir(), 'bench-'))
  process.on('exit', () => rmSync(htdocs, { recursive: true, force: true }))
  writeFileSync(join(htdocs, 'small'), 'twelve bytes')
  writeFileSync(join(htdocs, 'large'), Buffer.alloc(options.body, 'x'))

  const pinning = pin()
  console.log(pinning.text)
  const ports = new Map<string, number>()
  await measureAll(options, pinning, join(htdocs, 'log'), async ({ way, backendStreams }) => {
    const kind = `${way.backend} ${backendStreams}`
    const port = ports.get(kind) ?? (await startBackend(way.backend, htdocs, backendStreams))
    ports.set(kind, port)
    return port
  })
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
