// The attackers of spec/attacks.md over real sockets, against the built server, one after the other: what they get, what
// a client of good manners notices, and what the server's memory does. Loopback only; stops by itself.
//
//   npm run attack -- --help

import { type ChildProcess, fork } from 'node:child_process'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { Command } from 'commander'
import { type Program, start } from '../test/peers/programs.js'
import type { Attack } from './attack/attack.js'
import type { Got, Order } from './attack/attacker.js'
import { backendAttacks } from './attack/backend-attacks.js'
import { clientAttacks } from './attack/client-attacks.js'
import { figure, quantile, table } from './bench/figures.js'
import { rssKib } from './bench/measure.js'
import { positive } from './bench/options.js'

const all: readonly Attack[] = [...clientAttacks, ...backendAttacks]
/** `client/ping-flood`; either part may stand alone. */
const keyOf = (attack: Attack): string => `${attack.role}/${attack.name}`

/** ms between two requests of a backend's victims, and how many of them wait at most */
const VICTIM_MS = 20
const VICTIMS_MAX = 100

export interface AttackFigures {
  readonly attack: string
  /** ms each */
  readonly before: readonly number[]
  readonly during: readonly number[]
  readonly failed: number
  readonly rssKib: readonly [before: number, during: number, after: number]
  readonly got: Got
}

/** A child of ours that talks; it ends with us. */
class Child {
  private readonly process: ChildProcess
  constructor(file: string, ...args: string[]) {
    this.process = fork(join(import.meta.dirname, 'attack', file), args)
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
  send(order: Order): void {
    this.process.send(order)
  }
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.process.once('exit', () => resolve())
      this.process.kill('SIGKILL')
    })
  }
}

/** One request; ms until its response is complete, or null. */
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

/** One request after the other, for so long. */
async function latencies(session: ClientHttp2Session, ms: number): Promise<(number | null)[]> {
  const found: (number | null)[] = []
  for (const until = performance.now() + ms; performance.now() < until; ) {
    found.push(await ask(session, '/beside'))
  }
  return found
}

const answered = (each: number | null): each is number => each !== null

/** @param options.seconds how long it is attacked; a third of that it is measured before */
export async function runOverSockets(
  attack: Attack,
  options: { readonly seconds: number; readonly connections: number },
): Promise<AttackFigures> {
  const good = new Child('good-backend.js')
  const attacker = new Child('attacker.js', attack.role, attack.name)
  const ofBackend = attack.role === 'backend'
  const badPort = ofBackend ? attacker.next<number>() : null
  const goodPort = await good.next<number>()
  const target = (await badPort) ?? goodPort
  const limits = Object.entries(attack.limits ?? {}).flatMap(([name, value]) => [
    '--limit',
    `${name}=${value}`,
  ])
  const main = join(import.meta.dirname, '..', 'src', 'main.js')
  const url = (port: number): string => `h2c://127.0.0.1:${port}`
  const routes = ['--route', `/beside=${url(goodPort)}`, '--route', `/=${url(target)}`]
  const server: Program = await start(
    process.execPath,
    [main, 'serve', '--listen', '127.0.0.1:0', ...routes, ...limits],
    { line: /goes to/ },
  )
  const port = Number(/listening on \S+:(\d+)/.exec(server.stderr)?.[1])
  const steady = connect(`http://127.0.0.1:${port}`)
  const victim = connect(`http://127.0.0.1:${port}`)
  for (const each of [steady, victim]) each.on('error', () => {})
  try {
    const pids = [server.pid]
    await latencies(steady, 300)
    const before = await latencies(steady, (options.seconds * 1000) / 3)
    const rssBefore = rssKib(pids)
    let waiting = 0
    const victims = setInterval(() => {
      if (!ofBackend || waiting >= VICTIMS_MAX || victim.closed || victim.destroyed) return
      waiting++
      void ask(victim, '/').then(() => waiting--)
    }, VICTIM_MS)
    if (!ofBackend) attacker.send({ order: 'begin', port, connections: options.connections })
    const during = await latencies(steady, options.seconds * 1000)
    const rssDuring = rssKib(pids)
    clearInterval(victims)
    const telling = attacker.next<Got>()
    attacker.send({ order: 'tell' })
    const got = await telling
    await attacker.end()
    victim.destroy()
    await latencies(steady, 500)
    return {
      attack: keyOf(attack),
      before: before.filter(answered),
      during: during.filter(answered),
      failed: [...before, ...during].filter((each) => each === null).length,
      rssKib: [rssBefore, rssDuring, rssKib(pids)],
      got,
    }
  } finally {
    steady.destroy()
    victim.destroy()
    await Promise.all([server.stop(), good.end()])
  }
}

const codes = (table: Readonly<Record<number, number>>): string =>
  Object.entries(table)
    .map(([code, times]) => `${code}×${times}`)
    .join(' ') || '-'

function row(each: AttackFigures): readonly string[] {
  const at = (values: readonly number[], part: number): number => quantile(values, part)
  const two = (part: number): readonly string[] => [
    `${at(each.before, part).toFixed(2)} → ${at(each.during, part).toFixed(2)}`,
    figure(at(each.during, part) / at(each.before, part)),
  ]
  return [
    each.attack,
    ...two(0.5),
    ...two(0.99),
    String(each.failed),
    each.rssKib.map((kib) => (kib / 1024).toFixed(0)).join(' → '),
    String(each.got.connections),
    codes(each.got.goaways),
    codes(each.got.resets),
  ]
}

const HEAD = [
  'attack',
  'p50 ms',
  'ratio',
  'p99 ms',
  'ratio',
  'failed',
  'RSS MiB',
  'connections',
  'GOAWAY',
  'RST_STREAM',
]

async function main(): Promise<void> {
  const command = new Command('attack')
    .description(
      'Attacks the built server over loopback, one attack after the other, with a client of good manners beside it. ' +
        'Latencies of that client before and during, memory before, during and after, and the codes that the attacker got.',
    )
    .argument('[names...]', 'NAME, ROLE or ROLE/NAME of spec/attacks.md (default: all)')
    .option('--seconds <n>', 'how long each lasts', positive, 3)
    .option(
      '--connections <n>',
      'connections of an attacking client, each followed by another when it is ended',
      positive,
      4,
    )
    .parse()
  const { seconds, connections } = command.opts<{ seconds: number; connections: number }>()
  for (const name of command.args) {
    if (!all.some((each) => [keyOf(each), each.name, each.role].includes(name)))
      command.error(`error: there is no attack '${name}'; spec/attacks.md has them all`, { exitCode: 2 })
  }
  const chosen = all.filter(
    (each) =>
      command.args.length === 0 ||
      command.args.some((name) => [keyOf(each), each.name, each.role].includes(name)),
  )
  const rows: (readonly string[])[] = []
  for (const attack of chosen) {
    process.stderr.write(`${rows.length + 1}/${chosen.length} ${keyOf(attack)}\n`)
    rows.push(row(await runOverSockets(attack, { seconds, connections })))
  }
  console.log(table(HEAD, rows))
}

if (process.argv[1] === import.meta.filename) {
  await main()
  process.exit(0)
}
