// Which test reads each table of spec/: a page with a table that no test reads promises what nothing checks.

import { type Page, rulesOf } from './spec-pages.js'

/**
 * The test that reads each table, as its path below test/ without the ending. `*` stands for all tables of
 * the page.
 */
export const TABLE_READERS: Readonly<Record<string, string>> = {
  'README.md › *': 'house/spec',
  'access-log.md › Commands of Redis': 'server/command-log',
  'access-log.md › Fields': 'proxy/exchange-fields',
  'attacks.md › Clients': 'attacks/attacks',
  'attacks.md › Backends': 'attacks/attacks',
  'compat.md › What differs': 'embedding/compat',
  'compat.md › Public': 'embedding/compat',
  'compat.md › Insides': 'embedding/compat',
  'cache.md › Tests that fail': 'filters/cache/page',
  'compat.md › fastify-http-proxy': 'embedding/compat',
  'compat.md › http-proxy-middleware': 'embedding/middleware',
  'configuration.md › Keys': 'config/keys',
  'design.md › Rooms': 'house/rooms',
  'embedding.md › Options': 'embedding/events',
  'exchange.md › Steps': 'proxy/life',
  'exchange.md › Events': 'proxy/events',
  'exchange.md › Tunnels': 'proxy/events',
  'exchange.md › Plain CONNECT': 'proxy/events',
  'exchange.md › Refusals of gRPC requests': 'peers/grpc',
  'field-reports.md › *': 'house/field-reports',
  'filters.md › Phases': 'filters/contract',
  'glossary.md › *': 'house/glossary',
  'http1/differential.md › Disagreements': 'http1/differential',
  'http1/framing.md › Read': 'http1/strictness',
  'http1/framing.md › Written': 'http1/translation',
  'http1/strictness.md › Requests: lines': 'http1/strictness',
  'http1/strictness.md › Requests: the start line': 'http1/strictness',
  'http1/strictness.md › Requests: target and Host': 'http1/strictness',
  'http1/strictness.md › Requests: framing fields': 'http1/strictness',
  'http1/strictness.md › Requests: bodies': 'http1/strictness',
  'http1/strictness.md › Requests: upgrades': 'http1/strictness',
  'http1/strictness.md › Responses': 'http1/strictness',
  'http1/translation.md › Requests read': 'http1/translation',
  'http1/translation.md › Responses read': 'http1/translation',
  'http1/translation.md › Requests written': 'http1/translation',
  'http1/translation.md › Responses written': 'http1/translation',
  'http2/connection-grid.md › Connection states': 'http2/connection-grid',
  'http2/connection-grid.md › Preface form': 'http2/connection-grid',
  'http2/connection-grid.md › Frame form': 'http2/connection-grid',
  'http2/connection-grid.md › Compression form': 'http2/connection-grid',
  'http2/connection-grid.md › Settings values': 'http2/connection-grid',
  'http2/connection-grid.md › Flow control': 'http2/flow-grid',
  'http2/connection-grid.md › Bounds': 'http2/bounds-grid',
  'http2/messages.md › Messages': 'http2/messages',
  'http2/stream-grid.md › Received': 'http2/stream-grid',
  'http2/stream-grid.md › Sent': 'http2/stream-grid',
  'operating.md › Where does the time go?': 'server/operating',
  'operating.md › Prometheus, Grafana, alerts': 'server/operating',
  'outcomes.md › Words': 'proxy/outcomes',
  'proxy-protocol.md › Read': 'transport/proxy-protocol',
  'proxy-protocol.md › Written': 'transport/proxy-protocol',
  'admin.md › What is asked': 'server/admin',
  'metrics.md › What is measured': 'server/admin',
  'process-log.md › Exit codes': 'server/command-line',
  'redis.md › Kinds': 'redis/commands',
  'redis.md › Errors': 'redis/proxy',
  'redis.md › Scenarios': 'redis/scenarios',
  'routing.md › Normalised paths': 'proxy/paths',
  'workers.md › Limits of each worker': 'server/limit-texts',
  'routing.md › Ambiguous paths': 'proxy/paths',
  'routing.md › Readings': 'proxy/paths',
  'scenarios/README.md › Statements': 'proxy/scenarios',
  'scenarios/README.md › Frames': 'proxy/scenarios',
  'scenarios/README.md › Given': 'proxy/scenarios',
  // Its letters are kinds of checks, not rules.
  'simulator.md › Checkers': 'sim/defects',
  'trace.md › Words': 'continuation/steps',
  'workers.md › Metrics': 'server/workers',
}

/** Tables that no test reads, and why not: `exchange.md › Events`. */
export const UNREAD_TABLES: Readonly<Record<string, string>> = {}

interface Table {
  readonly heading: string
  /** Cells of the header row. */
  readonly columns: readonly string[]
  readonly rows: readonly string[]
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

/** The tables of this page, with the heading that each stands under. */
export function tablesOf(page: Page): Table[] {
  const found: { heading: string; columns: string[]; rows: string[] }[] = []
  let heading = ''
  let before = ''
  for (const line of page.text.replace(/```[\s\S]*?```/g, '').split('\n')) {
    heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading
    if (line.startsWith('|')) {
      if (before.startsWith('|')) found.at(-1)?.rows.push(line)
      else found.push({ heading, columns: cellsOf(line), rows: [] })
    }
    before = line
  }
  return found
}

/**
 * Tables without a reader, and readers that do not name their table. Numbered rules (first column `id`) and
 * limits (`bound`) need no entry: spec.test.ts reads all of them.
 */
export function tableFindings(
  pages: readonly Page[],
  tests: readonly Page[],
  readers: Readonly<Record<string, string>>,
  unread: Readonly<Record<string, string>>,
): string[] {
  const findings: string[] = []
  const met = new Set<string>()
  for (const page of pages) {
    const file = page.file.replace(/^spec\//, '')
    for (const { heading, columns, rows } of tablesOf(page)) {
      const name = `${file} › ${heading}`
      if (met.has(name)) findings.push(`${name}: a second table; give it a heading of its own`)
      met.add(name)
      if (columns[0] === 'id' && !(name in readers)) {
        for (const row of rows.slice(1))
          if (rulesOf({ file, text: row }).length === 0)
            findings.push(`${name}: '${cellsOf(row)[0]}' is not a rule's number, as E12 is`)
        continue
      }
      if (columns[0] === 'bound' || name in unread) continue
      const key = name in readers ? name : `${file} › *`
      met.add(key)
      if (!(key in readers))
        findings.push(
          `${name}: no test reads it; write one and name it in spec-tables.ts, or say there why not`,
        )
      else if (!reads(tests, readers[key], page.file, key === name ? heading : ''))
        findings.push(`${name}: test/${readers[key]}.test.ts does not read it`)
    }
  }
  for (const name of [...Object.keys(readers), ...Object.keys(unread)])
    if (!met.has(name)) findings.push(`spec-tables.ts: there is no table '${name}'`)
  return findings
}

/** Returns true if this test names the page, and the table's heading: whole, or the part after its colon. */
function reads(tests: readonly Page[], test: string, page: string, heading: string): boolean {
  const text = tests.find((each) => each.file === `test/${test}.test.ts`)?.text ?? ''
  const folder = page.replace(/\/README\.md$/, '')
  return (
    (text.includes(page) || text.includes(folder)) &&
    [heading, heading.slice(heading.indexOf(': ') + 2)].some(
      (each) => each === '' || text.includes(`'${each}'`),
    )
  )
}
