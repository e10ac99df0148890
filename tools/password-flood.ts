// A flood of wrong passwords against basicAuth, over real sockets: its effect on other clients, the server's
// CPU time, and the server's logs. Phases alternate: no flood, no flood again (which shows chance), a flood
// of the same requests without a password (refused, and nothing is hashed), and the flood. The server, the
// flood, and the other clients with their backend are a process each. Loopback only; it stops by itself.
//
//   npm run flood -- --help

import { scryptSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { figure, middle, quantile, table } from './bench/figures.js'
import { cpuMicroseconds } from './bench/measure.js'
import { collect, positive } from './bench/options.js'
import type { FloodCounts, FloodOrder } from './password-flood/flooder.js'
import { type Latencies, type Noticed, notice, pause } from './password-flood/siblings.js'
import { type Program, start } from './testbed/programs.js'

/** ms from an order to the flood until its effect is measured. */
const SETTLE_MS = 300

export interface FloodOptions {
  /** The length of each phase in s. */
  readonly seconds: number
  readonly rounds: number
  /** The number of addresses that the flood comes from. */
  readonly addresses: number
  /** The requests of the flood in a second. */
  readonly rate: number
  /** The users who come for the first time, in each phase. */
  readonly logins: number
  /** scrypt with N = 2 ** cost and r = 8: 15 takes about as long as bcrypt with a cost of 10. */
  readonly cost: number
  /** Limits of the server: NAME=VALUE. */
  readonly limit: readonly string[]
}

export const PHASES = ['alone', 'alone again', 'no passwords', 'flood'] as const
export type PhaseName = (typeof PHASES)[number]

const ORDERS: Readonly<Record<PhaseName, FloodOrder>> = {
  alone: 'rest',
  'alone again': 'rest',
  'no passwords': 'none',
  flood: 'passwords',
}

export interface FloodPhase extends Noticed {
  readonly name: PhaseName
  /** CPU time of the server in ms, for each second. */
  readonly cpuMs: number
  /** Lines that the server has written to its process log in this phase. */
  readonly logLines: number
  /** The flood's answers. */
  readonly got: FloodCounts
}

function passwordLine(password: string, cost: number): string {
  const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
  const salt = Buffer.from('0123456789abcdef')
  const key = scryptSync(password, salt, 32, { N: 2 ** cost, r: 8, p: 1, maxmem: 2 ** 30 })
  return `ann:$scrypt$ln=${cost},r=8,p=1$${text(salt)}$${text(key)}\n`
}

const configuration = (port: number): string => `version: 1
listeners: { main: { address: 127.0.0.1:0 } }
accessLog: { file: access.log, format: json }
backends:
  app: { endpoints: [127.0.0.1:${port}] }
  named: { endpoints: [localhost:${port}] }
routes:
  - { name: open, match: { path: { prefix: /open } }, backend: app }
  - { name: named, match: { path: { prefix: /named } }, backend: named }
  - name: login
    match: { path: { prefix: /login } }
    backend: app
    filters: [{ basicAuth: { users: { file: users }, remember: 0 } }]
  - { name: closed, backend: app, filters: [{ basicAuth: { users: { file: users } } }] }
`

const linesOf = ({ stderr }: Program): number => stderr.split('\n').length

export async function runFlood(options: FloodOptions): Promise<readonly FloodPhase[]> {
  const { seconds, rounds, addresses, rate, logins, cost, limit } = options
  const folder = mkdtempSync(join(tmpdir(), 'fermata-flood-'))
  const backend = createServer((request, response) => {
    // The next request of this route dials, and so looks up the name.
    if (request.url?.startsWith('/named') === true) response.setHeader('connection', 'close')
    response.end('ok')
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const { port: backendPort } = backend.address() as { port: number }
  writeFileSync(join(folder, 'users'), passwordLine('right', cost))
  writeFileSync(join(folder, 'flood.yaml'), configuration(backendPort))
  const programs: Program[] = []
  try {
    const main = join(import.meta.dirname, '..', 'src', 'main.js')
    const limits = limit.flatMap((each) => ['--limit', each])
    const server = await start(process.execPath, [main, 'serve', 'flood.yaml', ...limits], {
      line: /listening on/,
      cwd: folder,
    })
    programs.push(server)
    const port = Number(/listening on \S+:(\d+)/.exec(server.stderr)?.[1])
    const flooder = await start(
      process.execPath,
      [join(import.meta.dirname, 'password-flood', 'flooder.js'), ...[port, addresses, rate].map(String)],
      { line: /ready/, messages: true },
    )
    programs.push(flooder)
    const session = connect(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    const places = { session, accessLog: join(folder, 'access.log') }
    const phase = async (name: PhaseName): Promise<FloodPhase> => {
      await flooder.ask(ORDERS[name])
      await pause(SETTLE_MS)
      const began = performance.now()
      const cpuBefore = cpuMicroseconds([server.pid])
      const linesBefore = linesOf(server)
      const noticed = await notice(places, seconds * 1_000, logins)
      const cpuMs = (cpuMicroseconds([server.pid]) - cpuBefore) / (performance.now() - began)
      const logLines = linesOf(server) - linesBefore
      const got = await flooder.ask<FloodCounts>('rest')
      await pause(SETTLE_MS)
      return { ...noticed, name, cpuMs, logLines, got }
    }
    await phase('alone')
    const phases: FloodPhase[] = []
    for (let round = 0; round < rounds; round++)
      for (const name of round % 2 === 0 ? PHASES : PHASES.toReversed()) phases.push(await phase(name))
    session.destroy()
    return phases
  } finally {
    for (const each of programs) await each.stop()
    backend.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const KINDS: readonly (keyof Latencies)[] = ['open', 'known', 'named', 'login', 'line']
const WORST = 0.99

export function floodTable(phases: readonly FloodPhase[]): string {
  const of = (name: PhaseName): readonly FloodPhase[] => phases.filter((each) => each.name === name)
  const rows = PHASES.map((name) => {
    const each = of(name)
    const all = (kind: keyof Latencies): readonly number[] => each.flatMap((phase) => phase[kind])
    return [
      name,
      ...KINDS.flatMap((kind) => [figure(quantile(all(kind), 0.5)), figure(quantile(all(kind), WORST))]),
      String(each.reduce((sum, phase) => sum + phase.failed, 0)),
      figure(
        quantile(
          each.map(({ cpuMs }) => cpuMs),
          0.5,
        ),
      ),
      String(each.reduce((sum, phase) => sum + phase.logLines, 0)),
    ]
  })
  const head = [
    'phase',
    ...KINDS.flatMap((kind) => [`${kind} p50`, 'p99']),
    'failed',
    'CPU ms/s',
    'log lines',
  ]
  const ratios = PHASES.slice(1).map((name) => [
    name,
    ...KINDS.map((kind) =>
      middle(
        of(name).map((phase, i) => {
          const alone = of('alone')[i] as FloodPhase
          return quantile(phase[kind], WORST) / quantile(alone[kind], WORST)
        }),
      ),
    ),
  ])
  const got = PHASES.slice(2).map((name) => {
    const sums = new Map<string, number>()
    for (const phase of of(name))
      for (const [status, count] of Object.entries(phase.got))
        sums.set(status, (sums.get(status) ?? 0) + count)
    return `${name} got ${[...sums].map(([status, count]) => `${count} × ${status}`).join(', ')}`
  })
  return [
    table(head, rows),
    '',
    'p99 as a part of that alone, by rounds: median (quartiles)',
    table(['phase', ...KINDS], ratios),
    '',
    `${got.join('; ')}. Latencies are in ms.`,
  ].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const command = new Command('flood')
    .description('Floods basicAuth with wrong passwords, and measures other clients.')
    .option('--seconds <n>', 'the length of each phase', positive, 4)
    .option('--rounds <n>', 'how often all phases are run', positive, 5)
    .option('--addresses <n>', 'how many addresses the flood comes from', positive, 8)
    .option('--rate <n>', 'requests of the flood in a second', positive, 500)
    .option('--logins <n>', 'users who come for the first time, in each phase', positive, 5)
    .option('--cost <n>', 'scrypt with N = 2 ** cost', positive, 15)
    .option('--limit <name=value>', 'a limit of the server; may be repeated', collect, [])
    .parse()
  console.log(floodTable(await runFlood(command.opts<FloodOptions>())))
}
