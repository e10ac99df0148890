// The options of the cache in the configuration.

import { z } from 'zod'
import type { OptionTypes } from '../define.js'
import { storeShape } from '../store-option.js'

const KIB = 1_024
const MIB = 1_048_576
const FIELD = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/

export const cacheOptions = (o: OptionTypes) => {
  const fieldName = (description: string) =>
    o.text(description, 'the name of a field, as accept-language', (text) => {
      const name = text.toLowerCase()
      return FIELD.test(name) ? { value: name } : { wrong: `'${text}' is not the name of a field` }
    })
  return z.strictObject({
    memory: o
      .size('The most memory of its entries. Each worker has a cache of its own. Default 64MiB.', {
        least: 64 * KIB,
        most: 1_048_576 * MIB,
      })
      .optional(),
    object: o
      .size('The largest body that is stored. Default 4MiB.', { least: 1, most: 16_384 * MIB })
      .optional(),
    key: z
      .array(fieldName('A request field whose value is part of the key.'))
      .max(16)
      .optional()
      .describe('Request fields whose values are part of the key.'),
    query: o.word('The part of the query in the key. Default all.', ['all', 'ignore']).optional(),
    shared: o.flag('The entries serve all routes that use the cache. Default false.').optional(),
    collapse: o
      .duration('The longest wait of a request for the response that another one fetches. Default 5s.', {
        least: 1,
        most: 600_000,
      })
      .optional(),
    stale: z
      .strictObject({
        whileRevalidate: o
          .duration('The time for which a stale response is used while it is validated. Default 0.')
          .optional(),
        ifError: o.duration('The time for which it is used if the backend fails. Default 0.').optional(),
      })
      .optional()
      .describe('The times for which a stale response is used.'),
    cookies: o
      .word('The meaning of a Cookie: an identity, or nothing, so that it is dropped. Default identity.', [
        'identity',
        'strip',
      ])
      .optional(),
    setCookie: o
      .word('The treatment of responses with Set-Cookie: they are passed, or stored. Default pass.', [
        'pass',
        'store',
      ])
      .optional(),
    targeted: z
      .array(fieldName('A field that replaces Cache-Control and Expires, as CDN-Cache-Control.'))
      .max(8)
      .optional()
      .describe('Fields that replace Cache-Control and Expires, the first that is there.'),
    purges: z
      .strictObject(storeShape(o))
      .optional()
      .describe(
        'Redis, by which a purge reaches the caches of all processes. Default: those of this server.',
      ),
    tags: fieldName('The response field with tags for purges. Default cache-tag.').optional(),
    status: o.word('On: responses have Cache-Status. Default on.', ['on', 'off']).optional(),
  })
}

export type CacheOptions = z.output<ReturnType<typeof cacheOptions>>

/** Returns the options with every default. Times in ms, sizes in bytes. */
export const settled = (options: CacheOptions) => ({
  memory: options.memory ?? 64 * MIB,
  object: Math.min(options.object ?? 4 * MIB, options.memory ?? 64 * MIB),
  keyFields: options.key ?? [],
  ignoresQuery: options.query === 'ignore',
  shared: options.shared ?? false,
  collapseMs: options.collapse ?? 5_000,
  whileRevalidate: (options.stale?.whileRevalidate ?? 0) / 1_000,
  ifError: (options.stale?.ifError ?? 0) / 1_000,
  stripsCookies: options.cookies === 'strip',
  storesCookies: options.setCookie === 'store',
  targeted: options.targeted ?? [],
  tagField: options.tags ?? 'cache-tag',
  purges: options.purges ?? null,
  tellsStatus: options.status !== 'off',
})

export type CacheSettings = ReturnType<typeof settled>
