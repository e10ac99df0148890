// rewrite: paths by prefix and by pattern, host and query; the backend gets one reading of a path.

import { RE2JS } from 're2js'
import t from 'tap'
import { patternRule, prefixRule, readTemplate } from '../../src/filters/rewrite/path-rules.js'
import { queryRule } from '../../src/filters/rewrite/query-rule.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, Reader, valueIn } from './small-proxy.js'

const request = (path: string, method = 'GET'): Lines => [
  [':method', method],
  [':scheme', 'http'],
  [':authority', 'shop.example'],
  [':path', path],
]

/** Returns the target and the host that the backend gets; the status if it gets none. */
function sent(options: string, path: string, method = 'GET'): string {
  const p = filtered([new Kept().make(`rewrite: { ${options} }`)], request(path, method))
  if (p.backends.length === 0) return valueIn(p.client.blocks()[0], ':status') ?? ''
  const [head] = new Reader(p.backends[0]).blocks()
  return `${valueIn(head, ':authority')}${valueIn(head, ':path')}`
}

// The table of the Gateway API's ReplacePrefixMatch (HTTPPathModifier), and what trips others.
const PREFIXES: readonly (readonly [from: string, to: string, path: string, result: string | null])[] = [
  ['/foo', '/xyz', '/foo/bar', '/xyz/bar'],
  ['/foo', '/xyz/', '/foo/bar', '/xyz/bar'],
  ['/foo/', '/xyz', '/foo/bar', '/xyz/bar'],
  ['/foo/', '/xyz/', '/foo/bar', '/xyz/bar'],
  ['/foo', '/xyz', '/foo', '/xyz'],
  ['/foo/', '/xyz', '/foo/', '/xyz/'],
  ['/foo', '/', '/foo/bar', '/bar'],
  ['/foo/', '/', '/foo/bar', '/bar'],
  ['/foo', '/', '/foo/', '/'],
  ['/foo', '/', '/foo', '/'],
  ['/', '/v1', '/a/b', '/v1/a/b'],
  ['/', '/v1', '/', '/v1/'],
  ['/foo', '/xyz', '/foobar', null],
  ['/foo', '/xyz', '/fo', null],
  ['/caf%c3%a9', '/x', '/caf%C3%A9/1', '/x/1'],
]

t.test('prefix: by segments, and never //', async (t) => {
  for (const [from, to, path, result] of PREFIXES)
    t.equal(prefixRule(from, to)(path), result, `${from} → ${to}: ${path}`)
})

t.test('pattern: groups by number and name; only whole paths; as RE2 finds them', async (t) => {
  const rule = (pattern: string, to: string) => {
    const reading = readTemplate(to)
    if ('wrong' in reading) throw new Error(reading.wrong)
    return patternRule(pattern, reading.value)
  }
  t.equal(rule('/items/(\\d+)', '/i/$1')('/items/42'), '/i/42')
  t.equal(rule('/items/(\\d+)', '/i/$1')('/items/42/x'), null)
  t.equal(
    rule('/(?P<year>\\d{4})/(.*)', '/archive/$2/of/$'.concat('{year}'))('/2024/a/b'),
    '/archive/a/b/of/2024',
  )
  t.equal(rule('/a(b)?', '/x$1')('/a'), '/x', 'a group that has nothing')
  t.equal(rule('/price', '/$$5')('/price'), '/$5')
  t.equal(
    rule('/(a|ab)(c|bcd)(d*)', '/$1-$2-$3')('/abcd'),
    RE2JS.compile('/(a|ab)(c|bcd)(d*)').matcher('/abcd').replaceAll('/$1-$2-$3'),
  )
  const started = process.cpuUsage()
  t.equal(rule('/(a*)*b', '/$1')(`/${'a'.repeat(50_000)}`), null, 'no backtracking')
  t.ok(process.cpuUsage(started).user < 2_000_000)
})

t.test('query: what is not named stays as it was sent', async (t) => {
  const rule = queryRule({ set: { page: '1', 'a b': 'ä&=' }, remove: ['utm_source', 'x[]'] })
  t.equal(rule(''), '?page=1&a%20b=%C3%A4%26%3D')
  t.equal(
    rule('?q=%7e+x&&utm_source=y&page=7&a+b=0&x%5B%5D=1&page&z'),
    '?q=%7e+x&z&page=1&a%20b=%C3%A4%26%3D',
  )
  t.equal(queryRule({ remove: ['a'] })('?a=1&%61=2'), '')
  t.equal(queryRule({ remove: ['a'] })('?%zz=1&b'), '?%zz=1&b')
})

t.test('the backend gets what was rewritten, and one reading of it', async (t) => {
  t.equal(sent('prefix: { from: /v1, to: / }', '/v1/a?b=c'), 'shop.example/a?b=c')
  t.equal(sent('prefix: { from: /v1, to: / }', '/%761/a%7e'), 'shop.example/a~', 'as routes read the path')
  t.equal(sent('prefix: { from: /v1, to: / }', '/%762/a%7e'), 'shop.example/%762/a%7e', 'or as it was sent')
  t.equal(sent('path: /index.html, host: "app.internal:8080"', '/x?y'), 'app.internal:8080/index.html?y')
  t.equal(sent('query: { remove: [y] }', '/x?y'), 'shop.example/x')
  t.equal(
    sent('pattern: { match: "/a(.*)b(.*)", to: "/$1$2" }', '/a.b.'),
    '400',
    'a dot segment of two halves',
  )
  t.equal(sent('pattern: { match: "/a(/.*)", to: "/$1" }', '/a/b'), '400', 'an empty segment')
  t.equal(sent('prefix: { from: /, to: /x }', '*', 'OPTIONS'), 'shop.example*')
})

t.test('K5: what it writes is checked', async (t) => {
  const p = filtered(
    [new Kept().make('rewrite: { pattern: { match: "/(.*)", to: "/$1/$1/$1/$1" } }')],
    request(`/${'a'.repeat(120)}`),
    {},
    { proxy: { filterHeadBytesMax: 400 } },
  )
  t.equal(valueIn(p.client.blocks()[0], ':status'), '500')
  t.match(p.failures[0], /the head has more than 400 bytes/)
})

t.test('mistakes have their place and what is right', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['rewrite: {}', /rewrite it changes nothing; write path, prefix/],
    ['rewrite: { path: /a, prefix: { from: /a, to: /b } }', /prefix path is written too/],
    ['rewrite: { prefix: { from: /a, to: b } }', /prefix\.to "b" is not a path; begin it with \//],
    [
      'rewrite: { prefix: { from: /a, to: /b/../c } }',
      /prefix\.to a backend could read "\/b\/\.\.\/c" as another path/,
    ],
    ['rewrite: { pattern: { match: "(", to: /b } }', /pattern\.match .*missing closing \)/],
    ['rewrite: { pattern: { match: "/(a)", to: /$2 } }', /pattern\.to the pattern has no group 2/],
    ['rewrite: { pattern: { match: "/(a)", to: "/$'.concat('{n}" } }'), /no group n/],
    ['rewrite: { pattern: { match: "/(a)", to: "/$" } }', /has a \$ without a group/],
    ['rewrite: { host: "a b" }', /host "a b" is not a host name/],
    ['rewrite: { query: {} }', /query it changes nothing/],
  ]
  for (const [text, message] of mistakes) t.match(mistakesOf(`filters: [{ ${text} }]`), message, text)
})
