// The place of a step in its source. A life knows the URL of the module that defines it. The text of a step's
// function is searched in that file, and the map beside the file leads to the line of TypeScript. Maps carry
// their sources, so this works in an installed package too, where there is no TypeScript.
//
// Files are read when a debugger first asks, and are kept. Only the files of registered lives are read, and
// only their sources are shown.

import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The needed part of a life, which its compiled form has. */
export interface SourceLife {
  readonly name: string
  /** The `import.meta.url` of the module that defines it; '' if unknown. */
  readonly source: string
  readonly names: readonly string[]
  readonly steps: readonly ((x: never) => unknown)[]
}

/** A place in a source. Lines and columns begin at 1. */
export interface Place {
  readonly path: string
  readonly line: number
  readonly column: number
}

/** A step of a life, from its first line to its last. */
export interface StepPlace extends Place {
  /** The name of the life. */
  readonly life: string
  readonly step: string
  readonly lastLine: number
}

/** A module that defines lives, as it runs, and its source. */
interface Module {
  readonly text: string
  /** The source map; null: the module runs as it was written. */
  readonly map: SourceMap | null
  readonly mapPath: string
  /** The path of the source, if there is only one. */
  readonly path: string
}

export class Sources {
  private readonly lives: SourceLife[]
  /** The modules by URL; null for one that cannot be read. */
  private readonly modules: Map<string, Module | null>
  /** The texts of sources by their path. */
  private readonly texts: Map<string, string>
  /** The places of steps, by the name of the life. */
  private readonly places: Map<string, readonly StepPlace[]>

  constructor() {
    this.lives = []
    this.modules = new Map()
    this.texts = new Map()
    this.places = new Map()
  }

  /** Registers a life, and its source with it. Reads nothing. */
  register(life: SourceLife): void {
    if (this.lives.every((each) => each.name !== life.name)) this.lives.push(life)
  }

  /** Finds a step of a registered life. Null if the life or its source is not known. */
  place(life: string, step: string): StepPlace | null {
    return this.stepsOf(life).find((each) => each.step === step) ?? null
  }

  /** Finds the step at this line of a source: the step that contains it, else the next one below. */
  stepAt(path: string, line: number): StepPlace | null {
    let next: StepPlace | null = null
    for (const { name } of this.lives)
      for (const place of this.stepsOf(name)) {
        if (place.path !== path || place.lastLine < line) continue
        if (next === null || place.line < next.line) next = place
      }
    return next
  }

  /** Returns the text of a source of a registered life; null for other paths. */
  text(path: string): string | null {
    for (const { source } of this.lives) this.load(source)
    return this.texts.get(path) ?? null
  }

  /** Returns the paths of the sources of all registered lives. */
  paths(): readonly string[] {
    for (const { source } of this.lives) this.load(source)
    return [...this.texts.keys()]
  }

  private stepsOf(name: string): readonly StepPlace[] {
    const known = this.places.get(name)
    if (known !== undefined) return known
    const life = this.lives.find((each) => each.name === name)
    if (life === undefined) return []
    const module = this.load(life.source)
    const found = module === null ? [] : life.steps.flatMap((_, n) => stepPlaces(module, life, n))
    this.places.set(name, found)
    return found
  }

  private load(url: string): Module | null {
    let module = this.modules.get(url)
    if (module === undefined) {
      const path = pathOf(url)
      module = path === null ? null : this.read(path)
      this.modules.set(url, module)
    }
    return module
  }

  private read(path: string): Module | null {
    const text = readText(path)
    if (text === null) return null
    const mapPath = `${path}.map`
    const payload = payloadOf(readText(mapPath))
    if (payload === null) {
      this.texts.set(path, text)
      return { text, map: null, mapPath, path }
    }
    for (const [n, source] of payload.sources.entries()) {
      const content: string | null | undefined = payload.sourcesContent?.[n]
      if (typeof content === 'string')
        this.texts.set(sourcePath(mapPath, payload.sourceRoot, source), content)
    }
    return { text, map: new SourceMap(payload), mapPath, path: '' }
  }
}

/** Returns the path of a URL; null if it is not a file on this machine. */
function pathOf(url: string): string | null {
  try {
    return fileURLToPath(url)
  } catch {
    return null
  }
}

/** Reads a file of text; null if it cannot be read. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** Parses a source map; null if the text is not one. */
function payloadOf(text: string | null): SourceMapPayload | null {
  if (text === null) return null
  try {
    const payload = JSON.parse(text) as SourceMapPayload
    return Array.isArray(payload.sources) && typeof payload.mappings === 'string' ? payload : null
  } catch {
    return null
  }
}

const sourcePath = (mapPath: string, root: string | undefined, source: string): string =>
  pathOf(source) ?? resolve(dirname(mapPath), root ?? '', source)

/** Returns the place of a life's step number `n`, in a list; an empty list if it cannot be found. */
function stepPlaces(module: Module, life: SourceLife, n: number): StepPlace[] {
  const step = life.names[n]
  const text = Function.prototype.toString.call(life.steps[n])
  const range = rangeOf(module.text, step, text)
  if (range === null) return []
  const first = placeAt(module, range.start)
  const last = placeAt(module, range.end)
  if (first === null) return []
  const lastLine = last !== null && last.path === first.path ? Math.max(first.line, last.line) : first.line
  return [{ ...first, life: life.name, step, lastLine }]
}

/** The range of a step in its module: the offsets of its first and last characters. */
interface Range {
  readonly start: number
  readonly end: number
}

/**
 * Finds the text of a step's function in its module. Steps of one module may have the same text, such as `()
 * => done`; so a text after the step's name, `end: () => done`, is preferred.
 */
function rangeOf(module: string, step: string, text: string): Range | null {
  const escaped = step.replace(/\W/g, '\\$&')
  let first: Range | null = null
  for (let at = module.indexOf(text); at >= 0; at = module.indexOf(text, at + 1)) {
    const end = at + text.length - 1
    const before = module.slice(Math.max(0, at - step.length - NAME_GAP), at)
    const named = new RegExp(`(?:^|[^\\w$.])['"]?${escaped}['"]?\\s*:\\s*$`).exec(before)
    if (named !== null) return { start: module.lastIndexOf(step, at - 1), end }
    if (text.startsWith(`${step}(`) && !/[\w$.]$/.test(before)) return { start: at, end }
    first ??= { start: at, end }
  }
  return first
}

/** The characters that may stand between the name of a step and its function, and around the name. */
const NAME_GAP = 8

function placeAt(module: Module, offset: number): Place | null {
  const lineStart = module.text.lastIndexOf('\n', offset - 1) + 1
  let line = 0
  for (let at = module.text.indexOf('\n'); at >= 0 && at < offset; at = module.text.indexOf('\n', at + 1))
    line++
  const column = offset - lineStart
  if (module.map === null) return { path: module.path, line: line + 1, column: column + 1 }
  const entry = module.map.findEntry(line, column)
  if (!('originalSource' in entry)) return null
  return {
    path: sourcePath(module.mapPath, module.map.payload.sourceRoot, entry.originalSource),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  }
}
