// The diagrams come from the edges, and the README shows the one that the code has.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { exchangeLife } from '../../src/proxy/index.js'
import { diagram } from '../../tools/graph.js'

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

t.test('there is no diagram of what does not exist', (t) => {
  t.equal(diagram('nothing'), null)
  t.end()
})
