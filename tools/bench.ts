// The benchmark: Fermata, nghttpx and a plain node:http2 proxy in front of one nghttpd, loaded by
// h2load in turn. Absolute figures swing with the machine and the minute, so the proxies take turns
// within each round, and what counts is the ratio of the medians of one run.
//
//   npm run bench -- --help

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { h2load, type LoadReport, unsuccessful } from '../test/peers/h2load.js'
import { findProgram, freePort, start } from '../test/peers/programs.js'
import { contenderNames, contenders, type Started, startContender } from './bench/contenders.js'
import { figure, median, spread, table } from './bench/figures.js'
import { connectionsTo, cpuMicroseconds, peakRssKib, processTree, resetPeak } from './bench/measure.js'
import { collect, names, positive } from './bench/options.js'

interface Options {
  readonly rounds: number
  readonly requests: number
  readonly largeRequests: number
  readonly body: number
  readonly warmUp: number
  readonly only: readonly string[]
  readonly scenarios: readonly string[]
  readonly fermataArg: readonly string[]
  readonly nodeArg: readonly string[]
  readonly json?: string
}

interface Scenario {
  readonly name: string
  readonly file: string
  /** octets of a response's body */
  readonly body: number
  readonly requests: number
  readonly clients: number
  readonly streams: number
  /** At most this ratio of Fermata's CPU a request to nghttpx's is the aim. */
  readonly aim: number
}

interface Sample {
  readonly cpuPerRequestUs: number
  readonly requestsPerSecond: number
  readonly errors: number
  readonly peakRssMib: number
  readonly backendConnections: number
}

const scenarioNames = ['small-1', 'small-50', 'large'] as const

const scenariosOf = (options: Options): readonly Scenario[] =>
  [
    {
      name: 'small-1',
      file: 'small',
      body: 12,
      requests: options.requests,
      clients: 1,
      streams: 100,
      aim: 0.6,
    },
    {
      name: 'small-50',
      file: 'small',
      body: 12,
      requests: options.requests,
      clients: 50,
      streams: 20,
      aim: 0.6,
    },
    {
      name: 'large',
      file: 'large',
      body: options.body,
      requests: options.largeRequests,
      clients: 4,
      streams: 10,
      aim: 1,
    },
  ].filter((each) => options.scenarios.includes(each.name))

function readOptions(): Options {
  return new Command('bench')
    .usage('[options]')
    .description(
      'Compares the CPU a request of Fermata, nghttpx and a plain node:http2 proxy, each in front ' +
        'of the same nghttpd, under h2load. Needs nghttpd, nghttpx and h2load. All on 127.0.0.1.',
    )
    .option('--rounds <n>', 'rounds; each proxy is measured once in each', positive, 5)
    .option(
      '--requests <n>',
      'requests of 12 bytes a round (the plain proxy gets a quarter)',
      positive,
      200_000,
    )
    .option('--large-requests <n>', 'requests with large bodies a round (a quarter again)', positive, 20_000)
    .option('--body <bytes>', 'size of a large body', positive, 65_536)
    .option('--warm-up <n>', 'requests before each measurement, at most', positive, 20_000)
    .option(
      '--only <names>',
      `proxies, of ${contenderNames.join(',')}`,
      names(contenderNames),
      contenderNames,
    )
    .option('--scenarios <names>', `of ${scenarioNames.join(',')}`, names(scenarioNames), scenarioNames)
    .option('--fermata-arg <arg>', 'a further argument for fermata serve (repeat it for more)', collect, [])
    .option(
      '--node-arg <arg>',
      "an argument for Fermata's node, as --node-arg=--cpu-prof (repeat it)",
      collect,
      [],
    )
    .option('--json <file>', 'write all samples to this file as well')
    .parse()
    .opts<Options>()
}

async function load(started: Started, scenario: Scenario, requests: number): Promise<LoadReport> {
  return h2load({
    url: `http://127.0.0.1:${started.port}/${scenario.file}`,
    requests: Math.max(requests, scenario.clients * scenario.streams),
    clients: scenario.clients,
    streams: scenario.streams,
    timeoutMs: 600_000,
  })
}

/** One warm-up and one measured run against one proxy. */
async function sample(
  started: Started,
  scenario: Scenario,
  backendPort: number,
  warmUp: number,
): Promise<Sample> {
  const requests = Math.round(scenario.requests * started.contender.share)
  await load(started, scenario, Math.min(warmUp, requests))
  const pids = processTree(started.program.pid)
  resetPeak(pids)
  let backendConnections = 0
  const look = (): void => {
    backendConnections = Math.max(backendConnections, connectionsTo(backendPort, pids))
  }
  const looking = setInterval(look, 100)
  const before = cpuMicroseconds(pids)
  const report = await load(started, scenario, requests)
  const used = cpuMicroseconds(pids) - before
  clearInterval(looking)
  look()
  return {
    cpuPerRequestUs: used / report.total,
    requestsPerSecond: report.requestsPerSecond,
    errors: unsuccessful(report),
    peakRssMib: peakRssKib(pids) / 1024,
    backendConnections,
  }
}

type Samples = Map<string, Sample[]>

function printScenario(scenario: Scenario, samples: Samples): void {
  const of = (name: string, key: keyof Sample): number[] => (samples.get(name) ?? []).map((each) => each[key])
  const ratio = (name: string): number =>
    median(of(name, 'cpuPerRequestUs')) / median(of('nghttpx', 'cpuPerRequestUs'))
  const rows = [...samples.keys()].map((name) => [
    name,
    spread(of(name, 'cpuPerRequestUs')),
    figure(ratio(name)),
    spread(of(name, 'requestsPerSecond')),
    String(of(name, 'errors').reduce((sum, each) => sum + each, 0)),
    Math.max(...of(name, 'peakRssMib')).toFixed(1),
    String(Math.max(...of(name, 'backendConnections'))),
  ])
  console.log(
    `\n${scenario.name}: ${scenario.body.toLocaleString('en-US')} bytes, ` +
      `h2load -c ${scenario.clients} -m ${scenario.streams}, ${scenario.requests.toLocaleString('en-US')} requests a round`,
  )
  const head = [
    'proxy',
    'CPU µs/request',
    '× nghttpx',
    'requests/s',
    'errors',
    'peak RSS MiB',
    'backend connections',
  ]
  console.log(table(head, rows))
  const reached = ratio('fermata')
  if (Number.isFinite(reached)) {
    console.log(
      `fermata to nghttpx: ${figure(reached)}, the aim is ${scenario.aim} or less: ` +
        (reached <= scenario.aim ? 'reached' : 'missed'),
    )
  }
}

async function measureAll(options: Options, proxies: readonly Started[], backendPort: number): Promise<void> {
  const results: { readonly scenario: Scenario; readonly samples: Samples }[] = []
  for (const scenario of scenariosOf(options)) {
    const samples: Samples = new Map(proxies.map((each) => [each.contender.name, []]))
    for (let round = 0; round < options.rounds; round++) {
      // Each round begins with another one, so that none always follows the same.
      const first = round % proxies.length
      for (const started of [...proxies.slice(first), ...proxies.slice(0, first)]) {
        process.stderr.write(
          `${scenario.name}: round ${round + 1} of ${options.rounds}, ${started.contender.name}\n`,
        )
        samples
          .get(started.contender.name)
          ?.push(await sample(started, scenario, backendPort, options.warmUp))
      }
    }
    printScenario(scenario, samples)
    results.push({ scenario, samples })
  }
  if (options.json !== undefined) {
    const all = results.map((each) => ({ ...each.scenario, samples: Object.fromEntries(each.samples) }))
    const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length }
    writeFileSync(options.json, `${JSON.stringify({ machine, options, scenarios: all }, null, 2)}\n`)
  }
}

async function main(): Promise<void> {
  const options = readOptions()
  for (const each of ['nghttpd', 'h2load']) {
    if (findProgram(each) === null) throw new Error(`${each} is not installed`)
  }
  const htdocs = mkdtempSync(join(tmpdir(), 'bench-'))
  process.on('exit', () => rmSync(htdocs, { recursive: true, force: true }))
  writeFileSync(join(htdocs, 'small'), 'twelve bytes')
  writeFileSync(join(htdocs, 'large'), Buffer.alloc(options.body, 'x'))

  const backendPort = await freePort()
  const nghttpd = ['--no-tls', '--address=127.0.0.1', '--workers=1', '--max-concurrent-streams=1000']
  await start('nghttpd', [...nghttpd, `--htdocs=${htdocs}`, String(backendPort)], { port: backendPort })
  const proxies: Started[] = []
  for (const contender of contenders(options.only, options.fermataArg, options.nodeArg)) {
    proxies.push(await startContender(contender, backendPort))
  }
  if (proxies.length === 0) throw new Error('no proxy to measure')
  await measureAll(options, proxies, backendPort)
  await Promise.all(proxies.map((each) => each.program.stop()))
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
