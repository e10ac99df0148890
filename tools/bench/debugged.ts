// Measures the cost of a debugger for requests that it does not hold: `fermata top` while thousands are in
// flight, and the latency of others beside a held request.
//
//   npm run bench:debugger -- --help

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { Client } from '../../src/terminal/client.js'
import { h2load, quantileMsOf, unsuccessful } from '../testbed/h2load.js'
import { accepts, findProgram, freePort } from '../testbed/programs.js'
import { startBackend } from './backends.js'
import { H2C } from './contenders.js'
import { figure, median, middle, spread, table } from './figures.js'
import type { HeldState } from './held-client.js'
import { cpuMicroseconds, processTree } from './measure.js'
import { names, positive } from './options.js'
import { type Pinning, pin } from './pinning.js'
import type { SilentCounts } from './silent-backend.js'
import type { TurnReport } from './turn-probe.js'
import { Worker } from './worker.js'

const parts = ['top', 'held'] as const

interface Options {
  readonly inFlight: number
  readonly rounds: number
  readonly seconds: number
  readonly pairs: number
  readonly requests: number
  readonly only: readonly string[]
}

/** The time between two pictures of `fermata top`. */
const PICTURE_MS = 500
const PICTURE = { sort: 'age', descending: false, filter: '', limit: 100 }
/** The number of pictures scrolled to the end. */
const WHOLE_PICTURES = 10
/** The pictures before the first that is measured: V8 compiles code that runs often. */
const WARM_UP = 60
const CLIENT_CONNECTIONS = 20
const ARRIVE_MS = 60_000
/** The load beside a held request. */
const CLIENTS = 4
const STREAMS = 4
const P99 = 0.99

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Place {
  /** For sockets, logs and files. */
  readonly folder: string
  readonly pinning: Pinning
}

interface Served {
  readonly worker: Worker
  readonly port: number
  readonly debug: string
}

/** Starts Fermata with a debugger's port, and with the probe of its turns. */
async function serve(
  { folder, pinning }: Place,
  backendPort: number,
  limits: readonly string[],
): Promise<Served> {
  const port = await freePort()
  const debug = `unix:${join(folder, `${port}.sock`)}`
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--backend', `h2c://127.0.0.1:${backendPort}`]
  const more = limits.flatMap((each) => ['--limit', each])
  const probe = join(import.meta.dirname, 'turn-probe.js')
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
  const nodeArgs = ['--import', `file://${probe}`]
  const worker = new Worker(main, [...args, '--debug', debug, ...more], nodeArgs, pinning.proxy)
  const until = performance.now() + ARRIVE_MS
  while (!(await accepts(port))) {
    if (performance.now() > until) throw new Error('the server has not started')
    await sleep(20)
  }
  return { worker, port, debug }
}

interface TopSample {
  /** The CPU of the server, in percent of a core. */
  readonly cpu: number
  readonly turns: TurnReport
}

/** Measures `fermata top` twice a second, and nothing, in turn. */
async function measureTop(options: Options, place: Place): Promise<void> {
  const { inFlight, rounds, seconds } = options
  const [silent, client] = [new Worker('silent-backend.js'), new Worker('held-client.js')]
  const streams = Math.ceil(inFlight / CLIENT_CONNECTIONS)
  const server = await serve(place, await silent.next<number>(), [
    `http2.concurrentStreamsMax=${streams}`,
    `http2.backendStreamsMax=${streams}`,
    `engine.sessionsMax=${CLIENT_CONNECTIONS}`,
    `engine.queueMax=${inFlight}`,
    // They wait for as long as it measures.
    'proxy.headTimeoutMs=3600000',
  ])
  await client.ask<HeldState>({ order: 'connect', port: server.port, connections: CLIENT_CONNECTIONS })
  await client.ask<HeldState>({ order: 'send', requests: inFlight, authority: 'silent.test' })
  const until = performance.now() + ARRIVE_MS
  while ((await silent.ask<SilentCounts>('counts')).open < inFlight) {
    if (performance.now() > until) throw new Error('not all requests have come to the backend')
    await sleep(50)
  }
  const debug = await Client.attach(server.debug, {})
  const turnsOf = async (pictures: number, limit: number): Promise<TurnReport> => {
    await server.worker.ask<TurnReport>('turns')
    for (let i = 0; i < pictures; i++) await debug.request('fermata/top', { ...PICTURE, limit })
    return server.worker.ask<TurnReport>('turns')
  }
  const first = await turnsOf(WARM_UP, PICTURE.limit)
  const sample = async (asks: boolean): Promise<TopSample> => {
    await server.worker.ask<TurnReport>('turns')
    const pids = processTree(server.worker.pid)
    const [began, before] = [performance.now(), cpuMicroseconds(pids)]
    for (let n = 1; n <= (seconds * 1000) / PICTURE_MS; n++) {
      if (asks) {
        const { inFlight: seen } = await debug.request('fermata/top', PICTURE)
        if (seen !== inFlight) throw new Error(`${String(seen)} are in flight`)
      }
      await sleep(Math.max(0, began + n * PICTURE_MS - performance.now()))
    }
    const used = (cpuMicroseconds(pids) - before) / (10 * (performance.now() - began))
    const turns = await server.worker.ask<TurnReport>('turns')
    if (asks && turns.debuggerTurns === 0) throw new Error('the probe has seen no turn of the debugger')
    return { cpu: used, turns }
  }
  const idle: TopSample[] = []
  const top: TopSample[] = []
  for (let round = 0; round < rounds; round++) {
    idle.push(await sample(false))
    top.push(await sample(true))
  }
  const whole = await turnsOf(WHOLE_PICTURES, inFlight)
  debug.end()
  await Promise.all([client.end(), server.worker.end(), silent.end()])

  console.log(
    `\nfermata top: ${inFlight.toLocaleString('en-US')} in flight, ${rounds} rounds of ${seconds} s`,
  )
  console.log(
    table(
      ['', 'CPU, % of a core'],
      [
        ['nothing asked', spread(idle.map(({ cpu }) => cpu))],
        ['top, 2 a second', spread(top.map(({ cpu }) => cpu))],
      ],
    ),
  )
  const turns = { idle: idle.map((each) => each.turns), top: top.map((each) => each.turns) }
  console.log('\nTurns, and why they took more than 1 ms. The longest: ms of CPU of the thread.')
  console.log(
    table(TURN_HEADS, [
      turnRow('nothing asked', turns.idle),
      turnRow('top, 2 a second', turns.top),
      turnRow(`its first ${WARM_UP} pictures`, [first]),
      turnRow(`${WHOLE_PICTURES} pictures with all rows`, [whole]),
    ]),
  )
  const cpu = median(top.map((each, at) => each.cpu - (idle[at] as TopSample).cpu))
  const longest = Math.max(...turns.top.map(({ debuggerMs }) => debuggerMs))
  console.log(`top costs ${figure(cpu)}% of a core, the aim is 3 or less: ${verdict(cpu <= 3)}`)
  console.log(
    `its longest work in a turn has ${figure(longest)} ms, the aim is 1 or less: ${verdict(longest <= 1)}`,
  )
}

const TURN_HEADS = [
  '',
  'turns',
  'above 1 ms',
  'in GC',
  'interrupted',
  'by the debugger',
  'others',
  'longest',
  "the debugger's longest",
]

/**
 * Returns a row about turns. A turn that the collector paused says nothing about our code, so it is not
 * among the longest.
 */
function turnRow(name: string, all: readonly TurnReport[]): string[] {
  const sum = (of: (each: TurnReport) => number): number => all.reduce((before, each) => before + of(each), 0)
  const kinds = new Map<string, number>()
  for (const { inGc } of all)
    for (const [kind, count] of Object.entries(inGc)) kinds.set(kind, (kinds.get(kind) ?? 0) + count)
  const inGc = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const long = sum((each) => each.long)
  const interrupted = sum((each) => each.interrupted)
  const byDebugger = sum((each) => each.byDebugger)
  const inAnyGc = [...kinds.values()].reduce((before, count) => before + count, 0)
  return [
    name,
    String(sum((each) => each.turns)),
    String(long),
    inGc || '0',
    String(interrupted),
    String(byDebugger),
    String(long - inAnyGc - interrupted - byDebugger),
    figure(Math.max(...all.map(({ longestMs }) => longestMs))),
    figure(Math.max(...all.map(({ debuggerMs }) => debuggerMs))),
  ]
}

const verdict = (reached: boolean): string => (reached ? 'reached' : 'missed')

/** Measures the latency of others without a hold, twice, and beside a held request, in turn. */
async function measureHeld(options: Options, place: Place): Promise<void> {
  const { requests, pairs } = options
  const { folder } = place
  for (const each of ['h2load', 'nghttpd'])
    if (findProgram(each) === null) throw new Error(`${each} is not installed`)
  writeFileSync(join(folder, 'small'), 'twelve bytes')
  const server = await serve(place, await startBackend(H2C.backend, folder, 100), [])
  const debug = await Client.attach(server.debug, {})
  let stopped = (): void => {}
  debug.onEvent = (event) => void (event === 'stopped' && stopped())
  const log = join(folder, 'log')
  const url = `http://127.0.0.1:${server.port}/small`
  const p99 = async (): Promise<number> => {
    // h2load appends to its log.
    rmSync(log, { force: true })
    const more = [`--log-file=${log}`]
    const report = await h2load({ url, requests, clients: CLIENTS, streams: STREAMS, more })
    if (unsuccessful(report) > 0) throw new Error(`${unsuccessful(report)} requests failed`)
    return quantileMsOf(readFileSync(log, 'latin1'), P99)
  }
  const session = connect(`http://127.0.0.1:${server.port}`)
  session.on('error', () => {})
  const besideHeld = async (): Promise<number> => {
    const held = new Promise<void>((resolve) => {
      stopped = resolve
    })
    await debug.run("break exchange.sendHead once if request.path == '/small?held'")
    const stream = session.request({ ':path': '/small?held' })
    const answered = new Promise<unknown>((resolve, reject) => {
      stream.on('response', (head) => resolve(head[':status']))
      stream.on('error', reject)
    })
    stream.resume()
    await held
    const found = await p99()
    await debug.run('continue all')
    if ((await answered) !== 200) throw new Error('the held request has failed')
    return found
  }
  const kinds = { first: p99, second: p99, held: besideHeld }
  const samples: Record<keyof typeof kinds, number[]> = { first: [], second: [], held: [] }
  const order = Object.keys(kinds) as (keyof typeof kinds)[]
  for (let warm = 0; warm < 3; warm++) for (const each of order) await kinds[each]()
  for (let round = 0; round < pairs; round++) {
    // Each is the first of a round as often as the others.
    for (const each of [...order.slice(round % 3), ...order.slice(0, round % 3)])
      samples[each].push(await kinds[each]())
  }
  session.destroy()
  debug.end()
  await server.worker.end()

  const ratios = (of: readonly number[]): number[] =>
    of.map((each, at) => each / (samples.first[at] as number))
  console.log(
    `\na held request: p99 of others, h2load -c ${CLIENTS} -m ${STREAMS}, ${pairs} rounds of ${requests.toLocaleString('en-US')} requests`,
  )
  console.log(
    table(
      ['', 'p99, ms: median (quartiles)', 'ratio in a round'],
      [
        ['none is held', middle(samples.first), '1'],
        ['none is held, again', middle(samples.second), middle(ratios(samples.second))],
        ['one is held', middle(samples.held), middle(ratios(samples.held))],
      ],
    ),
  )
  // Each round is compared with both runs without a hold: the machine drifts from round to round.
  const without = samples.first.map((each, at) => Math.sqrt(each * (samples.second[at] as number)))
  const ratio = median(samples.held.map((each, at) => each / (without[at] as number)))
  console.log(
    `p99 beside it is ${figure(ratio)} of that without, the aim is 1.1 or less: ${verdict(ratio <= 1.1)}`,
  )
}

async function main(): Promise<void> {
  const options = new Command('bench:debugger')
    .usage('[options]')
    .description(
      'Measures what a debugger costs the requests that it does not hold: `fermata top` while many are in flight, and the p99 of ' +
        'others beside a held one. All on 127.0.0.1; the second needs h2load and nghttpd.',
    )
    .option('--in-flight <n>', 'requests in flight under top', positive, 10_000)
    .option('--rounds <n>', 'rounds with top and without', positive, 7)
    .option('--seconds <n>', 'seconds with top, and without, in a round', positive, 5)
    .option('--pairs <n>', 'rounds with a held request and without', positive, 41)
    .option('--requests <n>', 'requests of others beside a held one in a round', positive, 4_000)
    .option('--only <names>', `parts, of ${parts.join(',')}`, names(parts), parts)
    .parse()
    .opts<Options>()
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const pinning = pin()
  console.log(pinning.text)
  if (options.only.includes('top')) await measureTop(options, { folder, pinning })
  if (options.only.includes('held')) await measureHeld(options, { folder, pinning })
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
