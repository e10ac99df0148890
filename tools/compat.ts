// Runs the tests and the examples of http-proxy 1.18.1 against fermata-proxy/compat. They come from
// Debian's source package node-http-proxy, are fetched with apt-get into a temporary folder, and are never
// committed; npm installs their dependencies there. The tables of spec/compat.md name all tests, and say
// which of them pass.
//
//   npm run compat [-- --only PART] [--source DIR]

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { examples } from './compat/examples.js'
import { FASTIFY_PACKAGES, FastifyTests } from './compat/fastify.js'
import { fetchSource } from './testbed/debian-source.js'
import { tableOf } from './testbed/frames.js'
import { run } from './testbed/programs.js'

const PACKAGES = [
  'mocha@3',
  'expect.js@0.3',
  'semver@5',
  'socket.io@2',
  'socket.io-client@2',
  'sse@0.0.8',
  'ws@3',
  'eventemitter3@4',
  'follow-redirects@1',
  'requires-port@1',
  'concat-stream@2',
  'async@3',
  'colors@1.3',
  'connect@2',
  'body-parser@1',
]
const TIMEOUT_MS = 180_000
/** The most tries: some tests count on a fast machine, so a test passes if it has passed once. */
const TRIES = 3

const PUBLIC = ['lib-http-proxy-test', 'lib-https-proxy-test', 'lib-http-proxy-passes-web-incoming-test']
const INSIDE = [
  'lib-http-proxy-common-test',
  'lib-http-proxy-passes-web-incoming-test',
  'lib-http-proxy-passes-web-outgoing-test',
  'lib-http-proxy-passes-ws-incoming-test',
]

const { source, only } = new Command('compat')
  .description("Runs http-proxy's own tests and examples against fermata-proxy/compat.")
  .option(
    '--source <dir>',
    'the unpacked source of http-proxy, which is copied; fetched with apt-get without it',
  )
  .addOption(new Option('--only <part>', 'this part alone').choices(['http-proxy', 'fastify', 'examples']))
  .parse()
  .opts<{ source?: string; only?: string }>()
const runs = (part: string): boolean => only === undefined || only === part

const folder = mkdtempSync(join(tmpdir(), 'fermata-compat-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const root = join(import.meta.dirname, '..', '..')
let failures = 0

function fail(text: string): void {
  failures++
  console.log(`not ok: ${text}`)
}

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const result = await run(command, args, { cwd, timeoutMs: TIMEOUT_MS })
  if (result.code !== 0)
    throw new Error(`${command} ended with ${result.code}:\n${result.stderr.slice(-2000)}`)
  return result.stdout
}

interface Outcome {
  readonly title: string
  readonly passed: boolean
}

/** Runs a file of tests. A word that this project does not use is replaced in its titles. */
async function outcomesOf(file: string): Promise<Outcome[]> {
  const { stdout } = await run(
    process.execPath,
    ['node_modules/mocha/bin/_mocha', '-R', 'json', `test/${file}.js`],
    {
      cwd: proxy,
      timeoutMs: TIMEOUT_MS,
    },
  )
  const report = JSON.parse(stdout.slice(stdout.indexOf('{\n  "stats"'))) as {
    tests: { fullTitle: string; err?: object; pending?: boolean }[]
    passes: { fullTitle: string }[]
    pending: { fullTitle: string }[]
  }
  const passes = new Set(report.passes.map((each) => each.fullTitle))
  const pending = new Set(report.pending.map((each) => each.fullTitle))
  return report.tests
    .filter((each) => !pending.has(each.fullTitle))
    .map(({ fullTitle }) => ({
      title: fullTitle
        .replace(new RegExp(`up${'stream'}`, 'g'), 'backend')
        .replaceAll('|', '/')
        .replaceAll('`', "'"),
      passed: passes.has(fullTitle),
    }))
}

/** Compares the passed tests with the rows of a table. */
function compare(
  name: string,
  listed: Map<string | undefined, string | undefined>,
  outcomes: ReadonlyMap<string, boolean>,
): void {
  for (const [title, isPassed] of outcomes) {
    const here = listed.get(title)
    listed.delete(title)
    if (here === undefined) fail(`spec/compat.md, ${name}: there is no row for ${title}`)
    else if (isPassed !== (here === 'same'))
      fail(`${isPassed ? 'passes, and should differ' : 'fails'}: ${title}`)
  }
  for (const each of listed.keys()) fail(`spec/compat.md, ${name}: there is no such test: ${each}`)
}

const table = readFileSync(join(root, 'spec', 'compat.md'), 'utf8')
/** Returns the rows of a table, by test. */
const rowsOf = (name: string): Map<string | undefined, string | undefined> =>
  new Map(tableOf(table, name).map((row) => [row['test'], row['here']]))
const isPublic = ({ title }: Outcome): boolean => !/^lib\/http-proxy\/(?:common|passes)/.test(title)
const short = (title: string): string =>
  title
    .replace(/^lib\/http-proxy\/(?:common|passes\/web|passes\/web-outgoing)\.js /, '')
    .replace(/^lib\/http-proxy\/passes\/ws-incoming\.js /, 'ws ')

const installed = (packages: readonly string[], to: string): Promise<string> =>
  must(
    'npm',
    ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save', ...packages],
    to,
  )

/** Compares the titles of the tests of insides: their bodies belong to the source. */
async function compareInsides(): Promise<void> {
  const known = new Set(tableOf(table, 'Insides').map((row) => row['test']))
  const insides = (await Promise.all(INSIDE.map(outcomesOf))).flat().filter((each) => !isPublic(each))
  for (const { title } of insides)
    if (!known.delete(short(title))) fail(`spec/compat.md, Insides: there is no row for ${short(title)}`)
  for (const each of known) fail(`spec/compat.md, Insides: there is no such test: ${each}`)
  console.log(`${insides.length} tests call insides; each has its row`)
}

async function comparePublic(): Promise<void> {
  const rows = rowsOf('Public')
  const passed = new Map<string, boolean>()
  for (const file of PUBLIC)
    for (let left = TRIES; left > 0; left--) {
      const outcomes = (await outcomesOf(file)).filter(isPublic)
      for (const each of outcomes) passed.set(each.title, each.passed || passed.get(each.title) === true)
      if (outcomes.every((each) => each.passed || rows.get(each.title) !== 'same')) break
    }
  compare('Public', rows, passed)
  console.log(`${[...passed.values()].filter(Boolean).length} of ${passed.size} public tests pass`)
}

async function compareFastify(): Promise<void> {
  const folderOf = join(folder, 'fastify')
  mkdirSync(folderOf)
  writeFileSync(join(folderOf, 'package.json'), '{}')
  await installed(FASTIFY_PACKAGES, folderOf)
  const rows = rowsOf('fastify-http-proxy')
  const tests = new FastifyTests(folderOf, root)
  const passed = new Map<string, boolean>()
  for (const file of tests.files)
    for (let left = TRIES; left > 0; left--) {
      const outcomes = await tests.run(file)
      for (const each of outcomes) passed.set(each.title, each.passed || passed.get(each.title) === true)
      if (outcomes.every((each) => each.passed || rows.get(each.title) !== 'same')) break
    }
  compare('fastify-http-proxy', rows, passed)
  const count = [...passed.values()].filter(Boolean).length
  console.log(`${count} of ${passed.size} tests of @fastify/http-proxy pass`)
}

async function runExamples(): Promise<void> {
  for (const { name, wrong } of await examples(proxy)) {
    if (wrong !== null) fail(`example ${name}: ${wrong}`)
    else console.log(`example ${name} works`)
  }
}

const proxy =
  source === undefined && only !== 'fastify'
    ? await fetchSource('node-http-proxy', folder)
    : join(folder, 'http-proxy')
if (only !== 'fastify') {
  if (source !== undefined) cpSync(source, proxy, { recursive: true })
  await installed(PACKAGES, proxy)
  if (runs('http-proxy')) await compareInsides()
  const compat = join(root, 'dist', 'src', 'server', 'embedding', 'compat.js')
  writeFileSync(join(proxy, 'lib', 'http-proxy.js'), `module.exports = require(${JSON.stringify(compat)})\n`)
  if (runs('http-proxy')) await comparePublic()
}
if (runs('fastify')) await compareFastify()
if (runs('examples')) await runExamples()
console.log(failures === 0 ? 'all as the tables say' : `${failures} differ`)
process.exit(failures === 0 ? 0 : 1)
