// The attackers of spec/attacks.md over real sockets, against the built server, one after the other. It
// prints the attacker's results, the effect on a well-behaved client, and the server's memory. Loopback only;
// it stops by itself.
//
//   npm run attack -- --help

import { type ChildProcess, fork } from 'node:child_process'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { Command } from 'commander'
import type { Attack } from './attack/attack.js'
import type { Got, Order } from './attack/attacker.js'
import { backendAttacks } from './attack/backend-attacks.js'
import { clientAttacks } from './attack/client-attacks.js'
import { http1Attacks } from './attack/http1-attacks.js'
import { figure, quantile, table } from './bench/figures.js'
import { cpuMicroseconds, rssKib } from './bench/measure.js'
import { collect, positive } from './bench/options.js'
import { type Program, start } from './testbed/programs.js'

const all: readonly Attack[] = [...clientAttacks, ...http1Attacks, ...backendAttacks]
/** Returns the key of an attack, such as `client/ping-flood`. */
const keyOf = (attack: Attack): string => `${attack.role}/${attack.name}`

/** The time between two requests of a backend's victims in ms, and the most that wait at once. */
const VICTIM_MS = 20
const VICTIMS_MAX = 100

export interface AttackFigures {
  readonly attack: string
  /** Latencies of the steady client without other load, in ms. */
  readonly alone: readonly number[]
  /** The latencies beside as many well-behaved connections, in ms. */
  readonly fair: readonly number[]
  readonly during: readonly number[]
  /** CPU time of the server in ms, for each second of the fair load and of the attack. */
  readonly fairCpuMs: number
  readonly duringCpuMs: number
  readonly failed: number
  readonly rssKib: readonly [before: number, during: number, after: number]
  readonly got: Got
}

/** A child process with IPC. It ends with this process. */
class Child {
  private readonly process: ChildProcess
  constructor(file: string, ...args: string[]) {
    // NODE_OPTIONS would load the hooks of the test runner into the child.
    const { NODE_OPTIONS: _, ...env } = process.env
    this.process = fork(join(import.meta.dirname, 'attack', file), args, { env, execArgv: [] })
  }
  next<Answer>(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('a process of the attack has ended'))
      this.process.once('exit', ended)
      this.process.once('message', (answer) => {
        this.process.off('exit', ended)
        resolve(answer as Answer)
      })
    })
  }
  tell(): Promise<Got> {
    const telling = this.next<Got>()
    this.send({ order: 'tell' })
    return telling
  }
  send(order: Order): void {
    this.process.send(order)
  }
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.process.exitCode !== null || this.process.signalCode !== null) return resolve()
      this.process.once('exit', () => resolve())
      this.process.kill('SIGKILL')
    })
  }
}

/** Sends one request. Resolves to the ms until its response is complete, or null if it failed. */
function ask(session: ClientHttp2Session, path: string): Promise<number | null> {
  return new Promise((resolve) => {
    const began = performance.now()
    const stream = session.request({ ':path': path })
    let status = 0
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve(status === 200 ? performance.now() - began : null))
    stream.resume()
  })
}

/** Sends requests one after the other for `ms`, at least one, and returns their latencies. */
async function latencies(session: ClientHttp2Session, ms: number): Promise<(number | null)[]> {
  const found: (number | null)[] = []
  const until = performance.now() + ms
  do {
    found.push(await ask(session, '/beside'))
  } while (performance.now() < until)
  return found
}

const answered = (each: number | null): each is number => each !== null

export interface RunOptions {
  /** The length of the attack in s. The phases alone and beside a fair load take a third of it each. */
  readonly seconds: number
  readonly connections: number
  /** The limits of the server, as `NAME=NUMBER`. */
  readonly limits?: readonly string[]
  /** If given, the attack is repeated until this is true of the attacker's results. */
  readonly enough?: (got: Got) => boolean
}

/**
 * Starts the server. Requests go to the attacker, if that is a backend; `/beside` and `/fair` go
 * to the good one.
 */
function startServer(
  attack: Attack,
  good: number,
  target: number,
  limits: readonly string[],
): Promise<Program> {
  const main = join(import.meta.dirname, '..', 'src', 'main.js')
  const url = (port: number): string => `h2c://127.0.0.1:${port}`
  const routes = [`/beside=${url(good)}`, `/fair=${url(good)}`, `/=${url(target)}`]
  const own = Object.entries(attack.limits ?? {}).map(([name, value]) => `${name}=${value}`)
  return start(
    process.execPath,
    [
      ...[main, 'serve', '--listen', '127.0.0.1:0'],
      ...routes.flatMap((route) => ['--route', route]),
      ...[...own, ...limits].flatMap((limit) => ['--limit', limit]),
    ],
    { line: /goes to/ },
  )
}

/** Measures a phase: the latencies of the steady client, and the server's CPU time. */
async function phase(steady: ClientHttp2Session, server: Program, ms: number) {
  const began = performance.now()
  const cpuBefore = cpuMicroseconds([server.pid])
  const found = await latencies(steady, ms)
  const cpuMs = (cpuMicroseconds([server.pid]) - cpuBefore) / (performance.now() - began)
  return { found, cpuMs, rss: rssKib([server.pid]) }
}

/** The victims of a backend's attack, which ask until they are told to stop. */
function victimsOf(attack: Attack, victim: ClientHttp2Session): () => void {
  if (attack.role !== 'backend') return () => {}
  let waiting = 0
  const timer = setInterval(() => {
    if (waiting >= VICTIMS_MAX || victim.closed || victim.destroyed) return
    waiting++
    void ask(victim, '/').then(() => waiting--)
  }, VICTIM_MS)
  return () => clearInterval(timer)
}

export async function runOverSockets(attack: Attack, options: RunOptions): Promise<AttackFigures> {
  const ms = options.seconds * 1000
  const { connections } = options
  const good = new Child('good-backend.js')
  const attacker = new Child('attacker.js', attack.role, attack.name)
  const fair = new Child('fair-load.js')
  const badPort = attack.role === 'backend' ? attacker.next<number>() : null
  const goodPort = await good.next<number>()
  const server = await startServer(attack, goodPort, (await badPort) ?? goodPort, options.limits ?? [])
  const port = Number(/listening on \S+:(\d+)/.exec(server.stderr)?.[1])
  const steady = connect(`http://127.0.0.1:${port}`)
  const victim = connect(`http://127.0.0.1:${port}`)
  for (const each of [steady, victim]) each.on('error', () => {})
  try {
    await latencies(steady, ms / 10)
    const alone = await phase(steady, server, ms / 3)
    fair.send({ order: 'begin', port, connections })
    const beside = await phase(steady, server, ms / 3)
    await fair.end()
    const stop = victimsOf(attack, victim)
    if (attack.role === 'client') attacker.send({ order: 'begin', port, connections })
    let during = await phase(steady, server, ms)
    let got = await attacker.tell()
    // This holds on a machine of any speed: callers of `enough` have a time limit of their own.
    while (options.enough?.(got) === false) {
      const more = await phase(steady, server, ms)
      during = { ...more, found: [...during.found, ...more.found] }
      got = await attacker.tell()
    }
    stop()
    await attacker.end()
    victim.destroy()
    await latencies(steady, ms / 6)
    const all = [alone, beside, during]
    return {
      attack: keyOf(attack),
      alone: alone.found.filter(answered),
      fair: beside.found.filter(answered),
      during: during.found.filter(answered),
      fairCpuMs: beside.cpuMs,
      duringCpuMs: during.cpuMs,
      failed: all.reduce((sum, { found }) => sum + found.filter((each) => each === null).length, 0),
      rssKib: [beside.rss, during.rss, rssKib([server.pid])],
      got,
    }
  } finally {
    steady.destroy()
    victim.destroy()
    await Promise.all([server.stop(), good.end(), fair.end(), attacker.end()])
  }
}

const codes = (table: Readonly<Record<number, number>>): string =>
  Object.entries(table)
    .map(([code, times]) => `${code}×${times}`)
    .join(' ') || '-'

function row(each: AttackFigures): readonly string[] {
  const ratio = (part: number): string =>
    figure(quantile(each.during, part) / Math.max(quantile(each.fair, part), Number.EPSILON))
  const three = (part: number): string =>
    [each.alone, each.fair, each.during].map((values) => quantile(values, part).toFixed(2)).join(' ')
  return [
    each.attack,
    ...[three(0.5), ratio(0.5), three(0.99), ratio(0.99)],
    String(each.failed),
    `${each.fairCpuMs.toFixed(0)} ${each.duringCpuMs.toFixed(0)}`,
    each.rssKib.map((kib) => (kib / 1024).toFixed(0)).join(' '),
    `${each.got.connections} ${each.got.wordless}`,
    codes(each.got.goaways),
    codes(each.got.resets),
  ]
}

const HEAD = [
  'attack',
  ...['p50 ms', 'ratio', 'p99 ms', 'ratio'],
  'failed',
  'CPU ms/s',
  'RSS MiB',
  'connections',
  'GOAWAY',
  'RST_STREAM',
]

async function main(): Promise<void> {
  const command = new Command('attack')
    .description(
      'Attacks the built server over loopback, one attack after the other, with a well-behaved client beside it. ' +
        'Prints the latencies of that client: alone, beside as many well-behaved connections (the fair load), and beside the ' +
        'attack, and the ratio of the last two; the CPU time of the server in each second of the fair load and of the attack; its ' +
        'memory before, during and after; the connections of the attacker, how many ended before a byte arrived, and the error ' +
        'codes it got. The attacker and the fair load run at a lower priority (nice).',
    )
    .argument('[names...]', 'NAME, ROLE or ROLE/NAME of spec/attacks.md (default: all)')
    .option('--seconds <n>', 'seconds that each attack lasts', positive, 3)
    .option(
      '--connections <n>',
      'connections of an attacking client; a new one replaces each that ends',
      positive,
      4,
    )
    .option(
      '--limit <NAME=NUMBER>',
      'a limit of the server, as its --limit (repeat it for more)',
      collect,
      [],
    )
    .parse()
  const options = command.opts<{ seconds: number; connections: number; limit: string[] }>()
  for (const name of command.args) {
    if (!all.some((each) => [keyOf(each), each.name, each.role].includes(name)))
      command.error(`error: unknown attack '${name}'; spec/attacks.md lists them`, { exitCode: 2 })
  }
  const chosen = all.filter(
    (each) =>
      command.args.length === 0 ||
      command.args.some((name) => [keyOf(each), each.name, each.role].includes(name)),
  )
  const rows: (readonly string[])[] = []
  for (const attack of chosen) {
    process.stderr.write(`${rows.length + 1}/${chosen.length} ${keyOf(attack)}\n`)
    rows.push(row(await runOverSockets(attack, { ...options, limits: options.limit })))
  }
  console.log(table(HEAD, rows))
}

if (process.argv[1] === import.meta.filename) {
  await main()
  process.exit(0)
}
