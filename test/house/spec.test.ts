// The pages of spec/ are true: every table is read by a test, every numbered rule is shown by one, every limit that a page names
// exists and has a row, citations of the design lead to a heading, and the list of pages has them all.

import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { limitsByRoom } from '../../src/server/limits.js'
import { planNames } from '../../tools/sim/plan.js'
import { filesUnder, read, root } from './source-rules.js'
import {
  bareFindings,
  boundFindings,
  boundsNamed,
  citationFindings,
  type Page,
  ruleFindings,
} from './spec-pages.js'
import { TABLE_READERS, tableFindings, UNREAD_TABLES } from './spec-tables.js'

const pagesUnder = (folder: string, ending: string): Page[] =>
  filesUnder(folder, ending).map((file) => ({ file, text: read(file) }))

const spec = pagesUnder('spec', '.md')
const tests = pagesUnder('test', '.ts')

t.test('the checker finds rules that no title names, and titles of no rule', async (t) => {
  const page = { file: 'spec/a.md', text: '| id | rule |\n|--|--|\n| X1 | a |\n| X2 | b |\n' }
  const test = (title: string): Page => ({ file: 'test/a.test.ts', text: `t.test('${title}', f)` })
  const [first, second] = ['X1', 'X2']
  t.strictSame(ruleFindings([page], [test(`${first}, X2: both`)]), [])
  t.strictSame(ruleFindings([page], [test(`${first}: one`)]), [
    `spec/a.md: no test's title names ${second}: begin that of the test that shows it with '${second}: '`,
  ])
  t.equal(ruleFindings([page], [test('X1 and X2 in the middle')]).length, 2)
  t.equal(ruleFindings([page], [test(`${first}, X2, X3: more`)]).length, 1)
  t.equal(ruleFindings([page, { ...page, file: 'spec/b.md' }], [test(`${first}, X2: both`)]).length, 2)
})

t.test('every numbered rule is named by the title of a test', async (t) => {
  t.strictSame(ruleFindings(spec, tests), [])
})

t.test('the checker finds tables that no test reads', async (t) => {
  const page = (text: string): Page => ({ file: 'spec/a.md', text })
  const table = '| x | y |\n|---|---|\n| 1 | 2 |\n'
  const test = { file: 'test/b/c.test.ts', text: "tableOf(read('spec/a.md'), 'One')" }
  const findings = (text: string, readers: Record<string, string>, unread: Record<string, string> = {}) =>
    tableFindings([page(text)], [test], readers, unread)
  t.strictSame(findings(`## One\n${table}`, { 'a.md › One': 'b/c' }), [])
  t.strictSame(findings(`## One\n${table}`, { 'a.md › *': 'b/c' }), [])
  t.strictSame(findings(`## Two\n${table}`, {}, { 'a.md › Two': 'it is a picture' }), [])
  t.match(findings(`## Two\n${table}`, {}), [/no test reads it/])
  t.match(findings(`## Two\n${table}`, { 'a.md › Two': 'b/c' }), [/c.test.ts does not read it/])
  t.match(findings(`## One\n${table}\n${table}`, { 'a.md › One': 'b/c' }), [/a second table/])
  t.match(findings('', { 'a.md › One': 'b/c' }), [/there is no table/])
  t.strictSame(findings('## R\n| id | x |\n|--|--|\n| E1, E2 | y |\n', {}), [])
  t.match(findings('## R\n| id | x |\n|--|--|\n| 1a | y |\n', {}), [/'1a' is not a rule's number/])
})

t.test('every table is read by a test', async (t) => {
  t.strictSame(tableFindings(spec, tests, TABLE_READERS, UNREAD_TABLES), [])
})

t.test('the checker finds bounds that do not exist, and limits without a row', async (t) => {
  const page = {
    file: 'spec/a.md',
    text: '## Bounds\n\n| bound | default | what |\n|--|--|--|\n| aMs | 5 | x |\n| r.bMax | limits | y |\n',
  }
  const findings = (limits: Record<string, number[]>) =>
    boundFindings([page], new Map(Object.entries(limits)), new Set())
  t.strictSame(findings({ aMs: [5], bMax: [1] }), [])
  t.strictSame(findings({ aMs: [5, 6], bMax: [1] }), [], 'two rooms have one of that name')
  t.equal(findings({ aMs: [6], bMax: [1] }).length, 1, 'another number')
  t.equal(findings({ aMs: [5], bMax: [1], cMax: [1] }).length, 1, 'no row')
  t.equal(findings({ aMs: [5] }).length, 2, 'no limit')
  t.strictSame(boundsNamed({ file: '', text: 'after `longTimeMs`, more than x2BytesMax; Max' }), [
    'longTimeMs',
    'x2BytesMax',
  ])
})

t.test('every bound that a page names exists, and every limit has a row', async (t) => {
  const limits = new Map<string, number[]>()
  for (const room of Object.values(limitsByRoom))
    for (const [name, value] of Object.entries(room)) limits.set(name, [...(limits.get(name) ?? []), value])
  const readme = { file: 'README.md', text: read('README.md') }
  // A key of the configuration that looks like a limit.
  const others = new Set<string>([...planNames, 'ejectedMax'])
  t.strictSame(boundFindings([...spec, readme], limits, others), [])
})

t.test('pages name limits with their room', async (t) => {
  const rooms = new Map<string, string[]>()
  for (const [room, limits] of Object.entries(limitsByRoom))
    for (const name of Object.keys(limits)) rooms.set(name, [...(rooms.get(name) ?? []), room])
  const page = (text: string): Page => ({ file: 'a.md', text })
  const findings = (text: string) => bareFindings(page(text), rooms)
  t.strictSame(findings('after `leaseTimeoutMs`'), ['a.md: write proxy.leaseTimeoutMs, not leaseTimeoutMs'])
  t.strictSame(findings('after `lingerMs`'), [
    'a.md: write http1.lingerMs, http2.lingerMs or httpN.lingerMs, not lingerMs',
  ])
  t.strictSame(findings('`http1.leaseTimeoutMs`'), [
    'a.md: write proxy.leaseTimeoutMs, not http1.leaseTimeoutMs',
  ])
  t.equal(findings('`httpN.leaseTimeoutMs`, `server.backlog`').length, 2)
  t.strictSame(findings('`proxy.leaseTimeoutMs`, `httpN.lingerMs`, `http1.lingerMs`, a backlog'), [])
  t.strictSame(findings('| `a › leaseTimeoutMs: b` |'), [])
  for (const each of [...spec, { file: 'README.md', text: read('README.md') }])
    t.strictSame(bareFindings(each, rooms), [], each.file)
})

t.test('the checker finds citations that lead nowhere', async (t) => {
  const findings = (text: string) =>
    citationFindings({ file: 'a', text }, new Set(['Flow control', 'Engine'])).length
  t.equal(
    findings('(design: Engine; RFC 9113) | design: Flow control, 9113 §5 | design: Engine and so on'),
    0,
  )
  t.equal(findings(`(design: ${'Motor'})`), 1)
  t.equal(findings(`(design${', section'} 5)`), 1)
  t.equal(findings(`design${' §'}5`), 1)
})

t.test('citations of the design lead to its headings', async (t) => {
  const headings = new Set([...read('spec/design.md').matchAll(/^## (.+)$/gm)].map((match) => match[1]))
  const all = [...spec, ...tests, ...pagesUnder('src', '.ts'), ...pagesUnder('tools', '.ts')]
  for (const page of all) t.strictSame(citationFindings(page, headings), [], page.file)
})

t.test('the list of pages has each of them', async (t) => {
  const listed = [...read('spec/README.md').matchAll(/^\| \[[^\]]+\]\(([^)]+)\)/gm)].map(
    (match) => `spec/${match[1]}`,
  )
  const own = spec
    .map((page) => page.file)
    .filter((file) => file !== 'spec/README.md' && !/^spec\/scenarios\/(?!README)/.test(file))
  t.strictSame(listed.sort(), own.sort(), 'each page has a row in spec/README.md, and each row a page')
})

t.test('pages that are cited exist', async (t) => {
  const here = 'test/house/spec.test.ts'
  const all = [...tests, ...pagesUnder('src', '.ts'), ...pagesUnder('tools', '.ts')]
  for (const { file, text } of all.filter((each) => each.file !== here))
    for (const [cited] of text.matchAll(/\bspec\/[a-z0-9/-]+\.md/g))
      if (!existsSync(join(root, cited))) t.fail(`${file} cites ${cited}, which does not exist`)
  for (const { file, text } of spec)
    for (const [, link] of text.matchAll(/\]\(([^)#:]+\.md)\)/g))
      if (!existsSync(join(root, dirname(file), link))) t.fail(`${file} cites ${link}, which does not exist`)
})

t.test('files that comments and pages name exist', async (t) => {
  const sources = pagesUnder('src', '.ts')
  const names = new Set(
    [...sources, ...tests, ...pagesUnder('tools', '.ts')].map(({ file }) => basename(file)),
  )
  for (const { file, text } of [...sources, ...spec])
    for (const [name] of text.matchAll(/\b[a-z][a-z0-9-]*\.ts\b/g))
      if (!names.has(name) && name !== 'test.ts')
        t.fail(`${file} names ${name}, which does not exist: it may have been renamed or parted`)
})
