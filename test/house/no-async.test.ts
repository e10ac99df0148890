// No promise and no hidden state in what runs a request: the same input must give the same run.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { asyncFindings, filesUnder, read, root, stateFindings } from './source-rules.js'

/**
 * server/ and main.ts are the outer edge: start-up and shutdown are theirs, no request passes through them.
 * terminal/ runs in processes of its own, which carry no requests. testing/ runs filters for their tests.
 */
const rooms = [
  'pollset',
  'continuation',
  'engine',
  'http',
  'http1',
  'http2',
  'node',
  'proxy',
  'filters',
  'debugger',
  'redis',
  'transport',
]

const kinds = (findings: readonly string[]): string[] => findings.map((each) => each.replace(/^\S+ /, ''))

t.test('the checker finds each thing that must not be, once', async (t) => {
  const samples: readonly (readonly [string, readonly string[]])[] = [
    ['async function f() {}', ['async']],
    ['const f = async () => 1', ['async']],
    ['class C { async m() {} }', ['async']],
    ['const o = { async m() {} }', ['async']],
    ['function f() { return await x }', ['await']],
    ['for await (const x of y) {}', ['for await']],
    ['new Promise(() => {})', ['Promise as a value']],
    ['Promise.all([])', ['Promise as a value']],
    ['const P = Promise', ['Promise as a value']],
    ['function f(p: Promise<void>) {}', ['Promise as a type']],
    ['f(x).then(() => {})', ['.then()']],
    ['f(x)?.catch(() => {})', ['.catch()']],
    ['import("./x.js")', ['import()']],
    ['process.nextTick(f)', ['process.nextTick']],
    ['process["nextTick"](f)', ['process.nextTick']],
    ['queueMicrotask(f)', ['queueMicrotask']],
    ['globalThis.queueMicrotask(f)', ['queueMicrotask']],
    ['globalThis["queueMicrotask"](f)', ['globalThis.queueMicrotask']],
    ['new WeakRef(x)', ['WeakRef']],
    ['new FinalizationRegistry(f)', ['FinalizationRegistry']],
    ['setTimeout(f, 1)', ['setTimeout']],
    ['setInterval(f, 1)', ['setInterval']],
    ['const later = setImmediate', ['setImmediate']],
    ['Date.now()', ['Date.now']],
    ['new Date()', ['new Date()']],
    ['performance.now()', ['performance.now']],
    ['process.hrtime.bigint()', ['process.hrtime']],
    ['const r = Math.random', ['Math.random']],
  ]
  for (const [sample, expected] of samples) {
    t.strictSame(kinds(asyncFindings('src/proxy/sample.ts', sample)), expected, sample)
  }
  t.strictSame(
    asyncFindings('src/proxy/sample.ts', '\n\nawait x'),
    ['src/proxy/sample.ts:3 await'],
    'and where',
  )
})

t.test('the checker lets pass what only looks like it', async (t) => {
  const samples = [
    "const wait = suspend({ then: 'sendHead', late: 'refuse' })",
    'const at = pollset.now()',
    'class Clock { setTimeout(): void {} }',
    'const timers = { setTimeout: 1 }',
    'const at = new Date(0)',
    '// await the Promise, then setTimeout',
    "const text = 'await Promise.then'",
  ]
  for (const sample of samples) t.strictSame(asyncFindings('src/proxy/sample.ts', sample), [], sample)
})

t.test("the door's own files have time and may take up a promise, but make none", async (t) => {
  const door = 'src/pollset/node/pollset.ts'
  for (const sample of [
    'setImmediate(f)',
    'performance.now()',
    'function f(p: Promise<void>) { p.then(g) }',
  ]) {
    t.strictSame(asyncFindings(door, sample), [], sample)
    t.not(asyncFindings('src/pollset/turn.ts', sample).length, 0, `${sample} elsewhere`)
  }
  for (const sample of ['async () => 1', 'Promise.resolve()', 'process.nextTick(f)', 'queueMicrotask(f)']) {
    t.equal(asyncFindings(door, sample).length, 1, sample)
  }
  t.strictSame(
    asyncFindings('src/pollset/door.ts', 'type Task = Promise<void>'),
    [],
    'the contract may name it',
  )
})

t.test('the request path has neither promises nor time, chance or queues of its own', async (t) => {
  const files = rooms
    .filter((each) => existsSync(join(root, 'src', each)))
    .flatMap((each) => filesUnder(`src/${each}`))
  t.ok(files.length > 5, `${files.length} files read`)
  for (const file of files)
    t.strictSame(
      asyncFindings(file, read(file)),
      [],
      `${file}: the same input must give the same run: suspend a continuation in place of a promise or timer, and take time, random bytes and work elsewhere from the pollset`,
    )
})

t.test('the checker finds module-level state', async (t) => {
  const samples: readonly (readonly [string, readonly string[]])[] = [
    ['let count = 0', ['count can be assigned']],
    ['export let a = 1, b = 2', ['a can be assigned', 'b can be assigned']],
    ['var old = 1', ['old can be assigned']],
    ['if (x) { var old = 1 }', ['var']],
    ['const seen = new Set<string>()', ['seen can be changed']],
    ['const table: Map<string, number> = new Map()', ['table can be changed']],
    ['const list: string[] = []', ['list can be changed']],
    ['const cache: Record<string, string> = {}', ['cache can be changed']],
    ['class C { static count = 0 }', ['count is static and can be assigned']],
  ]
  for (const [sample, expected] of samples) {
    t.strictSame(kinds(stateFindings('src/proxy/sample.ts', sample)), expected, sample)
  }
  for (const sample of [
    'const table: ReadonlyMap<string, number> = new Map([["a", 1]])',
    'const steps = ["a", "b"] as const',
    'function f() { let i = 0; const found = new Set(); return [i, found] }',
    'class C { static readonly size = 1; count = 0 }',
    'for (let i = 0; i < 3; i++) {}',
  ]) {
    t.strictSame(stateFindings('src/proxy/sample.ts', sample), [], sample)
  }
})

t.test('src has no module-level state: everything hangs from a World', async (t) => {
  const files = filesUnder('src')
  t.ok(files.length > 5, `${files.length} files read`)
  for (const file of files)
    t.strictSame(
      stateFindings(file, read(file)),
      [],
      `${file}: two Worlds in one process share nothing: make it readonly, or a field of what hangs from a World`,
    )
})
