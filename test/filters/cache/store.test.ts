// What a cache keeps: within its bytes, by variant, until it is purged (spec/cache.md).

import t from 'tap'
import { CachedBody } from '../../../src/filters/cache/body.js'
import { Entry, type VaryPair } from '../../../src/filters/cache/entry.js'
import { CacheStore } from '../../../src/filters/cache/store.js'

const VERDICT = {
  unstorable: null,
  lifetime: 60,
  initialAge: 0,
  whileRevalidate: null,
  ifError: null,
  mustRevalidate: false,
}

function entryOf(
  store: CacheStore,
  url: string,
  vary: readonly VaryPair[] = [],
  tags = '',
  bytes = 1_000,
): Entry {
  const body = new CachedBody('c1/f1')
  body.space(bytes)
  body.filled(bytes)
  body.end()
  const fields = tags === '' ? [] : ([['cache-tag', tags]] as const)
  return new Entry(`route\n${url}`, 200, fields, vary, body, bytes, VERDICT, 0, store.now, 'cache-tag')
}

const none = (): string => ''

t.test('variants of one key', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const de = entryOf(store, 'http://a/', [['accept-language', 'de']])
  const en = entryOf(store, 'http://a/', [['accept-language', 'en']])
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
  const newer = entryOf(store, 'http://a/', [['accept-language', 'de']])
  const before = store.bytes
  store.add(newer)
  t.equal(
    store.find(de.key, () => 'de'),
    newer,
    'the newer takes its place',
  )
  t.equal(store.bytes, before)
  for (let at = 0; at < 100; at++) store.add(entryOf(store, 'http://a/', [['accept-language', `x${at}`]]))
  t.equal(
    store.find(de.key, () => 'x67'),
    null,
    'the oldest variants are dropped',
  )
  t.ok(store.find(de.key, () => 'x68'))
})

t.test('G15: the least recently used goes first, and nothing is counted that is gone', async (t) => {
  const store = new CacheStore('c1', 40_000)
  const all = Array.from({ length: 100 }, (_, at) => entryOf(store, `http://a/${at}`))
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

t.test('purges by URL, by prefix and by tag', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const urls = ['http://a/x', 'http://a/x/1', 'http://a/x/2', 'http://a/y']
  for (const url of urls) store.add(entryOf(store, url, [], 'all some'))
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
  store.add(entryOf(store, 'http://a/y', [], 'some'))
  t.ok(store.find(y, none), 'what is stored after a purge stays')
})

t.test('an unsafe method makes the entries of its URL invalid, those of all routes', async (t) => {
  const store = new CacheStore('c1', 1_000_000)
  const entry = entryOf(store, 'http://a/x')
  const other = entryOf(store, 'http://a/x2')
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
