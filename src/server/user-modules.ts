// Modules of users' filters. The first text of a file is loaded by require, so that making a server, and
// checking a configuration, takes one call. A changed file is imported again under another URL: the earlier
// module stays in memory until the process ends, like everything that Node has imported.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import {
  type BackendNames,
  type Diagnostic,
  diagnosticText,
  type FilterConfig,
  type ModuleOptions,
  type ModuleSurroundings,
  pathText,
  readModuleOptions,
} from '../config/index.js'
import * as library from '../filters/filter.js'
import type { FilterDefinition } from '../filters/index.js'
import { type NodePollset, promised, type Task } from '../pollset/index.js'
import { ConfigError } from './address.js'

/** A module's definition, and its options as its schema returns them. */
export interface UserFilter {
  readonly definition: FilterDefinition
  readonly options: unknown
  readonly onFailure: FilterConfig['onFailure']
  readonly warnings: readonly Diagnostic[]
}

export const moduleOf = (config: FilterConfig): ModuleOptions => config.options as ModuleOptions

const keyOf = ({ file, version }: ModuleOptions): string => `${file}\0${version}`

export class UserModules {
  private readonly require = createRequire(import.meta.url)
  private readonly surroundings: Omit<ModuleSurroundings, keyof BackendNames>
  /** The loaded modules, by file and version: their exports, or the reason why they could not be loaded. */
  private readonly loaded = new Map<string, { readonly exports: unknown } | { readonly fault: Error }>()
  private readonly files = new Set<string>()

  constructor(surroundings: Omit<ModuleSurroundings, keyof BackendNames>) {
    this.surroundings = surroundings
  }

  /** Returns true if this text of the module was loaded. */
  has(module: ModuleOptions): boolean {
    return this.loaded.has(keyOf(module))
  }

  /** Begins to load a module. */
  begin(pollset: NodePollset, module: ModuleOptions): Task<unknown> {
    const url = `${pathToFileURL(module.file).href}?version=${module.version}`
    return pollset.task(
      `load ${module.written}`,
      promised(() => import(url)),
    )
  }

  /** Takes a module that was loaded, or that could not be. @param fault null if it was */
  take(module: ModuleOptions, fault: Error | null, exports: unknown): void {
    this.files.add(module.file)
    this.loaded.set(keyOf(module), fault === null ? { exports } : { fault })
  }

  private loadNow(module: ModuleOptions): void {
    if (this.files.has(module.file)) {
      this.take(module, new Error('it has changed since it was loaded; reload the configuration'), null)
      return
    }
    try {
      this.take(module, null, this.require(module.file))
    } catch (error) {
      this.take(module, error instanceof Error ? error : new Error(String(error)), null)
    }
  }

  /** Returns the filter of this use. Throws a {@link ConfigError} with a line for each mistake. */
  filterOf(config: FilterConfig, names: BackendNames): UserFilter {
    const { errors, filter } = this.check(config, names)
    if (filter === null) throw new ConfigError(errors.map(diagnosticText).join('\n'))
    return filter
  }

  /** Loads the module of this use, if it was not loaded, and checks its options. */
  check(
    config: FilterConfig,
    names: BackendNames,
  ): { readonly errors: readonly Diagnostic[]; readonly filter: UserFilter | null } {
    const module = moduleOf(config)
    const wrong = (message: string) => {
      const at = module.path.at(-1) === 'options' ? module.path.slice(0, -1) : module.path
      return { errors: [{ ...config.source, path: pathText(at), message }], filter: null }
    }
    if (!this.has(module)) this.loadNow(module)
    const found = this.loaded.get(keyOf(module))
    if (found === undefined || 'fault' in found)
      return wrong(`${module.written} cannot be loaded: ${faultText(found?.fault, module.written)}`)
    let definition: FilterDefinition
    try {
      definition = definitionIn(found.exports)
    } catch (error) {
      return wrong(`${module.written} ${(error as Error).message}`)
    }
    const { options, errors, warnings } = readModuleOptions(module, config.source, definition, {
      ...this.surroundings,
      ...names,
    })
    if (errors.length > 0) return { errors, filter: null }
    const onFailure = module.onFailure ?? definition.onFailure ?? 'refuse'
    return { errors, filter: { definition, options, onFailure, warnings } }
  }
}

const EXAMPLE = 'write export default defineFilter({ name, description, options, create })'

/** Returns the definition that a module exports. Throws an error that continues `FILE `. */
function definitionIn(exports: unknown): FilterDefinition {
  const { default: first, filter } = (exports ?? {}) as { default?: unknown; filter?: unknown }
  let found = first ?? filter ?? exports
  // A function gets the library, which need not be installed beside the module.
  if (typeof found === 'function') {
    try {
      found = (found as (given: typeof library) => unknown)(library)
    } catch (error) {
      throw new Error(`has failed: ${faultText(error as Error)}`)
    }
  }
  const made = (found ?? {}) as Partial<FilterDefinition>
  if (typeof made.create !== 'function') throw new Error(`exports no filter; ${EXAMPLE}`)
  const { options } = made as { options?: unknown }
  const isSchema = typeof (options as { safeParse?: unknown } | undefined)?.safeParse === 'function'
  if (typeof options !== 'function' && !isSchema)
    throw new Error('has no schema of its options; write options: z.strictObject({})')
  return made as FilterDefinition
}

/** Explains in a line why a module could not be loaded, with the place in its text if it is known. */
function faultText(fault: Error | undefined, file = ''): string {
  if (!(fault instanceof Error)) return String(fault)
  const { code } = fault as { code?: string }
  if (code === 'ERR_REQUIRE_ASYNC_MODULE')
    return 'it awaits at its top level; await in create or in its functions'
  const [message] = fault.message.split('\n')
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'fermata-proxy'"))
    return `${message}; install fermata-proxy beside it, or export a function, which gets the library: export default ({ defineFilter, z }) => defineFilter({ … })`
  if (fault instanceof SyntaxError) return `SyntaxError: ${message}; \`node --check ${file}\` shows where`
  const frame = fault.stack?.split('\n').find((line) => /^\s+at /.test(line)) ?? ''
  const [, path, line] = /(\/[^\s()?]+)(?:\?version=[\w-]+)?(:\d+):\d+\)?$/.exec(frame) ?? []
  return `${fault.name}: ${message}${path === undefined ? '' : ` (${path}${line})`}`
}
