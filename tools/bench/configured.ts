// Fermata with a configuration file: the cost of its defaults, filters and cache.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathOf } from '../testbed/certificates/index.js'
import type { Contender, Route, Way } from './contenders.js'

/** The build. */
export const compiled = join(import.meta.dirname, '..', '..')
export const certificate = pathOf('localhost.pem')
export const key = pathOf('localhost.key')

/** A file with the same settings as the arguments of the contender `fermata`, and a copy for comparison. */
export const FILE = 'fermata-file'
export const FILE_COPY = 'fermata-file-copy'
/** The file with an empty list of filters. */
export const FILTERLESS = 'fermata-filterless'
/** The file with {@link FIVE_FILTERS}. */
export const FILTERED = 'fermata-filters'
/** The file with a cache, and a copy of it. */
export const CACHE = 'fermata-cache'
export const CACHE_COPY = 'fermata-cache-copy'

/**
 * Filters that many routes have: each looks at every request, lets it pass, and leaves its body as it is.
 * Three of them write nothing; headers writes five fields and removes two.
 */
export const FIVE_FILTERS: readonly unknown[] = [
  { access: { allow: ['127.0.0.0/8', '10.0.0.0/8'], deny: ['127.0.0.9'] } },
  { rateLimit: { limit: '100000000/1s', key: 'address' } },
  { bodyLimit: { bytes: '1MiB' } },
  {
    headers: {
      request: { set: { 'x-environment': 'production' }, remove: ['x-debug'] },
      response: {
        set: {
          'strict-transport-security': 'max-age=31536000; includeSubDomains',
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'SAMEORIGIN',
          'referrer-policy': 'strict-origin-when-cross-origin',
        },
        remove: ['x-powered-by'],
      },
    },
  },
  { compress: { encodings: ['br', 'gzip'], minimum: '1KiB' } },
]

const CACHING: readonly unknown[] = [{ cache: { memory: '64MiB' } }]

/** Returns the path of a configuration. It is JSON, which is YAML. @param filters null for no list */
function fileOf(
  way: Way,
  port: number,
  backendPort: number,
  routes: readonly Route[],
  filters: readonly unknown[] | null,
): string {
  const protocol = way.backend === 'h1' ? 'http' : 'h2c'
  const backend = (at: number) => ({ protocol, endpoints: [`127.0.0.1:${at}`] })
  const isSecured = way.client === 'h2'
  const text = JSON.stringify({
    version: 1,
    listeners: {
      main: { address: `127.0.0.1:${port}`, ...(isSecured ? { tls: { certificates: ['main'] } } : {}) },
    },
    ...(isSecured ? { certificates: { main: { cert: { file: certificate }, key: { file: key } } } } : {}),
    backends: {
      main: backend(backendPort),
      ...Object.fromEntries(routes.map((each, at) => [`b${at}`, backend(each.port)])),
    },
    routes: [
      ...routes.map((each, at) => ({ match: { hosts: [each.host] }, backend: `b${at}` })),
      { backend: 'main', ...(filters === null ? {} : { filters }) },
    ],
  })
  const file = join(mkdtempSync(join(tmpdir(), 'fermata-bench-')), 'fermata.yaml')
  writeFileSync(file, text)
  return file
}

export function configured(nodeArgs: readonly string[]): readonly Contender[] {
  const made = (name: string, filters: readonly unknown[] | null): Contender => ({
    name,
    share: 1,
    program: 'node',
    command: (way, port, backendPort, routes) => ({
      command: process.execPath,
      args: [
        ...nodeArgs,
        join(compiled, 'src', 'main.js'),
        'serve',
        fileOf(way, port, backendPort, routes, filters),
      ],
    }),
  })
  return [
    made(FILE, null),
    made(FILE_COPY, null),
    made(FILTERLESS, []),
    made(FILTERED, FIVE_FILTERS),
    made(CACHE, CACHING),
    made(CACHE_COPY, CACHING),
  ]
}
