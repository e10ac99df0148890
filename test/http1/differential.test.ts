// The reader against Node's own parser, over the corpus: they tell the same, or spec/http1/differential.md
// says why not.

import { readFileSync } from 'node:fs'
import { METHODS } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { tableOf } from '../../tools/testbed/frames.js'
import { newDecoder, read, wireOf } from '../../tools/testbed/http1-wire.js'
import { type Case, followed, requests, responses } from './corpus.js'
import { forwarded } from './forwarded.js'
import { type Judgement, NodeClient, NodeServer, type Seen } from './node-parser.js'

/** One decoder for everything, as in production. */
const decoder = newDecoder()

/** Returns our reader's {@link Judgement} of a wire that FIN follows. */
function ours(each: Case, side: string): Judgement {
  const to = side === 'request' ? null : each.to
  const { sink, reader } = read(each.bytes, { to, decoder, fin: true, pipelined: true })
  const whole: Seen[] = []
  let error: string | null = null
  let current: {
    line: string
    fields: [string, string][]
    body: string
    trailers: [string, string][]
  } | null = null
  for (const event of sink.events) {
    if (event.kind === 'head') {
      const { head } = event
      // Extended CONNECT inside stands for a GET on the wire.
      const method = head.protocol === null ? head.method?.value : 'GET'
      const target = method === 'CONNECT' ? head.authority : head.path
      const line = side === 'request' ? `${method} ${target?.value}` : String(head.status)
      current = { line, fields: event.fields, body: '', trailers: [] }
      if (head.isInterim || head.method?.value === 'CONNECT' || (reader.tunnelling && side === 'response'))
        whole.push(current)
    } else if (event.kind === 'body' && current !== null) current.body += event.text
    else if (event.kind === 'trailers' && current !== null) current.trailers = event.fields
    else if (event.kind === 'end' && current !== null) {
      whole.push(current)
      current = null
    } else if (event.kind === 'error') error = event.code
  }
  return { whole, error }
}

/** Returns the difference of two judgements, in one word; '' without one. */
function difference(mine: Judgement, node: Judgement): string {
  const a = mine.whole.length
  const b = node.whole.length
  const refused = mine.error !== null
  const nodeRefused = node.error !== null
  for (let i = 0; i < Math.min(a, b); i++) if (!same(mine.whole[i], node.whole[i])) return 'differs'
  if (refused && !nodeRefused) return 'stricter'
  if (!refused && nodeRefused) return 'laxer'
  if (a !== b) return a < b ? 'earlier' : 'later'
  return ''
}

const same = (a: Seen, b: Seen): boolean =>
  targetOf(a.line) === targetOf(b.line) &&
  a.body === b.body &&
  a.trailers.length === b.trailers.length &&
  a.trailers.every((each, at) => each.join() === b.trailers[at].join()) &&
  a.fields
    // TE is for one connection: what we pass on of it is ours to say.
    .filter(([name]) => !name.startsWith(':') && name !== 'te')
    .every(([name, value]) =>
      b.fields.some((each) => each[0] === name && (each[1] === value || Number(each[1]) === Number(value))),
    )

/** An absolute-form target says the same as its path. */
const targetOf = (line: string): string => {
  const [method, target] = line.split(' ')
  const match = /^https?:\/\/[^/?]+(.*)$/i.exec(target ?? '')
  if (match === null) return line
  return `${method} ${match[1].startsWith('/') ? match[1] : match[1] === '' ? (method === 'OPTIONS' ? '*' : '/') : `/${match[1]}`}`
}

const page = tableOf(readFileSync('spec/http1/differential.md', 'utf8'), 'Disagreements')
const keyOf = (row: Record<string, string>) => `${row.side}: ${row.how}, ours ${row.ours}, Node's ${row.node}`

/** The table is of Node 20: its parser becomes stricter from one release to the next. */
const skip = process.versions.node.startsWith('20.') ? false : "the table is of Node 20's parser"

async function judges(t: Test): Promise<{ server: NodeServer; client: NodeClient }> {
  const server = new NodeServer()
  const client = new NodeClient()
  await Promise.all([server.listen(), client.listen()])
  t.teardown(() => {
    server.close()
    client.close()
  })
  return { server, client }
}

t.test('the same as Node, or a row that says why not', { skip }, async (t) => {
  const { server, client } = await judges(t)
  const judge = async (side: string, each: Case): Promise<string> => {
    const mine = ours(each, side)
    const node = side === 'request' ? await server.judge(each.bytes) : await client.judge(each.bytes, each.to)
    const how = difference(mine, node)
    return how === '' ? '' : keyOf({ side, how, ours: mine.error ?? '-', node: node.error ?? '-' })
  }

  const explained = new Set(page.map(keyOf))
  const met = new Set<string>()
  for (const [side, cases] of [
    ['request', requests],
    ['response', responses],
  ] as const) {
    t.ok(cases.length > 500, `${cases.length} of a ${side}`)
    for (const each of cases) {
      const key = await judge(side, each)
      if (key === '') continue
      met.add(key)
      if (!explained.has(key)) t.fail(`${key}: ${each.name} ${JSON.stringify(each.bytes.toString('latin1'))}`)
    }
  }
  t.strictSame(
    [...explained].filter((each) => !met.has(each)),
    [],
    'no row that nothing shows',
  )
  t.equal(explained.size, page.length, 'each kind has one row')

  for (const row of page) {
    const example = { name: row.why, bytes: wireOf(row.wire).bytes, to: row.to }
    t.equal(await judge(row.side, row.side === 'request' ? followed(example) : example), keyOf(row), row.wire)
  }
})

t.test('what we pass on, Node reads as the one message that we read', { skip }, async (t) => {
  const { server, client } = await judges(t)
  let count = 0
  for (const [side, cases] of [
    ['request', requests],
    ['response', responses],
  ] as const) {
    for (const each of cases) {
      const to = side === 'request' ? null : each.to
      const { sink } = read(each.bytes, { to, decoder, fin: true })
      const head = sink.events.findLast((event) => event.kind === 'head')
      if (head === undefined || !sink.events.some((event) => event.kind === 'end')) continue
      // Node's own list of methods, and its client's way with CONNECT, are in the table above.
      if (head.head.method !== null && !METHODS.includes(head.head.method.value)) continue
      if (to === 'CONNECT') continue
      const trailers = sink.events.flatMap((event) => (event.kind === 'trailers' ? event.fields : []))
      const message = {
        head: head.head,
        body: sink.bodyText,
        trailers: trailers.map(([name, value]) => decoder.fields.make(name, value)),
        ended: head.ended,
      }
      const wire = forwarded(message, to)
      const node = side === 'request' ? await server.judge(wire) : await client.judge(wire, each.to)
      const seen = node.whole[0]
      const found = {
        error: node.error,
        count: node.whole.length,
        body: seen?.body,
        trailers: seen?.trailers.length,
      }
      const expected = { error: null, count: 1, body: message.body, trailers: trailers.length }
      if (!isDeepStrictEqual(found, expected))
        t.strictSame(found, expected, JSON.stringify(wire.toString('latin1')))
      count++
    }
  }
  t.ok(count > 250, `${count} messages`)
})
