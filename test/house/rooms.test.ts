// The table of rooms is enforced by dependency-cruiser. Here: each of its rules bites on a planted
// violation, what the table allows passes, and src passes.

import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import { tableOf } from '../../tools/testbed/frames.js'
import { run } from '../../tools/testbed/programs.js'
import { read, root } from './source-rules.js'

const cruiser = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')
const rules = join(root, '.dependency-cruiser.cjs')

interface Violation {
  readonly from: string
  readonly to: string
  readonly rule: { readonly name: string }
}

/** Every violation under `src` (and the other folders named) of this directory, as in `room-http: src/http/a.ts → src/engine/b.ts`. */
async function cruise(directory: string, ...more: string[]): Promise<readonly string[]> {
  const result = await run(process.execPath, [cruiser, '--config', rules, '-T', 'json', 'src', ...more], {
    cwd: directory,
  })
  if (!result.stdout.startsWith('{')) throw new Error(result.stdout + result.stderr)
  const report: { summary: { violations: Violation[] } } = JSON.parse(result.stdout)
  return report.summary.violations.map((each) => `${each.rule.name}: ${each.from} → ${each.to}`).sort()
}

/** Two files of every room, one of each planted import: [importing file, imported, expected rule or null]. */
type Plant = readonly [from: string, specifier: string, rule: string | null]

const plants: readonly Plant[] = [
  ['src/pollset/a.ts', '../continuation/b.js', 'room-pollset'],
  ['src/continuation/a.ts', '../pollset/b.js', null],
  ['src/continuation/a.ts', '../engine/b.js', 'room-continuation'],
  ['src/engine/a.ts', '../continuation/b.js', null],
  ['src/engine/a.ts', '../http/b.js', 'room-engine'],
  ['src/http/a.ts', '../pollset/b.js', null],
  ['src/transport/a.ts', '../continuation/b.js', null],
  ['src/transport/a.ts', '../engine/b.js', 'room-transport'],
  ['src/transport/a.ts', '../http/b.js', 'room-transport'],
  ['src/http/a.ts', '../transport/b.js', null],
  ['src/http/a.ts', '../engine/b.js', null],
  ['src/http/a.ts', '../proxy/b.js', 'room-http'],
  ['src/http1/a.ts', '../engine/b.js', null],
  ['src/http1/a.ts', '../http2/b.js', 'room-http1'],
  ['src/http2/a.ts', '../http/b.js', null],
  ['src/http2/a.ts', '../http1/b.js', 'room-http2'],
  ['src/http2/a.ts', '../proxy/b.js', 'room-http2'],
  ['src/node/a.ts', '../http/b.js', null],
  ['src/node/a.ts', '../proxy/b.js', 'room-node'],
  ['src/proxy/a.ts', '../engine/b.js', null],
  ['src/proxy/a.ts', '../http2/b.js', 'room-proxy'],
  ['src/proxy/a.ts', '../filters/b.js', 'room-proxy'],
  ['src/filters/a.ts', '../proxy/b.js', null],
  ['src/filters/a.ts', '../http2/b.js', 'room-filters'],
  ['src/debugger/a.ts', '../continuation/b.js', null],
  ['src/debugger/a.ts', '../transport/b.js', null],
  ['src/debugger/a.ts', '../http/b.js', 'room-debugger'],
  ['src/terminal/a.ts', '../debugger/b.js', null],
  ['src/terminal/a.ts', '../transport/b.js', 'room-terminal'],
  ['src/terminal/client.ts', 'node:net', null],
  ['src/terminal/admin-client.ts', 'node:http', null],
  ['src/terminal/a.ts', 'node:net', 'one-door'],
  ['src/server/a.ts', '../http2/b.js', null],
  ['src/server/a.ts', '../main.js', 'nobody-imports-main'],
  ['src/main.ts', './server/b.js', null],
  ['src/main.ts', './proxy/b.js', 'main-knows-server-only'],
  ['src/attic/a.ts', '../pollset/b.js', 'room-unknown'],
  ['src/pollset/node/socket.ts', 'node:net', null],
  ['src/pollset/node/socket.ts', 'node:tls', null],
  ['src/pollset/a.ts', 'node:net', 'one-door'],
  ['src/http2/a.ts', 'node:tls', 'one-door'],
  ['src/proxy/a.ts', 'dns', 'one-door'],
  ['src/engine/a.ts', 'node:timers', 'one-door'],
  ['src/server/a.ts', 'node:timers/promises', 'one-door'],
  ['src/server/a.ts', 'node:fs', null],
  ['src/server/origin.ts', 'node:http2', null],
  ['src/server/a.ts', 'node:http2', 'one-door-http2'],
  ['src/server/a.ts', '../../spec/b.js', 'src-stands-alone'],
  ['src/server/a.ts', '../../test/b.js', 'src-stands-alone'],
  ['src/server/a.ts', '../../tools/b.js', 'src-stands-alone'],
  ['tools/a.ts', '../src/server/b.js', null],
  ['tools/a.ts', '../test/b.js', 'tools-know-no-test'],
  ['tools/testbed/a.ts', '../b.js', 'testbed-knows-src-only'],
  ['test/a.ts', '../tools/testbed/b.js', null],
  ['src/server/a.ts', './nowhere.js', 'no-unresolvable'],
  ['src/server/a.ts', 'typescript', 'no-dev-packages'],
  ['src/server/a.ts', 'denque', null],
]

const targets = [
  'pollset',
  'continuation',
  'transport',
  'engine',
  'http',
  'http1',
  'http2',
  'node',
  'proxy',
  'filters',
  'debugger',
  'server',
]

/** Write the plants into one tree. Each importing file gets a name of its own, to tell them apart. */
function plant(directory: string): readonly { readonly file: string; readonly rule: string | null }[] {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  for (const room of targets) write(`src/${room}/b.ts`, 'export const b = 1\n')
  for (const room of ['spec', 'test', 'tools']) write(`${room}/b.ts`, 'export const b = 1\n')
  write('tools/testbed/b.ts', 'export const b = 1\n')
  write('tsconfig.json', '{ "compilerOptions": { "module": "nodenext", "target": "es2022" } }')
  write(
    'package.json',
    '{ "type": "module", "dependencies": { "denque": "*" }, "devDependencies": { "typescript": "*" } }',
  )
  let main = ''
  const written = plants.map(([from, specifier, rule], index) => {
    if (from === 'src/main.ts') {
      main += `import '${specifier}'\n`
      return { file: from, rule }
    }
    // The names of these three mean something to the rules.
    const file = /(node\/socket|origin|terminal\/client)\.ts$/.test(from)
      ? from
      : from.replace(/a\.ts$/, `a${index}.ts`)
    const alone = plants.filter((each) => each[0] === from && file === from)
    write(
      file,
      alone.length > 0 ? alone.map((each) => `import '${each[1]}'\n`).join('') : `import '${specifier}'\n`,
    )
    return { file, rule }
  })
  write('src/main.ts', main)
  return written
}

/** Files that know each other: by a type of a room above, in a circle, and by types of one room. */
const acquainted = {
  'src/engine/session.ts': 'export interface Session { id: string }\n',
  'src/transport/dial.ts': "import type { Session } from '../engine/session.js'\nexport type S = Session\n",
  'src/proxy/x.ts': "import { y } from './y.js'\nexport const x = (): number => y()\n",
  'src/proxy/y.ts': "import { x } from './x.js'\nexport const y = (): number => x()\n",
  'src/proxy/v.ts': "import type { W } from './w.js'\nexport interface V { w: W }\n",
  'src/proxy/w.ts': "import type { V } from './v.js'\nexport interface W { v: V }\n",
}

t.test('in a planted tree', async (t) => {
  const directory = t.testdir()
  const planted = plant(directory)
  for (const [path, text] of Object.entries(acquainted)) writeFileSync(join(directory, path), text)
  const all = await cruise(directory, 'tools', 'test')
  const isAcquainted = (violation: string): boolean =>
    Object.keys(acquainted).some((path) => violation.includes(`: ${path} → `))

  t.test('each rule bites, and only where it should', async (t) => {
    const violations = all.filter((each) => !isAcquainted(each))
    for (const { file, rule } of planted) {
      const found = violations.filter((each) => each.includes(`: ${file} → `))
      const expected = planted.filter((each) => each.file === file && each.rule !== null).length
      t.equal(found.length, expected, `${file}: ${found.join(', ') || 'nothing'}`)
      if (rule !== null)
        t.ok(
          found.some((each) => each.startsWith(`${rule}: `)),
          `${file} breaks ${rule}`,
        )
    }
    t.equal(violations.length, planted.filter((each) => each.rule !== null).length, 'and nothing else')
  })

  t.test('a type import counts, and a circle is found', async (t) => {
    t.strictSame(
      all
        .filter(isAcquainted)
        .map((each) => each.replace(/x\.ts → src\/proxy\/y\.ts|y\.ts → src\/proxy\/x\.ts/, 'x ↔ y')),
      ['no-circular: src/proxy/x ↔ y', 'room-transport: src/transport/dial.ts → src/engine/session.ts'],
      'but types of one room may know each other',
    )
  })
})

t.test(
  'P27: src keeps the table, and only the files of pollset/node import what the door is made of',
  async (t) => {
    t.strictSame(
      await cruise(root),
      [],
      'a room knows those below it (spec/design.md, Rooms): move what two rooms need into one below both, or hand it in; .dependency-cruiser.cjs says what each rule is for',
    )
  },
)

t.test('the table of the design says what the rules say', async (t) => {
  const { forbidden } = createRequire(import.meta.url)(rules) as {
    forbidden: { readonly name: string; readonly comment: string }[]
  }
  const table = tableOf(read('spec/design.md'), 'Rooms').flatMap((row) =>
    row.room
      .split(', ')
      .filter((room) => room.endsWith('/') || room.endsWith('/`'))
      .map((room) => [room.replace(/[`/]/g, ''), row['may import']] as const),
  )
  t.ok(table.length > 8)
  for (const [room, mayImport] of table) {
    const rule = forbidden.find((each) => each.name === `room-${room}`)
    if (room === 'server') t.equal(rule, undefined, 'it may import all')
    else
      t.equal(
        rule?.comment,
        `${room}/ may import ${mayImport}.`,
        `${room}: change the table of spec/design.md and .dependency-cruiser.cjs together`,
      )
  }
})
