// All built-in filters, by their key in the configuration.

import { access } from './access.js'
import { basicAuth } from './auth/basic-auth.js'
import { externalAuth } from './auth/external-auth.js'
import { jwt } from './auth/jwt.js'
import { bodyLimit } from './body-limit.js'
import { buffer } from './buffer.js'
import { cache } from './cache/cache.js'
import { compress } from './compress/compress.js'
import { cors } from './cors.js'
import type { FilterDefinition } from './define.js'
import { errorPages } from './error-pages/error-pages.js'
import { fault } from './fault.js'
import { headers } from './headers.js'
import { inFlight } from './in-flight/in-flight.js'
import { mirror } from './mirror.js'
import { rateLimit } from './rate-limit/rate-limit.js'
import { redirect } from './redirect.js'
import { respond } from './respond.js'
import { rewrite } from './rewrite/rewrite.js'

/**
 * The filters with the types of their names and options, from which those of documents from code are derived.
 */
export const boxed = [
  access,
  basicAuth,
  bodyLimit,
  buffer,
  cache,
  compress,
  cors,
  errorPages,
  externalAuth,
  fault,
  headers,
  inFlight,
  jwt,
  mirror,
  rateLimit,
  redirect,
  respond,
  rewrite,
] as const

export const definitions: readonly FilterDefinition[] = boxed

const byName: ReadonlyMap<string, FilterDefinition> = new Map(definitions.map((each) => [each.name, each]))

export const definitionOf = (name: string): FilterDefinition | null => byName.get(name) ?? null
