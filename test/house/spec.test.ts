// The pages of spec/ are true: every numbered rule is shown by a test.

import t from 'tap'
import { filesUnder, read } from './source-rules.js'
import { type Page, ruleFindings } from './spec-pages.js'

const pagesUnder = (folder: string, ending: string): Page[] =>
  filesUnder(folder, ending).map((file) => ({ file, text: read(file) }))

const spec = pagesUnder('spec', '.md')
const tests = pagesUnder('test', '.ts')

t.test('the checker finds rules that no title names, and titles of no rule', async (t) => {
  const page = { file: 'spec/a.md', text: '| id | rule |\n|--|--|\n| X1 | a |\n| X2 | b |\n' }
  const test = (title: string): Page => ({ file: 'test/a.test.ts', text: `t.test('${title}', f)` })
  const first = 'X1'
  t.strictSame(ruleFindings([page], [test(`${first}, X2: both`)]), [])
  t.strictSame(ruleFindings([page], [test(`${first}: one`)]), ["spec/a.md: no test's title names X2"])
  t.equal(ruleFindings([page], [test('X1 and X2 in the middle')]).length, 2)
  t.equal(ruleFindings([page], [test(`${first}, X2, X3: more`)]).length, 1)
  t.equal(ruleFindings([page, { ...page, file: 'spec/b.md' }], [test(`${first}, X2: both`)]).length, 2)
})

t.test('every numbered rule is named by the title of a test', async (t) => {
  t.strictSame(ruleFindings(spec, tests), [])
})
