// Measures the cost of a held request. Many requests are sent through a proxy to a backend that never
// answers. Then it tells how much the proxy's memory has grown for each, and how fast the proxy answers
// others meanwhile.
//
//   npm run bench:held -- --help

import { type ClientHttp2Session, connect } from 'node:http2'
import { Command } from 'commander'
import { type Contender, contenders, contendersUsual, H2C, startContender } from './contenders.js'
import { figure, quantile, table } from './figures.js'
import type { HeldState } from './held-client.js'
import { connectionsTo, processTree, settledRssKib } from './measure.js'
import { collect, names, positive } from './options.js'
import type { SilentCounts } from './silent-backend.js'
import { Worker } from './worker.js'

interface Options {
  readonly requests: number
  readonly connections: number
  readonly samples: number
  readonly only: readonly string[]
  readonly fermataArg: readonly string[]
  readonly nodeArg: readonly string[]
}

/** All requests must be at the backend this long after they were sent. */
const arriveTimeoutMs = 30_000

/** The :authority that every proxy is told to route to the prompt backend. */
const promptHost = 'prompt.test'
const silentHost = 'silent.test'

/** Sends one request to the prompt backend. Returns the time until its response is complete, in ms. */
function ping(session: ClientHttp2Session): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const stream = session.request({ ':path': '/ping', ':authority': promptHost })
    let status = 0
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0
    })
    stream.on('error', reject)
    stream.on('end', () => {
      if (status === 200) resolve(performance.now() - began)
      else reject(new Error(`the prompt backend's status is ${status}`))
    })
    stream.resume()
  })
}

async function latencies(session: ClientHttp2Session, samples: number): Promise<readonly number[]> {
  const all: number[] = []
  for (let i = 0; i < samples; i++) all.push(await ping(session))
  return all
}

/** Waits until the silent backend has all requests. Returns what it has if that takes too long. */
async function arrived(silent: Worker, requests: number): Promise<SilentCounts> {
  const until = performance.now() + arriveTimeoutMs
  for (;;) {
    const counts = await silent.ask<SilentCounts>('counts')
    if (counts.open >= requests || performance.now() > until) return counts
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

interface Outcome {
  readonly name: string
  readonly held: number
  readonly failed: number
  readonly rssBeforeKib: number
  readonly rssHeldKib: number
  readonly backendConnections: number
  readonly before: readonly number[]
  readonly during: readonly number[]
}

/** Holds requests; null if a contender does not speak HTTP/2 both ways. */
async function hold(contender: Contender, options: Options): Promise<Outcome | null> {
  const [silent, prompt, client] = [
    new Worker('silent-backend.js'),
    new Worker('prompt-backend.js'),
    new Worker('held-client.js'),
  ]
  const silentPort = await silent.next<number>()
  const promptPort = await prompt.next<number>()
  const started = await startContender(contender, H2C, silentPort, [{ host: promptHost, port: promptPort }])
  if (started === null) {
    await Promise.all([client.end(), silent.end(), prompt.end()])
    return null
  }
  const { program, port } = started
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', (error) => console.error(`${contender.name}: ${error.message}`))
  // A warm-up on the one connection, one request at a time, so that it does not widen the windows that are
  // measured.
  await latencies(session, options.samples)

  await client.ask<HeldState>({ order: 'connect', port, connections: options.connections })
  const before = await latencies(session, options.samples)
  const pids = processTree(program.pid)
  const rssBeforeKib = await settledRssKib(pids)
  await client.ask<HeldState>({ order: 'send', requests: options.requests, authority: silentHost })
  await arrived(silent, options.requests)
  const rssHeldKib = await settledRssKib(pids)
  const during = await latencies(session, options.samples)
  const backendConnections = connectionsTo(silentPort, pids)
  const counts = await silent.ask<SilentCounts>('counts')
  const state = await client.ask<HeldState>({ order: 'state' })

  session.destroy()
  await Promise.all([client.end(), silent.end(), prompt.end(), program.stop()])
  return {
    name: contender.name,
    held: Math.min(counts.open, state.waiting),
    failed: state.failed + state.answered,
    rssBeforeKib,
    rssHeldKib,
    backendConnections,
    before,
    during,
  }
}

function print(outcomes: readonly Outcome[]): void {
  const latency = (all: readonly number[]): string =>
    [0.5, 0.99, 1].map((part) => quantile(all, part).toFixed(2)).join(' / ')
  const rows = outcomes.map((each) => [
    each.name,
    each.held.toLocaleString('en-US'),
    String(each.failed),
    (each.rssBeforeKib / 1024).toFixed(1),
    (each.rssHeldKib / 1024).toFixed(1),
    figure((each.rssHeldKib - each.rssBeforeKib) / Math.max(1, each.held)),
    String(each.backendConnections),
    latency(each.before),
    latency(each.during),
  ])
  const head = [
    'proxy',
    'held',
    'failed',
    'RSS before, MiB',
    'while held',
    'KiB a request',
    'backend connections',
    'others before, ms: p50 / p99 / max',
    'while held',
  ]
  console.log(table(head, rows))
  const own = rows.find((each) => each[0] === 'fermata')
  if (own !== undefined) {
    console.log(
      `fermata: ${own[5]} KiB a request, the aim is 4 or less: ${Number(own[5]) <= 4 ? 'reached' : 'missed'}`,
    )
  }
}

async function main(): Promise<void> {
  const options = new Command('bench:held')
    .usage('[options]')
    .description(
      'Holds requests on a backend that never answers, and prints what each costs the proxy in memory, ' +
        'and the latency of other requests through it before and meanwhile. All on 127.0.0.1.',
    )
    .option('--requests <n>', 'requests to hold', positive, 20_000)
    .option('--connections <n>', 'client connections they are sent on', positive, 200)
    .option(
      '--samples <n>',
      'other requests, one after the other, before and while they are held',
      positive,
      2_000,
    )
    .option(
      '--only <names>',
      `proxies, of ${contendersUsual.join(',')}`,
      names(contendersUsual),
      contendersUsual,
    )
    .option('--fermata-arg <arg>', 'a further argument for fermata serve (repeat it for more)', collect, [])
    .option('--node-arg <arg>', "an argument for Fermata's node (repeat it for more)", collect, [])
    .parse()
    .opts<Options>()
  const outcomes: Outcome[] = []
  for (const contender of contenders(options.only, options.fermataArg, options.nodeArg)) {
    const outcome = await hold(contender, options)
    if (outcome !== null) outcomes.push(outcome)
  }
  print(outcomes)
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
