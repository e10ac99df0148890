// The name in a ClientHello: of hellos that OpenSSL writes, cut at every point and in records of every size; and of what is malformed, none.

import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'
import t from 'tap'
import { Prng } from '../../src/pollset/index.js'
import { ClientHelloReader } from '../../src/pollset/node/client-hello.js'

/** The first octets that a client of Node's writes. */
const helloOf = (options: ConnectionOptions) =>
  new Promise<Buffer>((resolve) => {
    const socket = new Duplex({ read() {}, write: (chunk: Buffer) => resolve(chunk) })
    connect({ socket, ...options }).on('error', () => {})
  })

function read(...chunks: Buffer[]): ClientHelloReader {
  const reader = new ClientHelloReader()
  for (const chunk of chunks) reader.feed(chunk)
  return reader
}

/** The same message in records of at most this many octets. */
function inRecords(hello: Buffer, bytes: number): Buffer {
  const records: Buffer[] = []
  for (let at = 5; at < hello.length; at += bytes) {
    const part = hello.subarray(at, at + bytes)
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

t.test('the name, however it is cut', async (t) => {
  for (const options of [
    { servername: 'example.test' },
    { servername: 'example.test', maxVersion: 'TLSv1.2' },
    { servername: 'example.test', ALPNProtocols: ['h2', 'http/1.1'], ecdhCurve: 'P-521' },
  ] as const) {
    const hello = await helloOf(options)
    for (let cut = 0; cut < hello.length; cut++) {
      const reader = read(hello.subarray(0, cut))
      t.notOk(reader.done, `${cut} octets`)
      reader.feed(hello.subarray(cut))
      t.match(reader, { done: true, serverName: 'example.test' })
    }
    for (const bytes of [1, 3, 4, 5, 100, hello.length])
      t.match(
        read(inRecords(hello, bytes)),
        { done: true, serverName: 'example.test' },
        `records of ${bytes}`,
      )
    t.match(read(...[...hello].map((octet) => Buffer.of(octet))), { done: true, serverName: 'example.test' })
  }
  t.match(read(await helloOf({ servername: '' })), { done: true, serverName: '' })
})

t.test('what is no ClientHello is done with at once, and has no name', (t) => {
  for (const octets of [
    [21, 3, 1, 0, 2],
    [22, 3, 1, 0, 0],
    [22, 3, 1, 0x40, 1],
    [22, 3, 1, 0, 4, 2, 0, 0, 0],
    [22, 3, 1, 0, 4, 1, 0, 0x40, 1],
    [22, 3, 1, 0, 4, 1, 0, 0, 0],
  ])
    t.match(read(Buffer.from(octets)), { done: true, serverName: '' }, String(octets))
  t.end()
})

t.test('octets changed at random: it ends, or waits for what was announced, and never throws', async (t) => {
  const hello = await helloOf({ servername: 'example.test' })
  const chance = new Prng(7)
  for (let run = 0; run < 5_000; run++) {
    const changed = Buffer.from(hello)
    for (let left = 1 + chance.below(3); left > 0; left--)
      changed[chance.below(changed.length)] = chance.below(256)
    const cut = chance.below(changed.length)
    const reader = read(changed.subarray(0, cut), changed.subarray(cut))
    if (reader.done) t.type(reader.serverName, 'string')
  }
})
