// Cache-Control is read as its grammar has it (RFC 9111 §5.2), and a response is judged by it
// (spec/cache.md).

import t from 'tap'
import { directivesOf, secondsOf } from '../../../src/filters/cache/directives.js'
import { judge, type ResponseFacts } from '../../../src/filters/cache/freshness.js'

const read = (value: string | null): Record<string, string | true> => Object.fromEntries(directivesOf(value))

t.test('directives in every form', async (t) => {
  for (const [value, expected] of [
    [null, {}],
    ['', {}],
    ['max-age=60', { 'max-age': '60' }],
    ['Max-Age=60, PUBLIC', { 'max-age': '60', public: true }],
    ['max-age="60"', { 'max-age': '60' }],
    ['private="set-cookie, x", no-cache', { private: 'set-cookie, x', 'no-cache': true }],
    ['ext="max-age=3600", max-age=1', { ext: 'max-age=3600', 'max-age': '1' }],
    ['ext="a\\"b, max-age=9", max-age=1', { ext: 'a"b, max-age=9', 'max-age': '1' }],
    [',, no-store ,', { 'no-store': true }],
    ['max-age =60, public', { public: true }],
    ['max-age=60, max-age=60', { 'max-age': '60' }],
    ['max-age=60, max-age=3600', { 'max-age': '0' }],
    ["max-age='60'", { 'max-age': "'60'" }],
    ['a b, public', { public: true }],
  ] as const)
    t.strictSame(read(value), expected, String(value))
})

t.test('a number that is malformed makes stale, and one that is too large is the largest', async (t) => {
  for (const [text, expected] of [
    ['max-age=003600', 3600],
    ['max-age=-5', 0],
    ['max-age=1.5', 0],
    ['max-age=9a', 0],
    ['max-age', 0],
    ["max-age='9'", 0],
    ['max-age=99999999999', 2_147_483_648],
    ['public', null],
  ] as const)
    t.equal(secondsOf(directivesOf(text), 'max-age'), expected, text)
})

const WALL = Date.parse('Sun, 01 Nov 2026 12:00:00 GMT')

const facts = (status: number, fields: readonly (readonly [string, string])[]): ResponseFacts => ({
  status,
  get: (name) => {
    const found = fields.filter(([each]) => each === name).map(([, value]) => value)
    return found.length === 0 ? null : found.join(', ')
  },
  lines: (name) => fields.filter(([each]) => each === name).map(([, value]) => value),
})

const OPTIONS = { targeted: [], storesCookies: false }

t.test('G6: how long a response is fresh', async (t) => {
  for (const [fields, lifetime] of [
    [[['cache-control', 'max-age=60']], 60],
    [[['cache-control', 'max-age=60, s-maxage=5']], 5],
    [[['cache-control', 's-maxage=0, max-age=60']], 0],
    [
      [
        ['cache-control', 'max-age=60'],
        ['expires', 'Sun, 01 Nov 2026 13:00:00 GMT'],
      ],
      60,
    ],
    [[['expires', 'Sun, 01 Nov 2026 13:00:00 GMT']], 3600],
    [[['expires', '0']], 0],
    [[['cache-control', 'no-cache, max-age=60']], 0],
    [
      [
        ['cache-control', 'max-age=60'],
        ['age', '0, 0'],
      ],
      0,
    ],
    [
      [
        ['cache-control', 'max-age=60'],
        ['age', '0'],
        ['age', '0'],
      ],
      0,
    ],
    [
      [
        ['cache-control', 'max-age=60'],
        ['age', '-1'],
      ],
      0,
    ],
    // A tenth of the time since it changed, and a day at most.
    [[['last-modified', 'Sun, 01 Nov 2026 11:00:00 GMT']], 360],
    [[['last-modified', 'Sun, 01 Nov 2016 12:00:00 GMT']], 86_400],
  ] as const)
    t.equal(judge(facts(200, fields), false, OPTIONS, WALL, 0).lifetime, lifetime, JSON.stringify(fields))
})

t.test('the age of a response counts its way', async (t) => {
  const aged = judge(
    facts(200, [
      ['cache-control', 'max-age=60'],
      ['age', '7'],
    ]),
    false,
    OPTIONS,
    WALL,
    2_000,
  )
  t.equal(aged.initialAge, 9)
  const slow = facts(200, [
    ['cache-control', 'max-age=60'],
    ['date', 'Sun, 01 Nov 2026 11:59:30 GMT'],
  ])
  t.equal(judge(slow, false, OPTIONS, WALL, 0).initialAge, 30)
})

t.test('G4: what is never stored', async (t) => {
  const fresh = ['cache-control', 'max-age=60'] as const
  for (const [status, fields, identified, storable] of [
    [200, [fresh], false, true],
    [200, [], false, true],
    [201, [], false, false],
    [201, [fresh], false, true],
    [204, [fresh], false, true],
    [206, [fresh], false, false],
    [400, [fresh], false, false],
    [413, [fresh], false, false],
    [431, [fresh], false, false],
    [404, [], false, false],
    [404, [fresh], false, true],
    [503, [fresh], false, true],
    [599, [['cache-control', 'max-age=60, must-understand']], false, false],
    [200, [['cache-control', 'no-store, max-age=60']], false, false],
    [200, [['cache-control', 'private, max-age=60']], false, false],
    [
      200,
      [
        ['cache-control', 'max-age=60'],
        ['vary', 'accept, *'],
      ],
      false,
      false,
    ],
    [200, [fresh, ['set-cookie', 'a=b']], false, false],
    // A request with an identity: its response is stored only if a directive allows others to have it.
    [200, [fresh], true, false],
    [200, [['cache-control', 'max-age=60, public']], true, true],
    [200, [['cache-control', 's-maxage=60']], true, true],
    [200, [['cache-control', 'max-age=60, must-revalidate']], true, true],
  ] as const)
    t.equal(
      judge(facts(status, fields), identified, OPTIONS, WALL, 0).unstorable === null,
      storable,
      `${status} ${JSON.stringify(fields)} ${identified}`,
    )
  const told = { targeted: [], storesCookies: true }
  t.equal(judge(facts(200, [fresh, ['set-cookie', 'a=b']]), false, told, WALL, 0).unstorable, null)
})

t.test('G6: a targeted field replaces Cache-Control and Expires, if it parses (RFC 9213)', async (t) => {
  const options = { targeted: ['cdn-cache-control'], storesCookies: false }
  const lifetime = (value: string, told = options): number =>
    judge(
      facts(200, [
        ['cache-control', 'max-age=60'],
        ['cdn-cache-control', value],
      ]),
      false,
      told,
      WALL,
      0,
    ).lifetime
  t.equal(lifetime('max-age=600'), 600)
  t.equal(lifetime('max-age=600;x=y, no-cache=?0'), 600)
  t.equal(lifetime('max-age=("'), 60, 'it does not parse')
  t.equal(lifetime('max-age=600', OPTIONS), 60, 'nobody has asked for it')
})
