// Claims of a client about itself reach no backend, from either HTTP version to either: fields by which it
// claims an identity, names that could be read as framing, a scheme of its own. Also as trailers.

import t from 'tap'
import { FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { frame, framesOf, headers, PREFACE } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const SETTINGS = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])

type Version = 'http/1.1' | 'h2c'
const VERSIONS: readonly Version[] = ['http/1.1', 'h2c']

/** The identity fields, as spec/exchange.md lists them. */
const IDENTITY_FIELDS = [
  'forwarded',
  'x-forwarded',
  ...['for', 'host', 'proto', 'port', 'prefix', 'ssl', 'scheme', 'server', 'user', 'client-cert'].map(
    (each) => `x-forwarded-${each}`,
  ),
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'client-ip',
  'x-cluster-client-ip',
  'x-original-url',
  'x-original-host',
  'x-rewrite-url',
  'front-end-https',
]
const LOOKALIKES = ['content_length', 'transfer_encoding', 'keep_alive', 'proxy_connection', 'http2_settings']
const SAID = [...IDENTITY_FIELDS, ...IDENTITY_FIELDS.map((each) => each.replaceAll('-', '_')), ...LOOKALIKES]

function linesOf(far: FarEnd, version: Version): string[] {
  if (version === 'http/1.1') return far.take().toString('latin1').split('\r\n')
  const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  const head = framesOf(far.take()).find((each) => each.type === 1)
  const found: { name: string; value: string }[] = []
  if (head !== undefined)
    decoder.decode(head.payload, 0, head.payload.length, found as never[], 1 << 20, 1000)
  return found.map(({ name, value }) => `${name}: ${value}`)
}

function asked(
  front: Version,
  back: Version,
  list: readonly (readonly [string, string])[],
  target = '/',
  secure = false,
) {
  const proxy = memoryProxy({}, { clients: front, speaks: back })
  let client: FarEnd
  if (secure) {
    const socket = proxy.pollset.socket()
    socket.secured = {
      protocol: 'h2',
      version: 'TLSv1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
      serverName: '',
      authorized: false,
      peer: null,
    }
    proxy.serve(socket)
    client = socket.far
    client.send(Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0)]))
  } else client = proxy.client()
  if (front === 'h2c') client.send(headers(1, list))
  else {
    const lines = list.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    client.send(Buffer.from(`GET ${target} HTTP/1.1\r\n${lines}\r\n`))
  }
  const [backend] = proxy.backends
  if (back === 'h2c') greet(backend)
  return linesOf(backend, back)
}

/** The backend's handshake; its preface and ours are done. */
function greet(backend: FarEnd): void {
  backend.take()
  backend.send(SETTINGS)
}

const control: Readonly<Record<Version, readonly (readonly [string, string])[]>> = {
  'http/1.1': [['Host', 'a']],
  h2c: [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'a'],
    [':path', '/'],
  ],
}

for (const front of VERSIONS) {
  for (const back of VERSIONS) {
    t.test(`${front} to ${back}: no claim passes, in no spelling`, async (t) => {
      const claims = SAID.map((name) => [name, 'forged'] as const)
      const lines = asked(front, back, [...control[front], ...claims, ['x-own', '1']])
      t.notOk(
        lines.some((each) => each.includes('forged')),
        lines.join('\n'),
      )
      t.ok(lines.includes('x-own: 1'))
      t.ok(lines.includes('x-forwarded-for: 192.0.2.1'))
      t.ok(lines.includes('x-forwarded-proto: http'))
    })
  }

  t.test(`${front}: a request that names no host is for the address it came to`, async (t) => {
    for (const back of VERSIONS) {
      const proxy = memoryProxy({}, { clients: front, speaks: back })
      const client = proxy.client()
      if (front === 'http/1.1') client.send(Buffer.from('GET / HTTP/1.0\r\n\r\n'))
      else
        client.send(
          headers(
            1,
            control.h2c.filter(([name]) => name !== ':authority'),
          ),
        )
      const [backend] = proxy.backends
      if (back === 'h2c') greet(backend)
      t.ok(linesOf(backend, back).includes(`${back === 'h2c' ? ':authority' : 'host'}: 127.0.0.1:1`), back)
    }
  })

  t.test(`${front}: no claim passes as a trailer`, async (t) => {
    for (const name of SAID.filter((each) => each !== 'http2_settings')) {
      const proxy = memoryProxy({}, { clients: front })
      const client = proxy.client()
      if (front === 'h2c') {
        const post = control.h2c.map(([key, value]) => [key, key === ':method' ? 'POST' : value] as const)
        client.send(Buffer.concat([headers(1, post, false), headers(1, [[name, 'forged']])]))
      } else
        client.send(
          Buffer.from(
            `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${name}: forged\r\n\r\n`,
          ),
        )
      const [backend] = proxy.backends
      if (backend === undefined) continue
      greet(backend)
      const ended = framesOf(backend.take()).some((each) => each.type === 1 && (each.flags & 1) === 1)
      t.notOk(ended, name)
    }
  })
}

t.test('the scheme is how the client connected', async (t) => {
  t.ok(asked('http/1.1', 'h2c', control['http/1.1'], 'https://a/').includes(':scheme: http'))
  for (const scheme of ['http', 'https']) {
    const list = control.h2c.map(([name, value]) => [name, name === ':scheme' ? scheme : value] as const)
    t.ok(asked('h2c', 'h2c', list).includes(':scheme: http'), `${scheme} in clear text`)
    t.ok(asked('h2c', 'h2c', list, '/', true).includes(':scheme: https'), `${scheme} over TLS`)
  }
})
