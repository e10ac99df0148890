// The filters of routes: named filters, kinds with their options, inheritance from defaults, and
// mistakes in their order.

import type { z } from 'zod'
import { definitionOf, type FilterDefinition } from '../filters/index.js'
import type { FilterConfig } from './configuration.js'
import type { Diagnostics, Path } from './diagnostics.js'
import { type ConfigDocument, isPlainMap, type Plain } from './document.js'
import type { FilesRead } from './files.js'
import { MODULE, ModuleReading, moduleName, type WrittenModule } from './filter-modules.js'
import { FilterOrder } from './filter-order.js'
import { parsedOptions } from './issues.js'
import { nearest } from './nearest.js'
import { entriesOf, type Names, type Part } from './parts.js'
import { isRedis } from './redis.js'
import type { BackendFile } from './schema.js'
import type { FilterEntry } from './schema-filters.js'

/** A list of filters, and its place. */
export interface FilterList {
  readonly document: ConfigDocument
  readonly path: Path
  readonly entries: readonly FilterEntry[]
}

/** The place of an entry. */
interface Spot {
  readonly document: ConfigDocument
  readonly path: Path
}

/** A named filter: its kind, and its options as they are written. */
interface NamedFilter extends Spot {
  readonly kind: string
  readonly options: unknown
}

const NOT_KINDS: ReadonlySet<string> = new Set(['use', 'with', 'onFailure', 'without'])

export class FilterReading {
  private readonly named = new Map<string, NamedFilter>()
  private readonly backends: ReadonlyMap<string, BackendFile>
  private readonly names: Names
  private readonly diagnostics: Diagnostics
  private readonly kinds: ReadonlyMap<string, z.ZodType>
  private readonly order: FilterOrder
  private readonly modules: ModuleReading
  private inherited: readonly FilterConfig[] = []

  constructor(
    parts: readonly Part[],
    names: Names,
    diagnostics: Diagnostics,
    kinds: ReadonlyMap<string, z.ZodType>,
    read: FilesRead,
  ) {
    this.modules = new ModuleReading(read, diagnostics)
    this.names = names
    this.diagnostics = diagnostics
    this.kinds = kinds
    this.order = new FilterOrder(diagnostics)
    this.backends = new Map(entriesOf(parts, 'backends').map(({ name, value }) => [name, value]))
    for (const { name, value, document, path } of entriesOf(parts, 'filters')) {
      const spot = { document, path }
      if (kinds.has(name)) this.error(spot, [], `${name} is a kind of filter; take another name`)
      const kind = this.oneKind(spot, value)
      if (kind === null) continue
      this.check(spot, [kind], kind, value[kind])
      this.named.set(name, { ...spot, kind, options: value[kind] })
    }
  }

  /** Reads the list of the defaults; null if there is none. */
  readDefaults(list: FilterList | null): void {
    if (list === null) return
    const met = new Map<string, number>()
    this.inherited = list.entries.flatMap((entry, at) => {
      const spot = { document: list.document, path: [...list.path, at] }
      if (entry === 'inherit' || (typeof entry === 'object' && entry.without !== undefined)) {
        this.error(spot, [], 'defaults inherit nothing; leave it out')
        return []
      }
      return this.entry(spot, entry, 'defaults', met)
    })
    this.order.check(this.inherited)
  }

  /** Returns the filters of a route. @param list null if the route has no list */
  of(route: string, list: FilterList | null): readonly FilterConfig[] {
    if (list === null) return this.inherited
    const met = new Map<string, number>()
    const left = this.withoutSome(list)
    let inherits = 0
    const all = list.entries.flatMap((entry, at) => {
      const spot = { document: list.document, path: [...list.path, at] }
      if (entry === 'inherit') {
        if (++inherits > 1) this.error(spot, [], 'inherit is written twice; leave out one')
        return inherits > 1 ? [] : left
      }
      if (typeof entry === 'object' && entry.without !== undefined) {
        if (!list.entries.includes('inherit')) this.error(spot, [], 'nothing is inherited; write inherit too')
        return []
      }
      return this.entry(spot, entry, `route/${route}`, met)
    })
    this.order.check(all)
    return all
  }

  /** Returns the inherited filters without those that `without` names. */
  private withoutSome({ document, path, entries }: FilterList): readonly FilterConfig[] {
    let left = this.inherited
    for (const [at, entry] of entries.entries()) {
      if (typeof entry === 'string' || entry.without === undefined) continue
      const spot = { document, path: [...path, at, 'without'] }
      this.alone({ document, path: [...path, at] }, entry, ['without'])
      for (const name of [entry.without as string | string[]].flat()) {
        const kept = left.filter((each) => each.name !== name && each.kind !== name)
        if (kept.length === left.length) {
          const known = this.inherited.map((each) => each.name)
          this.error(spot, [], `defaults have no filter ${JSON.stringify(name)}${choiceOf(name, known)}`)
        }
        left = kept
      }
    }
    return left
  }

  private entry(spot: Spot, entry: FilterEntry, scope: string, met: Map<string, number>): FilterConfig[] {
    if (typeof entry === 'string') return this.used(spot, [], entry, {}, undefined, scope, met)
    if (entry.use !== undefined) {
      this.alone(spot, entry, ['use', 'with', 'onFailure'])
      const onFailure = entry.onFailure as FilterConfig['onFailure'] | undefined
      return this.used(spot, ['use'], entry.use as string, entry.with ?? {}, onFailure, scope, met)
    }
    const kind = this.oneKind(spot, entry)
    if (kind === null) return []
    this.check(spot, [kind], kind, entry[kind])
    const name = kind === MODULE ? moduleName(entry[kind] as WrittenModule) : kind
    const identity = ownIdentity(scope, kind, met)
    return [this.made(spot, [kind], name, kind, identity, entry[kind], undefined)]
  }

  /** Reads the use of a named filter, or of a kind. */
  private used(
    spot: Spot,
    at: Path,
    name: string,
    changes: unknown,
    onFailure: FilterConfig['onFailure'] | undefined,
    scope: string,
    met: Map<string, number>,
  ): FilterConfig[] {
    const named = this.named.get(name)
    const kind = named?.kind ?? (this.kinds.has(name) ? name : null)
    if (kind === null) {
      if (!this.names.has('filters', name))
        this.error(spot, at, `there is no filter ${JSON.stringify(name)}${choiceOf(name, this.known())}`)
      return []
    }
    const identity = named === undefined ? ownIdentity(scope, kind, met) : name
    const isChanged = isPlainMap(changes) && Object.keys(changes).length > 0
    if (named !== undefined && !isChanged)
      return [this.made(spot, named, name, kind, identity, named.options, onFailure)]
    const written = { ...rawOf(named), ...(isPlainMap(changes) ? changes : {}) }
    const where = isChanged ? ['with'] : []
    const options = parsedOptions(
      this.kinds.get(kind) as z.ZodType,
      written,
      spot.document,
      [...spot.path, ...where],
      this.diagnostics,
    )
    if (options === null) return []
    this.check(spot, where, kind, options)
    return [this.made(spot, where, name, kind, identity, options, onFailure)]
  }

  /** @param at the path of its options: below this use, or with a named filter */
  private made(
    spot: Spot,
    at: Path | NamedFilter,
    name: string,
    kind: string,
    identity: string,
    options: unknown,
    asked: FilterConfig['onFailure'] | undefined,
  ): FilterConfig {
    if (kind === MODULE) {
      const source = spot.document.place(spot.path)
      const where =
        'kind' in at
          ? { document: at.document, path: [...at.path, kind] }
          : { document: spot.document, path: [...spot.path, ...at] }
      const module = this.modules.optionsOf(where, options as WrittenModule, asked)
      return { name, kind, identity, options: module, onFailure: asked ?? 'refuse', source }
    }
    const { onFailure: usual = 'refuse', role = 'other' } = definitionOf(kind) as FilterDefinition
    const onFailure = asked ?? usual
    if (asked === 'pass' && usual === 'refuse' && (role === 'access' || role === 'authentication'))
      this.diagnostics.warn(
        spot.document.place(spot.path),
        [...spot.path, 'onFailure'],
        `requests pass unchecked if ${name} fails; leave it out, unless that is meant`,
      )
    return { name, kind, identity, options, onFailure, source: spot.document.place(spot.path) }
  }

  /** Runs the checks of a kind. */
  private check(spot: Spot, at: Path, kind: string, options: unknown): void {
    if (kind === MODULE) {
      this.modules.check({ document: spot.document, path: [...spot.path, ...at] }, options as WrittenModule)
      return
    }
    // A removed option would look like a missing one.
    if (spot.document.isDamaged([...spot.path, ...at])) return
    definitionOf(kind)?.check?.(options, {
      error: (path, message) => this.error(spot, [...at, ...path], message),
      warn: (path, message) => {
        const whole = [...spot.path, ...at, ...path]
        this.diagnostics.warn(spot.document.place(whole), whole, message)
      },
      backend: (path, name) => {
        this.names.check('backends', name, spot.document, [...spot.path, ...at, ...path])
        const protocol = this.backends.get(name)?.protocol
        if (isRedis(protocol))
          this.error(
            spot,
            [...at, ...path],
            `the backend ${name} speaks ${protocol}; name one that speaks HTTP`,
          )
      },
      store: (path, name) => {
        this.names.check('backends', name, spot.document, [...spot.path, ...at, ...path])
        const backend = this.backends.get(name)
        if (backend === undefined) return
        if (!isRedis(backend.protocol))
          this.error(
            spot,
            [...at, ...path],
            `the backend ${name} speaks ${backend.protocol ?? 'http'}; write protocol: redis there, or name another`,
          )
        else if (backend.cluster !== undefined)
          this.error(
            spot,
            [...at, ...path],
            `the backend ${name} is a cluster, and a store has endpoints or shards; name another`,
          )
      },
    })
  }

  /** Returns the one kind of an entry. Reports an entry with no kind, or with several. */
  private oneKind(spot: Spot, entry: Readonly<Record<string, unknown>>): string | null {
    const [kind, other] = Object.keys(entry).filter((each) => entry[each] !== undefined)
    const isDamaged = spot.document.isDamaged(spot.path)
    if (kind === undefined || NOT_KINDS.has(kind)) {
      if (!isDamaged)
        this.error(spot, kind === undefined ? [] : [kind], 'has no kind of filter; write one, or use: NAME')
      return null
    }
    if (other === undefined) return kind
    const right = NOT_KINDS.has(other)
      ? `write { use: ${kind}, with: {...}, ${other}: ... }`
      : 'write an entry for each'
    if (!isDamaged) this.error(spot, [other], `${kind} is written too; ${right}`)
    return null
  }

  /** Reports keys of an entry that do not belong together with these. */
  private alone(spot: Spot, entry: Readonly<Record<string, unknown>>, keys: readonly string[]): void {
    for (const key of Object.keys(entry))
      if (entry[key] !== undefined && !keys.includes(key))
        this.error(spot, [key], `${keys[0]} is written too; write an entry for each`)
  }

  private error({ document, path }: Spot, at: Path, message: string): void {
    const whole = [...path, ...at]
    this.diagnostics.error(document.place(whole), whole, message)
  }

  private known(): string[] {
    return [...this.named.keys(), ...this.kinds.keys(), 'inherit']
  }
}

/** Returns the identity of a filter without a name. Its state is kept under it through reloads. */
function ownIdentity(scope: string, kind: string, met: Map<string, number>): string {
  const count = (met.get(kind) ?? 0) + 1
  met.set(kind, count)
  return count === 1 ? `${scope}/${kind}` : `${scope}/${kind}.${count}`
}

/** Returns the options of a named filter as they are written. */
function rawOf(named: NamedFilter | undefined): Readonly<Record<string, Plain>> {
  if (named === undefined) return {}
  let at: Plain = named.document.value
  for (const key of [...named.path, named.kind]) at = isPlainMap(at) ? at[key] : null
  if (typeof at === 'string') return { file: at }
  return isPlainMap(at) ? at : {}
}

function choiceOf(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  return near === null ? `; there are ${known.slice(0, 16).join(', ')}` : `; did you mean ${near}?`
}
