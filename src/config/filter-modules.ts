// Filters of users, by the file of their module. The reading finds the file and remembers the place of each
// option. The module's own schema checks the options when the module is loaded (server/user-modules.ts).

import { basename, extname, resolve } from 'node:path'
import { type FilterDefinition, optionsSchema } from '../filters/index.js'
import { keyedDigest } from '../pollset/index.js'
import type { Configuration, FilterConfig } from './configuration.js'
import { type Diagnostic, Diagnostics, type Path, type Place, pathText } from './diagnostics.js'
import { ConfigDocument, type Plain } from './document.js'
import { FileFault, FilesRead, readText } from './files.js'
import { parsedOptions } from './issues.js'
import { nearest } from './nearest.js'
import { Outside } from './outside.js'
import { Scalars } from './scalars.js'

/** The kind of filters that users have written. */
export const MODULE = 'module'

/** bytes of a module's file */
const MODULE_BYTES_MAX = 4 * 1024 * 1024
/** The most options whose places are remembered. */
const PLACES_MAX = 1_000
const PLAIN_NAME = /^[\w-]+$/

/** A module as it is written in the configuration. It can be cloned to another thread. */
export interface ModuleOptions {
  /** The absolute path. */
  readonly file: string
  /** The path as it is written. */
  readonly written: string
  /** The version, which changes with the text of the file. */
  readonly version: string
  readonly options: Plain
  /** The setting of the use; null: that of the module. */
  readonly onFailure: FilterConfig['onFailure'] | null
  /** The path of the options in the document, and the place of each by its whole path. */
  readonly path: Path
  readonly places: Readonly<Record<string, Place>>
  /** The folder to which files in the options are relative. */
  readonly folder: string
}

/** The place of a module in a document: `path` leads to the value of `module`. */
export interface ModuleSpot {
  readonly document: ConfigDocument
  readonly path: Path
}

/** The two forms of `module`. */
export type WrittenModule = string | { readonly file: string; readonly options?: unknown }

export const fileOf = (written: WrittenModule): string =>
  typeof written === 'string' ? written : written.file

/** Returns the name, in logs, of a filter without a name: that of its file. */
export function moduleName(written: WrittenModule): string {
  const file = fileOf(written)
  const name = basename(file, extname(file))
  return PLAIN_NAME.test(name) ? name : MODULE
}

/** Finds the files of modules. */
export class ModuleReading {
  private readonly read: FilesRead
  private readonly diagnostics: Diagnostics
  private readonly versions = new Map<string, string | null>()

  constructor(read: FilesRead, diagnostics: Diagnostics) {
    this.read = read
    this.diagnostics = diagnostics
  }

  /** Reports mistakes in the file of a module. Returns the version of its text; null after a mistake. */
  check({ document, path }: ModuleSpot, written: WrittenModule): string | null {
    const file = fileOf(written)
    const whole = resolve(document.folder, file)
    const known = this.versions.get(whole)
    if (known !== undefined) return known
    const version = this.versionOf(
      document,
      typeof written === 'string' ? path : [...path, 'file'],
      file,
      whole,
    )
    this.versions.set(whole, version)
    return version
  }

  private versionOf(document: ConfigDocument, path: Path, file: string, whole: string): string | null {
    const wrong = (message: string): null => {
      this.diagnostics.error(document.place(path), path, message)
      return null
    }
    if (/\.[cm]?tsx?$/.test(file))
      return wrong(
        `${file} is TypeScript, and Node runs JavaScript; compile it with \`npx tsc --module nodenext --target es2022 ${file}\`, and write ${file.replace(/ts(x?)$/, 'js')}`,
      )
    if (!/\.[cm]?js$/.test(file))
      return wrong(`${file} is not a module; write a file that ends in .js, .mjs or .cjs`)
    try {
      const { text } = readText(whole, MODULE_BYTES_MAX, false, this.read)
      return keyedDigest(MODULE)(text).slice(0, 16)
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      return wrong(`${file} ${error.message}`)
    }
  }

  /** Returns the options of a module's filter. */
  optionsOf(
    spot: ModuleSpot,
    written: WrittenModule,
    onFailure: FilterConfig['onFailure'] | undefined,
  ): ModuleOptions {
    const { document } = spot
    const options = (typeof written === 'string' ? {} : (written.options ?? {})) as Plain
    const path = typeof written === 'string' ? spot.path : [...spot.path, 'options']
    const places: Record<string, Place> = {}
    let left = PLACES_MAX
    const note = (value: Plain, at: Path): void => {
      if (left-- <= 0) return
      places[pathText(at)] = document.place(at)
      if (typeof value !== 'object' || value === null) return
      for (const [key, each] of Object.entries(value))
        note(each, [...at, Array.isArray(value) ? Number(key) : key])
    }
    note(options, path)
    const file = fileOf(written)
    return {
      file: resolve(document.folder, file),
      written: file,
      version: this.check(spot, written) ?? '',
      options,
      onFailure: onFailure ?? null,
      path,
      places,
      folder: document.folder,
    }
  }
}

/** The options of a module, with their places. */
class PlacedDocument extends ConfigDocument {
  readonly value: Plain
  readonly isReadable = true
  private readonly places: ModuleOptions['places']
  private readonly around: Place

  constructor({ options, places, written, folder }: ModuleOptions, around: Place) {
    super(written, folder)
    this.value = options
    this.places = places
    this.around = around
  }

  place(path: Path): Place {
    for (let length = path.length; length > 0; length--) {
      const found = this.places[pathText(path.slice(0, length))]
      if (found !== undefined) return found
    }
    return this.around
  }

  keyPlace(path: Path, key: string): Place {
    return this.place([...path, key])
  }

  written(): string | null {
    return null
  }
}

/** The names of all backends that filters may use. */
export interface BackendNames {
  /** Those that speak HTTP. */
  readonly backends: readonly string[]
  /** Those of Redis that may be stores. */
  readonly stores: readonly string[]
}

/** Returns the names of the backends that filters may use. */
export const backendNames = ({
  backends,
  redisBackends,
}: Pick<Configuration, 'backends' | 'redisBackends'>): BackendNames => ({
  backends: backends.map(({ name }) => name),
  stores: redisBackends.filter(({ cluster }) => cluster === null).map(({ name }) => name),
})

/** The surroundings of a module's options. */
export interface ModuleSurroundings extends BackendNames {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The key for the digits that stand for secrets; without it secrets have no digits. */
  readonly secretKey: Uint8Array | null
}

/** The result of checking options by the schema of a module; the options are null after an error. */
export interface ModuleReadingResult {
  readonly options: unknown
  readonly errors: readonly Diagnostic[]
  readonly warnings: readonly Diagnostic[]
}

/** Checks the options of a module by its own schema. @param source the place of its use */
export function readModuleOptions(
  module: ModuleOptions,
  source: Place,
  definition: FilterDefinition,
  { env, secretKey, backends, stores }: ModuleSurroundings,
): ModuleReadingResult {
  const diagnostics = new Diagnostics()
  const document = new PlacedDocument(module, source)
  const outside = new Outside({ env, read: new FilesRead() })
  outside.adopt(document.value, module.folder)
  const scalars = new Scalars(secretKey)
  scalars.begin(outside)
  const schema = optionsSchema(definition, scalars)
  const options = parsedOptions(schema, module.options, document, module.path, diagnostics)
  if (diagnostics.errors.length === 0) {
    const whole = (path: Path): Path => [...module.path, ...path]
    const named = (path: Path, name: string, what: string, names: readonly string[]): void => {
      if (names.includes(name)) return
      const near = nearest(name, names)
      const all = `the ${what.replace('backend', 'backends')} are ${names.join(', ')}`
      const list = names.length === 0 ? 'there is none' : all
      diagnostics.error(
        document.place(whole(path)),
        whole(path),
        `there is no ${what} ${JSON.stringify(name)}; ${near === null ? list : `did you mean ${near}?`}`,
      )
    }
    definition.check?.(options, {
      error: (path, message) => diagnostics.error(document.place(whole(path)), whole(path), message),
      warn: (path, message) => diagnostics.warn(document.place(whole(path)), whole(path), message),
      backend: (path, name) => named(path, name, 'backend', backends),
      store: (path, name) => named(path, name, 'backend of Redis', stores),
    })
  }
  const { errors, warnings } = diagnostics
  return { options: errors.length === 0 ? options : null, errors, warnings }
}
