// The cost of the proxy for Redis beside nutcracker (twemproxy) and a relay of bytes: CPU time a command, of
// the proxy and of the server behind it, under the same load of redis-benchmark. Fermata runs twice: the
// distance between the two is the error of a ratio.
//
//   npm run bench:redis -- --help

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { findProgram, freePort, type Program, run, start } from '../testbed/programs.js'
import { redisCli, startRedis } from '../testbed/redis.js'
import { figure, median, middle, table } from './figures.js'
import { cpuMicroseconds, processTree } from './measure.js'
import { positive } from './options.js'
import { pin } from './pinning.js'

interface Options {
  readonly rounds: number
  readonly clients: number
  readonly scale: number
  readonly only: string
}

const options = new Command('bench:redis')
  .description('Compares the proxy for Redis with nutcracker and a relay of bytes.')
  .option('--rounds <n>', 'rounds; each is measured once in each', positive, 7)
  .option('--clients <n>', 'connections of clients', positive, 50)
  .option('--scale <n>', 'per cent of the commands of each round', positive, 100)
  .option('--only <names>', 'scenarios: pipeline-1, pipeline-16, pipeline-100, 64-kib', '')
  .parse()
  .opts<Options>()

interface Scenario {
  readonly name: string
  readonly pipeline: number
  readonly bytes: number
  /** Commands in a round, half of them SET, half of them GET. */
  readonly commands: number
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'pipeline-1', pipeline: 1, bytes: 3, commands: 200_000 },
  { name: 'pipeline-16', pipeline: 16, bytes: 3, commands: 1_000_000 },
  { name: 'pipeline-100', pipeline: 100, bytes: 3, commands: 1_000_000 },
  { name: '64-kib', pipeline: 1, bytes: 65_536, commands: 20_000 },
]

type Name = 'direct' | 'nutcracker' | 'relay' | 'fermata' | 'fermata again'

/** The required CPU time a command, as a ratio. */
const MUSTS: readonly {
  readonly scenario: string
  readonly of: 'proxy' | 'server'
  readonly to: Name
  readonly most: number
}[] = [
  { scenario: 'pipeline-1', of: 'proxy', to: 'nutcracker', most: 1.35 },
  { scenario: 'pipeline-16', of: 'proxy', to: 'nutcracker', most: 1 },
  { scenario: 'pipeline-100', of: 'proxy', to: 'nutcracker', most: 0.25 },
  { scenario: '64-kib', of: 'proxy', to: 'relay', most: 1.3 },
  { scenario: 'pipeline-1', of: 'server', to: 'direct', most: 0.5 },
]

interface Contender {
  readonly name: Name
  readonly port: number
  /** The program; null: the server itself. */
  readonly program: Program | null
  /** Microseconds a command. */
  proxy: number[]
  server: number[]
  perSecond: number[]
}

const pinning = pin()
const folder = mkdtempSync(join(tmpdir(), 'fermata-redis-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

async function begin(name: Name, backend: number): Promise<Contender> {
  const empty = { proxy: [], server: [], perSecond: [] }
  if (name === 'direct') return { name, port: backend, program: null, ...empty }
  const port = await freePort()
  const [command, ...args] = [...pinning.proxy, ...(await commandOf(name, port, backend))]
  return { name, port, program: await start(command as string, args, { port }), ...empty }
}

async function commandOf(name: Name, port: number, backend: number): Promise<string[]> {
  const here = import.meta.dirname
  if (name === 'relay') return [process.execPath, join(here, 'relay.js'), String(port), String(backend)]
  if (name !== 'nutcracker') {
    const main = join(here, '..', '..', 'src', 'main.js')
    return [process.execPath, main, 'redis', '-l', `127.0.0.1:${port}`, '-b', `127.0.0.1:${backend}`]
  }
  const file = join(folder, 'nutcracker.yml')
  // It reads no flow style.
  writeFileSync(
    file,
    `main:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - 127.0.0.1:${backend}:1\n`,
  )
  const log = join(folder, 'nutcracker.log')
  const pid = join(folder, 'nutcracker.pid')
  const stats = String(await freePort())
  return [findProgram('nutcracker') as string, '-c', file, '-o', log, '-p', pid, '-s', stats]
}

/** Loads a contender once. Throws if a command has failed. */
async function load(
  each: Contender,
  server: Program,
  { pipeline, bytes, commands }: Scenario,
): Promise<void> {
  const proxies = each.program === null ? [] : processTree(each.program.pid)
  const servers = processTree(server.pid)
  const kind = Math.max(Math.round((commands / 2) * (options.scale / 100)), pipeline)
  const before = [cpuMicroseconds(proxies), cpuMicroseconds(servers)] as const
  const words = ['-p', each.port, '-c', options.clients, '-P', pipeline, '-d', bytes, '-n', kind]
  const result = await run('redis-benchmark', [...words.map(String), '-t', 'set,get', '-q', '--csv'])
  if (result.code !== 0 || /error/i.test(result.stdout))
    throw new Error(`${each.name}: ${result.stdout}${result.stderr}`)
  const speeds = [...result.stdout.matchAll(/^"(?:SET|GET)","([\d.]+)"/gm)].map(([, speed]) => Number(speed))
  if (speeds.length !== 2) throw new Error(`${each.name}: ${result.stdout}${result.stderr}`)
  each.proxy.push((cpuMicroseconds(proxies) - before[0]) / (2 * kind))
  each.server.push((cpuMicroseconds(servers) - before[1]) / (2 * kind))
  each.perSecond.push(2 / speeds.reduce((sum, speed) => sum + 1 / speed, 0))
}

const ratios = (of: readonly number[], to: readonly number[]): number[] =>
  of.map((us, at) => us / (to[at] as number))

async function measure(scenario: Scenario): Promise<Contender[]> {
  const { port, program: server } = await startRedis()
  const names: Name[] = ['direct', 'nutcracker', 'relay', 'fermata', 'fermata again']
  const all: Contender[] = []
  for (const name of names) all.push(await begin(name, port))
  for (const each of all) await load(each, server, scenario)
  for (const each of all) for (const figures of [each.proxy, each.server, each.perSecond]) figures.length = 0
  for (let round = 0; round < options.rounds; round++) {
    const first = round % all.length
    for (const each of [...all.slice(first), ...all.slice(0, first)]) {
      process.stderr.write(`${scenario.name}, round ${round + 1} of ${options.rounds}, ${each.name}\n`)
      await load(each, server, scenario)
    }
  }
  if (!redisCli(port, 'PING').startsWith('PONG')) throw new Error('redis-server does not answer')
  for (const { program } of all) await program?.stop()
  await server.stop()
  return all
}

function print({ name, pipeline, bytes, commands }: Scenario, all: readonly Contender[]): void {
  const kind = Math.round((commands / 2) * (options.scale / 100))
  console.log(
    `\n${name}: redis-benchmark -t set,get -c ${options.clients} -P ${pipeline} -d ${bytes} -n ${kind}`,
  )
  const of = (wanted: Name): Contender => all.find((each) => each.name === wanted) as Contender
  const rows = all.map((each) => [
    each.name,
    each.program === null ? '–' : middle(each.proxy),
    each.program === null ? '–' : middle(ratios(each.proxy, of('nutcracker').proxy)),
    middle(each.server),
    middle(each.perSecond.map((speed) => speed / 1_000)),
  ])
  console.log(table(['', 'CPU µs/command', '× nutcracker', "redis-server's", '1,000/s'], rows))
  for (const must of MUSTS) {
    if (must.scenario !== name) continue
    const reached = ratios(of('fermata')[must.of], of(must.to)[must.of])
    const mark = median(reached) <= must.most ? 'reached' : 'missed'
    const whose = must.of === 'server' ? "redis-server's CPU to that of" : 'to'
    console.log(`${whose} ${must.to}: ${middle(reached)}, at most ${figure(must.most)} is allowed: ${mark}`)
  }
}

for (const each of ['redis-server', 'redis-benchmark', 'nutcracker'])
  if (findProgram(each) === null) throw new Error(`${each} is not installed`)
console.log(`${pinning.text} Median (first quartile–third) of ${options.rounds} rounds.`)
const wanted = options.only === '' ? null : options.only.split(',')
for (const scenario of SCENARIOS)
  if (wanted === null || wanted.includes(scenario.name)) print(scenario, await measure(scenario))
process.exit()
