// spec/outcomes.md: every word that an exchange may end with, and no other; and whose fault it is.

import t from 'tap'
import ts from 'typescript'
import { REFUSALS } from '../../src/http1/faults.js'
import { outcomeSides } from '../../src/proxy/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { filesUnder, read } from '../house/source-rules.js'

/** Rooms whose faults and refusals end exchanges. */
const ROOMS = ['transport', 'engine', 'http', 'http1', 'http2', 'node', 'proxy', 'server/embedding']
/** Functions that get a code, and which of their arguments that is. */
const MAKERS: ReadonlyMap<string, number> = new Map([
  ['fault', 0],
  ['notReached', 0],
  ['notBegun', 0],
  ['notTunnel', 0],
  ['refusal', 1],
])

/** The texts that an expression may be. */
function texts(node: ts.Node | undefined): string[] {
  if (node === undefined) return []
  if (ts.isStringLiteral(node)) return [node.text]
  if (ts.isConditionalExpression(node)) return [...texts(node.whenTrue), ...texts(node.whenFalse)]
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return texts(node.expression)
  return []
}

/** The codes that this source gives. */
function codesIn(file: string, source: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && MAKERS.has(node.expression.text))
      found.push(...texts(node.arguments[MAKERS.get(node.expression.text) as number]))
    else if (ts.isNewExpression(node) && node.expression.getText() === 'ProxyError')
      found.push(...texts(node.arguments?.[0]))
    else if (ts.isPropertyAssignment(node) && node.name.getText() === 'outcome')
      found.push(...texts(node.initializer))
    else if (
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
      ts.isPropertyAccessExpression(node.left) &&
      node.left.name.text === 'outcome'
    )
      found.push(...texts(node.right))
    else if (ts.isMethodDeclaration(node) && node.name.getText() === 'bodyLateness')
      ts.forEachChild(node, function returned(inner): void {
        if (ts.isReturnStatement(inner)) found.push(...texts(inner.expression))
        ts.forEachChild(inner, returned)
      })
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.ESNext, true))
  return found
}

const rows = tableOf(read('spec/outcomes.md'), 'Words')

t.test('the page has every word, once, and no other', async (t) => {
  const files = ROOMS.flatMap((room) => filesUnder(`src/${room}`))
  const codes = new Set([...files.flatMap((file) => codesIn(file, read(file))), ...Object.keys(REFUSALS)])
  const words = rows.map(({ outcome }) => outcome)
  t.equal(new Set(words).size, words.length, 'once')
  t.strictSame([...words].sort(), [...codes].sort())
})

t.test('it says whose fault each is', async (t) => {
  const fixed = rows.filter(({ side }) => side !== 'fault')
  t.strictSame(
    Object.fromEntries(fixed.map(({ outcome, side }) => [outcome, side === '-' ? '' : side])),
    outcomeSides,
  )
})

t.test('a word is in kebab-case, and stable: metrics have it as a label', async (t) => {
  for (const { outcome } of rows) t.match(outcome, /^[a-z0-9]+(?:[-.][a-z0-9]+)*$/)
})
