// The purge of a cache: by URL, by the beginning of URLs, by tag, or of everything.

import type { Purge } from '../../proxy/index.js'
import { type KeyOptions, urlOf } from './key.js'
import type { CacheStore } from './store.js'

/** Returns a URL in the form of keys: host in lower case, without the default port. */
function normalised(url: string, { ignoresQuery }: Pick<KeyOptions, 'ignoresQuery'>): string {
  const [, scheme, authority, target] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/i.exec(url) ?? []
  if (scheme === undefined) return url
  const whole = target.startsWith('/') ? target : `/${target}`
  const mark = ignoresQuery ? whole.indexOf('?') : -1
  return urlOf(scheme.toLowerCase(), authority, mark < 0 ? whole : whole.slice(0, mark))
}

/** Returns the number of removed entries; null if it is unknown. */
export function purged(store: CacheStore, key: Pick<KeyOptions, 'ignoresQuery'>, what: Purge): number | null {
  if ('url' in what) return store.purgeUrl(normalised(what.url, key), false)
  if ('prefix' in what) return store.purgeUrl(normalised(what.prefix, key), true)
  if ('all' in what) return store.clear()
  store.purgeTag(what.tag)
  return null
}
