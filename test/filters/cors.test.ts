// cors: preflights, responses and refusals, by the CORS protocol of the Fetch Standard.

import t from 'tap'
import { headers, REQUEST } from '../../tools/testbed/frames.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, valueIn } from './small-proxy.js'

const preflight = (origin: string, more: Lines = []): Lines => [
  [':method', 'OPTIONS'],
  ...REQUEST.slice(1),
  ['origin', origin],
  ['access-control-request-method', 'PUT'],
  ...more,
]
const made = (options: string) => new Kept().make(`cors: { ${options} }`)

/** The fields of the response to a request, that the backend has answered with these. */
function answered(options: string, request: Lines, response: Lines = []) {
  const p = filtered([made(options)], [...REQUEST, ...request])
  p.backends[0].send(headers(1, [[':status', '200'], ...response]))
  return Object.fromEntries(p.client.blocks()[0])
}

t.test('a preflight is answered without the backend', async (t) => {
  const p = filtered(
    [
      made(
        'origins: [https://app.example], methods: [GET, PUT], headers: [x-a, x-b], maxAge: 10m, credentials: true',
      ),
    ],
    preflight('https://app.example'),
  )
  t.strictSame(
    p.client.blocks()[0].filter(([name]) => name !== 'date' && name !== 'server'),
    [
      [':status', '204'],
      ['access-control-allow-methods', 'GET, PUT'],
      ['access-control-allow-headers', 'x-a, x-b'],
      ['access-control-max-age', '600'],
      ['access-control-allow-origin', 'https://app.example'],
      ['access-control-allow-credentials', 'true'],
      ['vary', 'origin, access-control-request-method, access-control-request-headers'],
    ],
  )
  t.equal(p.backends.length, 0)
  t.equal(p.proxy.outcomes.get('answered'), 1)
})

t.test(
  'an origin that is not listed: 403 without its fields; OPTIONS that is no preflight passes',
  async (t) => {
    const p = filtered([made('origins: [https://app.example]')], preflight('https://evil.example'))
    const [refused] = p.client.blocks()
    t.match(Object.fromEntries(refused), { ':status': '403', vary: /origin/ })
    t.equal(valueIn(refused, 'access-control-allow-origin'), undefined)
    const plain = filtered(
      [made('origins: [https://app.example]')],
      [[':method', 'OPTIONS'], ...REQUEST.slice(1)],
    )
    t.equal(plain.backends.length, 1)
  },
)

t.test('"*" stands for what was asked where it can', async (t) => {
  const all = filtered(
    [made('origins: ["*"], methods: ["*"], headers: ["*"]')],
    preflight('https://any.example', [['access-control-request-headers', 'x-one,x-two']]),
  )
  t.match(Object.fromEntries(all.client.blocks()[0]), {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': '*',
    'access-control-allow-headers': 'x-one,x-two',
  })
  const credentials = filtered(
    [made('origins: [https://a.example], methods: ["*"], credentials: true')],
    preflight('https://a.example'),
  )
  t.match(Object.fromEntries(credentials.client.blocks()[0]), { 'access-control-allow-methods': 'PUT' })
})

t.test('responses: the origin or nothing, Vary always, and none of the fields of the backend', async (t) => {
  const options =
    'origins: [https://app.example, "https://*.example.org"], expose: [x-total], credentials: true'
  const backend: Lines = [
    ['access-control-allow-origin', '*'],
    ['vary', 'accept-encoding'],
  ]
  const allowed = answered(options, [['origin', 'https://app.example']], backend)
  t.match(allowed, {
    'access-control-allow-origin': 'https://app.example',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'x-total',
    vary: 'origin',
  })
  for (const origin of ['https://a.example.org', 'https://a.b.example.org'])
    t.equal(answered(options, [['origin', origin]])['access-control-allow-origin'], origin)
  for (const origin of [
    'https://example.org',
    'http://a.example.org',
    'https://a.example.org.evil.example',
    'https://evil.example/.example.org',
    'https://evil@a.example.org',
    'https://.example.org',
    'null',
  ]) {
    const other = answered(options, [['origin', origin]], backend)
    t.equal(other['access-control-allow-origin'], undefined, origin)
    t.equal(other.vary, 'origin')
  }
  t.equal(answered(options, [], backend)['access-control-allow-origin'], undefined)
  t.equal(answered('origins: ["*"]', [])['access-control-allow-origin'], '*')
  t.equal(answered('origins: ["*"]', []).vary, undefined, 'one answer for all')
  t.equal(answered(options, [], [['vary', 'Origin, x']]).vary, 'Origin, x')
})

t.test('K2: refusals of ours have the fields too', async (t) => {
  const kept = new Kept()
  const p = filtered(
    [
      kept.make('cors: { origins: [https://app.example] }'),
      kept.make('rateLimit: { limit: 1/1h, burst: 1 }'),
    ],
    [...REQUEST, ['origin', 'https://app.example']],
  )
  p.far.send(headers(3, [...REQUEST, ['origin', 'https://app.example']]))
  t.match(Object.fromEntries(p.client.blocks()[0]), {
    ':status': '429',
    'access-control-allow-origin': 'https://app.example',
  })
})

t.test('mistakes have their place and what is right', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    [
      'cors: { origins: ["*"], credentials: true }',
      /cors\.credentials with origins: \["\*"\] any page could read/,
    ],
    ['cors: { origins: ["*", https://a.example] }', /"\*" stands for all origins/],
    ['cors: { origins: ["null"], credentials: true }', /any page can have the origin null/],
    ['cors: { origins: [https://a.example], expose: ["*"], credentials: true }', /list the fields/],
    ['cors: { origins: [a.example] }', /origins\[0\] "a.example" is not an origin; write one/],
    ['cors: { origins: [https://a.example/x] }', /is not an origin/],
    ['cors: { origins: [https://a.example], methods: ["G T"] }', /"G T" is not a method/],
  ]
  for (const [text, message] of mistakes) t.match(mistakesOf(`filters: [{ ${text} }]`), message, text)
})
