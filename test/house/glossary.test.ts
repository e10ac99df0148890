// The glossary's names are those of src, and the names that it rejects are not.

import t from 'tap'
import ts from 'typescript'
import { filesUnder, parse, read } from './source-rules.js'

/** Cells of one column of this table's rows, as the names in backticks that they have. */
const namesIn = (section: string, column: number): string[] =>
  section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| term') && !line.startsWith('| not'))
    .flatMap((line) =>
      [...line.split('|')[column].matchAll(/`([A-Za-z][A-Za-z0-9_]*)`/g)].map(([, name]) => name),
    )

/** Every identifier of this source text. */
function identifiers(path: string, text: string, into: Set<string>): void {
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) into.add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(parse(path, text).source)
}

const [terms, rejected] = read('spec/glossary.md').split('## Words that are not used')
const used = new Set<string>()
for (const file of filesUnder('src')) identifiers(file, read(file), used)

t.test('the names of the glossary exist', async (t) => {
  const names = namesIn(terms, 2)
  t.ok(names.length > 40, `${names.length} names`)
  t.strictSame(
    names.filter((name) => !used.has(name)),
    [],
    'rename the row with the code: spec/glossary.md',
  )
})

t.test('the names that it rejects do not', async (t) => {
  const names = namesIn(rejected, 1)
  t.ok(names.length > 8, `${names.length} names`)
  t.strictSame(
    names.filter((name) => used.has(name)),
    [],
    'take the word in the second column of spec/glossary.md',
  )
})

t.test('the checkers see names', async (t) => {
  const seen = new Set<string>()
  identifiers('src/proxy/sample.ts', 'class Arrival { tend(): void {} }', seen)
  t.strictSame([...seen].sort(), ['Arrival', 'tend'])
  t.strictSame(namesIn('| a | `One`, `two` | - |\n| term | `x` |', 2), ['One', 'two'])
})
