// Names say what a thing holds, files fit in a head, and the two sides are frontend and backend.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  commentColumnsMax,
  commentFindings,
  filesUnder,
  linesMax,
  nameFindings,
  openingFindings,
  read,
  root,
  shapeFindings,
  wordFindings,
  words,
} from './source-rules.js'

const src = 'src/proxy/sample.ts'

/** The advice beside a finding. */
const WHY =
  'name a file or type after what it holds; the sides are frontend and backend; part a long file by what its parts do, and open each with a comment'

t.test('words', async (t) => {
  t.strictSame(words('src/http2/frameHandlers-of.ts'), ['src', 'http2', 'frame', 'handlers', 'of', 'ts'])
})

t.test('the checker finds names that say nothing', async (t) => {
  t.equal(nameFindings('src/proxy/connection-manager.ts', '').length, 1)
  t.equal(nameFindings('src/util/bytes.ts', '').length, 1)
  t.equal(nameFindings('src/proxy/Helpers.ts', '').length, 1)
  t.equal(nameFindings(src, 'class StreamManager {}').length, 1)
  t.equal(nameFindings(src, 'const C = class FrameHandler {}').length, 1)
  t.equal(nameFindings(src, 'interface RequestHandler {}').length, 1)
  t.equal(nameFindings(src, 'type MiscThings = 1').length, 1)
  t.strictSame(nameFindings(src, 'class Commonwealth {} class Stream {}'), [])
})

t.test('the checker finds the wrong sides, long files and files without an opening', async (t) => {
  const wrong = ['Up', 'stream'].join('')
  t.strictSame(wordFindings(src, `fine\nconst my${wrong}Socket = 1`), [`${src}:2 ${wrong}`])
  t.equal(wordFindings(src, ['down', 'stream'].join('')).length, 1)
  t.strictSame(wordFindings(src, 'a stream up, a stream down'), [])
  const lines = (n: number): string => `// opening\n${'x\n'.repeat(n - 1)}`
  t.strictSame(shapeFindings(src, lines(linesMax)), [])
  t.strictSame(shapeFindings(src, lines(linesMax + 1)), [`${src} has ${linesMax + 1} lines`])
  t.equal(shapeFindings(src, "import t from 'tap'\n").length, 1)
  t.strictSame(shapeFindings(src, '#!/usr/bin/env node\n// The command line.\n'), [])
})

t.test('the checker finds comments that are too long', async (t) => {
  const long = 'x'.repeat(commentColumnsMax)
  for (const sample of [
    `// ${long}`,
    `const a = 1 // ${long}`,
    `/**\n * ${long}\n */\nconst a = 1`,
    `/** ${long} */\nconst a = 1`,
    `class C {\n  // ${long}\n}`,
    `f(a, /* ${long} */ b)`,
  ])
    t.equal(commentFindings(src, sample).length, 1, sample)
  for (const sample of [
    `const a = '// ${long}'`,
    `const a = \`// ${long}\``,
    `const a${long} = 1`,
    '// short',
  ])
    t.strictSame(commentFindings(src, sample), [], sample)
})

t.test('the checker finds comments that begin with a question', async (t) => {
  for (const [sample, finding] of [
    ['// What it keeps.', '1 What'],
    ['/** Who waits. */\nconst a = 1', '1 Who'],
    ['/** Whose turn it is. */', '1 Whose'],
    ['/**\n * Whether it is open. Harmless otherwise.\n */\nconst a = 1', '2 Whether'],
    ['const a = 1 // How many there are.', '1 How'],
    ['// Closes it. What is left is dropped.', '1 What'],
    ['// Closes it.\n// What is left is dropped.', '2 What'],
    ['class C {\n  // How it ends\n}', '2 How'],
    ['f(a, /* Whom it serves */ b)', '1 Whom'],
  ])
    t.strictSame(openingFindings(src, sample), [`${src}:${finding}`], sample)
  for (const sample of [
    "const a = '// What it keeps.'",
    'const a = `\n// How many\n`',
    '// Returns what is left, and says how many.',
    '/** The `What` of a test. */',
    '// Whatever comes is read. However, it is dropped.',
  ])
    t.strictSame(openingFindings(src, sample), [], sample)
})

t.test('comments begin with a verb, or with the noun that they document', async (t) => {
  const files = ['src', 'tools', 'test'].flatMap((each) => filesUnder(each))
  for (const file of files)
    t.strictSame(
      openingFindings(file, read(file)),
      [],
      `${file}: write "The parts of …" for "What …", "The number of …" for "How many …", and for "Whether …" "Returns true if …" on a method and "True while …" on a field`,
    )
})

t.test('comments in src fit', async (t) => {
  for (const file of filesUnder('src'))
    t.strictSame(commentFindings(file, read(file)), [], `${file}: break the comment, or say it shorter`)
})

t.test('src keeps them', async (t) => {
  const files = filesUnder('src')
  t.ok(files.length > 5, `${files.length} files read`)
  for (const file of files) {
    const text = read(file)
    t.strictSame(
      [...nameFindings(file, text), ...shapeFindings(file, text), ...wordFindings(file, text)],
      [],
      `${file}: ${WHY}`,
    )
  }
})

t.test('so does what stands beside it', async (t) => {
  const code = ['test', 'tools', 'spec']
    .filter((each) => existsSync(join(root, each)))
    .flatMap((each) => filesUnder(each))
  for (const file of code) {
    const text = read(file)
    t.strictSame([...nameFindings(file, text), ...wordFindings(file, text)], [], `${file}: ${WHY}`)
  }
  const prose = [...filesUnder('spec', '.md'), 'README.md', 'CHANGELOG.md'].filter((each) =>
    existsSync(join(root, each)),
  )
  for (const file of prose) t.strictSame(wordFindings(file, read(file)), [], `${file}: ${WHY}`)
})
