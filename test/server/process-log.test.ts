// The process log on a simulated clock: what a line looks like, what repeats, and that no peer can write
// lines of its own.

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { Incidents } from '../../src/server/incidents.js'
import { defaultLimits } from '../../src/server/limits.js'
import { ProcessLog, printable } from '../../src/server/process-log.js'
import { settingNames } from '../../src/server/setting-names.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { run } from '../../tools/testbed/programs.js'

const pollset = pathToFileURL(join(import.meta.dirname, '../../src/pollset/index.js')).href

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 6)

function log() {
  const pollset = new MemoryPollset()
  const lines: string[] = []
  const limits = { logRepeatMs: 10_000, logLineCharactersMax: 100, processLogBytesMax: 65_536 }
  const log = new ProcessLog(
    pollset,
    limits,
    (line) => lines.push(line),
    undefined,
    null,
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

t.test('a count names the last reason, if lines of the kind have different ones', (t) => {
  const { pollset, log: one, lines } = log()
  const fail = (why: string) => one.repeated('error', 'filter x failed', () => `GET /: ${why}`, why)
  const told = () => lines.splice(0).map((line) => line.slice(31))
  for (const why of ['first', 'second', 'third\n']) fail(why)
  pollset.advance(10_000)
  t.strictSame(told(), [
    'filter x failed: GET /: first',
    'filter x failed: 2 more within 10 s, the last: third\\x0a',
  ])
  fail('first')
  pollset.advance(10_000)
  t.strictSame(told(), ['filter x failed: 1 more within 10 s'])
  t.end()
})

const options = (level: 'error' | 'warn' | 'info' | 'debug', format: 'text' | 'json') => ({ level, format })

t.test('JSON: an object a line, whatever a message has; levels and form may change while it runs', (t) => {
  const lines: string[] = []
  const limits = { ...defaultLimits.server, logLineCharactersMax: 100 }
  const at = () => new Date(AT)
  const one = new ProcessLog(
    new MemoryPollset(),
    limits,
    (line) => lines.push(line),
    options('info', 'json'),
    'w2',
    at,
  )
  const time = '2026-01-02T03:04:05.006Z'
  one.tell('warn', '100%s of "it"\n{"level":"error"}\x1b[2J\u202e')
  t.match(lines[0], /^[\x20-\x7e]+$/, 'one printable line')
  t.strictSame(JSON.parse(lines[0]), {
    level: 'warn',
    time,
    worker: 'w2',
    msg: '100%s of "it"\\x0a{"level":"error"}\\x1b[2J\\u202e',
  })
  lines.length = 0
  one.tell('debug', 'not wanted')
  t.notOk(one.writes('debug'))
  one.configure(options('debug', 'text'))
  t.ok(one.writes('debug'))
  one.tell('debug', 'wanted')
  one.configure(options('error', 'text'))
  one.tell('warn', 'not wanted')
  t.ok(
    one.repeated('warn', 'kind', () => String(t.fail('no sentence is made for a line that is not written'))),
    'the first is the first all the same',
  )
  one.tell('error', 'wanted too')
  t.strictSame(lines, [`${time} debug w2: wanted`, `${time} error w2: wanted too`])
  t.end()
})

t.test('a logger of the program gets the messages, with its own level and form', (t) => {
  const told: string[] = []
  const to = (level: string) => (text: string) => void told.push(`${level} ${text}`)
  const logger = { error: to('error'), warn: to('warn'), info: to('info'), debug: to('debug') }
  const one = new ProcessLog(new MemoryPollset(), defaultLimits.server, logger, options('error', 'json'))
  one.tell('info', 'a\nb')
  one.repeated('debug', 'kind', () => 'c')
  t.strictSame(told, ['info a\\x0ab', 'debug kind: c'])
  t.ok(one.writes('debug'))
  t.equal(one.droppedLines, 0)
  for (const wrong of [1, null, {}, { error() {} }])
    t.throws(() => new ProcessLog(new MemoryPollset(), defaultLimits.server, wrong as never), /^log: write a/)
  t.end()
})

t.test('lines that were dropped are counted where they are missing', (t) => {
  const lines: string[] = []
  const output = {
    dropped: 0,
    isFull: false,
    write(line: string) {
      if (output.isFull) output.dropped++
      else lines.push(line.slice(25))
    },
  }
  const one = new ProcessLog(new MemoryPollset(), defaultLimits.server, output)
  one.tell('info', 'a')
  output.isFull = true
  // Each of the last two tries to report the loss, for which there is no room either.
  for (const text of ['b', 'c', 'd']) one.tell('info', text)
  t.equal(one.droppedLines, 5)
  output.isFull = false
  one.tell('info', 'e')
  one.flush()
  t.strictSame(lines, [
    'info a',
    'warn process log: 3 lines were dropped, since they were not taken fast enough',
    'info e',
  ])
  output.isFull = true
  one.tell('info', 'f')
  output.isFull = false
  one.flush()
  t.match(lines.at(-1), /process log: 1 line was dropped/, 'at the end too')
  t.end()
})

t.test(
  'standard error that nobody reads holds nobody up: what does not fit is dropped, whole lines only',
  { skip: process.platform === 'linux' ? false : 'pipes are opened again on Linux only' },
  async (t) => {
    const folder = t.testdir({
      'a.mjs': `import { StandardError } from ${JSON.stringify(pollset)}
const out = new StandardError(65536)
process.on('exit', () => out.writeNow())
for (let i = 0; i < 5000; i++) {
  out.write('line ' + i + ' Grüße ' + 'x'.repeat(100))
  if (i % 100 === 0) await new Promise(setImmediate)
}
console.log(out.dropped)
out.end()`,
    })
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    t.teardown(() => closeSync(reader))
    const { code, stdout } = await run('sh', ['-c', `exec "$0" a.mjs 2>pipe`, process.execPath], {
      cwd: folder,
      timeoutMs: 20_000,
    })
    t.equal(code, 0, 'it ends, though nobody reads')
    const dropped = Number(stdout)
    const buffer = Buffer.alloc(1 << 20)
    let filled = 0
    for (let size = -1; size !== 0; filled += size)
      size = readSync(reader, buffer, filled, buffer.length - filled, null)
    const whole = buffer.toString('utf8', 0, filled).split('\n').slice(0, -1)
    t.ok(whole.every((line) => /^line \d+ Grüße x{100}$/.test(line)))
    t.ok(dropped > 3_000, `${dropped} dropped`)
    t.ok(whole.length > 400 && whole.length + dropped <= 5_000, `${whole.length} written`)
  },
)

t.test("a backend's own words are printed as text", (t) => {
  const proxy = memoryProxy({ proxy: { retryTimeoutMs: 1_000 } })
  const lines: string[] = []
  const log = new ProcessLog(proxy.pollset, defaultLimits.server, (line) => lines.push(line))
  proxy.proxy.watch(new Incidents(log, defaultLimits, () => settingNames({ form: 'options' })))
  proxy.client().send(headers(1, REQUEST))
  const calm = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 11]), Buffer.from('calm\n\x1b[31m')])
  // Each connection reports that it has begun nothing, until the attempts are used up.
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
