// A rolling stop of Fermatas behind HAProxy, which asks their /readyz: with `shutdown.delay` no request is
// lost, without it some are, as long as HAProxy has not noticed.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort, type Program, start, unlessInstalled } from '../../tools/testbed/programs.js'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')

/** HAProxy takes a server out after two checks that failed: long before the delay is over, on a busy machine too. */
const CHECK_MS = 250
const DELAY = '4s'
/** ms between two requests of a client. */
const PACE_MS = 5
const CLIENTS = 4

interface Instance {
  readonly program: Program
  readonly port: number
  readonly probes: number
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

async function fermata(t: Test, name: string, delay: string): Promise<Instance> {
  const [port, probes] = [await freePort(), await freePort()]
  const file = join(folderOf(t), `${name}.yaml`)
  writeFileSync(
    file,
    `
version: 1
listeners: { main: { address: "127.0.0.1:${port}" } }
probes: { address: "127.0.0.1:${probes}" }
shutdown: { delay: ${delay}, timeout: 10s }
limits: { http1: { drainIdle: 10ms } }
routes: [{ name: all, answer: { status: 200, body: ${name} } }]
`,
  )
  const program = await start(process.execPath, [main, 'serve', file], {
    line: /has 1 route/,
  })
  t.teardown(() => program.stop())
  return { program, port, probes }
}

async function haproxy(t: Test, servers: readonly Instance[]): Promise<{ program: Program; port: number }> {
  const port = await freePort()
  const lines = servers.map(
    (each, at) =>
      `  server s${at} 127.0.0.1:${each.port} check port ${each.probes} inter ${CHECK_MS} fall 2 rise 1`,
  )
  const file = join(folderOf(t), 'haproxy.cfg')
  writeFileSync(
    file,
    `
global
  maxconn 100
  log stderr format raw local0
defaults
  mode http
  log global
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  # HAProxy hides nothing: each failure reaches its client.
  retries 0
frontend in
  bind 127.0.0.1:${port}
  default_backend fermata
backend fermata
  balance roundrobin
  option httpchk GET /readyz
${lines.join('\n')}
`,
  )
  const program = await start('haproxy', ['-db', '-f', file], { port })
  t.teardown(() => program.stop())
  return { program, port }
}

/** Clients that ask one request after the other, until they are told to end. */
class Load {
  /** The number of times that each answer came: by its body, or by its failure. */
  readonly answers = new Map<string, number>()
  private readonly agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  private readonly clients: Promise<void>[]
  private ended = false

  constructor(port: number) {
    this.clients = Array.from({ length: CLIENTS }, () => this.client(port))
  }

  private async client(port: number): Promise<void> {
    while (!this.ended) {
      const answer = await ask(port, this.agent)
      this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1)
      await pause(PACE_MS)
    }
  }

  /** Waits until this holds of the answers. */
  async until(holds: (answers: ReadonlyMap<string, number>) => boolean): Promise<void> {
    while (!holds(this.answers)) await pause(PACE_MS)
  }

  async end(): Promise<void> {
    this.ended = true
    await Promise.all(this.clients)
    this.agent.destroy()
  }
}

const ask = (port: number, agent: Agent): Promise<string> =>
  new Promise((resolve) => {
    get({ host: '127.0.0.1', port, agent }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve(response.statusCode === 200 ? body : `status ${response.statusCode}`))
    }).on('error', (error) => resolve(error.message))
  })

t.test(
  'behind HAProxy, shutdown.delay loses no request; without it some fail',
  { skip: unlessInstalled('haproxy') },
  async (t) => {
    const [patient, stays, hasty] = await Promise.all([
      fermata(t, 'patient', DELAY),
      fermata(t, 'stays', '0'),
      fermata(t, 'hasty', '0'),
    ])
    const { program, port } = await haproxy(t, [patient, stays, hasty])
    const load = new Load(port)
    await load.until((answers) => answers.size === 3)
    patient.program.signal('SIGTERM')
    t.strictSame(await patient.program.exited, { code: 0, signal: null })
    t.match(patient.program.stderr, /info stopping: \/readyz fails, and requests are served for 4s more/)
    t.strictSame([...load.answers.keys()].sort(), ['hasty', 'patient', 'stays'], 'no request has failed')
    t.match(program.stderr + program.stdout, /Server fermata\/s0 is DOWN.*503/, 'HAProxy was told by /readyz')
    const before = load.answers.get('stays') ?? 0
    hasty.program.signal('SIGTERM')
    await hasty.program.exited
    await load.until((answers) => answers.size > 3 || (answers.get('stays') ?? 0) > before + 10_000)
    await load.end()
    const failed = [...load.answers.keys()].filter((each) => !['hasty', 'patient', 'stays'].includes(each))
    t.not(failed.length, 0, `HAProxy had not noticed yet: ${failed.join(', ')}`)
  },
)
