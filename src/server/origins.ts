// The origin of a server's configuration: options in the short form, a document in the shape of the
// file, or a file.

import { type Configuration, type FileContents, fromObject } from '../config/index.js'
import { addRoute, ConfigError, parseBackend, parseRoute, type RouteText } from './address.js'
import {
  type CheckedResult,
  checked,
  type FoundOut,
  limitTables,
  NOTHING_FOUND_OUT,
} from './check-configuration.js'
import { mistakesIn, type ReadSource } from './reading.js'
import { type RedisForm, redisConfigurationOf } from './redis-form.js'
import {
  type CommandForm,
  configurationOf,
  type ServerForm,
  type ShortForm,
  type WrittenForm,
} from './short-form.js'

/** The routes of requests. */
export interface Routing {
  /**
   * The URLs of backends by `HOST/PREFIX`: `{ 'example.org/api': 'h2c://127.0.0.1:9000' }`. The most
   * specific route wins.
   */
  readonly routes?: Readonly<Record<string, string>>
  /**
   * The URL of the backend for all other requests: `http://`, `https://`, `h2c://` or `h2://`, then HOST:PORT
   * or `unix:PATH`.
   */
  readonly backend?: string
}

/** A configuration as an object, in the shape of the file (spec/configuration.md). */
export interface ConfigurationDocument {
  readonly listeners: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

/** A configuration that was made, and facts about it. */
export interface MadeConfiguration {
  readonly configuration: Configuration
  readonly foundOut: FoundOut
  /** The contents of the files that it was read from. */
  readonly contents: FileContents
}

export interface ConfigurationOrigin {
  /** The source for a thread to read; null if the configuration is made here. */
  readonly source: ReadSource | null
  /** Makes the configuration. Throws a {@link ConfigError} with all errors. */
  make(): MadeConfiguration
  /** Throws a {@link ConfigError} if there is nothing to read again. */
  checkReload(): void
  /** Returns the origin of a changed configuration. Throws a {@link ConfigError}. */
  changed(change: Routing | ConfigurationDocument): ConfigurationOrigin
}

export const isDocument = (change: object): change is ConfigurationDocument => 'listeners' in change

export function routesOf({ routes = {}, backend }: Routing): RouteText[] {
  let all: RouteText[] = []
  for (const [from, url] of Object.entries(routes)) all = addRoute(all, parseRoute(`${from}=${url}`))
  if (backend !== undefined) {
    parseBackend(backend)
    all = addRoute(all, parseRoute(`=${backend}`))
  }
  if (all.length === 0) throw new ConfigError('there is no backend: write backend or routes')
  return all
}

const NO_FILES: FileContents = { paths: [], digest: '' }

/** Returns the origin of a short form, of which a reload reads the certificates again. */
const formOrigin = (
  { listen }: ServerForm,
  make: () => Configuration,
  changed: (change: Routing) => ConfigurationOrigin,
): ConfigurationOrigin => ({
  source: null,
  make: () => ({ configuration: make(), foundOut: NOTHING_FOUND_OUT, contents: NO_FILES }),
  checkReload() {
    if (!listen.some((each) => each.secure === true)) throw new ConfigError('no listener has certificates')
  },
  changed: (change) => (isDocument(change) ? documentOrigin(change) : changed(change)),
})

export const shortOrigin = (
  form: ShortForm & CommandForm,
  written: WrittenForm = 'options',
): ConfigurationOrigin =>
  formOrigin(
    form,
    () => configurationOf(form, written),
    (change) => shortOrigin({ ...form, routes: routesOf(change) }, written),
  )

/** The origin of a proxy for Redis. */
export const redisOrigin = (form: RedisForm): ConfigurationOrigin =>
  formOrigin(
    form,
    () => redisConfigurationOf(form),
    () => {
      throw new ConfigError('a proxy for Redis has no routes')
    },
  )

export const documentOrigin = (document: ConfigurationDocument): ConfigurationOrigin => ({
  source: { document: versioned(document) },
  make: () => madeOf(checked(fromObject(versioned(document), limitTables()))),
  checkReload() {},
  changed(change) {
    if (isDocument(change)) return documentOrigin(change)
    throw new ConfigError('this server has a document: give apply() a whole one, with listeners')
  },
})

/** Adds the version, which a document from code need not name. */
const versioned = (document: ConfigurationDocument): ConfigurationDocument => ({ version: 1, ...document })

/** The origin of a file that has been read. */
export const fileOrigin = (file: string, made: MadeConfiguration): ConfigurationOrigin => ({
  source: { file },
  make: () => made,
  checkReload() {},
  changed() {
    throw new ConfigError('a configuration file is changed by editing it')
  },
})

/** Returns the configuration of a reading. Throws a {@link ConfigError} with all mistakes. */
export function madeOf(result: CheckedResult): MadeConfiguration {
  const { configuration, foundOut, contents } = result
  if (configuration === null) throw new ConfigError(mistakesIn(result))
  return { configuration, foundOut, contents }
}

/** Returns the document of a server; null if it has another origin. */
export const documentOf = ({ source }: ConfigurationOrigin): ConfigurationDocument | null =>
  source !== null && 'document' in source ? (source.document as ConfigurationDocument) : null
