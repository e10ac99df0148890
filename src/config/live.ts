// Functions of the program, which a configuration from code may have and a file may not. A document keeps
// them as they are. The configuration holds each in a function: equal functions mean the same value.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Path } from './diagnostics.js'

/**
 * An app in this process: a listener of node:http (an Express app, the callback of Koa, `fastify.routing`),
 * or an http.Server with its listeners, which need not listen anywhere.
 */
export type App = ((request: IncomingMessage, response: ServerResponse) => unknown) | Server

/** A request, as seen by a function that chooses its backend. */
export interface ChooserRequest {
  readonly method: string
  /** `http` or `https`, as reported by trusted proxies. */
  readonly scheme: string
  /** Host and port; '' without a host. */
  readonly host: string
  /** The path without its query. */
  readonly path: string
  /** The query with its `?`; '' without a query. */
  readonly query: string
  /** The client's address, as reported by trusted proxies. */
  readonly clientAddress: string
  /** The name of the listener. */
  readonly listener: string
  /** Returns a field's value, several lines joined; null without it. Names in any case. */
  header(name: string): string | null
}

/**
 * Chooses the backend of a request: the name of a backend in the configuration, or a URL such as
 * `h2c://10.0.0.5:9000`; null answers 404.
 */
export type BackendChooser = (
  request: ChooserRequest,
) => string | null | undefined | Promise<string | null | undefined>

/** Holds an app. The same app is held by the same function. */
export type HeldApp = () => App

/** The property of an app that holds its function, by which the app is recognised. */
const HELD = Symbol('fermata.held')

const isServer = (value: unknown): value is Server => {
  const { emit, listenerCount } = (value ?? {}) as Partial<Server>
  return typeof value === 'object' && typeof emit === 'function' && typeof listenerCount === 'function'
}

function held(app: App): HeldApp {
  const owned = app as App & { [HELD]?: HeldApp }
  const known = owned[HELD]
  if (known !== undefined) return known
  const made: HeldApp = () => app
  if (Object.isExtensible(app)) Object.defineProperty(app, HELD, { value: made })
  return made
}

/** Returns true if a value at this path may belong to the program. */
export const mayLive = (path: Path, value: unknown): boolean =>
  path.length === 3 &&
  ((path[0] === 'backends' && path[2] === 'handler') ||
    (path[0] === 'routes' && path[2] === 'backend' && typeof value === 'function'))

export const appSchema = () =>
  z
    .custom<App>((value) => typeof value === 'function' || isServer(value), {
      error:
        'is not an app; write a listener (request, response), as an Express app, or an http.Server with its listeners',
    })
    .transform(held)
    .describe('An app of this process, in the place of endpoints.')

export const chooserSchema = () =>
  z.custom<BackendChooser>((value) => typeof value === 'function', {
    error: 'is not a function; write the name of a backend, or a function that returns it',
  })
