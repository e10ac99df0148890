// The configuration of the file, from code. Its type is the input type of the file's schema: there is one
// schema, and an unknown key does not compile.

import type { WrittenMain } from '../config/index.js'
import type { Limits } from './limits.js'

type DeepReadonly<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly (infer E)[]
    ? readonly DeepReadonly<E>[]
    : T extends object
      ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
      : T

type Main = WrittenMain<Limits>

/** A configuration in the shape of the file (spec/configuration.md), from code. */
export type ServerConfig = DeepReadonly<Omit<Main, 'version' | 'listeners'>> & {
  /** The version of the format. It may be left out. */
  readonly version?: 1
  readonly listeners: DeepReadonly<NonNullable<Main['listeners']>>
}

/** A backend of a configuration. */
export type BackendInput = NonNullable<ServerConfig['backends']>[string]
/** A route of a configuration. */
export type RouteInput = NonNullable<ServerConfig['routes']>[number]

/**
 * Returns the given configuration: TypeScript checks it, and an editor completes it.
 *
 *     const server = createServer(defineConfig({ listeners: { web: { address: ':8080' } }, … }))
 */
export const defineConfig = (config: ServerConfig): ServerConfig => config
