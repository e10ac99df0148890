// The filter access.

import t from 'tap'
import { frame, headers, PREFACE, REQUEST } from '../../../tools/testbed/frames.js'
import type { Lines } from '../small-proxy.js'
import { answerOf, guarded, mistakesOf } from './guarded.js'

/** Returns true if a request from this address, with this method and fields, reaches the backend. */
function passes(filters: string, from: string, method = 'GET', fields: Lines = []): boolean {
  const p = guarded(`[{ access: ${filters} }]`)
  const socket = p.pollset.socket({ host: from, port: 40_000 })
  p.serve(socket)
  socket.far.send(Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0)]))
  socket.far.send(headers(1, [[':method', method], ...REQUEST.slice(1), ...fields]))
  return p.toBackend.blocks().length === 1
}

t.test('access: addresses, denied ones before allowed ones', async (t) => {
  const cases: readonly (readonly [filters: string, from: string, passes: boolean])[] = [
    ['{ allow: [10.0.0.0/8] }', '10.1.2.3', true],
    ['{ allow: [10.0.0.0/8] }', '::ffff:10.1.2.3', true],
    ['{ allow: [10.0.0.0/8] }', '11.0.0.1', false],
    ['{ allow: [10.0.0.0/8], deny: [10.0.0.7] }', '10.0.0.7', false],
    ['{ deny: [10.0.0.7] }', '::ffff:a00:7', false],
    ['{ deny: [10.0.0.7] }', '10.0.0.8', true],
    ['{ deny: ["fe80::/10"] }', 'fe80::1%eth0', false],
    ['{ allow: ["2001:db8::/32"] }', '2001:DB8::9', true],
    ['{ allow: ["2001:db8::/32"] }', '2001:db9::9', false],
    ['{ allow: [unix] }', '', true],
    ['{ allow: [10.0.0.0/8] }', '', false],
    ['{ deny: [unix] }', '', false],
  ]
  for (const [filters, from, expected] of cases)
    t.equal(passes(filters, from), expected, `${filters} ${from}`)
})

t.test('access: a rule needs all of its conditions', async (t) => {
  const rule = '{ addresses: [10.0.0.0/8], methods: [GET, HEAD], fields: { x-key: [a, b] } }'
  const key = (...values: string[]): Lines => values.map((each): [string, string] => ['x-key', each])
  t.equal(passes(`{ allow: [${rule}] }`, '10.0.0.1', 'GET', key('b')), true)
  t.equal(passes(`{ allow: [${rule}] }`, '10.0.0.1', 'GET', key('c')), false)
  t.equal(passes(`{ allow: [${rule}] }`, '10.0.0.1', 'GET'), false)
  t.equal(passes(`{ allow: [${rule}] }`, '10.0.0.1', 'DELETE', key('b')), false)
  t.equal(passes(`{ allow: [${rule}] }`, '11.0.0.1', 'GET', key('b')), false)
  t.equal(passes(`{ allow: [${rule}] }`, '10.0.0.1', 'GET', key('a', 'b')), false, 'two lines let nobody in')
  t.equal(passes(`{ deny: [${rule}] }`, '10.0.0.1', 'GET', key('b')), false)
  t.equal(
    passes(`{ deny: [${rule}] }`, '10.0.0.1', 'GET', key('z', 'b')),
    false,
    'one of two is enough to deny',
  )
  t.equal(passes(`{ deny: [${rule}] }`, '10.0.0.1', 'GET', [['x_key', 'b']]), false, 'in any spelling')
  t.equal(passes(`{ deny: [${rule}] }`, '10.0.0.1', 'POST', key('b')), true)
})

t.test('access: a WebSocket counts as GET, as it does for routes', async (t) => {
  const websocket: Lines = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    ...REQUEST.slice(1),
    ['sec-websocket-version', '13'],
  ]
  for (const [filters, denied] of [
    ['{ deny: [{ methods: [GET] }] }', true],
    ['{ deny: [{ methods: [POST] }] }', false],
    ['{ allow: [{ methods: [GET] }] }', false],
    ['{ allow: [{ methods: [POST] }] }', true],
  ] as const) {
    const p = guarded(`[{ access: ${filters} }]`)
    p.ask([], websocket)
    t.equal(answerOf(p)?.['x-fermata'] === 'denied', denied, filters)
  }
})

t.test('access: the refusal', async (t) => {
  const p = guarded('[{ access: { deny: ["0.0.0.0/0"], status: 404 } }]')
  p.ask()
  t.match(answerOf(p), { ':status': '404', 'x-fermata': 'denied' })
  t.equal(p.proxy.outcomes.get('denied'), 1)
  t.same(p.box.describe(), { access: { refused: 1 } })
})

t.test('access: mistakes', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['[{ access: {} }]', /it refuses nothing; write allow, deny, or both/],
    ['[{ access: { deny: [{}] } }]', /deny\[0\] it has no condition/],
    ['[{ access: { allow: [] } }]', /it is empty: every request is refused/],
    ['[{ access: { allow: [10.0.0.0/33] } }]', /"10.0.0.0\/33" is not a network/],
    ['[{ access: { allow: ["::ffff:10.0.0.0/104"] } }]', /write it as IPv4/],
    ['[{ access: { deny: [{ methods: [post] } ] } }]', /"post" is not a method; write it in capitals/],
    ['[{ access: { deny: [{ metods: [POST] } ] } }]', /unknown key; did you mean methods\?/],
    ['[{ access: { allow: [{ certificates: [ab] } ] } }]', /"ab" is not a SHA-256 fingerprint/],
    ['[{ access: { deny: [10.0.0.1], status: 500 } }]', /write 403 or 404/],
    ['[cache, { access: { deny: [10.0.0.1] } }]', /access stands inside cache/],
  ]
  for (const [filters, message] of mistakes) t.match(mistakesOf(filters), message, filters)
})
