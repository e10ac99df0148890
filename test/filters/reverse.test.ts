// rewrite's reverse: Location, Content-Location and cookies name what clients ask for, not the backend.

import t from 'tap'
import { type Asked, Reverse } from '../../src/filters/rewrite/reverse.js'
import { frame, headers } from '../../tools/testbed/frames.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, Reader, valueIn } from './small-proxy.js'

const ASKED: Asked = { scheme: 'https', authority: 'shop.example', backend: 'app.internal', path: true }
const SAME: Asked = { ...ASKED, backend: 'shop.example' }

type Row = readonly [from: string, to: string, asked: Asked, url: string, result: string]

// `from` is the path of the backend. null in place of a result: the URL stays.
const URLS: readonly (readonly [...Row])[] = [
  // As ProxyPassReverse and `proxy_redirect default`: the URL as the backend was asked for it.
  ['/', '/v1', ASKED, 'http://app.internal/a?b#c', 'https://shop.example/v1/a?b#c'],
  ['/', '/v1', ASKED, 'http://app.internal', 'https://shop.example/v1/'],
  ['/', '/v1', ASKED, 'http://app.internal?b', 'https://shop.example/v1/?b'],
  ['/', '/v1', ASKED, 'https://app.internal:443/a', 'https://shop.example/v1/a'],
  ['/', '/v1', ASKED, 'HTTP://App.Internal.:80/a', 'https://shop.example/v1/a'],
  ['/', '/v1', ASKED, '//app.internal/a', '//shop.example/v1/a'],
  ['/', '/v1', ASKED, '/a', '/v1/a'],
  ['/', '/v1', ASKED, '/', '/v1/'],
  ['/api', '/', ASKED, '/api/a', '/a'],
  ['/api', '/', ASKED, '/api', '/'],
  ['/api', '/v1', ASKED, '/%61pi/%7ea?%61', '/v1/~a?%61'],
  // A path that is not below the prefix stays.
  ['/api', '/v1', ASKED, '/apis/a', '/apis/a'],
  ['/api', '/v1', ASKED, 'http://app.internal/login', 'https://shop.example/login'],
  // A reference relative to the path of the request leads to the same resource on either side.
  ['/', '/v1', ASKED, 'a/b', 'a/b'],
  ['/', '/v1', ASKED, '../a', '../a'],
  ['/', '/v1', ASKED, '?a=/b', '?a=/b'],
  ['/', '/v1', ASKED, '#a', '#a'],
  ['/', '/v1', ASKED, '', ''],
  // A path that can be read in two ways stays.
  ['/', '/v1', ASKED, '/a/../b', '/a/../b'],
  ['/', '/v1', ASKED, '//', '//'],
  ['/', '/v1', ASKED, '/a//b', '/a//b'],
  // URLs of others stay.
  ['/', '/v1', ASKED, 'http://app.internal:8080/a', 'http://app.internal:8080/a'],
  ['/', '/v1', ASKED, 'http://app.internal.example/a', 'http://app.internal.example/a'],
  ['/', '/v1', ASKED, 'http://app.internal@evil.example/a', 'http://app.internal@evil.example/a'],
  ['/', '/v1', ASKED, 'http://user@app.internal/a', 'http://user@app.internal/a'],
  ['/', '/v1', ASKED, 'ftp://app.internal/a', 'ftp://app.internal/a'],
  ['/', '/v1', ASKED, 'mailto:a@app.internal', 'mailto:a@app.internal'],
  ['/', '/v1', ASKED, 'https://shop.example/v1/a', 'https://shop.example/v1/a'],
  // The host that was not changed: http becomes the client's scheme, and https stays.
  ['/', '/v1', SAME, 'http://shop.example/a', 'https://shop.example/v1/a'],
  ['/', '/v1', { ...SAME, scheme: 'http' }, 'https://shop.example/a', 'https://shop.example/v1/a'],
  ['/', '/v1', { ...ASKED, scheme: 'http' }, 'https://app.internal/a', 'http://shop.example/v1/a'],
  // Ports of the client and of the backend.
  [
    '/',
    '/v1',
    { ...ASKED, authority: 'shop.example:8443' },
    'http://app.internal/',
    'https://shop.example:8443/v1/',
  ],
  [
    '/',
    '/v1',
    { ...ASKED, backend: 'app.internal:81' },
    'http://app.internal:81/',
    'https://shop.example/v1/',
  ],
  ['/', '/v1', { ...ASKED, backend: 'app.internal:81' }, 'http://app.internal/', 'http://app.internal/'],
  // A client of HTTP/1.0 that has named no host.
  ['/', '/v1', { ...ASKED, authority: '' }, 'http://app.internal/a', '/v1/a'],
  // The rule of the rewrite did not take the path.
  ['/', '/v1', { ...ASKED, path: false }, 'http://app.internal/a', 'https://shop.example/a'],
  ['/', '/v1', { ...ASKED, path: false }, '/a', '/a'],
]

t.test('URLs of the backend become URLs of the client', async (t) => {
  for (const [from, to, asked, url, result] of URLS)
    t.equal(new Reverse({ from, to }, []).url(url, asked), result, `${from} → ${to}: ${url}`)
  const named = new Reverse(null, ['app:8080', 'other.internal'])
  t.equal(
    named.url('http://app:8080/a', ASKED),
    'https://shop.example/a',
    'a host that the backend calls itself',
  )
  t.equal(named.url('http://app/a', ASKED), 'http://app/a')
})

const COOKIES: readonly (readonly [...Row])[] = [
  ['/', '/v1', ASKED, 'a=b; Path=/; HttpOnly', 'a=b; Path=/v1; HttpOnly'],
  ['/', '/v1', ASKED, 'a=b;path=/x;Secure', 'a=b;path=/v1/x;Secure'],
  ['/', '/v1', ASKED, 'a=b; Path=/x/', 'a=b; Path=/v1/x'],
  ['/api', '/', ASKED, 'a=b; Path=/api', 'a=b; Path=/'],
  ['/api', '/', ASKED, 'a=b; Path=/api/', 'a=b; Path=/'],
  ['/api', '/v1', ASKED, 'a=b; Path=/other', 'a=b; Path=/other'],
  // A path above the prefix: `/` is for the client's paths too.
  ['/api', '/v1', ASKED, 'a=b; Path=/', 'a=b; Path=/'],
  ['/a/b', '/v1', ASKED, 'a=b; Path=/a', 'a=b; Path=/v1'],
  ['/a/b', '/a/c', ASKED, 'a=b; Path=/a', 'a=b; Path=/a'],
  ['/', '/v1', { ...ASKED, path: false }, 'a=b; Path=/', 'a=b; Path=/'],
  // A cookie without a path belongs to that of the request.
  ['/', '/v1', ASKED, 'a=b', 'a=b'],
  ['/', '/v1', ASKED, 'a=b; Path', 'a=b; Path'],
  ['/', '/v1', ASKED, 'a=b; Path=x', 'a=b; Path=x'],
  ['/', '/v1', ASKED, 'path=/; Path=/', 'path=/; Path=/v1'],
  ['/', '/v1', ASKED, '__Host-a=b; Secure; Path=/', '__Host-a=b; Secure; Path=/'],
  ['/', '/v1', ASKED, 'a=b; Domain=app.internal', 'a=b; Domain=shop.example'],
  ['/', '/v1', ASKED, 'a=b; domain=.App.Internal; Secure', 'a=b; domain=shop.example; Secure'],
  ['/', '/v1', ASKED, 'a=b; Domain=internal; Secure', 'a=b; Secure'],
  ['/', '/v1', ASKED, 'a=b; Domain=example', 'a=b; Domain=example'],
  ['/', '/v1', ASKED, 'a=b; Domain=other.example', 'a=b; Domain=other.example'],
  ['/', '/v1', ASKED, 'a=b; Domain=pp.internal', 'a=b; Domain=pp.internal'],
  ['/', '/v1', ASKED, 'a=b; Domain=', 'a=b; Domain='],
  ['/', '/v1', { ...ASKED, authority: '192.0.2.1:8080' }, 'a=b; Domain=app.internal', 'a=b'],
  ['/', '/v1', { ...ASKED, authority: '[2001:db8::1]' }, 'a=b; Domain=app.internal', 'a=b'],
  ['/', '/v1', { ...ASKED, authority: '' }, 'a=b; Domain=app.internal', 'a=b'],
]

t.test('cookies of the backend become cookies of the client', async (t) => {
  for (const [from, to, asked, line, result] of COOKIES)
    t.equal(new Reverse({ from, to }, []).cookie(line, asked), result, `${from} → ${to}: ${line}`)
})

const request = (path: string): Lines => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'shop.example'],
  [':path', path],
]

/** Returns the fields that a client gets of this response, through these filters. */
function passed(filters: readonly string[], path: string, response: Lines): Lines {
  const kept = new Kept()
  const p = filtered(
    filters.map((each) => kept.make(each)),
    request(path),
  )
  const [backend] = p.backends
  new Reader(backend).blocks()
  backend.send(Buffer.concat([headers(1, [[':status', '302'], ...response]), frame(0, 1, 1)]))
  return p.client.blocks()[0].filter(([name]) => /^(?:content-)?location$|^set-cookie$/.test(name))
}

t.test('a response has Location, Content-Location and each line of Set-Cookie mapped back', async (t) => {
  const fields: Lines = [
    ['location', 'http://app.internal:8080/a'],
    ['content-location', '/b'],
    ['set-cookie', 'a=1; Path=/a; Domain=app.internal'],
    ['set-cookie', 'b=2; Path=/'],
  ]
  const changed: Lines = [
    ['location', 'http://shop.example/v1/a'],
    ['content-location', '/v1/b'],
    ['set-cookie', 'a=1; Path=/v1/a; Domain=shop.example'],
    ['set-cookie', 'b=2; Path=/v1'],
  ]
  const rewrite = (reverse: string) =>
    `rewrite: { prefix: { from: /v1, to: / }, host: "app.internal:8080"${reverse} }`
  t.strictSame(passed([rewrite(', reverse: true')], '/v1/x', fields), changed)
  t.strictSame(passed([rewrite(', reverse: false')], '/v1/x', fields), fields)
  t.strictSame(passed([rewrite('')], '/v1/x', fields), fields)
  t.strictSame(
    passed([rewrite(', reverse: true')], '/v2/x', [
      ['content-location', '/b'],
      ['set-cookie', 'a=1; Path=/a; Domain=app.internal'],
    ]),
    [
      ['content-location', '/b'],
      ['set-cookie', 'a=1; Path=/a; Domain=shop.example'],
    ],
    'a path that the rule has not taken',
  )
})

t.test('reverse of a pattern is written; each of two rewrites maps back its own', async (t) => {
  const pattern =
    'rewrite: { pattern: { match: "/old/(.*)", to: "/new/$1" }, reverse: { prefix: { from: /new, to: /old }, hosts: ["app:1"] } }'
  t.strictSame(passed([pattern], '/old/a', [['location', 'http://app:1/new/b']]), [
    ['location', 'http://shop.example/old/b'],
  ])
  t.strictSame(passed([pattern], '/other', [['location', '/new/b']]), [['location', '/new/b']])
  t.strictSame(
    passed(
      [
        'rewrite: { prefix: { from: /a, to: /b }, host: one.internal, reverse: true }',
        'rewrite: { prefix: { from: /b, to: /c }, host: two.internal, reverse: true }',
      ],
      '/a/x',
      [['location', 'http://two.internal/c/y']],
    ),
    [['location', 'http://shop.example/a/y']],
  )
})

t.test('a redirect of ours behind a rewrite leads to what the client asks for', async (t) => {
  const kept = new Kept()
  const p = filtered(
    [
      kept.make('rewrite: { prefix: { from: /v1, to: / }, host: app.internal, reverse: true }'),
      kept.make('redirect: { path: /login }'),
    ],
    request('/v1/a'),
  )
  const [head] = p.client.blocks()
  t.equal(valueIn(head, ':status'), '302')
  t.equal(valueIn(head, 'location'), 'http://shop.example/v1/login')
})

t.test('mistakes of reverse have their place and what is right', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['path: /a, reverse: true', /reverse only prefix and host have a way back; write reverse: \{ prefix/],
    ['query: { remove: [a] }, reverse: {}', /reverse it changes nothing; write prefix or hosts/],
    ['host: a, reverse: { prefix: { from: /a, to: b } }', /prefix\.to "b" is not a path/],
    ['host: a, reverse: { hosts: ["a b"] }', /hosts\[0\] "a b" is not a host name/],
    ['host: a, reverse: { host: a }', /host .*hosts/],
  ]
  for (const [text, message] of mistakes)
    t.match(mistakesOf(`filters: [{ rewrite: { ${text} } }]`), message, text)
})
