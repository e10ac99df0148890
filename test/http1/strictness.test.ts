// Every row of spec/http1/strictness.md and of the first table of framing.md: fed whole, octet by octet, and cut at
// every point, to a reader that is new and to one whose cache has seen it all.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { tableOf } from '../../tools/testbed/frames.js'
import { cuttings, newDecoder, type Outcome, read, wireOf } from '../../tools/testbed/http1-wire.js'

const strictness = readFileSync('spec/http1/strictness.md', 'utf8')
const framing = readFileSync('spec/http1/framing.md', 'utf8')
const REQUESTS = [
  'lines',
  'the start line',
  'target and Host',
  'framing fields',
  'bodies',
  'upgrades',
] as const

/** Run a row in every cutting; answers the outcome of the first. */
function run(t: Test, name: string, wire: string, to: string | null): Outcome {
  const { bytes, fin } = wireOf(wire)
  const decoder = newDecoder()
  const first = read(bytes, { to, fin })
  for (const cuts of cuttings(bytes.length)) {
    const other = read(bytes, { to, fin, cuts, decoder })
    if (
      other.verdict === first.verdict &&
      JSON.stringify(other.sink.plain) === JSON.stringify(first.sink.plain)
    )
      continue
    t.strictSame(other.sink.plain, first.sink.plain, `${name} cut at ${cuts}`)
    t.equal(other.verdict, first.verdict, `${name} cut at ${cuts}`)
    break
  }
  return first
}

/** After a good message another is read; after any other, nothing. */
function goesOn(t: Test, name: string, outcome: Outcome): void {
  const { reader, sink } = outcome
  if (outcome.verdict === 'part' || outcome.verdict === 'tunnel') return
  const before = sink.events.length
  if (outcome.verdict !== 'ok') {
    t.ok(reader.stopped, `${name}: the connection is over`)
    reader.feed(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    t.equal(sink.events.length, before, `${name}: and nothing more is told`)
    return
  }
  t.equal(outcome.left, 0, `${name}: all of it was used`)
  if ('next' in reader) reader.next('GET')
  const wires = ['GET /b HTTP/1.1\r\nHost: b\r\n\r\n', 'HTTP/1.1 204 No Content\r\n\r\n']
  reader.feed(Buffer.from(wires[sink.events.some((e) => e.kind === 'head' && e.head.status > 0) ? 1 : 0]))
  t.strictSame(sink.events.at(-1), { kind: 'end', persists: true }, `${name}: another may follow`)
}

for (const part of REQUESTS) {
  t.test(`requests: ${part}`, (t) => {
    const rows = tableOf(strictness, `Requests: ${part}`)
    t.ok(rows.length > 10)
    for (const row of rows) {
      const outcome = run(t, row.rule, row.wire, null)
      t.equal(`${outcome.verdict} ${outcome.code}`, `${row.verdict} ${row.code}`, row.rule)
      goesOn(t, row.rule, outcome)
    }
    t.end()
  })
}

t.test('responses', (t) => {
  for (const row of tableOf(strictness, 'Responses')) {
    const outcome = run(t, row.rule, row.wire, row.to)
    t.equal(`${outcome.verdict} ${outcome.code}`, `${row.verdict} ${row.code}`, row.rule)
    goesOn(t, row.rule, outcome)
  }
  t.end()
})

t.test('where a message ends', (t) => {
  for (const row of tableOf(framing, 'Read')) {
    const outcome = run(t, row.rule, row.wire, row.side === 'request' ? null : row.to)
    t.equal(outcome.verdict, row.verdict, row.rule)
    t.equal(outcome.sink.bodyText, row.body === '-' ? '' : row.body, `${row.rule}: its body`)
    const head = outcome.sink.events.findLast((each) => each.kind === 'head')
    const bodiless = row.body === '-' && (row.verdict === 'ok' || row.verdict === 'close')
    if (head?.ended === true) t.ok(bodiless, `${row.rule}: ended with its head`)
    goesOn(t, row.rule, outcome)
  }
  t.end()
})

t.test('each rule is there once', (t) => {
  const names = [...REQUESTS.map((each) => `Requests: ${each}`)].flatMap((each) =>
    tableOf(strictness, each).map((row) => row.rule),
  )
  t.equal(new Set(names).size, names.length)
  t.end()
})
