// The form of frames, the values of settings and the rules of the preface, row by row of the page written
// from RFC 9113, on real connections of both roles.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import { frame, framesOf, headers, REQUEST, tableOf } from '../world/frames.js'
import { memoryProxy } from '../world/memory-proxy.js'

const page = readFileSync('spec/http2/connection-grid.md', 'utf8')
const CODES = Object.keys(ErrorCode)

function bytes(wire: string): Buffer {
  const hex = wire.replace(/\s+/g, ' ').trim().split(' ')
  const parts = hex.flatMap((word) => {
    const parts: string[] = []
    for (const match of word.matchAll(/([0-9a-fA-F]{2})(?:\*(\d+))?/g))
      parts.push(match[1].repeat(Number(match[2] ?? 1)))
    return parts
  })
  return Buffer.from(parts.join(''), 'hex')
}

/** What the peer of a connection is told when it sends these bytes, stream 1 being open. */
function answerTo(role: string, wire: Buffer): { connection: string | null; streams: string[] } {
  const proxy = memoryProxy()
  const far = proxy.client()
  far.send(headers(1, REQUEST, false))
  const backend = proxy.backends[0]
  proxy.greet(backend)
  far.take()
  backend.take()
  const peer = role === 'server' ? far : backend
  peer.send(wire)
  const answers = framesOf(peer.take())
  const goaway = answers.find((each) => each.type === 7)
  return {
    connection: goaway === undefined ? null : `connection:${CODES[goaway.payload.readUInt32BE(4)]}`,
    streams: answers
      .filter((each) => each.type === 3)
      .map((each) => `stream:${CODES[each.payload.readUInt32BE(0)]}`),
  }
}

for (const section of ['Frame form', 'Compression form', 'Settings values']) {
  t.test(section, (t) => {
    for (const row of tableOf(page, section)) {
      for (const role of row.role === 'both' ? ['server', 'client'] : [row.role]) {
        const { connection, streams } = answerTo(role, bytes(row.wire))
        const said = connection ?? streams.at(-1) ?? 'ok'
        const expected = row.verdict === 'ignore' ? 'ok' : row.verdict
        t.equal(said, expected, `${row.rule ?? `${row.setting} ${row.value}`} (${role})`)
      }
    }
    t.end()
  })
}

t.test('what is wrong on one connection is nothing to another', (t) => {
  const proxy = memoryProxy()
  const bad = proxy.client()
  const good = proxy.client()
  good.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  bad.send(frame(0, 0, 0, Buffer.from('x')))
  t.equal(
    framesOf(bad.take())
      .find((each) => each.type === 7)
      ?.payload.readUInt32BE(4),
    ErrorCode.PROTOCOL_ERROR,
  )
  proxy.backends[0].send(headers(1, [[':status', '200']]))
  t.equal(framesOf(good.take()).filter((each) => each.type === 1).length, 1)
  t.end()
})
