// A question changes nothing: a getter assigns to nothing but its own variables and calls no command, and a
// method whose name asks (has, is, may, can) assigns to no field.

import ts from 'typescript'
import { type Finding, parse, words } from './source-rules.js'

/** `isOpen`, `mayWait`: the name asks. */
const ASKS = /^(?:has|is|may|can)(?=[A-Z]|$)/

/** The first words of names that command. */
const COMMANDS: ReadonlySet<string> = new Set(
  (
    'abandon add append arm attach begin cancel clear close consume delete destroy detach disarm discard drop end enlist ' +
    'fail feed fill finish flush forget give grant leave lose lower mark open pause pay pop pull push put queue raise release ' +
    'remember remove reset restart resume retire say send set settle shift splice start stop take tell unread unshift update wake write'
  ).split(' '),
)

const isAssignment = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) &&
  node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
  node.operatorToken.kind <= ts.SyntaxKind.LastAssignment

/** Returns the text of what this node changes; null if it changes nothing. */
function changed(node: ts.Node): ts.Expression | null {
  if (isAssignment(node)) return node.left
  if (ts.isDeleteExpression(node)) return node.expression
  const steps = [ts.SyntaxKind.PlusPlusToken, ts.SyntaxKind.MinusMinusToken]
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node))
    return steps.includes(node.operator) ? node.operand : null
  return null
}

/** The leftmost name or `this` of `a.b[c].d`. */
function rootOf(node: ts.Expression): ts.Expression {
  let at = node
  for (;;) {
    if (ts.isPropertyAccessExpression(at) || ts.isElementAccessExpression(at)) at = at.expression
    else if (ts.isParenthesizedExpression(at) || ts.isNonNullExpression(at) || ts.isAsExpression(at))
      at = at.expression
    else return at
  }
}

/** Variables that are declared in this body. A name that stands for a field's object is not one's own. */
function variablesIn(body: ts.Node): { readonly declared: Set<string>; readonly made: Set<string> } {
  const declared = new Set<string>()
  const made = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name)) {
      declared.add(node.name.text)
      const { initializer } = node
      if (
        initializer !== undefined &&
        (ts.isArrayLiteralExpression(initializer) ||
          ts.isObjectLiteralExpression(initializer) ||
          ts.isNewExpression(initializer))
      )
        made.add(node.name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(body)
  return { declared, made }
}

function question(
  node: ts.Node,
): { readonly name: string; readonly getter: boolean; readonly body: ts.Node } | null {
  if (ts.isGetAccessorDeclaration(node) && node.body !== undefined)
    return { name: node.name.getText(), getter: true, body: node.body }
  if (
    (ts.isMethodDeclaration(node) || ts.isFunctionDeclaration(node)) &&
    node.body !== undefined &&
    node.name !== undefined &&
    ASKS.test(node.name.getText())
  )
    return { name: node.name.getText(), getter: false, body: node.body }
  return null
}

export function questionFindings(path: string, text: string): readonly Finding[] {
  const tree = parse(path, text)
  const look = (node: ts.Node): void => {
    const asked = question(node)
    if (asked !== null) {
      const { declared, made } = variablesIn(asked.body)
      const own = (target: ts.Expression): boolean => {
        const first = rootOf(target)
        if (!ts.isIdentifier(first)) return false
        return first === target ? declared.has(first.text) : made.has(first.text)
      }
      const visit = (each: ts.Node): void => {
        const target = changed(each)
        if (target !== null && !own(target)) {
          const first = rootOf(target)
          if (asked.getter || first.kind === ts.SyntaxKind.ThisKeyword)
            tree.found(
              each,
              `${asked.name} assigns to ${target.getText()}: a question changes nothing; name it as a command`,
            )
        }
        if (ts.isCallExpression(each) && ts.isPropertyAccessExpression(each.expression)) {
          const { name, expression } = each.expression
          if (COMMANDS.has(words(name.text)[0]) && !own(each.expression) && !ts.isCallExpression(expression))
            tree.found(
              each,
              `${asked.name} calls ${each.expression.getText()}(): a question commands nothing`,
            )
        }
        ts.forEachChild(each, visit)
      }
      visit(asked.body)
    }
    ts.forEachChild(node, look)
  }
  look(tree.source)
  return tree.findings
}
