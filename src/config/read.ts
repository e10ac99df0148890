// Reads a configuration: the files, the schema, the checks between settings, and the effective values.

import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import type { Configuration } from './configuration.js'
import { type Diagnostic, Diagnostics } from './diagnostics.js'
import { type ConfigDocument, ObjectDocument, YamlDocument } from './document.js'
import { effectiveOf } from './effective.js'
import { FILE_BYTES_MAX, type FileContents, FileFault, FilesRead, readText as readFileText } from './files.js'
import { readIncludes } from './includes.js'
import { parsed } from './issues.js'
import type { LimitTables } from './limits-schema.js'
import { Outside } from './outside.js'
import { Names, type Part } from './parts.js'
import { Scalars } from './scalars.js'
import { type Schemas, schemaOf } from './schema.js'

export interface ReadOptions extends LimitTables {
  /** The variables. Default: those of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The key for the digits that stand for secrets; without it secrets have no digits. */
  readonly secretKey?: Uint8Array | null
}

/** The result of a reading. It can be cloned to another thread. */
export interface ReadResult {
  /** The configuration; null after an error. */
  readonly configuration: Configuration | null
  /** The errors, at most 50. */
  readonly errors: readonly Diagnostic[]
  readonly warnings: readonly Diagnostic[]
  /** The files that were read as configuration, as places name them. */
  readonly files: readonly string[]
  /** All files that were read, including those of values. */
  readonly contents: FileContents
}

/** Reads configurations, one after the other. Making a reader takes longer than reading a short file. */
export class ConfigReader {
  private readonly env: Readonly<Record<string, string | undefined>>
  private readonly scalars: Scalars
  private readonly options: ReadOptions
  /** The schemas made so far, by the form of their input. */
  private readonly schemas: Partial<Record<'file' | 'code', Schemas>> = {}

  constructor(options: ReadOptions) {
    this.env = options.env ?? process.env
    this.scalars = new Scalars(options.secretKey ?? null)
    this.options = options
  }

  /** Reads a file and its includes. It does not throw for mistakes of users. */
  file(file: string): ReadResult {
    const reading = this.begin('file')
    try {
      const { text, bytes } = readFileText(file, FILE_BYTES_MAX, true, reading.read)
      return reading.yaml(text, bytes, file, dirname(resolve(file)))
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      return reading.failed(file, error.message)
    }
  }

  /** Reads a text as a file of this name. Relative paths are relative to its folder. */
  text(text: string, name: string): ReadResult {
    return this.begin('file').yaml(text, Buffer.byteLength(text), name, dirname(resolve(name)))
  }

  /**
   * Reads a document given from code, in the file's shape. Relative paths are relative to the working folder.
   */
  object(value: unknown): ReadResult {
    return this.begin('code').object(value)
  }

  private begin(form: 'file' | 'code'): Reading {
    const read = new FilesRead()
    const outside = new Outside({ env: this.env, read })
    this.scalars.begin(outside)
    this.schemas[form] ??= schemaOf(this.scalars, this.options, form)
    return new Reading(this.schemas[form], outside, read)
  }
}

/** Reads a file and its includes. */
export const readConfiguration = (file: string, options: ReadOptions): ReadResult =>
  new ConfigReader(options).file(file)

/** Reads a text as a file of this name. */
export const readText = (text: string, name: string, options: ReadOptions): ReadResult =>
  new ConfigReader(options).text(text, name)

/** Reads a document given from code. */
export const fromObject = (value: unknown, options: ReadOptions): ReadResult =>
  new ConfigReader(options).object(value)

class Reading {
  readonly read: FilesRead
  private readonly diagnostics: Diagnostics
  private readonly outside: Outside
  private readonly schemas: Schemas
  private readonly names: Names
  private readonly files: string[]

  constructor(schemas: Schemas, outside: Outside, read: FilesRead) {
    this.read = read
    this.diagnostics = new Diagnostics()
    this.names = new Names(this.diagnostics)
    this.files = []
    this.outside = outside
    this.schemas = schemas
  }

  yaml(text: string, bytes: number, name: string, folder: string): ReadResult {
    this.files.push(name)
    return this.document(new YamlDocument(text, name, folder, this.diagnostics), bytes)
  }

  object(value: unknown): ReadResult {
    return this.document(new ObjectDocument(value, process.cwd(), this.diagnostics), 0)
  }

  failed(name: string, message: string): ReadResult {
    this.diagnostics.error({ file: name, line: 0, column: 0 }, '', message)
    return this.result(null)
  }

  private result(configuration: Configuration | null): ReadResult {
    this.diagnostics.finish(this.files)
    const { errors, warnings } = this.diagnostics
    return {
      configuration: errors.length === 0 ? configuration : null,
      errors,
      warnings,
      files: this.files,
      contents: this.read.contents,
    }
  }

  private document(main: ConfigDocument, bytes: number): ReadResult {
    if (!main.isReadable) return this.result(null)
    const value = this.take(this.schemas.main, main)
    if (value === null) return this.result(null)
    const parts: Part[] = [{ document: main, value }]
    for (const document of readIncludes(
      main,
      value.include ?? [],
      bytes,
      this.files,
      this.read,
      this.diagnostics,
    )) {
      const included = this.take(this.schemas.included, document)
      if (included !== null) parts.push({ document, value: included })
    }
    return this.result(effectiveOf(parts, this.names, this.diagnostics, this.schemas.kinds, this.read))
  }

  private take<S extends z.ZodType>(schema: S, document: ConfigDocument): z.output<S> | null {
    this.outside.adopt(document.value, document.folder)
    this.names.collect(document)
    return parsed(schema, document, this.diagnostics)
  }
}
