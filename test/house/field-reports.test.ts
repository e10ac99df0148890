// spec/field-reports.md: every report has a row, and every row names a test that exists.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tableOf } from '../../tools/testbed/frames.js'
import { root } from './source-rules.js'

const page = readFileSync(join(root, 'spec/field-reports.md'), 'utf8')
const reports = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1])

/** Why this cell names no test; null when it does. */
function missing(cell: string): string | null {
  const [file, title, ...more] = cell.split(' › ')
  if (title === undefined || more.length > 0) return `'${cell}': write FILE › TITLE of the test`
  const path = join(root, 'test', `${file}.test.ts`)
  if (!existsSync(path)) return `there is no test/${file}.test.ts: name the test that shows it`
  return readFileSync(path, 'utf8').includes(title)
    ? null
    : `test/${file}.test.ts has no test '${title}': it may have been renamed or moved`
}

t.test('a cell that names no test is found', async (t) => {
  t.equal(missing('house/field-reports › a cell that names no test is found'), null)
  t.match(missing('house/field-reports'), /FILE › TITLE/)
  t.match(missing('house/no-such-file › x'), /there is no test/)
  t.match(missing(`house/field-reports › ${['no', 'such', 'title'].join('-')}`), /has no test/)
})

for (const report of reports) {
  t.test(report, async (t) => {
    for (const row of tableOf(page, report)) {
      t.equal(missing(row.test), null, row.symptom)
      t.match(
        row.right,
        /RFC \d+ §|\(\[?[\w./-]+\.md|design: [A-Z]/,
        `name a source, as RFC 9113 §6.9, design: Engine or a page, for: ${row.right}`,
      )
    }
  })
}
