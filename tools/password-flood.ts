// A flood of wrong passwords against basicAuth, over real sockets: what a client of another route and a user
// who has been here notice, what the server spends, and what its log says. Loopback only; stops by itself.
//
//   npm run flood -- --help

import { scryptSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { figure, quantile, table } from './bench/figures.js'
import { cpuMicroseconds } from './bench/measure.js'
import { positive } from './bench/options.js'
import { type Program, start } from './testbed/programs.js'

/** The requests at once of each address of the flood. */
const ABREAST = 32
/** The pause of a client of the flood that is told to come back later, and of the steady clients, in ms. */
const PAUSE_MS = 20
const STEADY_PAUSE_MS = 2

export interface FloodOptions {
  /** The length of the flood in s. The phases before and after it take as long. */
  readonly seconds: number
  /** How many addresses it comes from. */
  readonly addresses: number
  /** scrypt with N = 2 ** cost and r = 8: 15 takes about as long as bcrypt with a cost of 10. */
  readonly cost: number
}

export interface FloodPhase {
  readonly name: string
  /** Latencies in ms: of another route, and of the user who has been here. */
  readonly open: readonly number[]
  readonly known: readonly number[]
  /** Requests of either that got another status than 200. */
  readonly failed: number
  /** CPU time of the server in ms, for each second. */
  readonly cpuMs: number
  /** Lines that the server has written to its log in this phase. */
  readonly logLines: number
}

export interface FloodFigures {
  readonly phases: readonly FloodPhase[]
  /** How often the flood got each status. */
  readonly got: Readonly<Record<string, number>>
}

interface Answer {
  readonly status: number
  readonly ms: number
}

function ask(session: ClientHttp2Session, path: string, password: string | null): Promise<Answer> {
  return new Promise((resolve) => {
    const began = performance.now()
    const authorization = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`
    const stream = session.request({ ':path': path, ...(password === null ? {} : { authorization }) })
    let status = 0
    stream.on('response', (head) => {
      status = head[':status'] ?? 0
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve({ status, ms: performance.now() - began }))
    stream.resume()
  })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function passwordLine(password: string, cost: number): string {
  const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
  const salt = Buffer.from('0123456789abcdef')
  const key = scryptSync(password, salt, 32, { N: 2 ** cost, r: 8, p: 1, maxmem: 2 ** 30 })
  return `ann:$scrypt$ln=${cost},r=8,p=1$${text(salt)}$${text(key)}\n`
}

const configuration = (port: number): string => `version: 1
listeners: { main: { address: 127.0.0.1:0 } }
backends: { app: { endpoints: [127.0.0.1:${port}] } }
routes:
  - { name: open, match: { path: { prefix: /open } }, backend: app }
  - { name: closed, backend: app, filters: [{ basicAuth: { users: { file: users } } }] }
`

const linesOf = ({ stderr }: Program): number => stderr.split('\n').length

/** Measures both steady clients for a time, with at least one request of each. */
async function measured(
  name: string,
  session: ClientHttp2Session,
  server: Program,
  ms: number,
): Promise<FloodPhase> {
  const began = performance.now()
  const cpuBefore = cpuMicroseconds([server.pid])
  const linesBefore = linesOf(server)
  const open: Answer[] = []
  const known: Answer[] = []
  do {
    open.push(await ask(session, '/open', null))
    known.push(await ask(session, '/', 'right'))
    await pause(STEADY_PAUSE_MS)
  } while (performance.now() - began < ms)
  const cpuMs = (cpuMicroseconds([server.pid]) - cpuBefore) / (performance.now() - began)
  const all = [...open, ...known]
  return {
    name,
    open: open.map((each) => each.ms),
    known: known.map((each) => each.ms),
    failed: all.filter((each) => each.status !== 200).length,
    cpuMs,
    logLines: linesOf(server) - linesBefore,
  }
}

/** Begins the flood. Returns what ends it. */
function flood(port: number, addresses: number, got: Record<string, number>): () => Promise<void> {
  let isOver = false
  const clients: Promise<void>[] = []
  const sessions: ClientHttp2Session[] = []
  const client = async (session: ClientHttp2Session, name: string): Promise<void> => {
    for (let at = 0; !isOver; at++) {
      const { status } = await ask(session, '/', `${name}.${at}`)
      got[status] = (got[status] ?? 0) + 1
      if (status !== 401) await pause(PAUSE_MS)
    }
  }
  for (let i = 0; i < addresses; i++) {
    const localAddress = `127.0.1.${i + 1}`
    const session = connect(`http://127.0.0.1:${port}`, {
      createConnection: () => connectTcp({ port, host: '127.0.0.1', localAddress, noDelay: true }),
    })
    session.on('error', () => {})
    sessions.push(session)
    for (let j = 0; j < ABREAST; j++) clients.push(client(session, `${i}.${j}`))
  }
  return async () => {
    isOver = true
    for (const each of sessions) each.destroy()
    await Promise.all(clients)
  }
}

export async function runFlood({ seconds, addresses, cost }: FloodOptions): Promise<FloodFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-flood-'))
  const backend = createServer((_, response) => response.end('ok'))
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const { port: backendPort } = backend.address() as { port: number }
  writeFileSync(join(folder, 'users'), passwordLine('right', cost))
  writeFileSync(join(folder, 'flood.yaml'), configuration(backendPort))
  const ms = seconds * 1_000
  const got: Record<string, number> = {}
  let server: Program | null = null
  let steady: ClientHttp2Session | null = null
  try {
    const main = join(import.meta.dirname, '..', 'src', 'main.js')
    server = await start(process.execPath, [main, 'serve', join(folder, 'flood.yaml')], {
      line: /listening on/,
    })
    const port = Number(/listening on \S+:(\d+)/.exec(server.stderr)?.[1])
    steady = connect(`http://127.0.0.1:${port}`)
    steady.on('error', () => {})
    await measured('warm', steady, server, ms / 4)
    const alone = await measured('alone', steady, server, ms)
    const end = flood(port, addresses, got)
    const during = await measured('flood', steady, server, ms)
    await end()
    const after = await measured('after', steady, server, ms)
    return { phases: [alone, during, after], got }
  } finally {
    steady?.destroy()
    await server?.stop()
    backend.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function floodTable({ phases, got }: FloodFigures): string {
  const rows = phases.map(({ name, open, known, failed, cpuMs, logLines }) => [
    name,
    ...[open, known].flatMap((each) => [figure(quantile(each, 0.5)), figure(quantile(each, 0.99))]),
    String(open.length + known.length),
    String(failed),
    figure(cpuMs),
    String(logLines),
  ])
  const head = ['phase', 'open p50', 'p99', 'known p50', 'p99', 'requests', 'failed', 'CPU ms/s', 'log lines']
  const statuses = Object.entries(got).map(([status, count]) => `${count} × ${status}`)
  return `${table(head, rows)}\nThe flood got ${statuses.join(', ')}. Latencies are in ms.`
}

if (process.argv[1] === import.meta.filename) {
  const command = new Command('flood')
    .description('Floods basicAuth with wrong passwords, and measures other clients.')
    .option('--seconds <n>', 'the length of each phase', positive, 10)
    .option('--addresses <n>', 'how many addresses the flood comes from', positive, 8)
    .option('--cost <n>', 'scrypt with N = 2 ** cost', positive, 15)
    .parse()
  console.log(floodTable(await runFlood(command.opts<FloodOptions>())))
}
