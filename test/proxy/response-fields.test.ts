// Fields of responses that are ours to add or to drop, from every backend to every client: Date, what frames a body where there is
// none, and the content of answers to HEAD.

import t from 'tap'
import { FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

type Version = 'http/1.1' | 'h2c'
const VERSIONS: readonly Version[] = ['http/1.1', 'h2c']
const PAIRS = VERSIONS.flatMap((front) => VERSIONS.map((back) => [front, back] as const))

/** When the clock in memory begins: the example of RFC 9110 §5.6.7. */
const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT'
const SETTINGS = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])

interface Got {
  readonly lines: string[]
  /** Octets behind the head. */
  readonly content: number
  /** The head was the end. */
  readonly ended: boolean
}

/** The heads that a client got, and how many octets came with each. */
function got(far: FarEnd, version: Version): Got[] {
  if (version === 'http/1.1') {
    const found: Got[] = []
    const text = far.take().toString('latin1')
    for (const part of text.split(/(?=HTTP\/1\.1 \d)/)) {
      const [head, content = ''] = part.split('\r\n\r\n')
      found.push({ lines: head.split('\r\n'), content: content.length, ended: content === '' })
    }
    return found
  }
  const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  const found: (Got & { content: number })[] = []
  for (const { type, flags, payload } of framesOf(far.take())) {
    const last = found.at(-1)
    if (type === 0 && last !== undefined) last.content += payload.length
    if (type !== 1) continue
    const list: { name: string; value: string }[] = []
    decoder.decode(payload, 0, payload.length, list as never[], 1 << 20, 1000)
    const lines = list.map(({ name, value }) => `${name}: ${value}`)
    found.push({ lines, content: 0, ended: (flags & 1) === 1 })
  }
  return found
}

function asked(front: Version, back: Version, method = 'GET', options = {}) {
  const proxy = memoryProxy({}, { clients: front, speaks: back, ...options })
  const client = proxy.client()
  if (front === 'http/1.1') client.send(Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`))
  else
    client.send(
      headers(
        1,
        REQUEST.map(([name, value]) => [name, name === ':method' ? method : value]),
      ),
    )
  const backend = proxy.backends[0]
  if (back === 'h2c' && backend !== undefined) {
    backend.take()
    backend.send(SETTINGS)
  }
  return {
    ...proxy,
    client,
    answer(status: number, fields: readonly (readonly [string, string])[], ended = true) {
      if (back === 'h2c') backend.send(headers(1, [[':status', String(status)], ...fields], ended))
      else {
        const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
        backend.send(Buffer.from(`HTTP/1.1 ${status} X\r\n${lines}\r\n`))
      }
    },
  }
}

const named = ({ lines }: Got, name: string): string[] =>
  lines.filter((each) => each.startsWith(`${name}: `)).map((each) => each.slice(name.length + 2))

for (const [front, back] of PAIRS) {
  t.test(`${front} to ${back}: Date is added where a response has none`, async (t) => {
    for (const [fields, dates] of [
      [[], [DATE]],
      [[['date', 'Mon, 07 Nov 1994 00:00:00 GMT']], ['Mon, 07 Nov 1994 00:00:00 GMT']],
    ] as const) {
      const it = asked(front, back)
      it.answer(103, [['link', '<a>']], false)
      it.answer(200, [['content-length', '0'], ...fields])
      const [interim, final] = got(it.client, front)
      t.strictSame(named(interim, 'date'), [], 'an interim response needs none')
      t.strictSame(named(final, 'date'), dates)
    }
  })

  t.test(`${front} to ${back}: what frames a body passes with no interim response and no 204`, async (t) => {
    const length = [['content-length', '5']] as const
    const it = asked(front, back)
    it.answer(103, [['link', '<a>'], ...length], false)
    it.answer(204, length)
    const heads = got(it.client, front)
    t.equal(heads.length, 2)
    for (const head of heads) {
      t.strictSame(named(head, 'content-length'), [])
      t.strictSame(named(head, 'transfer-encoding'), [])
      t.equal(head.content, 0)
    }
    for (const [method, status] of [
      ['GET', 304],
      ['HEAD', 200],
    ] as const) {
      const other = asked(front, back, method)
      other.answer(status, length)
      const [head] = got(other.client, front)
      t.strictSame(
        named(head, 'content-length'),
        ['5'],
        `${method} ${status} may tell of a body that is not sent`,
      )
      t.equal(head.content, 0)
    }
  })

  t.test(
    `${front} to ${back}: an answer of our own has Date; to HEAD it has the fields and no content`,
    async (t) => {
      const of = (method: string): Got => {
        const proxy = asked(front, back, method, { prefix: '/elsewhere' })
        return got(proxy.client, front)[0]
      }
      const [get, head] = [of('GET'), of('HEAD')]
      for (const each of [get, head]) {
        t.match(each.lines[0], /404/)
        t.strictSame(named(each, 'date'), [DATE])
        t.strictSame(named(each, 'x-fermata'), ['no-route'])
        t.strictSame(named(each, 'content-type'), ['text/plain; charset=utf-8'])
      }
      t.ok(get.content > 0)
      t.equal(head.content, 0)
      t.ok(head.ended)
      t.strictSame(named(head, 'content-length'), named(get, 'content-length'))
    },
  )
}

t.test('what the reader of HTTP/1.1 refuses: to HEAD without content, with Date', async (t) => {
  const long = 'x'.repeat(9_000)
  for (const rest of [
    '/ HTTP/1.1\r\n\r\n',
    '/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    '/ HTTP/1.1\r\nHost : a\r\n\r\n',
    '/ HTTP/2.0\r\nHost: a\r\n\r\n',
    'x HTTP/1.1\r\nHost: a\r\n\r\n',
    `/${long} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `/ HTTP/1.1\r\nHost: a\r\nX: ${long.repeat(4)}\r\n\r\n`,
  ]) {
    const answers = ['GET', 'HEAD'].map((method) => {
      const proxy = memoryProxy({}, { clients: 'http/1.1' })
      const client = proxy.client()
      client.send(Buffer.from(`${method} ${rest}`))
      t.ok(client.ended)
      return got(client, 'http/1.1')[0]
    })
    const [get, head] = answers
    t.equal(head.lines[0], get.lines[0])
    t.ok(get.content > 0)
    t.equal(head.content, 0, rest.slice(0, 40))
    for (const each of answers) t.strictSame(named(each, 'date'), [DATE])
  }
  const proxy = memoryProxy({}, { clients: 'http/1.1' })
  const client = proxy.client()
  client.send(Buffer.from('HEAD / HTTP/1.1\r\nHost: a\r\nX'))
  proxy.pollset.advance(11_000)
  const [late] = got(client, 'http/1.1')
  t.match(late.lines[0], /408/)
  t.equal(late.content, 0)
  const next = memoryProxy({}, { clients: 'http/1.1', prefix: '/elsewhere' })
  const other = next.client()
  other.send(Buffer.from('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\0'))
  t.ok((got(other, 'http/1.1').at(-1)?.content ?? 0) > 0, 'what came before was a HEAD, and this is none')
})

t.test('what HTTP/2 refuses by itself has Date', async (t) => {
  const proxy = memoryProxy()
  const client = proxy.client()
  client.send(
    headers(
      1,
      REQUEST.map(([name, value]) => [name, name === ':scheme' ? 'ftp' : value]),
    ),
  )
  const [head] = got(client, 'h2c')
  t.strictSame(named(head, 'date'), [DATE])
  const large = memoryProxy({ http2: { headerListBytesMax: 1_024 } })
  const other = large.client()
  other.send(
    headers(1, [...REQUEST, ...Array.from({ length: 40 }, (_, at) => [`x-${at}`, 'y'.repeat(50)] as const)]),
  )
  const [refused] = got(other, 'h2c')
  t.ok(refused.lines.includes(':status: 431'))
  t.strictSame(named(refused, 'date'), [DATE])
  const plain = memoryProxy()
  const socket = plain.pollset.socket()
  plain.serve(socket)
  socket.far.send(Buffer.from('HEAD / HTTP/1.1\r\n\r\n'))
  const [answer] = got(socket.far, 'http/1.1')
  t.match(answer.lines[0], /505/)
  t.strictSame(named(answer, 'date'), [DATE])
  t.equal(answer.content, 0)
})

t.test('one Date field a second', async (t) => {
  const { world, pollset } = memoryProxy()
  const first = world.date.now()
  t.equal(first.value, DATE)
  pollset.advance(999)
  t.equal(world.date.now(), first, 'the same object, for HPACK to find')
  pollset.advance(1)
  t.equal(world.date.now().value, 'Sun, 06 Nov 1994 08:49:38 GMT')
  pollset.advance(1_500)
  const third = world.date.now()
  t.equal(third.value, 'Sun, 06 Nov 1994 08:49:39 GMT')
  pollset.advance(499)
  t.equal(world.date.now(), third)
  pollset.advance(1)
  t.equal(world.date.now().value, 'Sun, 06 Nov 1994 08:49:40 GMT', 'seconds are those of the wall')
})
