// The exchange's edges are those of the page that was written before the code.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { exchangeLife } from '../../src/proxy/index.js'
import { tableOf } from '../../tools/testbed/frames.js'

t.test('steps and edges', (t) => {
  const rows = tableOf(readFileSync('spec/exchange.md', 'utf8'), 'Steps')
  t.same(rows.map((row) => row.step).sort(), Object.keys(exchangeLife.edges).sort())
  for (const row of rows) {
    const declared = exchangeLife.edges[row.step as keyof typeof exchangeLife.edges] as readonly string[]
    // A step that waits is one step, however often it is resumed: the page leaves its edge to itself out.
    const others = declared.filter((to) => to !== row.step && to !== 'done')
    t.same(others.sort(), row.next === '-' ? [] : row.next.split(', ').sort(), row.step)
  }
  t.end()
})
