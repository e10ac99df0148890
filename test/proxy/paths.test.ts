// The path of a target: its normalised spelling, what is ambiguous in it, and the readings of backends. Rows are those of
// spec/routing.md.

import t from 'tap'
import {
  ambiguityOf,
  normalised,
  normalisedTarget,
  readings,
  readPath,
  routePath,
} from '../../src/proxy/index.js'
import { DOUBTFUL, plainLength, signsOf } from '../../src/proxy/path.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { read } from '../house/source-rules.js'
import { seeded } from '../world/random.js'

const page = read('spec/routing.md')

t.test('M8: the normalised path', async (t) => {
  for (const { sent, seen } of tableOf(page, 'Normalised paths')) {
    t.equal(normalised(sent), seen, sent)
    t.equal(normalised(seen), seen, 'and once is enough')
  }
  for (const target of ['/a', '/a?%61', '/a%20b?%61', '/?', '*']) t.equal(normalisedTarget(target), target)
  t.equal(normalisedTarget('/%61?%61=%2f?%61'), '/a?%61=%2f?%61')
  t.equal(normalisedTarget('/%2f'), '/%2F')
  t.strictSame(readPath('/%61?b=%61?c'), { path: '/a', query: 'b=%61?c', ambiguous: null })
  t.strictSame(readPath('/a'), { path: '/a', query: null, ambiguous: null })
  t.strictSame(
    readPath('/a?../b//c'),
    { path: '/a', query: '../b//c', ambiguous: null },
    'a query may have anything',
  )
})

t.test('ambiguous paths, with the reason', async (t) => {
  for (const { path, because } of tableOf(page, 'Ambiguous paths')) {
    t.match(ambiguityOf(path), because, path)
    t.equal(plainLength(path), -1)
  }
  for (const path of [
    '/',
    '*',
    '/a/b/',
    '/...',
    '/a/.b',
    '/a/b..',
    '/a/..b/c',
    '/a;..',
    '/100%25',
    '/%25',
    '/a%20b',
  ])
    t.equal(ambiguityOf(path), null, path)
})

t.test('readings of a backend', async (t) => {
  for (const row of tableOf(page, 'Readings')) {
    const listed = row['may be read as'] === '-' ? [] : row['may be read as'].split(/`? `?/)
    t.strictSame([...readings(row.path)].sort(), listed.sort(), row.path)
  }
})

t.test('a plain path is one that the slow look finds nothing in', async (t) => {
  const random = seeded(12)
  const parts = [
    '/',
    '/',
    'a',
    'b',
    '.',
    '..',
    '%61',
    '%2F',
    '%2e',
    ';',
    '\\',
    '?',
    '-',
    '%',
    '%25',
    '%20',
    '%0a',
  ]
  let plain = 0
  for (let n = 0; n < 20_000; n++) {
    const target = `/${Array.from({ length: random(7) }, () => parts[random(parts.length)]).join('')}`
    const sent = target.split('?', 1)[0]
    const signs = signsOf(sent)
    if ((signs & DOUBTFUL) === 0 && ambiguityOf(sent) !== null) t.fail(`${sent} is in doubt`)
    if (signs === 0 && readings(normalised(sent)).length > 0) t.fail(`${sent} has readings`)
    if (signs === DOUBTFUL && ambiguityOf(sent) === null && readings(normalised(sent)).length > 0)
      t.fail(`${sent} has readings, and is not refused before`)
    const length = plainLength(target)
    if (length < 0) continue
    plain++
    const path = target.slice(0, length)
    const { path: seen, ambiguous } = readPath(target)
    if (seen !== path || ambiguous !== null || readings(path).length > 0) t.fail(target)
  }
  t.ok(plain > 1_000, `${plain} plain`)
})

t.test('the paths of routes', async (t) => {
  t.equal(routePath('/café au lait'), '/caf%C3%A9%20au%20lait')
  t.equal(routePath('/%7ea%2fb'), '/~a%2Fb')
  for (const path of ['', 'a', '*', '/a?b', '/a#b', '/\ud800']) t.throws(() => routePath(path), /path/, path)
})
