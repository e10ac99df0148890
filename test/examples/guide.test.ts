// spec/writing-a-protocol.md: each of its listings is a part of an example, or a program that test/package
// compiles and runs.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../house/source-rules.js'
import { blocks, listings, regions } from './guide.js'

t.test('each region is in its example as it is', async (t) => {
  for (const { file, text } of regions)
    t.ok(
      `\n${readFileSync(join(root, file), 'utf8')}`.includes(`\n${text}`),
      `${file}: ${text.split('\n')[0].trim()}`,
    )
  t.strictSame(
    [...new Set(regions.map(({ file }) => file))].sort(),
    ['line-protocol', 'memcached-backend', 'memcached-text', 'memcached'].map(
      (name) => `tools/examples/${name}.ts`,
    ),
  )
})

t.test('no listing is neither a region nor run', async (t) => {
  t.equal(regions.length + listings.length, blocks)
  t.strictSame(
    listings.map(({ file }) => file),
    ['capitals.ts', 'lines.ts', 'simulated.ts'],
  )
})
