// Where the configuration of a server comes from: options in the short form, a document in the shape of the
// file, or a file. Each can make it again.

import { type Configuration, diagnosticText, fromObject } from '../config/index.js'
import { addRoute, ConfigError, parseRoute, type RouteText } from './address.js'
import { checked, limitTables } from './check-configuration.js'
import { configurationOf, type ShortForm } from './short-form.js'

/** The routes of requests. */
export interface Routing {
  /**
   * URLs of backends by `HOST/PREFIX`, as in `{ 'example.org/api': 'h2c://127.0.0.1:9000' }`. The most
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

export interface ConfigurationOrigin {
  /** Makes the configuration. Throws a {@link ConfigError} that has all errors. */
  make(): Configuration
  /** Makes it again for a reload. */
  again(): Configuration
  /** Returns the origin of a changed configuration. Throws a {@link ConfigError}. */
  changed(change: Routing | ConfigurationDocument): ConfigurationOrigin
}

export const isDocument = (change: object): change is ConfigurationDocument => 'listeners' in change

export function routesOf({ routes = {}, backend }: Routing): RouteText[] {
  let all: RouteText[] = []
  for (const [from, url] of Object.entries(routes)) all = addRoute(all, parseRoute(`${from}=${url}`))
  if (backend !== undefined) all = addRoute(all, parseRoute(`=${backend}`))
  if (all.length === 0) throw new ConfigError('there is no backend: write backend or routes')
  return all
}

export const shortOrigin = (form: ShortForm): ConfigurationOrigin => ({
  make: () => configurationOf(form),
  again() {
    if (!form.listen.some((each) => each.secure === true))
      throw new ConfigError('no listener has certificates')
    return configurationOf(form)
  },
  changed: (change) =>
    isDocument(change) ? documentOrigin(change) : shortOrigin({ ...form, routes: routesOf(change) }),
})

export function documentOrigin(document: ConfigurationDocument): ConfigurationOrigin {
  const make = (): Configuration => {
    const { configuration, errors } = checked(fromObject(document, limitTables()))
    if (configuration === null) throw new ConfigError(errors.map(diagnosticText).join('\n'))
    return configuration
  }
  return {
    make,
    again: make,
    changed(change) {
      if (isDocument(change)) return documentOrigin(change)
      throw new ConfigError('this server has a document: give apply() a whole one, with listeners')
    },
  }
}
