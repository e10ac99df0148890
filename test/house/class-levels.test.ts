// A class can be read in few files: none is more than four levels below its root, and the objects that
// it also needs are its fields (design: House rules).

import t from 'tap'
import { levelFindings, levelsMax, type Source } from './class-levels.js'
import { filesUnder, read } from './source-rules.js'

/** Files of a sample, by path. */
const files =
  (of: Readonly<Record<string, string>>): Source =>
  (path) =>
    of[path] ?? null

const chain = (classes: number): string =>
  Array.from({ length: classes }, (_, n) => `class C${n}${n === 0 ? '' : ` extends C${n - 1}`} {}`).join('\n')

t.test('the checker counts within a file', async (t) => {
  const source = (text: string) => files({ 'src/a.ts': text })
  t.strictSame(levelFindings('src/a.ts', source(chain(levelsMax + 1))), [])
  t.strictSame(levelFindings('src/a.ts', source(chain(levelsMax + 2))), [
    `src/a.ts:${levelsMax + 2} C${levelsMax + 1} is at level ${levelsMax + 1}, and ${levelsMax} is the last: give it an object in place of a base class`,
  ])
  t.equal(
    levelFindings('src/a.ts', source(`${chain(levelsMax + 1)}\nconst c = class extends C4 {}`)).length,
    1,
  )
})

t.test('the checker follows imports, what an index exports, and other names', async (t) => {
  const last = `C${levelsMax}`
  const base = `export ${chain(levelsMax + 1).replaceAll('\n', '\nexport ')}`
  for (const [name, imported, index] of [
    ['named', `import { ${last} } from '../room/index.js'`, `export { ${last} } from './base.js'`],
    [
      'all',
      `import { ${last} } from '../room/index.js'`,
      `export * from './other.js'\nexport * from './base.js'`,
    ],
    [
      'renamed on the way in',
      `import { Base as ${last} } from '../room/index.js'`,
      `export { ${last} as Base } from './base.js'`,
    ],
    ['at once', `import { ${last} } from '../room/base.js'`, ''],
  ])
    t.equal(
      levelFindings(
        'src/here/a.ts',
        files({
          'src/here/a.ts': `${imported}\nclass Here extends ${last}<string> {}`,
          'src/room/index.ts': index,
          'src/room/base.ts': base,
          'src/room/other.ts': 'export class Other {}',
        }),
      ).length,
      1,
      name,
    )
})

t.test('what is not ours, and a class of the same name elsewhere, do not count', async (t) => {
  t.strictSame(
    levelFindings(
      'src/a.ts',
      files({
        'src/a.ts': `import { EventEmitter } from 'node:events'\nclass C0 extends EventEmitter {}\nclass D extends C0 {}`,
        'src/b.ts': chain(9),
      }),
    ),
    [],
  )
})

t.test('a continuation is a root', async (t) => {
  const text = `class Deadline {}\nclass Continuation extends Deadline {}\n${chain(levelsMax).replace('C0', 'C0 extends Continuation')}`
  t.strictSame(
    levelFindings('src/continuation/continuation.ts', files({ 'src/continuation/continuation.ts': text })),
    [],
  )
  t.equal(levelFindings('src/a.ts', files({ 'src/a.ts': text })).length, 1, 'where it is that one')
})

t.test('no class of src is too far below its root', async (t) => {
  const texts = new Map(filesUnder('src').map((path) => [path, read(path)]))
  for (const path of texts.keys())
    t.strictSame(
      levelFindings(path, (each) => texts.get(each) ?? null),
      [],
      path,
    )
})
