// The dashboard for Grafana and the alerts for Prometheus: promtool takes each query, and each metric and label that one names is in the scrape of a
// server that has served requests.

import { readFileSync, writeFileSync } from 'node:fs'
import * as http from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { freePort, run, start, unlessInstalled } from '../../tools/testbed/programs.js'

interface Target {
  readonly expr: string
  readonly legendFormat: string
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly Target[]
}

const dashboard = JSON.parse(readFileSync('tools/grafana/fermata.json', 'utf8')) as {
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
}
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? [])
const RULES = 'tools/prometheus/fermata.rules.yml'

/** Labels that Prometheus adds itself. */
const OUTER = ['job', 'instance', 'le']

/** The metrics that a query names, each with the labels that it selects by. */
const selected = (query: string): [name: string, labels: string[]][] =>
  [...query.matchAll(/\b((?:fermata|process)_\w+)(?:\{([^}]*)\})?/g)].map(([, name, labels]) => [
    name,
    [...(labels ?? '').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label),
  ])

const grouped = (query: string): string[] =>
  [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels.split(/, */))

t.test('the dashboard is one of Grafana: panels with ids of their own that do not overlap', async (t) => {
  t.ok(dashboard.schemaVersion >= 39)
  t.strictSame(
    dashboard.templating.list.map(({ name, type }) => `${name} ${type}`),
    ['datasource datasource', 'job query', 'instance query'],
  )
  t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  const taken = new Set<string>()
  for (const { gridPos, title, type, targets: asked } of dashboard.panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        t.notOk(x > 23 || taken.has(`${x} ${y}`), title)
        taken.add(`${x} ${y}`)
      }
    t.ok(type === 'row' || (asked?.length ?? 0) > 0, title)
  }
  for (const { expr, legendFormat } of targets)
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      t.ok(label === 'instance' || grouped(expr).includes(label), `${legendFormat}: ${expr}`)
})

t.test('promtool takes each query and each alert', { skip: unlessInstalled('promtool') }, async (t) => {
  const rules = targets.map(({ expr }, at) => ({
    record: `query:${at}`,
    expr: expr
      .replaceAll('$__rate_interval', '5m')
      .replaceAll('"$job"', '".*"')
      .replaceAll('"$instance"', '".*"'),
  }))
  const file = join(t.testdir(), 'queries.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  t.match(await run('promtool', ['check', 'rules', file]), { code: 0, stdout: `${rules.length} rules found` })
  t.match(await run('promtool', ['check', 'rules', RULES]), { code: 0 })
})

/** A server of Redis that answers commands other than BLPOP. */
async function scriptedRedis(t: Test): Promise<number> {
  const sessions = new Set<Socket>()
  const redis = createServer((socket) => {
    sessions.add(socket.on('error', () => {}))
    socket.on('data', (bytes) => bytes.includes('BLPOP') || socket.write('+OK\r\n'))
  })
  await new Promise<void>((resolve) => redis.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const each of sessions) each.destroy()
    redis.close()
  })
  return (redis.address() as AddressInfo).port
}

/** Clients of Redis: one is answered, one blocks, one has taken over its session. */
function commandsTo(t: Test, port: number): void {
  for (const words of ['SET a 1', 'BLPOP q 0', 'SUBSCRIBE news']) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(`${words}\r\n`)
    t.teardown(() => void socket.destroy())
  }
}

/** Serves requests, commands, retries, health checks, TLS and a reload, by two workers. Returns a scrape. */
async function scraped(t: Test): Promise<string> {
  const backend = http.createServer((request, response) => {
    if (request.url !== '/held') setTimeout(() => response.end('ok'), 2)
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    backend.closeAllConnections()
    backend.close()
  })
  const [probes, plain, none] = [await freePort(), await freePort(), await freePort()]
  const keys = await freePort()
  const file = join(t.testdir(), 'fermata.yaml')
  writeFileSync(
    file,
    `version: 1
workers: 2
listeners:
  main: { address: "127.0.0.1:${plain}" }
  tls: { address: "127.0.0.1:0", tls: { certificates: [site] } }
  keys: { address: "127.0.0.1:${keys}", protocol: redis, backend: keys }
certificates: { site: { cert: { file: ${pathOf('localhost.pem')} }, key: { file: ${pathOf('localhost.key')} } } }
probes: { address: "127.0.0.1:${probes}" }
backends:
  app:
    endpoints: ["127.0.0.1:${(backend.address() as AddressInfo).port}", "127.0.0.1:${none}"]
    balance: { policy: round-robin }
    health: { active: { tcp: true, interval: 100ms, unhealthy: 10, initial: up } }
  keys: { protocol: redis, endpoints: ["127.0.0.1:${await scriptedRedis(t)}"] }
routes: [{ backend: app }]
`,
  )
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
  const program = await start(process.execPath, [main, 'serve', file], {
    line: /2 workers serve/,
    readyTimeoutMs: 40_000,
  })
  t.teardown(() => program.stop())
  program.signal('SIGHUP')
  // It is in flight while the scrape is made.
  fetch(`http://127.0.0.1:${plain}/held`).catch(() => {})
  commandsTo(t, keys)
  for (;;) {
    await fetch(`http://127.0.0.1:${plain}/`).then((response) => response.text())
    const text = await fetch(`http://127.0.0.1:${probes}/metrics`).then((response) => response.text())
    if (
      /^fermata_exchanges\{step="awaitHead"/m.test(text) &&
      /^fermata_backend_retries_total\{/m.test(text) &&
      /^fermata_commands_total\{/m.test(text) &&
      /^fermata_commands\{step="send"/m.test(text) &&
      /^fermata_relays 1$/m.test(text) &&
      /^fermata_backend_health_checks_total\{/m.test(text)
    )
      return text
  }
}

t.test('each metric and label that is asked for is told', async (t) => {
  const text = await scraped(t)
  const told = new Map<string, Set<string>>()
  for (const [, name, labels] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = told.get(name) ?? new Set(OUTER)
    for (const [, label] of (labels ?? '').matchAll(/(\w+)="/g)) known.add(label)
    told.set(name, known)
  }
  const alerts = readFileSync(RULES, 'utf8').match(/expr:[\s\S]*?(?=\n {8}(?:for|labels):)/g) ?? []
  t.equal(alerts.length, 14)
  let names = 0
  for (const query of [...targets.map(({ expr }) => expr), ...alerts]) {
    const metrics = selected(query)
    names += metrics.length
    for (const [name, labels] of metrics) {
      const known = told.get(name)
      t.ok(known, `${name} is told: ${query}`)
      for (const label of labels) t.ok(known?.has(label), `${name} has the label ${label}: ${query}`)
    }
    for (const label of grouped(query))
      t.ok(
        metrics.some(([name]) => told.get(name)?.has(label)),
        `by ${label}: ${query}`,
      )
  }
  t.ok(names > 50, `${names} metrics are named`)
})
