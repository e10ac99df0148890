// Redis's own unit tests: directly, through the proxy with a session for each client, and with shared
// sessions. Prints the tests that pass directly and not through the proxy.
//
//   tools/redis-suite/fetch.sh /tmp/redis-source
//   npm run redis-suite -- /tmp/redis-source/redis never
//   npm run redis-suite -- /tmp/redis-source/redis auto unit/type/list

import { runSuite, UNITS, type Way } from './redis-suite/suite.js'

const [folder, way = 'never', ...units] = process.argv.slice(2)
if (folder === undefined || !['direct', 'never', 'auto'].includes(way)) {
  process.stderr.write('usage: npm run redis-suite -- FOLDER direct|never|auto [UNIT...]\n')
  process.exit(2)
}
const began = performance.now()
const outcome = await runSuite(folder, way as Way, units.length === 0 ? UNITS : units)
for (const [name, why] of outcome.failed) process.stdout.write(`FAILED ${name}: ${why}\n`)
if (outcome.broke !== null) process.stdout.write(`ENDED EARLY: ${outcome.broke}\n`)
const seconds = ((performance.now() - began) / 1_000).toFixed(0)
process.stdout.write(
  `${way}: ${outcome.passed.size} passed, ${outcome.failed.size} failed, ${outcome.ignored} ignored, ${seconds} s\n`,
)
process.exitCode = outcome.failed.size > 0 || outcome.broke !== null ? 1 : 0
