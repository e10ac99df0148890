// The entries that a cache keeps: within its bytes, by variant, until it is purged (spec/cache.md).

import t from 'tap'
import type { Entry, VaryPair } from '../../../src/filters/cache/entry.js'
import { CacheStore } from '../../../src/filters/cache/store.js'
import type { FieldLine } from '../../../src/proxy/index.js'
import { entryOf, MINUTE } from './entries.js'

function stored(store: CacheStore, url: string, vary: readonly VaryPair[] = [], tags = ''): Entry {
  const fields: FieldLine[] = tags === '' ? [] : [['cache-tag', tags]]
  return entryOf({ key: `route\n${url}`, fields, vary, bytes: 1_000, generation: store.now })
}

const none = (): string => ''

t.test('variants of one key', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const de = stored(store, 'http://a/', [['accept-language', 'de']])
  const en = stored(store, 'http://a/', [['accept-language', 'en']])
  store.add(de)
  store.add(en)
  t.equal(
    store.find(de.key, () => 'de'),
    de,
  )
  t.equal(
    store.find(de.key, () => 'en'),
    en,
  )
  t.equal(store.find(de.key, none), null)
  t.strictSame(store.varyOf(de.key), ['accept-language'])
  const newer = stored(store, 'http://a/', [['accept-language', 'de']])
  const before = store.bytes
  store.add(newer)
  t.equal(
    store.find(de.key, () => 'de'),
    newer,
    'the newer takes its place',
  )
  t.equal(store.bytes, before)
  for (let at = 0; at < 100; at++) store.add(stored(store, 'http://a/', [['accept-language', `x${at}`]]))
  t.equal(
    store.find(de.key, () => 'x67'),
    null,
    'the oldest variants are dropped',
  )
  t.ok(store.find(de.key, () => 'x68'))
})

t.test('G15: the least recently used goes first, and nothing is counted that is gone', async (t) => {
  const store = new CacheStore('c1', 40_000)
  const all = Array.from({ length: 100 }, (_, at) => stored(store, `http://a/${at}`))
  for (const each of all) {
    store.add(each)
    store.find(all[0].key, none)
    t.ok(store.bytes <= 40_000)
  }
  t.equal(store.find(all[0].key, none), all[0], 'it was used all the time')
  t.equal(store.find(all[1].key, none), null)
  t.ok(store.counts.evicted > 50)
  store.clear()
  t.equal(store.bytes, 0)
  t.equal(store.entries, 0)
  t.notOk(store.makeRoom(40_001))
})

t.test('G15: an entry whose fields a 304 has changed counts as it is', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const entry = stored(store, 'http://a/')
  store.add(entry)
  const before = store.bytes
  store.change(entry, () => entry.validated([['x-long', 'a'.repeat(10_000)]], MINUTE, 1, 'cache-tag'))
  t.ok(store.bytes > before + 10_000)
  store.remove(entry)
  t.equal(store.bytes, 0)
  store.change(entry, () => entry.validated([['x-long', 'a'.repeat(20_000)]], MINUTE, 1, 'cache-tag'))
  t.equal(store.bytes, 0, 'it is stored no longer')
})

t.test('G18: purges by URL, by prefix and by tag', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const urls = ['http://a/x', 'http://a/x/1', 'http://a/x/2', 'http://a/y']
  for (const url of urls) store.add(stored(store, url, [], 'all some'))
  t.equal(store.purgeUrl('http://a/x', false), 1)
  t.equal(store.purgeUrl('http://a/x', true), 2)
  t.equal(store.purgeUrl('http://a/x', true), 0)
  const y = 'route\nhttp://a/y'
  t.ok(store.find(y, none))
  store.purgeTag('other')
  t.ok(store.find(y, none))
  store.purgeTag('some')
  t.equal(store.find(y, none), null)
  t.equal(store.bytes, 0)
  store.add(stored(store, 'http://a/y', [], 'some'))
  t.ok(store.find(y, none), 'what is stored after a purge stays')
})

t.test('an unsafe method makes the entries of its URL invalid, those of all routes', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const entry = stored(store, 'http://a/x')
  const other = stored(store, 'http://a/x2')
  store.add(entry)
  store.add(other)
  store.invalidate('http://a/x')
  t.ok(entry.freshFor(0) < 0)
  t.ok(entry.mustRevalidate)
  t.ok(other.freshFor(0) > 0)
})

t.test(
  'a key whose responses cannot be stored is remembered for two minutes, or until one can be',
  async (t) => {
    const store = new CacheStore('c1', 1_000_000)
    store.noteUncollapsible('k', 0)
    t.ok(store.isUncollapsible('k', 119_999))
    t.notOk(store.isUncollapsible('k', 120_000))
    store.noteUncollapsible('k', 0)
    store.noteStorable('k')
    t.notOk(store.isUncollapsible('k', 1))
  },
)
