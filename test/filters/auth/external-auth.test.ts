// The filter externalAuth.

import t from 'tap'
import { type Continuation, why } from '../../../src/continuation/index.js'
import { frame, headers, REQUEST } from '../../../tools/testbed/frames.js'
import { type Lines, Reader, valueIn } from '../small-proxy.js'
import { answerOf, guarded, mistakesOf } from './guarded.js'

const filter = (more = '', path = '/verify'): string =>
  `[{ externalAuth: { backend: auth, path: "${path}"${more} } }]`

const SETTINGS = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])
const RST_STREAM = 3
const CANCEL = Buffer.from([0, 0, 0, 8])

/** A proxy whose service answers with these lines once it is asked; null for never. */
function asking(filters: string, fields: Lines = [], request: Lines = REQUEST) {
  const p = guarded(filters, { beside: '/beside' })
  p.ask(fields, request)
  const [far] = p.beside
  far.send(SETTINGS)
  const service = new Reader(far)
  const [asked] = service.blocks()
  let stream = -1
  return {
    ...p,
    service,
    serviceFar: far,
    asked,
    answers(lines: Lines, body: string | null = null): void {
      stream += 2
      far.send(headers(stream, lines, body === null))
      if (body !== null) far.send(frame(0, 1, stream, Buffer.from(body)))
    },
  }
}

const OK: Lines = [[':status', '200']]

t.test('externalAuth: the question has a fixed target, and only the fields that are listed', async (t) => {
  const p = asking(filter(', host: id.example'), [
    ['authorization', 'Bearer x'],
    ['cookie', 'a=1'],
    ['x-forwarded-uri', '/forged'],
    ['x-secret', 's'],
    ['te', 'trailers'],
  ])
  const asked = Object.fromEntries(p.asked)
  t.match(asked, {
    ':method': 'GET',
    ':path': '/verify',
    ':authority': 'id.example',
    authorization: 'Bearer x',
    cookie: 'a=1',
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': '/',
    'x-forwarded-proto': 'http',
    'x-forwarded-for': '192.0.2.1',
  })
  t.same(
    Object.keys(asked).filter((name) => ['x-secret', 'te', 'content-length'].includes(name)),
    [],
  )
  t.equal(p.asked.filter(([name]) => name === 'x-forwarded-uri').length, 1)
  t.equal(p.toBackend.blocks().length, 0, 'the request waits')
  p.answers(OK)
  t.equal(p.toBackend.blocks().length, 1)
})

t.test('externalAuth: the path of the question may have a query', async (t) => {
  const p = asking(filter('', '/verify?rd=https://id.example/'))
  t.equal(valueIn(p.asked, ':path'), '/verify?rd=https://id.example/')
})

t.test('externalAuth, K7: fields of the answer that are listed, and no copies of the client', async (t) => {
  const claims: Lines = [
    ['x-user', 'root'],
    ['x_user', 'root'],
    ['x-role', 'root'],
  ]
  const p = asking(filter(', take: [x-user, x-role]'), claims)
  p.answers([
    [':status', '204'],
    ['x-user', 'ann'],
    ['x-other', 'o'],
  ])
  const [sent] = p.toBackend.blocks()
  t.same(
    sent.filter(([name]) => /^x[-_](user|role|other)$/.test(name)),
    [['x-user', 'ann']],
  )
  const swaps = asking(filter(', take: [authorization]'), [['authorization', 'Bearer outer']])
  t.equal(valueIn(swaps.asked, 'authorization'), 'Bearer outer', 'it is sent')
  swaps.answers([...OK, ['authorization', 'Bearer inner']])
  t.equal(valueIn(swaps.toBackend.blocks()[0], 'authorization'), 'Bearer inner')
  const none = asking(filter(', take: [authorization]'), [['authorization', 'Bearer outer']])
  none.answers(OK)
  t.equal(valueIn(none.toBackend.blocks()[0], 'authorization'), undefined, 'the answer has none')
})

t.test('externalAuth: the body of an answer that lets in is read, up to a bound', async (t) => {
  const p = asking(filter())
  p.answers(OK, 'fine')
  t.equal(p.toBackend.blocks().length, 1)
  t.notOk(p.service.read().types.includes(RST_STREAM), 'its stream ends well')
  const large = asking(filter())
  large.serviceFar.send(headers(1, OK, false))
  for (let i = 0; i < 5; i++) large.serviceFar.send(frame(0, 0, 1, Buffer.alloc(16_000)))
  t.equal(large.toBackend.blocks().length, 1)
})

t.test('externalAuth: a refusal passes to the client: status, fields and body', async (t) => {
  const cases = [
    ['401', 'unauthorized'],
    ['403', 'denied'],
    ['302', 'redirected'],
  ] as const
  for (const [status, outcome] of cases) {
    const p = asking(filter())
    p.answers(
      [
        [':status', status],
        ['location', 'https://id.example/login'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['www-authenticate', 'Bearer'],
      ],
      'who are you?',
    )
    const { blocks, body } = p.client.read()
    t.match(Object.fromEntries(blocks[0]), { ':status': status, location: 'https://id.example/login' })
    t.same(
      blocks[0].filter(([name]) => name === 'set-cookie').map(([, value]) => value),
      ['a=1', 'b=2'],
    )
    t.equal(body, 'who are you?')
    t.equal(p.proxy.outcomes.get(outcome), 1, outcome)
    t.equal(p.toBackend.blocks().length, 0)
  }
  const head = asking(filter(), [], [[':method', 'HEAD'], ...REQUEST.slice(1)])
  t.equal(valueIn(head.asked, 'x-forwarded-method'), 'HEAD')
  head.answers([[':status', '403']], 'no')
  t.match(answerOf(head), { ':status': '403' })
})

t.test('externalAuth, K19: it fails closed', async (t) => {
  const failing: readonly (readonly [string, (p: ReturnType<typeof asking>) => void])[] = [
    ['500', (p) => p.answers([[':status', '500']])],
    ['503', (p) => p.answers([[':status', '503']], 'x')],
    ['the stream is reset', (p) => p.serviceFar.send(frame(RST_STREAM, 0, 1, CANCEL))],
    [
      'the connection dies, and the next one does not answer',
      (p) => {
        p.serviceFar.destroy()
        p.pollset.advance(2_000)
      },
    ],
    ['late', (p) => p.pollset.advance(2_000)],
    [
      'late within the body',
      (p) => {
        p.serviceFar.send(headers(1, OK, false))
        p.pollset.advance(2_000)
      },
    ],
  ]
  for (const [title, fail] of failing) {
    const p = asking(filter())
    fail(p)
    t.match(answerOf(p)[':status'], /^50[04]$/, title)
    t.equal(p.toBackend.blocks().length, 0, title)
    t.equal(p.failures.length, 1, title)
    p.pollset.advance(100)
    t.equal(p.proxy.logged, 2, `${title}: both have ended`)
  }
})

t.test(
  'externalAuth: it waits without a lease; why names the question, and a client that leaves ends it',
  async (t) => {
    const p = asking(filter())
    const x = [...p.world.scheduler.alive()].find((each) => each.id === 'm1/s3') as Continuation
    t.match(p.lines.filter((line) => line.includes('m1/s3 ')).at(-1), /filterRequest\(externalAuth\) suspend/)
    const [wait] = why(x, p.pollset).waits
    t.equal(wait.on, 'm1/s3/externalAuth1')
    t.match(wait.holders[0], { id: 'm1/s3/externalAuth1', kind: 'exchange', reason: 'fetches the response' })
    t.equal(p.backends[0].received.length, 0)
    p.far.send(frame(RST_STREAM, 0, 3, CANCEL))
    t.ok(p.service.read().types.includes(RST_STREAM), 'the question is given up')
    t.equal(p.proxy.logged, 2)
    p.answers(OK)
    t.equal(p.toBackend.blocks().length, 0, 'an answer that comes late changes nothing')
  },
)

t.test('externalAuth: a WebSocket is asked for as any request', async (t) => {
  const handshake: Lines = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':authority', 'a.example'],
    [':path', '/chat?room=1'],
    ['sec-websocket-version', '13'],
    ['cookie', 'a=1'],
  ]
  const p = asking(filter(', send: [cookie]'), [], handshake)
  t.match(Object.fromEntries(p.asked), {
    ':method': 'GET',
    ':path': '/verify',
    cookie: 'a=1',
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': '/chat?room=1',
  })
  t.equal(valueIn(p.asked, ':protocol'), undefined)
  p.answers([[':status', '403']])
  t.match(answerOf(p), { ':status': '403' })
})

t.test('externalAuth: mistakes', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['[{ externalAuth: { backend: aut, path: /x } }]', /there is no backend "aut"; did you mean auth/],
    ['[{ externalAuth: { backend: auth, path: x } }]', /"x" is not a path; begin it with \//],
    [
      '[{ externalAuth: { backend: auth, path: "/x?a b" } }]',
      /no query has the character " "; write it as %XX/,
    ],
    ['[{ externalAuth: { backend: auth, path: /x, take: [host] } }]', /host is written by the proxy alone/],
    ['[externalAuth]', /backend missing; write the name of a backend/],
    ['[cache, { externalAuth: { backend: auth, path: /x } }]', /externalAuth stands inside cache/],
  ]
  for (const [filters, message] of mistakes) t.match(mistakesOf(filters), message, filters)
})

t.test('K19: a request that a filter has let in shares nothing of a cache', async (t) => {
  const p = asking(`[{ externalAuth: { backend: auth, path: /verify, take: [x-user] } }, cache]`)
  p.answers([...OK, ['x-user', 'ann']])
  const [sent] = p.toBackend.blocks()
  t.equal(valueIn(sent, 'x-user'), 'ann')
  p.backends[0].send(headers(3, [...OK, ['cache-control', 'max-age=60']], false))
  p.backends[0].send(frame(0, 1, 3, Buffer.from('of ann')))
  p.client.read()
  p.ask()
  p.answers([...OK, ['x-user', 'bob']])
  t.equal(valueIn(p.toBackend.blocks()[0], 'x-user'), 'bob', 'his request goes to the backend')
})
