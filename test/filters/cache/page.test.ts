// The statements of spec/cache.md about http-cache-tests. `npm run cache-tests` runs them and compares; this test
// compares the page's numbers with each other.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { tableOf } from '../../../tools/testbed/frames.js'

const REQUIRED = 165
const PASSED_MIN = 150

t.test('the required tests that fail are listed, each with its reason, and counted', async (t) => {
  const page = readFileSync('spec/cache.md', 'utf8')
  const failing = tableOf(page, 'Tests that fail')
  t.ok(failing.every(({ test, why }) => /^[\w=-]+$/.test(test) && why !== ''))
  t.equal(new Set(failing.map(({ test }) => test)).size, failing.length)
  const passed = REQUIRED - failing.length
  t.ok(passed >= PASSED_MIN)
  t.match(page, `Of the ${REQUIRED} required ones ${passed} pass.`)
  t.match(
    readFileSync('CHANGELOG.md', 'utf8'),
    new RegExp(`passes ${passed} of the ${REQUIRED} required\\s+tests`),
  )
})
