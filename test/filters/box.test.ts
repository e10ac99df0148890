// The filters of the box, each by itself, and the examples of spec/filters.md.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { readText } from '../../src/config/index.js'
import { definitionOf, definitions, type FilterContext } from '../../src/filters/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { filtered, Reader, use, valueIn } from './small-proxy.js'

const OK = headers(1, [
  [':status', '200'],
  ['x-powered-by', 'php'],
  ['set-cookie', 'a=1'],
  ['set-cookie', 'b=2'],
])
const RST_STREAM = 3

const made = (kind: string, options: unknown) => {
  const definition = definitionOf(kind)
  if (definition === null) throw new Error(`there is no kind ${kind}`)
  return use(kind, definition.create(options, {} as FilterContext))
}

const configured = (filters: string) =>
  readText(
    `version: 1\nlisteners: { a: { address: 127.0.0.1:0 } }\nbackends: { app: { endpoints: [127.0.0.1:1] }, auth: { endpoints: [127.0.0.1:2] }, idp: { endpoints: [127.0.0.1:3] } }\nroutes:\n  - backend: app\n    ${filters}`,
    'a.yaml',
    { ...limitTables(), env: {} },
  )

t.test('each filter has a section in spec/filters.md, whose example is read', async (t) => {
  const page = readFileSync('spec/filters.md', 'utf8').replace(/[\s\S]*?^## In the box$/m, '')
  for (const { name } of definitions) {
    const section = page.split(/^### /m).find((each) => each.startsWith(`${name}\n`))
    const example = /```yaml\n([\s\S]*?)```/.exec(section ?? '')?.[1]
    if (example === undefined) t.fail(`spec/filters.md has no example of ${name}`)
    else {
      const { errors, warnings, configuration } = configured(example.trim().replaceAll('\n', '\n    '))
      t.same([...errors, ...warnings], [], name)
      t.ok(
        configuration?.routes[0].filters.some(({ kind }) => kind === name),
        name,
      )
    }
  }
})

t.test('headers: request and response, refusals too; lines of Set-Cookie stay', async (t) => {
  const filter = made('headers', {
    request: { set: { 'x-a': '1' }, append: { accept: 'text/x' }, remove: ['user-agent'] },
    response: {
      set: { 'x-frame-options': 'DENY' },
      append: { 'set-cookie': ['c=3', 'd=4'] },
      remove: ['x-powered-by'],
    },
  })
  const p = filtered(
    [filter],
    [...REQUEST, ['x-a', '0'], ['x-a', '00'], ['accept', 'text/y'], ['user-agent', 'u']],
  )
  const sent = new Reader(p.backends[0]).blocks()[0]
  t.same(
    sent.filter(([name]) => ['x-a', 'accept', 'user-agent'].includes(name)),
    [
      ['accept', 'text/y'],
      ['x-a', '1'],
      ['accept', 'text/x'],
    ],
  )
  p.backends[0].send(OK)
  const got = p.client.blocks()[0]
  t.equal(valueIn(got, 'x-powered-by'), undefined)
  t.equal(valueIn(got, 'x-frame-options'), 'DENY')
  t.same(
    got.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
    ['a=1', 'b=2', 'c=3', 'd=4'],
  )
  const spelled = filtered([made('headers', { request: { set: { 'X-A': '1', 'x-a': '2' } } })])
  t.same(
    new Reader(spelled.backends[0])
      .blocks()[0]
      .filter(([name]) => name === 'x-a')
      .map(([, value]) => value),
    ['2'],
    'of two spellings of a name the last counts',
  )
  const refused = filtered([filter], REQUEST)
  refused.refuse()
  refused.pollset.advance(70_000)
  t.equal(valueIn(refused.client.blocks()[0], 'x-frame-options'), 'DENY', 'on errors too')
})

t.test('respond: a whole answer, and the head alone for HEAD', async (t) => {
  const filter = made('respond', { status: 404, body: 'not here\n', fields: { 'cache-control': 'no-store' } })
  const p = filtered([filter])
  const { blocks, body } = p.client.read()
  t.match(Object.fromEntries(blocks[0]), {
    ':status': '404',
    'cache-control': 'no-store',
    'content-length': '9',
    'content-type': 'text/plain; charset=utf-8',
  })
  t.equal(body, 'not here\n')
  const head = filtered([filter], [[':method', 'HEAD'], ...REQUEST.slice(1)])
  const read = head.client.read()
  t.equal(valueIn(read.blocks[0], 'content-length'), '9')
  t.equal(read.body, '')
})

t.test('redirect: a path with a query, which that of the request follows', async (t) => {
  const p = filtered(
    [made('redirect', { path: '/new?a=b?*' })],
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a.example'],
      [':path', '/x?y'],
    ],
  )
  t.match(Object.fromEntries(p.client.blocks()[0]), { location: 'http://a.example/new?a=b?*&y' })
})

t.test('redirect: passes what is there already', async (t) => {
  const filter = made('redirect', { scheme: 'https', status: 308 })
  const p = filtered(
    [filter],
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a.example'],
      [':path', '/x?y'],
    ],
  )
  t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '308', location: 'https://a.example/x?y' })
  t.equal(p.proxy.outcomes.get('redirected'), 1)
  const there = filtered(
    [made('redirect', { host: 'a.example' })],
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a.example'],
      [':path', '/x'],
    ],
  )
  t.equal(there.backends.length, 1)
})

t.test(
  'bodyLimit: by the announced length before it is read, else by what comes; never passed on',
  async (t) => {
    const filter = made('bodyLimit', { bytes: 10 })
    const post = (length: string | null): [string, string][] => [
      [':method', 'POST'],
      ...(REQUEST.slice(1) as [string, string][]),
      ...(length === null ? [] : [['content-length', length] as [string, string]]),
    ]
    const p = filtered([filter])
    p.far.send(headers(3, [...post('11'), ['expect', '100-continue']], false))
    const refused = p.client.read()
    t.match(Object.fromEntries(refused.blocks[0]), { ':status': '413', 'x-fermata': 'body-too-large' })
    t.ok(refused.types.includes(RST_STREAM), 'the rest is not wanted')
    p.far.send(Buffer.concat([headers(5, post('10'), false), frame(0, 1, 5, Buffer.from('0123456789'))]))
    p.far.send(Buffer.concat([headers(7, post(null), false), frame(0, 0, 7, Buffer.from('01234567890'))]))
    t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '413' })
    t.equal(new Reader(p.backends[0]).read().body, '0123456789')
  },
)

t.test('bodyLimit: a response that has begun is cut', async (t) => {
  const p = filtered([made('bodyLimit', { bytes: 3 })])
  p.far.send(headers(3, [[':method', 'POST'], ...REQUEST.slice(1)], false))
  p.backends[0].send(headers(3, [[':status', '200']], false))
  p.client.read()
  p.far.send(frame(0, 0, 3, Buffer.from('four')))
  t.same(p.client.read().types, [RST_STREAM])
  t.equal(p.proxy.outcomes.get('body-too-large'), 1)
})

t.test('mistakes in options have their place and what is right', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    [
      'filters: [{ heders: {} }]',
      /^6:17 routes\[0\]\.filters\[0\]\.heders unknown key; did you mean headers\?$/,
    ],
    ['filters: [{ headers: { respnse: {} } }]', /unknown key; did you mean response\?/],
    ...['set: { Host: a }', 'append: { host: a }', 'remove: [host]'].map((text): [string, RegExp] => [
      `filters: [{ headers: { request: { ${text} } } }]`,
      /host is written by the proxy alone; use the filter rewrite: \{ host: HOST \}$/,
    ]),
    [
      'filters: [{ headers: { response: { set: { host: a } } } }]',
      /host is written by the proxy alone; leave it out$/,
    ],
    [
      'filters: [{ rewrite: { path: "/a?b" } }]',
      /has \?, which ends a path; change parameters by query: \{ set, remove \}$/,
    ],
    [
      'filters: [{ rewrite: { prefix: { from: "/a*", to: /b } } }]',
      /not a pattern; write \* as %2A, or use pattern$/,
    ],
    ['filters: [{ redirect: { path: "/a#b" } }]', /has #, which no request has; write it as %23$/],
    ['filters: [{ redirect: { path: "/a?b#c" } }]', /no query has the character "#"; write it as %23$/],
    ['filters: [{ redirect: { path: "/a?b c" } }]', /no query has the character " "; write it as %XX$/],
    ['filters: [{ redirect: { path: "/a*" } }]', /is not a pattern; write \* as %2A$/],
    ['filters: [{ headers: { request: { set: { x: "a\\nb" } } } }]', /cannot be the value of a field/],
    [
      'filters: [{ headers: { response: { remove: [connection] } } }]',
      /connection is written by the proxy alone/,
    ],
    ['filters: [{ bodyLimit: { bytes: 5 } }]', /5 has no unit; write 5B or 5KiB/],
    ['filters: [{ bodyLimit: {} }]', /bytes.* missing; write a size/],
    ['filters: [bodyLimit]', /bytes.* missing; write a size/],
    ['filters: [{ respond: { status: 204, body: x } }]', /a 204 has no body/],
    ['filters: [{ redirect: {} }]', /it leads to the same place/],
    ['filters: [{ respond: {}, headers: {} }]', /respond is written too; write an entry for each|headers/],
    ['filters: [{ respond: {}, onFailure: pass }]', /write \{ use: respond, with/],
    ['filters: [bodyLimt]', /there is no filter "bodyLimt"; did you mean bodyLimit\?/],
    ['filters: [{}]', /has no kind of filter/],
    ['filters: [{ without: x }]', /nothing is inherited; write inherit too/],
    ['filters: [inherit, inherit]', /inherit is written twice/],
  ]
  for (const [text, message] of mistakes) {
    const { errors } = configured(text)
    t.match(
      errors.map((each) => `${each.line}:${each.column} ${each.path} ${each.message}`).join('\n'),
      message,
      text,
    )
  }
})
