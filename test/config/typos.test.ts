// Each key of the full example, misspelt once: one error, at the key, that names the right one.

import t from 'tap'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { diagnosticText } from '../../src/config/index.js'
import { EXAMPLE, readExample } from './example.js'

/** Maps whose keys are names that users choose. */
const NAMES =
  /^(?:listeners|certificates|backends|routes\.\d+\.match\.(?:headers|query)|routes\.\d+\.answer\.fields)$/

interface Key {
  readonly name: string
  readonly offset: number
  readonly path: string
}

function keysOf(node: unknown, path: readonly (string | number)[], into: Key[]): Key[] {
  if (isSeq(node)) for (const [at, each] of node.items.entries()) keysOf(each, [...path, at], into)
  if (isMap(node))
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      if (!NAMES.test(path.join('.')))
        into.push({ name, offset: (key as Node).range?.[0] ?? 0, path: [...path, name].join('.') })
      keysOf(value, [...path, name], into)
    }
  return into
}

t.test('the example is right', async (t) => {
  const { errors, warnings, configuration } = readExample()
  t.strictSame(errors.map(diagnosticText), [])
  t.ok(warnings.every((each) => /others may read|no file matches/.test(each.message)))
  t.ok(configuration)
})

t.test('each key, misspelt once, is told with its place and the right key', async (t) => {
  const lines = new LineCounter()
  const keys = keysOf(parseDocument(EXAMPLE, { lineCounter: lines }).contents, [], [])
  t.ok(keys.length > 150, `${keys.length} keys`)
  for (const { name, offset, path } of keys) {
    const end = offset + name.length
    const wrong = `${name}${name.at(-1)}`
    const { errors, configuration } = readExample(EXAMPLE.slice(0, offset) + wrong + EXAMPLE.slice(end))
    const { line, col } = lines.linePos(offset)
    t.equal(configuration, null)
    t.strictSame(
      errors.map(({ file, line, column, message }) => [file, line, column, message]),
      [['fermata.yaml', line, col, `unknown key; did you mean ${name}?`]],
      path,
    )
  }
})
