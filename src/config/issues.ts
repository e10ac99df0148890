// Turns the issues of the schema into diagnostics: the place, the mistake, and the right way.

import { z } from 'zod'
import type { Diagnostics, Path } from './diagnostics.js'
import { type ConfigDocument, type ForeignValue, isPlainMap, type Plain } from './document.js'
import { nearest, orList } from './nearest.js'
import { looksOutside, OUTSIDE_KEYS } from './outside.js'
import type { ScalarIssue } from './scalars.js'

type Issue = z.core.$ZodIssue

/**
 * Parses the document. It reports each mistake, removes it, and returns the rest; null if nothing is left.
 */
export function parsed<S extends z.ZodType>(
  schema: S,
  document: ConfigDocument,
  diagnostics: Diagnostics,
): z.output<S> | null {
  for (const each of document.foreign) tellForeign(each, schema, document, diagnostics)
  // Removing a part may make its map wrong, and so on up to the root.
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const result = schema.safeParse(document.value, { reportInput: true })
    if (result.success) return result.data
    const issues = result.error.issues.flatMap((each) => chosen(each, []))
    if (round === 0) {
      const renamed = misspeltKeys(issues, schema)
      for (const each of issues)
        if (!isExplained(each, renamed, document)) tell(each, schema, document, diagnostics)
    }
    for (const each of issues) {
      if (each.code === 'unrecognized_keys')
        for (const key of each.keys) document.prune([...each.path, key] as Path)
      else if (!isMissing(each)) document.prune(each.path as Path)
      else if (each.path.length > 1) document.prune(each.path.slice(0, -1) as Path)
      if (each.path.length === 0 && each.code !== 'unrecognized_keys') return null
    }
    // The only key that the root must have: its mistake or absence has been reported.
    if (isPlainMap(document.value)) document.value.version ??= 1
  }
  return null
}

/**
 * Parses options that come from two places, and reports each mistake at this path. Returns null
 * after a mistake.
 */
export function parsedOptions(
  schema: z.ZodType,
  value: Plain,
  document: ConfigDocument,
  at: Path,
  diagnostics: Diagnostics,
): unknown {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  for (const each of result.error.issues.flatMap((issue) => chosen(issue, [])))
    tell(each, schema, document, diagnostics, at)
  return null
}

/** The number of levels of the schema, plus one. */
const ROUNDS_MAX = 12

const paramsOf = (issue: Issue): Partial<ScalarIssue> =>
  issue.code === 'custom' ? ((issue.params ?? {}) as Partial<ScalarIssue>) : {}

const isMissing = (issue: Issue): boolean =>
  paramsOf(issue).kind === 'missing' || (issue.code === 'invalid_type' && issue.input === undefined)

/**
 * Returns the issues of the intended form, if a value has several: a map is checked as a map, a list as a
 * list. A list of all forms would help nobody.
 */
function chosen(issue: Issue, before: readonly PropertyKey[]): Issue[] {
  const path = [...before, ...issue.path]
  if (issue.code !== 'invalid_union') return [{ ...issue, path }]
  const { input } = issue
  const fitting = (issue.errors as Issue[][]).filter((branch) => {
    const [first] = branch
    const atRoot = first.path.length === 0
    if (isPlainMap(input) && !looksOutside(input)) return !(atRoot && first.code !== 'unrecognized_keys')
    if (Array.isArray(input)) return !(atRoot && (first.code === 'invalid_type' || first.code === 'custom'))
    return first.code === 'custom'
  })
  // A map with the key `file` may be a value from outside, or a map of the schema.
  const asMap = (branch: Issue[]): boolean =>
    branch[0].path.length > 0 || branch[0].code === 'unrecognized_keys'
  const [branch] =
    fitting.length > 0 || !isPlainMap(input) ? fitting : (issue.errors as Issue[][]).filter(asMap)
  if (branch !== undefined) return branch.flatMap((each) => chosen(each, path))
  return [{ ...issue, path }]
}

// Messages

/** The most keys that a message lists; only rooms of limits have more. */
const KEYS_SHOWN = 20

/** @param at the subject of the schema */
function tell(
  issue: Issue,
  schema: z.ZodType,
  document: ConfigDocument,
  diagnostics: Diagnostics,
  at: Path = [],
): void {
  const inner = issue.path as Path
  const path = [...at, ...inner]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, inner)
    for (const key of issue.keys)
      diagnostics.error(document.keyPlace(path, key), [...path, key], unknownKey(key, known))
    return
  }
  const { kind, key } = paramsOf(issue)
  if (kind === 'key')
    diagnostics.error(document.keyPlace(path, key as string), [...path, key as string], issue.message)
  else if (kind === 'text-expected') {
    const written = document.written(path)
    const value = issue.message
    const is =
      written === null || value.endsWith(` ${written}`) || value === written
        ? value
        : `${value} (${written} in YAML)`
    const quote = written === null ? 'write text' : `quote it: "${written}"`
    diagnostics.error(document.place(path), path, `got ${is} where text is meant; ${quote}`)
  } else if (isMissing(issue) || issue.code === 'invalid_key')
    diagnostics.error(
      document.keyPlace(path.slice(0, -1), String(path.at(-1))),
      path,
      messageOf(issue, formWords(schema, inner)),
    )
  else diagnostics.error(document.place(path), path, messageOf(issue, formWords(schema, inner)))
}

/** @param known the keys that the map may have */
function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  if (near !== null) return `unknown key; did you mean ${near}?`
  return `unknown key; known here: ${known.slice(0, KEYS_SHOWN).join(', ')}${known.length > KEYS_SHOWN ? ', …' : ''}`
}

/** Reports a value that no file could write. An unknown key around it is reported with its map. */
function tellForeign(
  { path, is }: ForeignValue,
  schema: z.ZodType,
  document: ConfigDocument,
  diagnostics: Diagnostics,
): void {
  const isUnknown = (at: number): boolean => {
    const known = keysAt(schema, path.slice(0, at))
    return known.length > 0 && !known.includes(String(path[at]))
  }
  for (let at = 0; at < path.length - 1; at++) if (isUnknown(at)) return
  const last = path.length - 1
  const unknown = last >= 0 && isUnknown(last)
  const app = appRemedy(path)
  const message = unknown
    ? app === null
      ? unknownKey(String(path[last]), keysAt(schema, path.slice(0, -1)))
      : `unknown key; ${app}`
    : `is ${is}; ${app ?? 'write text, a number, true, false, a list or a map'}`
  diagnostics.error(document.place(path), path, message)
}

/** Returns the place for an app that stands at this path; null if apps do not stand near it. */
function appRemedy(path: Path): string | null {
  const [section, , key] = path
  if (section === 'backends' && path.length === 2) return 'for an app write { handler: app }'
  return section === 'routes' && path.length === 3 && (key === 'backend' || key === 'handler')
    ? 'an app is the handler of a backend: write backend: NAME, and backends: { NAME: { handler: app } }'
    : null
}

const shape = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return isPlainMap(value) ? 'a map' : JSON.stringify(value)
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
}

/** @param forms the forms that the value may have: 'text or a list' */
function messageOf(issue: Issue, forms: string): string {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = EXPECTED[issue.expected] ?? issue.expected
      if (issue.input === undefined) return `missing; write ${expected}`
      return issue.input === null
        ? `is empty; write ${expected}, or leave out the key`
        : `got ${shape(issue.input)}; write ${expected}${hint(issue.expected, issue.input as Plain)}`
    }
    case 'invalid_union':
      return issue.input === null
        ? `is empty; write ${forms}, or leave out the key`
        : `got ${shape(issue.input)}; write ${forms}`
    case 'invalid_key':
      return (issue.issues[0] as Issue | undefined)?.message ?? issue.message
    case 'too_small':
      return 'is empty; write at least one entry, or leave out the key'
    case 'too_big':
      return `has more than ${issue.maximum} entries`
    default:
      return issue.message
  }
}

/** Adds a hint: a single value in place of a list only needs brackets. */
const hint = (expected: string, value: Plain): string =>
  expected === 'array' && (typeof value === 'string' || typeof value === 'number') ? `: [${value}]` : ''

// Keys

/** Finds missing keys that are misspelt: an unknown key is near them. */
function misspeltKeys(issues: readonly Issue[], schema: z.ZodType): ReadonlySet<string> {
  const found = new Set<string>()
  for (const each of issues) {
    if (each.code !== 'unrecognized_keys') continue
    const known = keysAt(schema, each.path as Path)
    for (const key of each.keys) {
      const near = nearest(key, known)
      if (near !== null) found.add(JSON.stringify([...each.path, near]))
    }
  }
  return found
}

/** Returns true if a key is missing because it is misspelt, or because its value was wrong YAML. */
const isExplained = (issue: Issue, renamed: ReadonlySet<string>, document: ConfigDocument): boolean =>
  isMissing(issue) && (renamed.has(JSON.stringify(issue.path)) || document.isDamaged(issue.path as Path))

/** Returns the schemas of the value at this path, one for each form. */
function schemasAt(schema: z.ZodType, path: Path): z.ZodType[] {
  let found: z.ZodType[] = formsOf(schema)
  for (const key of path) {
    found = found.flatMap((each) => {
      if (each instanceof z.ZodObject) {
        const next = (each.shape as Record<string, z.ZodType | undefined>)[key]
        return next === undefined ? [] : formsOf(next)
      }
      if (each instanceof z.ZodArray) return formsOf(each.element as z.ZodType)
      return each instanceof z.ZodRecord ? formsOf(each.valueType as z.ZodType) : []
    })
  }
  return found
}

/** Returns the keys that a map at this path may have. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  const found = schemasAt(schema, path)
  const keys = found.flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : []))
  // A value from outside may stand wherever a scalar may.
  return found.some((each) => each instanceof z.ZodPipe) && keys.length > 0
    ? [...keys, ...OUTSIDE_KEYS]
    : keys
}

/** Returns the forms of the value at this path: 'a single value, a list or a map'. */
function formWords(schema: z.ZodType, path: Path): string {
  const found = schemasAt(schema, path)
  const has = (kind: (each: z.ZodType) => boolean, word: string): string[] => (found.some(kind) ? [word] : [])
  return orList([
    ...has((each) => each instanceof z.ZodPipe, 'a single value'),
    ...has((each) => each instanceof z.ZodString, 'text'),
    ...has((each) => each instanceof z.ZodArray, 'a list'),
    ...has((each) => each instanceof z.ZodObject, 'a map'),
  ])
}

/** Returns the schema itself, or the forms of a value that has several. */
function formsOf(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional) return formsOf(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((each) => formsOf(each as z.ZodType))
  return [schema]
}
