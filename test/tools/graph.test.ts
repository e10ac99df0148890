// The diagrams come from the edges, and the README shows the one that the code has.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { frontendLife, sessionLife } from '../../src/http2/index.js'
import { exchangeLife } from '../../src/proxy/index.js'
import { diagram } from '../../tools/graph.js'
import { run } from '../../tools/testbed/programs.js'

t.test('every edge of the exchange is drawn', (t) => {
  const text = diagram('exchange') ?? ''
  for (const [step, next] of Object.entries(exchangeLife.edges)) {
    for (const to of next)
      t.ok(text.includes(`  ${step} --> ${to === 'done' ? '[*]' : to}\n`), `${step} → ${to}`)
  }
  t.end()
})

t.test("the README's diagram is the tool's", (t) => {
  const readme = readFileSync('README.md', 'utf8')
  const shown = /<!-- graph:exchange -->\n```mermaid\n([\s\S]*?)```\n<!-- \/graph -->/.exec(readme)
  t.equal(shown?.[1], diagram('exchange'))
  t.end()
})

t.test('the connection of either side has its beginning', (t) => {
  for (const [name, start, edges] of [
    ['frontend', 'awaitPreface', frontendLife.edges],
    ['backend', 'greet', sessionLife.edges],
  ] as const) {
    const text = diagram(name) ?? ''
    t.ok(text.startsWith(`stateDiagram-v2\n  [*] --> ${start}\n`))
    for (const [step, next] of Object.entries<readonly string[]>(edges)) {
      for (const to of next)
        t.ok(text.includes(`  ${step} --> ${to === 'done' ? '[*]' : to}\n`), `${step} → ${to}`)
    }
  }
  t.end()
})

t.test('there is no diagram of what does not exist', (t) => {
  t.equal(diagram('nothing'), null)
  t.equal(diagram('toString'), null)
  t.end()
})

t.test('as a command', async (t) => {
  const graph = (...args: string[]) =>
    run(process.execPath, [join(import.meta.dirname, '..', '..', 'tools', 'graph.js'), ...args])
  const usage = /usage: .*exchange\|frontend\|backend/
  const [exchange, frontend, help, none, nothing, two] = await Promise.all([
    graph('exchange'),
    graph('frontend'),
    graph('--help'),
    graph(),
    graph('nothing'),
    graph('exchange', 'frontend'),
  ])
  t.match(exchange, { code: 0, stdout: diagram('exchange'), stderr: '' })
  t.match(frontend, { code: 0, stdout: diagram('frontend'), stderr: '' })
  t.match(help, { code: 0, stdout: usage, stderr: '' })
  t.match(none, { code: 0, stdout: usage, stderr: '' })
  t.match(nothing, { code: 2, stdout: '', stderr: usage })
  t.match(two.stderr, "no diagram of 'exchange frontend'")
})
