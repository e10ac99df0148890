// Every row of spec/http1/translation.md and of the second table of framing.md: heads read and heads written.

import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import type { Head } from '../../src/http/index.js'
import {
  CHUNKED,
  headBytesMax,
  IMPOSSIBLE,
  NONE,
  requestFraming,
  responseFraming,
  TUNNEL,
  UNTIL_CLOSE,
  writeRequestHead,
  writeResponseHead,
  writeSwitchingHead,
  writeUpgradeRequest,
} from '../../src/http1/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { cuttings, newDecoder, read, wireOf } from '../../tools/testbed/http1-wire.js'
import { parse } from '../world/message-text.js'
import { headOf } from './heads.js'

const page = readFileSync('spec/http1/translation.md', 'utf8')
const framingPage = readFileSync('spec/http1/framing.md', 'utf8')

t.test('requests and responses read', (t) => {
  for (const section of ['Requests read', 'Responses read']) {
    for (const row of tableOf(page, section)) {
      const { bytes, fin } = wireOf(row.wire)
      const { heads, trailers } = parse(row.fields)
      const decoder = newDecoder()
      for (const cuts of cuttings(bytes.length)) {
        const { sink } = read(bytes, {
          to: row.to ?? null,
          scheme: row.on === 'tls' ? 'https' : 'http',
          fin,
          cuts,
          decoder,
        })
        const found = sink.events.flatMap((each) => (each.kind === 'head' ? [each] : []))
        const told = {
          heads: found.map((each) => each.fields),
          trailers: sink.events.flatMap((each) => (each.kind === 'trailers' ? each.fields : [])),
        }
        if (cuts.length > 0 && isDeepStrictEqual(told, { heads, trailers: trailers ?? [] })) continue
        t.strictSame(told, { heads, trailers: trailers ?? [] }, `${row.rule} cut at ${cuts}`)
        for (const { head } of found) checkHead(t, row.rule, head)
      }
    }
  }
  t.end()
})

/** A head says of itself what its fields say. */
function checkHead(t: Test, rule: string, head: Head): void {
  const same = headOf(head.fields.map((each): [string, string] => [each.name, each.value]))
  for (const key of ['pseudos', 'size', 'status', 'contentLength'] as const)
    t.equal(head[key], same[key], `${rule}: ${key}`)
  for (const key of ['method', 'scheme', 'authority', 'path', 'protocol'] as const)
    t.equal(head[key]?.value, same[key]?.value, `${rule}: ${key}`)
}

const written = (size: number, write: (b: Buffer) => number): string => {
  const b = Buffer.alloc(size + 20, 0x7e)
  const end = write(b)
  t.equal(b.toString('latin1', 0, 10), '~'.repeat(10), 'nothing before the offset')
  t.ok(end <= size + 10, 'no more room is used than was asked for')
  return b.toString('latin1', 10, end)
}

t.test('requests written', (t) => {
  for (const row of tableOf(page, 'Requests written')) {
    const head = headOf(parse(row.fields).heads[0])
    const [body, close] = row.how.split(' ')
    const framing = requestFraming(head, body === 'ended', Number(row.peer[2]))
    const wire = written(headBytesMax(head), (b) =>
      close?.startsWith('key=')
        ? writeUpgradeRequest(b, 10, head, close.slice(4))
        : writeRequestHead(b, 10, head, framing, close !== 'close', /^upgrade=(.*)/.exec(close ?? '')?.[1]),
    )
    t.equal(wire, wireOf(row.wire).bytes.toString('latin1'), row.rule)
  }
  t.end()
})

t.test('responses written', (t) => {
  for (const row of tableOf(page, 'Responses written')) {
    const head = headOf(parse(row.fields).heads[0])
    const [body, connection] = row.how.split(' ')
    const minor = Number(row.peer[2])
    const framing = responseFraming(head, body === 'ended', row.to, minor)
    const keep = connection === undefined ? minor > 0 : connection === 'keep-alive'
    const wire = written(headBytesMax(head), (b) =>
      head.status === 101
        ? writeSwitchingHead(b, 10, head, /^upgrade=(.*)/.exec(connection)?.[1] ?? 'x', '')
        : connection?.startsWith('key=')
          ? writeSwitchingHead(b, 10, head, 'websocket', connection.slice(4))
          : writeResponseHead(b, 10, head, framing, minor, keep),
    )
    t.equal(wire, wireOf(row.wire).bytes.toString('latin1'), row.rule)
  }
  t.end()
})

t.test('the framing that is chosen', (t) => {
  const names = new Map([
    [NONE, 'none'],
    [CHUNKED, 'chunked'],
    [UNTIL_CLOSE, 'close'],
    [TUNNEL, 'tunnel'],
    [IMPOSSIBLE, 'impossible'],
  ])
  for (const row of tableOf(framingPage, 'Written')) {
    const [side, status] = row.side.split(':')
    const pseudos: [string, string][] = side === 'request' ? [[':method', row.to]] : [[':status', status]]
    const head = headOf([...pseudos, ...(row.fields === '-' ? [] : parse(row.fields).heads[0])])
    const minor = Number(row.peer[2])
    const ended = row.ended === 'yes'
    const framing =
      side === 'request' ? requestFraming(head, ended, minor) : responseFraming(head, ended, row.to, minor)
    t.equal(names.get(framing) ?? `length ${framing}`, row.framing, row.rule)
  }
  t.end()
})

t.test('a head whose control data is not sound is not written', (t) => {
  const b = Buffer.alloc(1000)
  for (const [name, value] of [
    [':method', 'GET /\r\n'],
    [':path', '/ HTTP/1.1\r\nx: y'],
    [':authority', 'a\r\nx: y'],
  ]) {
    const sound: [string, string][] = [
      [':method', 'GET'],
      [':path', '/'],
      [':authority', 'a'],
    ]
    const head = headOf(sound.map((each) => (each[0] === name ? [name, value] : each)))
    t.throws(() => writeRequestHead(b, 0, head, NONE, true), name)
  }
  t.throws(() => writeRequestHead(b, 0, headOf([[':method', 'GET']]), NONE, true), 'no path')
  t.end()
})
