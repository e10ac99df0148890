// Purges as operators ask for them: URLs in any spelling, and what is being filled meanwhile.

import t from 'tap'
import type { Fill } from '../../../src/filters/cache/fill.js'
import { purged } from '../../../src/filters/cache/purge.js'
import { CacheStore } from '../../../src/filters/cache/store.js'
import { joinedSpread, readPurge, spread } from '../../../src/server/purges.js'
import { mistakesOf } from '../made.js'
import { entryOf } from './entries.js'

t.test('G20: mistakes in purges; the outcomes of several processes', async (t) => {
  const wrong = (purges: string) => mistakesOf(`filters: [{ cache: { purges: { ${purges} } } }]`)
  t.equal(wrong('backend: keys, database: 3, user: ann, password: x'), '')
  t.match(wrong('backend: app'), /purges\.backend the backend app speaks http; write protocol: redis there/)
  t.match(wrong('backend: keys, user: ann'), /purges\.user a user has a password; write password too/)
  const outcomes: object[] = []
  const way = (why: string | null) => ({
    spread: (_: object, told: (why: string | null) => void) => told(why),
  })
  for (const ways of [[], [way(null)], [way(null), way('no'), way(null)]])
    spread({ all: true }, ways, (outcome) => void outcomes.push(outcome))
  t.strictSame(outcomes, [{}, { spread: true }, { spread: false, why: 'no' }])
  t.strictSame(joinedSpread([{}, { spread: false, why: 'no' }]), { spread: false, why: 'no' })
  t.strictSame(joinedSpread([{ spread: false, why: 'no' }, { spread: true }]), { spread: true })
  t.strictSame(joinedSpread([{}]), {})
})

const none = (): string => ''
const KEY = { ignoresQuery: false }

t.test('G18: a URL is found in the spelling of keys; with query: ignore without its query', async (t) => {
  for (const [purge, ignoresQuery, count] of [
    [{ url: 'http://a/x?y' }, false, 1],
    [{ url: 'HTTP://A:80/x?y' }, false, 1],
    [{ url: 'http://a/x' }, false, 0],
    [{ url: 'http://a/z?other' }, true, 1],
    [{ url: 'http://a' }, false, 1],
    [{ prefix: 'http://A/' }, false, 4],
    [{ prefix: 'http://a/x' }, false, 1],
    [{ prefix: 'https://a/' }, false, 0],
    [{ all: true }, false, 5],
  ] as const) {
    const store = new CacheStore('c1', 1_000_000)
    for (const url of ['http://a/x?y', 'http://a/', 'http://a/z', 'http://a/w', 'http://b/'])
      store.add(entryOf({ key: `route\n${url}`, generation: store.now }))
    t.equal(purged(store, { ignoresQuery }, purge), count, JSON.stringify(purge))
    t.equal(store.entries, 5 - count)
  }
  const store = new CacheStore('c1', 1_000_000)
  store.add(entryOf({ key: 'route\nhttp://a/x', fields: [['cache-tag', 'some']], generation: store.now }))
  t.equal(purged(store, KEY, { tag: 'some' }), null)
  t.equal(store.find('route\nhttp://a/x', none), null)
})

const fillOf = (name: string): Fill =>
  ({ key: `route\nhttp://a/${name}`, listedAs: name, entry: null, isOutdated: false }) as Fill

t.test('G18: what is being filled is not found by those who come after the purge', async (t) => {
  for (const [purge, left] of [
    [{ url: 'http://a/x' }, ['y']],
    [{ prefix: 'http://a/' }, []],
    [{ all: true }, []],
    [{ tag: 'some' }, []],
  ] as const) {
    const store = new CacheStore('c1', 1_000_000)
    for (const name of ['x', 'y']) store.begun(fillOf(name))
    const fills = [...store.fills.values()]
    purged(store, KEY, purge)
    t.same([...store.fills.keys()], left, JSON.stringify(purge))
    if (!('tag' in purge)) t.equal(fills[0].isOutdated, true)
  }
})

t.test('G18, G14: what is being filled stays within reach of later purges', async (t) => {
  for (const purge of [{ url: 'http://a/x' }, { prefix: 'http://a/' }, { all: true }] as const) {
    const store = new CacheStore('c1', 1_000_000)
    const fill = fillOf('x')
    store.begun(fill)
    purged(store, KEY, { tag: 'other' })
    t.strictSame(
      [store.fills.size, store.fillCount, fill.isOutdated],
      [0, 1, false],
      'its tags are not known',
    )
    purged(store, KEY, purge)
    t.equal(fill.isOutdated, true, JSON.stringify(purge))
  }
  const store = new CacheStore('c1', 1_000_000)
  const [first, second] = [fillOf('x'), fillOf('x')]
  store.begun(first)
  purged(store, KEY, { tag: 'other' })
  store.begun(second)
  store.ended(first)
  t.strictSame([store.fills.get('x'), store.fillCount], [second, 1])
  store.invalidate('http://a/x')
  t.strictSame([first.isOutdated, second.isOutdated], [false, true], 'one that has ended is not meant')
})

t.test('Q9: the body of a purge, and what is wrong with it', async (t) => {
  t.same(readPurge({ url: 'https://a.example/x?y' }), { url: 'https://a.example/x?y' })
  t.same(readPurge({ prefix: 'https://a.example' }), { prefix: 'https://a.example' })
  t.same(readPurge({ tag: 'a-7' }), { tag: 'a-7' })
  t.same(readPurge({ all: true }), { all: true })
  for (const [body, message] of [
    [undefined, /not an object/],
    [{}, /nothing to purge/],
    [{ url: 'http://a/', tag: 'x' }, /url and tag are written/],
    [{ path: '/' }, /"path" is not known; write one of/],
    [{ url: '/x' }, /url is a URL with its scheme and host/],
    [{ prefix: 'ftp://a/' }, /prefix is a URL/],
    [{ url: 'http://a/ b' }, /url is a URL/],
    [{ tag: 'a b' }, /no blanks/],
    [{ tag: '' }, /tag is a text/],
    [{ all: false }, /all is true/],
    [{ url: 7 }, /url is a text/],
  ] as const)
    t.throws(() => readPurge(body), { message })
})
