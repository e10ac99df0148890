// Values from outside the document: `{ env: NAME, default: VALUE }`, `{ file: PATH }`, `{ credential: NAME
// }`. They are resolved when the document is read, and never shown.

import { join, resolve } from 'node:path'
import { isPlainMap, type Plain } from './document.js'
import { FileFault, type FilesRead, readText, VALUE_BYTES_MAX } from './files.js'
import { didYouMean, orList } from './nearest.js'

export interface OutsideText {
  readonly text: string
  /** The source, as messages name it: `the file tls/site.key`. */
  readonly origin: string
  /** The file that was read; null for a variable. */
  readonly file: { readonly path: string; readonly mode: number } | null
}

export type Resolution =
  | OutsideText
  /** The `default`, which stands in the document itself. */
  | { readonly inside: Plain }
  /** `key`: the wrong key; null if the value is wrong. */
  | { readonly wrong: string; readonly key: string | null }

const KINDS = ['env', 'file', 'credential'] as const
export const OUTSIDE_KEYS: readonly string[] = [...KINDS, 'default']

export interface OutsideOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly read: FilesRead
}

export class Outside {
  private readonly env: OutsideOptions['env']
  private readonly filesRead: FilesRead
  /** The folder of the document that has each map. */
  private readonly folders = new WeakMap<object, string>()
  private readonly files = new Map<string, OutsideText | string>()

  constructor({ env, read }: OutsideOptions) {
    this.env = env
    this.filesRead = read
  }

  /** Remembers the folder in which the maps of this document look for files. */
  adopt(value: Plain, folder: string): void {
    // Maps of a document have no prototype; an object with one belongs to the program.
    if (typeof value !== 'object' || value === null) return
    if (!Array.isArray(value) && Object.getPrototypeOf(value) !== null) return
    if (!Array.isArray(value)) this.folders.set(value, folder)
    for (const each of Object.values(value)) this.adopt(each, folder)
  }

  /** Resolves a map in place of a scalar. */
  resolve(map: { readonly [key: string]: Plain }): Resolution {
    const keys = Object.keys(map)
    const kinds = KINDS.filter((each) => keys.includes(each))
    for (const key of keys) {
      const near = didYouMean(key, OUTSIDE_KEYS)
      if (!OUTSIDE_KEYS.includes(key) && (near !== '' || kinds.length > 0))
        return { key, wrong: `unknown key${near}` }
      if (key === 'default' && kinds[0] !== 'env') return { key, wrong: 'default stands beside env only' }
    }
    if (kinds.length === 0) return { key: null, wrong: 'got a map' }
    if (kinds.length > 1) return { key: kinds[1], wrong: `${kinds[0]} is written too; write one of ${FORMS}` }
    const [kind] = kinds
    const name = map[kind]
    if (typeof name !== 'string' || name === '')
      return { key: kind, wrong: `${kind} is not text; write ${FORM_OF[kind]}` }
    if (kind === 'env') return this.variable(name, map)
    return kind === 'file' ? this.file(name, this.folders.get(map) ?? '.') : this.credential(name)
  }

  private variable(name: string, map: { readonly [key: string]: Plain }): Resolution {
    const text = Object.hasOwn(this.env, name) ? this.env[name] : undefined
    // An empty variable counts as forgotten.
    if (text !== undefined && text !== '')
      return { text, origin: `the environment variable ${name}`, file: null }
    if (map.default !== undefined && !isPlainMap(map.default)) return { inside: map.default }
    const lack = text === '' ? 'is empty' : 'is not set'
    return {
      key: 'env',
      wrong: `the environment variable ${name} ${lack}; set it, or write { env: ${name}, default: VALUE }`,
    }
  }

  private credential(name: string): Resolution {
    const folder = this.env.CREDENTIALS_DIRECTORY
    if (folder === undefined || folder === '')
      return { key: 'credential', wrong: 'there are no credentials: CREDENTIALS_DIRECTORY is not set' }
    if (name.includes('/') || name === '..' || name === '.')
      return { key: 'credential', wrong: 'a credential has a plain name, without /' }
    return this.read(join(folder, name), `the credential ${name}`, 'credential')
  }

  private file(name: string, folder: string): Resolution {
    return this.read(resolve(folder, name), `the file ${name}`, 'file')
  }

  /** Reads a file once. The line end behind the value is removed. */
  private read(path: string, origin: string, key: string): Resolution {
    let found = this.files.get(path)
    if (found === undefined) {
      try {
        const { text, mode } = readText(path, VALUE_BYTES_MAX, false, this.filesRead)
        found = { text: text.replace(/\r?\n$/, ''), origin, file: { path, mode } }
      } catch (error) {
        if (!(error instanceof FileFault)) throw error
        found = error.message
      }
      this.files.set(path, found)
    }
    return typeof found === 'string' ? { key, wrong: `${origin} ${found}` } : { ...found, origin }
  }
}

const FORM_OF: Readonly<Record<(typeof KINDS)[number], string>> = {
  env: '{ env: NAME, default: VALUE }',
  file: '{ file: PATH }',
  credential: '{ credential: NAME }',
}
const FORMS = orList(Object.values(FORM_OF))

/** Returns true if a map may be meant as a value from outside. */
export const looksOutside = (map: object): boolean => KINDS.some((each) => Object.hasOwn(map, each))
