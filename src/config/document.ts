// A document as plain values, with the place of each: read from YAML 1.2, or given from code.

import {
  Composer,
  type CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  type YAMLMap,
} from 'yaml'
import type { Diagnostics, Path, Place } from './diagnostics.js'
import { mayLive } from './live.js'
import { yamlMistake } from './yaml-mistakes.js'

/** Values that YAML and JSON can write. Maps have no prototype. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain }

export const isPlainMap = (value: unknown): value is { [key: string]: Plain } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The most levels: deeper than any setting, since the composer of YAML calls itself for each level. */
const DEPTH_MAX = 100
/** The most uses of anchors in a file: each repeats the content of the anchor. */
const ALIASES_MAX = 100
const VALUES_MAX = 1_000_000

/** A value from code that a file could not write. */
export interface ForeignValue {
  readonly path: Path
  /** Its kind: `of type function`. */
  readonly is: string
}

export abstract class ConfigDocument {
  /** The name in messages; '' for a document from code. */
  readonly name: string
  /** The folder to which relative paths in it are relative. */
  readonly folder: string
  /** The values. Wrong parts are removed, so that the others can be checked. */
  abstract readonly value: Plain
  /** False if there are no values, since the text is not YAML. */
  abstract readonly isReadable: boolean
  /** The values that were removed since no file could write them. The schema knows if their keys exist. */
  readonly foreign: ForeignValue[] = []
  private readonly pruned: Path[] = []

  constructor(name: string, folder: string) {
    this.name = name
    this.folder = folder
  }

  /** Returns the place of the value at this path, or of the nearest one around it. */
  abstract place(path: Path): Place
  /** Returns the place of a key in the map at this path. */
  abstract keyPlace(path: Path, key: string): Place
  /** Returns the value as it is written; null if it is not a plain scalar. */
  abstract written(path: Path): string | null

  /** Removes the value at this path; if it stands in a list, the whole list. */
  prune(path: Path): void {
    const whole = wholeList(path)
    this.pruned.push(whole)
    if (whole.length === 0) return
    let at: Plain = this.value
    for (const key of whole.slice(0, -1)) {
      if (typeof at !== 'object' || at === null) return
      at = (at as Record<string | number, Plain>)[key]
    }
    if (isPlainMap(at)) delete at[whole.at(-1) as string]
  }

  /** Returns true if something was removed from the value at this path. */
  isDamaged(path: Path): boolean {
    return this.pruned.some((each) => path.every((key, at) => at >= each.length || key === each[at]))
  }
}

/** Returns the path of the list that this path leads into at its end. */
function wholeList(path: Path): Path {
  let end = path.length
  while (end > 0 && typeof path[end - 1] === 'number') end--
  return path.slice(0, end)
}

/** A document given from code. */
export class ObjectDocument extends ConfigDocument {
  readonly value: Plain
  readonly isReadable: boolean
  private readonly mistaken: Path[] = []

  constructor(value: unknown, folder: string, diagnostics: Diagnostics) {
    super('', folder)
    this.value = this.copy(value, [], diagnostics)
    this.isReadable = true
    for (const path of this.mistaken) this.prune(path)
  }

  place(_path: Path): Place {
    return { file: '', line: 0, column: 0 }
  }

  keyPlace(path: Path, _key: string): Place {
    return this.place(path)
  }

  written(_path: Path): string | null {
    return null
  }

  private copy(value: unknown, path: Path, diagnostics: Diagnostics): Plain {
    if (path.length > DEPTH_MAX) {
      diagnostics.error(this.place(path), path.slice(0, 3), `nests more than ${DEPTH_MAX} levels deep`)
      this.mistaken.push(path.slice(0, 3))
      return null
    }
    if (
      value === null ||
      typeof value === 'boolean' ||
      typeof value === 'number' ||
      typeof value === 'string'
    )
      return value
    if (Array.isArray(value)) return value.map((each, at) => this.copy(each, [...path, at], diagnostics))
    // Values of the program stay as they are: the schema checks them.
    if (mayLive(path, value)) return value as Plain
    const prototype = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined
    if (prototype !== null && prototype !== Object.prototype) {
      const is = typeof value === 'object' ? 'an object with a class of its own' : `of type ${typeof value}`
      this.foreign.push({ path, is })
      this.mistaken.push(path)
      return null
    }
    const map: { [key: string]: Plain } = Object.create(null)
    for (const [key, each] of Object.entries(value as object))
      if (each !== undefined) map[key] = this.copy(each, [...path, key], diagnostics)
    return map
  }
}

/** A document of YAML 1.2. */
export class YamlDocument extends ConfigDocument {
  readonly value: Plain
  readonly isReadable: boolean
  /** The paths of values whose mistakes are already reported. */
  private readonly mistaken: Path[] = []
  private readonly lines = new LineCounter()
  private readonly root: Node | null
  private readonly diagnostics: Diagnostics
  private readonly anchors = new Map<string, Node>()
  private aliases = 0
  private values = 0

  constructor(text: string, name: string, folder: string, diagnostics: Diagnostics) {
    super(name, folder)
    this.diagnostics = diagnostics
    const tokens = [...new Parser(this.lines.addNewLine).parse(text)]
    const deep = tooDeep(tokens)
    const before = diagnostics.errors.length
    if (deep === null) this.root = this.compose(tokens, text)
    else {
      this.root = null
      diagnostics.error(
        this.at(deep),
        '',
        `nests more than ${DEPTH_MAX} levels deep; a setting is at most 8 deep`,
      )
    }
    this.isReadable = diagnostics.errors.length === before
    this.value = this.isReadable ? this.plain(this.root, []) : null
    for (const path of this.mistaken) this.prune(path)
  }

  place(path: Path): Place {
    let node = this.root
    let found = node
    for (const key of path) {
      node = this.child(node, key)
      if (node === null) break
      found = node
    }
    return this.at(found?.range?.[0] ?? 0)
  }

  keyPlace(path: Path, key: string): Place {
    const map = this.nodeAt(path)
    const pair = isMap(map)
      ? map.items.find((each) => isScalar(each.key) && String(each.key.value) === key)
      : null
    const node = pair?.key as Node | undefined
    return node?.range == null ? this.place(path) : this.at(node.range[0])
  }

  written(path: Path): string | null {
    const node = this.nodeAt(path)
    return isScalar(node) && node.type === 'PLAIN' ? (node.source ?? null) : null
  }

  private at(offset: number): Place {
    const { line, col } = this.lines.linePos(offset)
    return { file: this.name, line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  private compose(tokens: readonly CST.Token[], text: string): Node | null {
    const composer = new Composer({
      version: '1.2',
      strict: true,
      uniqueKeys: true,
      stringKeys: true,
      merge: false,
    })
    let root: Node | null = null
    let count = 0
    for (const document of composer.compose(tokens, true, text.length)) {
      if (count++ > 0) {
        this.wrong(document.range[0], '', 'a second document begins; leave out the line ---')
        break
      }
      const { yaml } = document.directives
      if (yaml.explicit && yaml.version !== '1.2')
        this.wrong(
          0,
          '',
          `the directive %YAML ${yaml.version} asks for another YAML; this is YAML 1.2: leave it out`,
        )
      // One mistake may cause several errors of its line.
      const told = new Set<number>()
      for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
        const { line } = this.at(pos[0])
        if (code === 'MULTIPLE_DOCS' || told.has(line)) continue
        told.add(line)
        this.wrong(pos[0], '', yamlMistake(code, message, text, pos[0]))
      }
      root = document.contents as Node | null
      if (document.errors.length > 0) return null
    }
    return root
  }

  private wrong(offset: number, path: Path | string, message: string): void {
    this.diagnostics.error(this.at(offset), path, message)
  }

  private mistake(offset: number, path: Path, message: string): void {
    this.wrong(offset, path, message)
    this.mistaken.push(path)
  }

  private plain(node: Node | null, path: Path): Plain {
    const offset = node?.range?.[0] ?? 0
    if (++this.values > VALUES_MAX) {
      if (this.values === VALUES_MAX + 1)
        this.wrong(offset, '', `more than ${VALUES_MAX} values, those of aliases included`)
      return null
    }
    if (node === null) return null
    if (isAlias(node)) return this.aliased(node.source, offset, path)
    const { tag } = node as { tag?: string }
    if (tag !== undefined && !PLAIN_TAGS.test(tag))
      this.mistake(offset, path, `the tag ${tagText(tag)} is unknown here; leave it out`)
    if ('anchor' in node && typeof node.anchor === 'string') this.anchors.set(node.anchor, node)
    if (isSeq(node)) return node.items.map((each, at) => this.plain(each as Node | null, [...path, at]))
    if (isMap(node)) return this.map(node, path)
    if (!isScalar(node)) return null
    const { value } = node
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
  }

  private map(node: YAMLMap, path: Path): Plain {
    const map: { [key: string]: Plain } = Object.create(null)
    for (const { key, value } of node.items) {
      const offset = (key as Node).range?.[0] ?? 0
      // With `stringKeys` the composer has refused all other keys except an alias.
      if (!isScalar(key)) {
        this.wrong(offset, path, 'a key is an alias; write the key itself')
        continue
      }
      const name = String(key.value)
      if (name === '<<')
        this.wrong(offset, path, 'YAML 1.2 has no merge key <<; write shared settings in defaults')
      else if (name === '__proto__') this.wrong(offset, path, '__proto__ cannot be a name; take another')
      else map[name] = this.plain(value as Node | null, [...path, name])
    }
    return map
  }

  private aliased(source: string, offset: number, path: Path): Plain {
    const target = this.anchors.get(source)
    if (target === undefined)
      this.wrong(
        offset,
        path,
        `*${source} is an alias in YAML, and there is no anchor &${source}; quote it: "*${source}"`,
      )
    else if (path.length > DEPTH_MAX)
      this.wrong(offset, path.slice(0, 3), 'an alias stands within its own anchor')
    else if (++this.aliases > ALIASES_MAX) {
      if (this.aliases === ALIASES_MAX + 1)
        this.wrong(offset, path, `more than ${ALIASES_MAX} aliases; write shared settings in defaults`)
    } else return this.plain(target, path)
    this.mistaken.push(path)
    return null
  }

  private nodeAt(path: Path): Node | null {
    let node = this.root
    for (const key of path) node = this.child(node, key)
    return this.behind(node)
  }

  /** Follows an alias to its anchor. */
  private behind(node: Node | null): Node | null {
    return isAlias(node) ? (this.anchors.get(node.source) ?? node) : node
  }

  private child(parent: Node | null, key: string | number): Node | null {
    const node = this.behind(parent)
    if (isSeq(node)) return (node.items[key as number] as Node | undefined) ?? null
    if (!isMap(node)) return null
    const pair = node.items.find((each) => isScalar(each.key) && String(each.key.value) === String(key))
    return (pair?.value as Node | undefined) ?? (pair?.key as Node | undefined) ?? null
  }
}

/** The tags of values that JSON can write. */
const PLAIN_TAGS = /^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/
const tagText = (tag: string): string => tag.replace(/^tag:yaml\.org,2002:/, '!!')

/**
 * Returns the place where tokens nest too deeply; null if they do not. The parser keeps a stack; the
 * later stages recurse.
 */
function tooDeep(tokens: readonly CST.Token[]): number | null {
  const open: [token: CST.Token, depth: number][] = tokens.map((each) => [each, 0])
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next
    if (depth > DEPTH_MAX) return 'offset' in token ? token.offset : 0
    if (token.type === 'document' && token.value !== undefined) open.push([token.value, depth + 1])
    if (!('items' in token)) continue
    for (const { key, value } of token.items as { key?: CST.Token | null; value?: CST.Token }[]) {
      if (key != null) open.push([key, depth + 1])
      if (value !== undefined) open.push([value, depth + 1])
    }
  }
  return null
}
