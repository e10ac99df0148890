// Lists of filters: names, what is inherited, what a use changes, and their order.

import t from 'tap'
import { Diagnostics } from '../../src/config/diagnostics.js'
import { FilterOrder } from '../../src/config/filter-order.js'
import { readText } from '../../src/config/index.js'
import type { FilterDefinition, FilterRole } from '../../src/filters/index.js'
import { limitTables } from '../../src/server/check-configuration.js'

const readOf = (rest: string) =>
  readText(
    `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
backends: { app: { endpoints: [127.0.0.1:1] } }
filters:
  small: { bodyLimit: { bytes: 1KiB } }
  gone: { respond: { status: 410, body: gone } }
${rest}`,
    'a.yaml',
    { ...limitTables(), env: {} },
  )

/** The filters of each route: `NAME identity options`. */
function filtersOf(rest: string): string[][] {
  const { configuration, errors } = readOf(rest)
  t.same(errors, [])
  return (configuration?.routes ?? []).map(({ filters }) =>
    filters.map(
      (each) =>
        `${each.name} ${each.identity} ${JSON.stringify(each.options)} ${each.onFailure} ${each.source.line}`,
    ),
  )
}

t.test('defaults, inherit, without, use and with', async (t) => {
  const hsts = '{ headers: { response: { set: { a: b } } } }'
  const options = '{"response":{"set":{"a":"b"}}}'
  const lists = filtersOf(`defaults: { filters: [${hsts}, small] }
routes:
  - { name: a, backend: app, match: { path: /a } }
  - { name: b, backend: app, match: { path: /b }, filters: [] }
  - { name: c, backend: app, match: { path: /c }, filters: [gone, inherit, ${hsts}, ${hsts}] }
  - { name: d, backend: app, match: { path: /d }, filters: [inherit, { without: small }] }
  - { name: e, backend: app, match: { path: /e }, filters: [inherit, { without: [headers, small] }, { use: small, with: { bytes: 2KiB }, onFailure: pass }] }
  - { name: f, backend: app, match: { path: /f }, filters: [{ use: bodyLimit, with: { bytes: 3KiB } }, { use: gone, with: { status: 404 } }] }
`)
  t.same(lists, [
    [`headers defaults/headers ${options} refuse 7`, 'small small {"bytes":1024} refuse 7'],
    [],
    [
      'gone gone {"status":410,"body":"gone"} refuse 11',
      `headers defaults/headers ${options} refuse 7`,
      'small small {"bytes":1024} refuse 7',
      `headers route/c/headers ${options} refuse 11`,
      `headers route/c/headers.2 ${options} refuse 11`,
    ],
    [`headers defaults/headers ${options} refuse 7`],
    ['small small {"bytes":2048} pass 13'],
    [
      'bodyLimit route/f/bodyLimit {"bytes":3072} refuse 14',
      'gone gone {"status":404,"body":"gone"} refuse 14',
    ],
  ])
})

t.test('mistakes in names, and in what a use changes', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['routes: [{ backend: app, filters: [smal] }]', /there is no filter "smal"; did you mean small\?/],
    [
      'routes: [{ backend: app, filters: [{ use: small, with: { byts: 1B } }] }]',
      /filters\[0\]\.with\.byts unknown key; did you mean bytes\?/,
    ],
    [
      'routes: [{ backend: app, filters: [{ use: small, with: { bytes: 1 } }] }]',
      /with\.bytes 1 has no unit/,
    ],
    [
      'routes: [{ backend: app, filters: [{ use: gone, with: { status: 204 } }] }]',
      /with\.body a 204 has no body/,
    ],
    ['routes: [{ backend: app, filters: [{ use: small, respond: {} }] }]', /use is written too/],
    ['defaults: { filters: [inherit] }\nroutes: [{ backend: app }]', /defaults inherit nothing/],
    [
      'defaults: { filters: [small] }\nroutes: [{ backend: app, filters: [inherit, { without: smal }] }]',
      /defaults have no filter "smal"; did you mean small\?/,
    ],
  ]
  for (const [rest, message] of mistakes) {
    const { errors } = readOf(rest)
    t.match(errors.map((each) => `${each.path} ${each.message}`).join('\n'), message, rest)
  }
})

t.test('a name that is a kind', async (t) => {
  const { errors } = readText(
    'version: 1\nlisteners: { a: { address: 127.0.0.1:0 } }\nfilters: { headers: { bodyLimit: { bytes: 1B } } }\nroutes: []\n',
    'a.yaml',
    { ...limitTables(), env: {} },
  )
  t.match(errors[0]?.message, /headers is a kind of filter; take another name/)
})

t.test('the order: what belongs before what', async (t) => {
  const roles: Record<string, Partial<FilterDefinition>> = {
    cache: { role: 'cache' },
    jwt: { role: 'authentication' },
    access: { role: 'access' },
    rateLimit: { role: 'rate-limit' },
    compress: { role: 'compress' },
    limit: { role: 'body-limit' },
    buffer: { holds: true },
  } satisfies Record<string, { role?: FilterRole; holds?: boolean }>
  const find = (kind: string) => (roles[kind] ?? null) as FilterDefinition | null
  const cases: readonly (readonly [string, number, number])[] = [
    ['jwt cache', 0, 0],
    ['cache jwt', 1, 0],
    ['jwt cache jwt', 1, 0],
    ['access rateLimit jwt compress cache', 0, 0],
    ['cache access', 0, 1],
    ['jwt rateLimit', 0, 1],
    ['cache compress', 0, 1],
    ['buffer limit', 0, 1],
    ['limit buffer', 0, 0],
  ]
  for (const [list, errors, warnings] of cases) {
    const diagnostics = new Diagnostics()
    new FilterOrder(diagnostics, find).check(
      list.split(' ').map((kind) => ({
        name: kind,
        kind,
        identity: kind,
        options: {},
        onFailure: 'refuse',
        source: { file: 'a', line: 1, column: 1 },
      })),
    )
    t.equal(diagnostics.errors.length, errors, list)
    t.equal(diagnostics.warnings.length, warnings, list)
  }
})

t.test('G2, G19: a cache is shared only by routes that would answer the same', async (t) => {
  const mistakes = (routes: string): string => {
    const { errors } = readText(
      `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
backends: { app: { endpoints: [127.0.0.1:1] }, other: { endpoints: [127.0.0.1:2] } }
filters: { pages: { cache: { shared: true } }, own: { cache: {} } }
routes:
${routes}`,
      'a.yaml',
      { ...limitTables(), env: {} },
    )
    return errors.map((each) => `${each.line}:${each.column} ${each.message}`).join('\n')
  }
  const rewrite = '{ rewrite: { path: /x } }'
  const fine = [
    '  - { name: a, match: { path: /a }, backend: app, filters: [pages] }\n  - { name: b, backend: app, filters: [pages] }',
    `  - { name: a, match: { path: /a }, backend: app, filters: [pages, ${rewrite}] }\n  - { name: b, backend: app, filters: [pages, ${rewrite}] }`,
    `  - { name: a, match: { path: /a }, backend: app, filters: [${rewrite}, pages] }\n  - { name: b, backend: app, filters: [pages] }`,
    '  - { name: a, match: { path: /a, headers: { x: y } }, backend: app, filters: [own] }\n  - { name: b, backend: other, filters: [own] }',
  ]
  for (const routes of fine) t.equal(mistakes(routes), '', routes)
  t.equal(
    mistakes('  - { name: a, match: { headers: { x: y } }, backend: app, filters: [pages] }'),
    '6:70 pages is shared, and the route a matches by field, which is no part of the key; give it a cache of its own, or leave out shared',
  )
  t.match(
    mistakes('  - { name: a, match: { query: { x: y } }, backend: app, filters: [pages] }'),
    /the route a matches by query parameter/,
  )
  t.match(
    mistakes(
      '  - { name: a, match: { path: /a }, backend: app, filters: [pages] }\n  - { name: b, backend: other, filters: [pages] }',
    ),
    /^7:\d+ pages is shared, and the routes a and b differ in their backends/,
  )
  t.match(
    mistakes(
      `  - { name: a, match: { path: /a }, backend: app, filters: [pages, ${rewrite}] }\n  - { name: b, backend: app, filters: [pages] }`,
    ),
    /rewrite requests in different ways/,
  )
})
