// The line of TypeScript of each step, from the running program and its maps; and no file besides.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { Sources } from '../../src/debugger/index.js'
import { frontendSteps } from '../../src/http2/frontend-life.js'
import { exchangeSteps } from '../../src/proxy/exchange-steps.js'
import { root } from '../house/source-rules.js'

const url = (path: string): string => pathToFileURL(path).href
const programs = [
  { file: 'proxy/exchange-steps', program: exchangeSteps },
  { file: 'http2/frontend-life', program: frontendSteps },
] as const

/** Our own lives, as the compiled program has them. */
function ours(): Sources {
  const sources = new Sources()
  for (const { program } of programs) sources.register(program)
  return sources
}

t.test('each step is found at the line of its name', async (t) => {
  const sources = ours()
  for (const { file, program } of programs) {
    const { name } = program
    const path = join(root, 'src', `${file}.ts`)
    const lines = readFileSync(path, 'utf8').split('\n')
    for (const step of program.names) {
      const place = sources.place(name, step)
      t.match(place, { path, life: name, step }, `${name}.${step}`)
      if (place === null) continue
      t.match(lines[place.line - 1].slice(place.column - 1), new RegExp(`^${step}(\\(|:)`))
      t.match(lines[place.lastLine - 1], /[}),]$/)
      t.ok(place.lastLine >= place.line)
    }
  }
  t.equal(sources.place('exchange', 'nonsense'), null)
  t.equal(sources.place('nonsense', 'lease'), null)
})

t.test('a line leads to its step: the one that has it, else the next below', async (t) => {
  const sources = ours()
  const path = join(root, 'src/proxy/exchange-steps.ts')
  const lease = sources.place('exchange', 'lease')
  if (lease === null) throw new Error('no lease')
  t.equal(sources.stepAt(path, lease.line)?.step, 'lease')
  t.equal(sources.stepAt(path, lease.lastLine)?.step, 'lease')
  t.equal(sources.stepAt(path, lease.line - 1)?.step, 'lease', 'its comment')
  t.equal(sources.stepAt(path, 1)?.step, exchangeSteps.names[0], 'above all steps')
  t.equal(sources.stepAt(path, 1e6), null, 'below all steps')
  t.equal(sources.stepAt(join(root, 'src/proxy/proxy.ts'), 1), null)
})

t.test('only sources of registered lives are given out', async (t) => {
  const sources = ours()
  const path = join(root, 'src/proxy/exchange-steps.ts')
  t.equal(sources.text(path), readFileSync(path, 'utf8'))
  t.strictSame(
    [...sources.paths()].sort(),
    programs.map(({ file }) => join(root, 'src', `${file}.ts`)).sort(),
  )
  for (const other of [
    'src/proxy/proxy.ts',
    'package.json',
    'dist/src/proxy/exchange-steps.js',
    'src/proxy/../proxy/exchange-steps.ts',
  ])
    t.equal(sources.text(`${root}/${other}`), null, other)
  for (const other of ['/etc/passwd', 'src/proxy/exchange-steps.ts', '', '__proto__'])
    t.equal(sources.text(other), null, other)
  t.equal(new Sources().text(path), null, 'nor before the life is registered')
})

t.test('in an installed package there is no TypeScript: the map has it', async (t) => {
  const folder = t.testdir()
  const compiled = join(folder, 'dist/src/proxy')
  mkdirSync(compiled, { recursive: true })
  for (const ending of ['js', 'js.map'])
    writeFileSync(
      join(compiled, `exchange-steps.${ending}`),
      readFileSync(join(root, `dist/src/proxy/exchange-steps.${ending}`)),
    )
  const sources = new Sources()
  const { names, steps } = exchangeSteps
  sources.register({ name: 'exchange', source: url(join(compiled, 'exchange-steps.js')), names, steps })
  const place = sources.place('exchange', 'lease')
  t.equal(place?.path, join(folder, 'src/proxy/exchange-steps.ts'))
  t.match(sources.text(place?.path ?? '')?.split('\n')[(place?.line ?? 0) - 1], /^ {2}lease\(/)
  renameSync(compiled, `${compiled}.away`)
  t.strictSame(sources.place('exchange', 'lease'), place, 'what was read is kept')
  t.ok(sources.text(place?.path ?? ''))
})

t.test('steps of the same text are told apart by their names, and a module needs no map', async (t) => {
  const path = join(t.testdir(), 'life.js')
  const end = (): number => 1
  const stop = (): number => 1
  const shout = (): number => 2
  const own = String(end)
  writeFileSync(
    path,
    `const other = ${own}\nconst table = {\n  stop: ${own},\n  bend: ${own},\n  end: ${own},\n}\nconst shared = ${shout}\n`,
  )
  const sources = new Sources()
  const names = ['end', 'stop', 'shout', 'na(tive']
  sources.register({ name: 'life', source: url(path), names, steps: [end, stop, shout, Math.max] })
  t.strictSame(sources.place('life', 'end'), {
    path,
    line: 5,
    column: 3,
    life: 'life',
    step: 'end',
    lastLine: 5,
  })
  t.match(sources.place('life', 'stop'), { line: 3, column: 3 })
  t.match(sources.place('life', 'shout'), { line: 7, column: 16 }, 'where it has another name')
  t.equal(sources.place('life', 'na(tive'), null)
  t.equal(sources.text(path), readFileSync(path, 'utf8'))
})

t.test('a life whose source cannot be read has no places', async (t) => {
  const sources = new Sources()
  const folder = t.testdir({ 'broken.js': 'const a = () => 1\n', 'broken.js.map': '{' })
  const a = (): number => 1
  for (const source of [
    '',
    'data:text/javascript,1',
    'file://elsewhere/a.js',
    url(join(folder, 'nowhere.js')),
  ])
    sources.register({ name: source, source, names: ['a'], steps: [a] })
  for (const source of ['', 'data:text/javascript,1', 'file://elsewhere/a.js'])
    t.equal(sources.place(source, 'a'), null)
  t.strictSame(sources.paths(), [])
  sources.register({ name: 'b', source: url(join(folder, 'broken.js')), names: ['a'], steps: [a] })
  t.match(sources.place('b', 'a'), { line: 1 }, 'a map that is broken is as none')
})
