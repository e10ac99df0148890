// The files of a configuration as parts: the names of each, their places, and the check of references.

import { type Diagnostics, type Path, type Place, placeText } from './diagnostics.js'
import { type ConfigDocument, isPlainMap } from './document.js'
import { nearest } from './nearest.js'
import type { IncludedFile, MainFile } from './schema.js'

/** Sections whose entries have names. */
export const SECTIONS = ['listeners', 'certificates', 'backends', 'filters'] as const
export type Section = (typeof SECTIONS)[number]

const ONE: Readonly<Record<Section, string>> = {
  listeners: 'listener',
  certificates: 'certificate',
  backends: 'backend',
  filters: 'filter',
}

/** A document, and its values after the schema. */
export interface Part {
  readonly document: ConfigDocument
  readonly value: IncludedFile &
    Partial<
      Pick<
        MainFile,
        | 'include'
        | 'workers'
        | 'shutdown'
        | 'debug'
        | 'accessLog'
        | 'processLog'
        | 'admin'
        | 'probes'
        | 'defaults'
      >
    >
}

/** An entry that has a name. */
export interface Named<T> {
  readonly name: string
  readonly value: T
  readonly document: ConfigDocument
  readonly path: Path
}

/** Every name that is written, even of a wrong entry. */
export class Names {
  private readonly places: Readonly<Record<Section, Map<string, Place>>> = {
    listeners: new Map(),
    certificates: new Map(),
    backends: new Map(),
    filters: new Map(),
  }
  /** Sections that are probably written under another key, so that their names are unknown. */
  private readonly uncertain = new Set<Section>()
  private readonly diagnostics: Diagnostics

  constructor(diagnostics: Diagnostics) {
    this.diagnostics = diagnostics
  }

  /** Collects the names of a document, before wrong entries are removed from it. */
  collect(document: ConfigDocument): void {
    const { value } = document
    if (!isPlainMap(value)) return
    for (const key of Object.keys(value)) {
      const near = nearest(key, SECTIONS) as Section | null
      if (near !== null && near !== key) this.uncertain.add(near)
    }
    for (const section of SECTIONS) {
      const entries = value[section]
      if (entries === undefined) continue
      if (isPlainMap(entries)) for (const name of Object.keys(entries)) this.add(section, name, document)
      else this.uncertain.add(section)
    }
  }

  private add(section: Section, name: string, document: ConfigDocument): void {
    const place = document.keyPlace([section], name)
    const other = this.places[section].get(name)
    if (other === undefined) this.places[section].set(name, place)
    else
      this.diagnostics.error(
        place,
        [section, name],
        `the ${ONE[section]} ${name} is written at ${placeText(other)} too; rename or leave out one`,
      )
  }

  has(section: Section, name: string): boolean {
    return this.places[section].has(name)
  }

  /** Reports a name that has no entry. */
  check(section: Section, name: string, document: ConfigDocument, path: Path): void {
    const places = this.places[section]
    if (places.has(name) || this.uncertain.has(section)) return
    const near = nearest(name, places.keys())
    const names = [...places.keys()].slice(0, 8).join(', ')
    const right =
      near === null
        ? names === ''
          ? `write it under ${section}`
          : `the ${section} are ${names}${places.size > 8 ? ', …' : ''}`
        : `did you mean ${near}${this.at(section, near)}?`
    this.diagnostics.error(
      document.place(path),
      path,
      `there is no ${ONE[section]} ${JSON.stringify(name)}; ${right}`,
    )
  }

  private at(section: Section, name: string): string {
    const { file, line } = this.places[section].get(name) as Place
    return line === 0 ? '' : ` (${file}:${line})`
  }
}

/** Returns the valid entries of a section in all parts. The first of a name counts. */
export function entriesOf<S extends Section>(
  parts: readonly Part[],
  section: S,
): Named<NonNullable<Part['value'][S]>[string]>[] {
  const found = new Map<string, Named<NonNullable<Part['value'][S]>[string]>>()
  for (const { document, value } of parts)
    for (const [name, entry] of Object.entries(value[section] ?? {}))
      if (!found.has(name))
        found.set(name, {
          name,
          value: entry as NonNullable<Part['value'][S]>[string],
          document,
          path: [section, name],
        })
  return [...found.values()]
}
