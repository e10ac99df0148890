// The level of each class above its root. A class that extends nothing, or a class that is not ours, is at
// level 0, and so are the classes on which everything else stands. Names are followed from file to file,
// through imports and the exports of an index.

import { posix } from 'node:path'
import ts from 'typescript'
import { type Finding, parse } from './source-rules.js'

export const levelsMax = 4

/** A continuation is a deadline, so that suspending allocates nothing: what extends it need not know. */
const ROOTS: ReadonlySet<string> = new Set(['src/continuation/continuation.ts Continuation'])

/** A file's text; null if the file does not exist. */
export type Source = (path: string) => string | null

interface Found {
  readonly path: string
  readonly node: ts.ClassLikeDeclaration
}

function baseOf(node: ts.ClassLikeDeclaration): string | null {
  const clause = node.heritageClauses?.find((each) => each.token === ts.SyntaxKind.ExtendsKeyword)
  const base = clause?.types[0].expression
  return base !== undefined && ts.isIdentifier(base) ? base.text : null
}

function classesOf(source: ts.SourceFile): ts.ClassLikeDeclaration[] {
  const found: ts.ClassLikeDeclaration[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isClassLike(node)) found.push(node)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The file that an import or export in `path` names; null where it is not ours. */
function targetOf(path: string, specifier: ts.Expression | undefined): string | null {
  if (specifier === undefined || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.'))
    return null
  return posix.join(posix.dirname(path), specifier.text.replace(/\.js$/, '.ts'))
}

/** Returns the name that `name` of a list of imports or exports has where it comes from; null if the list does not have it. */
const originOf = (elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[], name: string) => {
  const found = elements.find((each) => each.name.text === name)
  return found === undefined ? null : (found.propertyName ?? found.name).text
}

/** Returns the source of `name` in this statement, and its name there; null if the statement does not have it. */
function comesFrom(path: string, statement: ts.Statement, name: string): readonly [string, string] | null {
  let origin: string | null = null
  let target: string | null = null
  if (ts.isImportDeclaration(statement)) {
    const bindings = statement.importClause?.namedBindings
    target = targetOf(path, statement.moduleSpecifier)
    if (bindings !== undefined && ts.isNamedImports(bindings)) origin = originOf(bindings.elements, name)
  } else if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause
    target = targetOf(path, statement.moduleSpecifier)
    if (clause === undefined) origin = name
    else if (ts.isNamedExports(clause)) origin = originOf(clause.elements, name)
  }
  return origin === null || target === null ? null : [target, origin]
}

function resolve(path: string, name: string, source: Source): Found | null {
  const text = source(path)
  if (text === null) return null
  const file = parse(path, text).source
  const node = classesOf(file).find((each) => each.name?.text === name)
  if (node !== undefined) return { path, node }
  for (const statement of file.statements) {
    const from = comesFrom(path, statement, name)
    const found = from === null ? null : resolve(from[0], from[1], source)
    if (found !== null) return found
  }
  return null
}

function levelOf({ path, node }: Found, source: Source): number {
  const base = ROOTS.has(`${path} ${node.name?.text}`) ? null : baseOf(node)
  const found = base === null ? null : resolve(path, base, source)
  return found === null ? 0 : 1 + levelOf(found, source)
}

/** Classes of this file that are more than {@link levelsMax} levels below their roots. */
export function levelFindings(path: string, source: Source): readonly Finding[] {
  const tree = parse(path, source(path) ?? '')
  for (const node of classesOf(tree.source)) {
    const level = levelOf({ path, node }, source)
    if (level > levelsMax)
      tree.found(
        node,
        `${node.name?.text ?? 'a class'} is at level ${level}, and ${levelsMax} is the last: give it an object in place of a base class`,
      )
  }
  return tree.findings
}
