// The rules of the house that a compiler's tree can tell, as functions from a source text to what
// breaks them. The tests beside this file run them over src, and over planted samples first: a
// checker that finds nothing anywhere is worth nothing.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

/** The repository's root: this file runs from dist/test/house. */
export const root = join(import.meta.dirname, '..', '..', '..')

/** All files under a directory of the repository, as paths from its root. */
export function filesUnder(directory: string, ending = '.ts'): readonly string[] {
  const entries = readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
  return entries
    .filter((each) => each.isFile() && each.name.endsWith(ending))
    .map((each) => relative(root, join(each.parentPath, each.name)))
    .filter((each) => !each.includes('.tap/'))
    .sort()
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** A place and its finding, as in `src/http/field.ts:12 await`. */
export type Finding = string

export interface Tree {
  readonly source: ts.SourceFile
  readonly findings: Finding[]
  found(node: ts.Node, what: string): void
}

/** All rules share one tree of a file. */
const trees = new Map<string, ts.SourceFile>()

export function parse(path: string, text: string): Tree {
  let source = trees.get(path)
  if (source?.text !== text) {
    source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS)
    trees.set(path, source)
  }
  const findings: Finding[] = []
  return {
    source,
    findings,
    found(node, what) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source))
      findings.push(`${path}:${line + 1} ${what}`)
    },
  }
}

/** The operating system's side of the door: the only files with timers, clocks, chance and promises. */
export const isDoor = (path: string): boolean => /^src\/pollset\/node\/[^/]+\.ts$/.test(path)

/** The other file that may name a promise as a type: the contract for task records. */
const promiseTypesIn: ReadonlySet<string> = new Set(['src/pollset/door.ts'])

/** Names that mean another queue than the turn's, or a run that depends on the garbage collector. */
const bannedEverywhere: ReadonlySet<string> = new Set(['queueMicrotask', 'WeakRef', 'FinalizationRegistry'])

/** Names that mean time, for the door alone. */
const bannedAboveDoor: ReadonlySet<string> = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
])

const bannedMembersEverywhere: ReadonlySet<string> = new Set(['process.nextTick'])

const bannedMembersAboveDoor: ReadonlySet<string> = new Set([
  'Date.now',
  'performance.now',
  'performance.timeOrigin',
  'process.hrtime',
  'process.uptime',
  'Math.random',
])

/** Methods by which a promise is taken up. */
const settlings: ReadonlySet<string> = new Set(['then', 'catch', 'finally'])

const globals: ReadonlySet<string> = new Set(['globalThis', 'global'])

/** A name in a place where it names a member or a declaration, and so means nothing global. */
function isMemberName(node: ts.Identifier): boolean {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) {
    return (
      parent.name === node && !(ts.isIdentifier(parent.expression) && globals.has(parent.expression.text))
    )
  }
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isEnumMember(parent)) &&
    parent.name === node
  )
}

const isTypePlace = (node: ts.Identifier): boolean =>
  ts.isTypeReferenceNode(node.parent) || ts.isExpressionWithTypeArguments(node.parent)

const isAsync = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node)?.some((each) => each.kind === ts.SyntaxKind.AsyncKeyword) ?? false)

/** `object.name` or `object['name']`, or null. */
function memberPath(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return `${node.expression.text}.${node.name.text}`
  }
  if (
    ts.isElementAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    ts.isStringLiteralLike(node.argumentExpression)
  ) {
    return `${node.expression.text}.${node.argumentExpression.text}`
  }
  return null
}

function identifier(tree: Tree, node: ts.Identifier, path: string): void {
  const name = node.text
  if (isMemberName(node)) return
  if (name === 'Promise' || name === 'PromiseLike') {
    if (!isTypePlace(node)) tree.found(node, `${name} as a value`)
    else if (!isDoor(path) && !promiseTypesIn.has(path)) tree.found(node, `${name} as a type`)
  }
  if (bannedEverywhere.has(name)) tree.found(node, name)
  if (bannedAboveDoor.has(name) && !isDoor(path)) tree.found(node, name)
}

function member(tree: Tree, node: ts.Node, path: string): void {
  const whole = memberPath(node)
  if (whole === null) return
  const name = whole.slice(whole.indexOf('.') + 1)
  if (bannedMembersEverywhere.has(whole)) tree.found(node, whole)
  if (bannedMembersAboveDoor.has(whole) && !isDoor(path)) tree.found(node, whole)
  if (ts.isElementAccessExpression(node) && globals.has(whole.slice(0, whole.indexOf('.')))) {
    if (bannedEverywhere.has(name) || bannedAboveDoor.has(name) || name === 'Promise') tree.found(node, whole)
  }
}

function call(tree: Tree, node: ts.CallExpression, path: string): void {
  if (node.expression.kind === ts.SyntaxKind.ImportKeyword) tree.found(node, 'import()')
  const callee = node.expression
  if (!ts.isPropertyAccessExpression(callee) || !settlings.has(callee.name.text)) return
  if (!isDoor(path)) tree.found(callee.name, `.${callee.name.text}()`)
}

/**
 * Finds what must not be in the request path: promises, and time, chance or queues beside the door.
 * In the door's own files a promise may be taken up (`.then`) to become a task record, never made.
 */
export function asyncFindings(path: string, text: string): readonly Finding[] {
  const tree = parse(path, text)
  const visit = (node: ts.Node): void => {
    if (isAsync(node)) tree.found(node, 'async')
    if (ts.isAwaitExpression(node)) tree.found(node, 'await')
    if (ts.isForOfStatement(node) && node.awaitModifier !== undefined) tree.found(node, 'for await')
    if (ts.isIdentifier(node)) identifier(tree, node, path)
    if (ts.isCallExpression(node)) call(tree, node, path)
    if (ts.isNewExpression(node) && node.arguments?.length === 0 && node.expression.getText() === 'Date') {
      if (!isDoor(path)) tree.found(node, 'new Date()')
    }
    member(tree, node, path)
    ts.forEachChild(node, visit)
  }
  visit(tree.source)
  return tree.findings
}

/** Values that can be changed though their binding cannot. */
const containers: ReadonlySet<string> = new Set([
  'Map',
  'Set',
  'WeakMap',
  'WeakSet',
  'Denque',
  'EventEmitter',
])

/** A constant that begins as an empty or keyed container and does not say that it is read-only. */
function isMutableConstant(declaration: ts.VariableDeclaration): boolean {
  if (declaration.type?.getText().match(/^(readonly|Readonly)/)) return false
  const value = declaration.initializer
  if (value === undefined) return false
  if (ts.isNewExpression(value)) return containers.has(value.expression.getText())
  if (ts.isArrayLiteralExpression(value)) return value.elements.length === 0
  return ts.isObjectLiteralExpression(value) && value.properties.length === 0
}

/** State that belongs to a module, and so to no World: `let` and `var`, open containers, static fields. */
export function stateFindings(path: string, text: string): readonly Finding[] {
  const tree = parse(path, text)
  for (const statement of tree.source.statements) {
    if (!ts.isVariableStatement(statement)) continue
    const constant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0
    for (const declaration of statement.declarationList.declarations) {
      const name = declaration.name.getText()
      if (!constant) tree.found(declaration, `${name} can be assigned`)
      else if (isMutableConstant(declaration)) tree.found(declaration, `${name} can be changed`)
    }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyDeclaration(node)) {
      const kinds = ts.getModifiers(node)?.map((each) => each.kind) ?? []
      if (kinds.includes(ts.SyntaxKind.StaticKeyword) && !kinds.includes(ts.SyntaxKind.ReadonlyKeyword)) {
        tree.found(node, `${node.name.getText()} is static and can be assigned`)
      }
    }
    if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.BlockScoped) === 0) {
      if (node.parent.parent !== tree.source) tree.found(node, 'var')
    }
    ts.forEachChild(node, visit)
  }
  visit(tree.source)
  return tree.findings
}

const bannedWords = ['manager', 'handler', 'util', 'helper', 'common', 'misc']
const bannedNames: ReadonlySet<string> = new Set(bannedWords.flatMap((each) => [each, `${each}s`]))
/** A text without any of these words has no such name, and needs no tree. */
const bannedInText = new RegExp(bannedWords.join('|'), 'i')

/** `connectionManager.ts` and `connection-manager` are both connection and manager. */
export const words = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)

/** Paths and type names that say nothing of what they hold. */
export function nameFindings(path: string, text: string): readonly Finding[] {
  const named = words(path).filter((word) => bannedNames.has(word))
  const findings = named.map((word) => `${path} is named ${word}`)
  return bannedInText.test(text) ? [...findings, ...typeNameFindings(path, text)] : findings
}

function typeNameFindings(path: string, text: string): readonly Finding[] {
  const tree = parse(path, text)
  const visit = (node: ts.Node): void => {
    const named =
      ts.isClassLike(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
        ? node.name
        : null
    const name = named?.getText()
    for (const word of name === undefined ? [] : words(name)) {
      if (bannedNames.has(word)) tree.found(node, `${name} is named ${word}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree.source)
  return tree.findings
}

// Spelled in two parts, so that this file keeps the rule it checks.
const wrongDirections = new RegExp(`${'up'}stream|${'down'}stream`, 'i')

/** The words of other proxies for frontend and backend, in code or prose. */
export function wordFindings(path: string, text: string): readonly Finding[] {
  return text.split('\n').flatMap((line, index) => {
    const wrong = wrongDirections.exec(line)
    return wrong === null ? [] : [`${path}:${index + 1} ${wrong[0]}`]
  })
}

export const linesMax = 400

/** Length, and the few lines that a file opens with. */
export function shapeFindings(path: string, text: string): readonly Finding[] {
  const findings: Finding[] = []
  const lines = text.replace(/\n$/, '').split('\n').length
  if (lines > linesMax) findings.push(`${path} has ${lines} lines`)
  if (!/^(#!.*\n)?(\/\/|\/\*)/.test(text)) findings.push(`${path} does not open with what it holds`)
  return findings
}

export const commentColumnsMax = 110

/** Visits the comments of a source, in no order. */
function eachComment({ source }: Tree, look: (range: ts.CommentRange) => void): void {
  const visit = (node: ts.Node): void => {
    // Only tokens are visited: the text before and after a token is not part of a string.
    if (node.getChildCount(source) === 0) {
      for (const range of ts.getLeadingCommentRanges(source.text, node.pos) ?? []) look(range)
      for (const range of ts.getTrailingCommentRanges(source.text, node.end) ?? []) look(range)
    }
    for (const each of node.getChildren(source)) visit(each)
  }
  visit(source)
}

/** Comments whose lines are longer than {@link commentColumnsMax}: the formatter does not look at them. */
export function commentFindings(path: string, text: string): readonly Finding[] {
  const lines = text.split('\n')
  // Most files have no such line: their comments need not be looked for.
  if (lines.every((line) => line.length <= commentColumnsMax)) return []
  const tree = parse(path, text)
  const long = new Set<number>()
  eachComment(tree, (range) => {
    const first = tree.source.getLineAndCharacterOfPosition(range.pos).line
    const last = tree.source.getLineAndCharacterOfPosition(range.end).line
    for (let at = first; at <= last; at++) if (lines[at].length > commentColumnsMax) long.add(at)
  })
  return [...long].sort((a, b) => a - b).map((at) => `${path}:${at + 1} has ${lines[at].length} columns`)
}

/** A question's word where a sentence of a comment begins: at its start, on a line, or after another sentence. */
const QUESTION_WORD = /(?:^|[.!?:] |^[\s/*]+)(What|Who|Whom|Whose|Whether|How)\b/gm

/** The same in a whole text, where a comment may begin behind code. Most texts have none: comments need not be looked for. */
const QUESTION_IN_TEXT = /(?:[.!?:] |\/[/*][\s/*]*|^[\s/*]+)(?:What|Who|Whom|Whose|Whether|How)\b/m

/** Comments in which a sentence begins with a question's word, in place of a verb or the noun it documents. */
export function openingFindings(path: string, text: string): readonly Finding[] {
  if (!QUESTION_IN_TEXT.test(text)) return []
  const tree = parse(path, text)
  const found = new Map<number, string>()
  eachComment(tree, ({ pos, end }) => {
    for (const match of text.slice(pos, end).matchAll(QUESTION_WORD)) {
      const at = pos + match.index + match[0].length - 1
      found.set(tree.source.getLineAndCharacterOfPosition(at).line, match[1])
    }
  })
  return [...found].sort(([a], [b]) => a - b).map(([at, word]) => `${path}:${at + 1} ${word}`)
}
