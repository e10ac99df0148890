// The process log on a simulated clock: what a line looks like, what repeats, and that no peer can write lines of its own.

import t from 'tap'
import { Incidents } from '../../src/server/incidents.js'
import { defaultLimits } from '../../src/server/limits.js'
import { ProcessLog, printable } from '../../src/server/process-log.js'
import { settingNames } from '../../src/server/setting-names.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 6)

function log() {
  const pollset = new MemoryPollset()
  const lines: string[] = []
  const limits = { logRepeatMs: 10_000, logLineCharactersMax: 100 }
  const log = new ProcessLog(
    pollset,
    limits,
    (line) => lines.push(line),
    () => new Date(AT + pollset.now),
  )
  return { pollset, log, lines }
}

t.test('time, level, text', (t) => {
  const { log: one, lines } = log()
  one.tell('info', 'listening')
  one.tell('error', 'no connection')
  t.strictSame(lines, [
    '2026-01-02T03:04:05.006Z info listening',
    '2026-01-02T03:04:05.006Z error no connection',
  ])
  t.end()
})

t.test('no octet of a peer starts a line or moves a cursor', (t) => {
  for (const [text, printed] of [
    ['a\r\nb', 'a\\x0d\\x0ab'],
    ['\x1b[2J\x07', '\\x1b[2J\\x07'],
    ['\x9b31m\x7f\0', '\\x9b31m\\x7f\\x00'],
    ['\u2028\u202e\u2066', '\\u2028\\u202e\\u2066'],
    ['Grüße, 世界 😀', 'Grüße, 世界 😀'],
  ])
    t.equal(printable(text, 100), printed)
  t.equal(printable('x'.repeat(100), 100), 'x'.repeat(100))
  t.equal(printable('x'.repeat(101), 100), `${'x'.repeat(100)}…`)
  t.equal(printable('\n'.repeat(1_000), 100).length, 101, 'what is escaped is cut too')
  const { log: one, lines } = log()
  one.tell('warn', 'a\nb')
  one.repeated('warn', 'kind', () => 'c\nd')
  t.strictSame(
    lines.map((line) => line.slice(25)),
    ['warn a\\x0ab', 'warn kind: c\\x0ad'],
  )
  t.end()
})

t.test('what repeats is written once, then counted', (t) => {
  const { pollset, log: one, lines } = log()
  const told = () => lines.splice(0).map((line) => line.slice(11))
  let asked = 0
  const fail = (what = '502 from h2c://a') => one.repeated('error', what, () => `reason ${++asked}`)
  for (let i = 0; i < 1_000; i++) fail()
  fail('502 from h2c://b')
  t.strictSame(told(), [
    '03:04:05.006Z error 502 from h2c://a: reason 1',
    '03:04:05.006Z error 502 from h2c://b: reason 2',
  ])
  pollset.advance(9_999)
  fail()
  t.strictSame(told(), [], 'within the time of one line')
  pollset.advance(1)
  t.strictSame(told(), ['03:04:15.006Z error 502 from h2c://a: 1000 more within 10 s'])
  fail('502 from h2c://b')
  t.strictSame(
    told(),
    ['03:04:15.006Z error 502 from h2c://b: reason 3'],
    'nothing was counted: it is told anew',
  )
  pollset.advance(10_000)
  fail()
  t.strictSame(told(), ['03:04:25.006Z error 502 from h2c://a: reason 4'])
  t.equal(asked, 4, 'a sentence is made only for a line')
  fail()
  fail()
  one.flush()
  t.strictSame(told(), ['03:04:25.006Z error 502 from h2c://a: 2 more within 10 s'], 'at the end, at once')
  pollset.advance(60_000)
  t.strictSame(told(), [])
  t.end()
})

t.test("a backend's own words are printed as text", (t) => {
  const proxy = memoryProxy({ proxy: { retryTimeoutMs: 1_000 } })
  const lines: string[] = []
  const log = new ProcessLog(proxy.pollset, defaultLimits.server, (line) => lines.push(line))
  proxy.proxy.watch(new Incidents(log, defaultLimits, () => settingNames({ form: 'options' })))
  proxy.client().send(headers(1, REQUEST))
  const calm = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 11]), Buffer.from('calm\n\x1b[31m')])
  // Each connection says that it has begun nothing, as long as there is another try.
  for (let tries = 0; lines.length === 0 && tries < 100; tries++) {
    const backend = proxy.backends.at(-1)
    if (backend !== undefined && !backend.closed) {
      proxy.greet(backend)
      backend.send(frame(7, 0, 0, calm))
      backend.end()
    }
    proxy.pollset.advance(100)
  }
  t.match(lines.join('\n'), /^\S+ warn 50[34] [\w-]+ from h2c:\/\/backend: .*: calm\\x0a\\x1b\[31m$/)
  t.end()
})
