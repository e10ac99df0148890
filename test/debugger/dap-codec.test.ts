// The codec of the Debug Adapter Protocol: strict, bounded, and the same however the bytes are split.

import t from 'tap'
import {
  BROKEN,
  checkAnswer,
  checkRequest,
  type DapMessage,
  DapReader,
  dapBytes,
  MALFORMED,
  MESSAGE,
  MORE,
} from '../../src/debugger/index.js'

const MAX = 4_096

/** Returns the messages in these chunks, up to the first framing error, with the bytes that were read until then. */
interface Told {
  readonly messages: unknown[]
  readonly faults: string[]
  broken: string | null
  readBytes: number
  bufferedMax: number
  between: boolean
}

function read(chunks: readonly Buffer[], max = MAX, check = checkRequest): Told {
  const reader = new DapReader<DapMessage>(max, check)
  const told: Told = { messages: [], faults: [], broken: null, readBytes: 0, bufferedMax: 0, between: true }
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const next = reader.read(chunk, at, chunk.length)
      told.readBytes += next - at
      at = next
      told.bufferedMax = Math.max(told.bufferedMax, reader.bufferedBytes)
      if (reader.found === MESSAGE) told.messages.push(reader.message)
      if (reader.found === MALFORMED)
        told.faults.push(`${reader.faultSeq} ${reader.faultCommand}: ${reader.fault}`)
      if (reader.found === BROKEN) {
        told.broken = reader.fault
        return told
      }
      if (reader.found === MORE && at < chunk.length) throw new Error('MORE before the end of the chunk')
    }
  }
  told.between = reader.isBetween
  return told
}

const request = (seq: number, command: string, given?: object): DapMessage =>
  given === undefined
    ? { seq, type: 'request', command }
    : { seq, type: 'request', command, arguments: { ...given } }

const framed = (body: string): Buffer =>
  Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
const text = (latin1: string): Buffer => Buffer.from(latin1, 'latin1')

/** Numbers below `n`, the same for each seed (xorshift). */
function random(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % n
  }
}

function split(whole: Buffer, below: (n: number) => number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < whole.length; ) {
    const size = 1 + below(below(2) === 0 ? 3 : 400)
    chunks.push(whole.subarray(at, at + size))
    at += size
  }
  return chunks
}

t.test('what is written can be read, at every split', async (t) => {
  const messages = [
    request(1, 'initialize', { adapterID: 'fermata', locale: 'fr – ✓ 𝄐' }),
    request(2, 'threads'),
    request(3, 'evaluate', { expression: 'list "a"\n', context: 'repl' }),
  ]
  const whole = Buffer.concat(messages.map(dapBytes))
  t.strictSame(read([whole]).messages, messages)
  t.strictSame(read([...whole].map((byte) => Buffer.of(byte))).messages, messages, 'byte by byte')
  for (let at = 1; at < whole.length; at++) {
    const told = read([whole.subarray(0, at), whole.subarray(at)])
    t.strictSame(told.messages, messages, `split at ${at}`)
    if (!told.between) t.fail(`split at ${at}: the reader is inside a message`)
  }
  t.equal(read([whole.subarray(0, -1)]).between, false)
})

t.test('a client reads responses and events', async (t) => {
  const answers: DapMessage[] = [
    { seq: 1, type: 'response', request_seq: 1, success: true, command: 'threads', body: { threads: [] } },
    { seq: 2, type: 'response', request_seq: 2, success: false, command: 'goto', message: 'no such step' },
    { seq: 3, type: 'event', event: 'stopped', body: { reason: 'pause' } },
  ]
  const whole = Buffer.concat(answers.map(dapBytes))
  t.strictSame(read([whole], MAX, checkAnswer).messages, answers)
  t.match(read([dapBytes(request(1, 'next'))], MAX, checkAnswer).faults, [/'response' or 'event'/])
  t.equal(read([whole]).faults.length, 3, 'and a server does not')
  for (const wrong of [{ request_seq: -1 }, { success: 1 }, { command: null }, { message: 7 }, { seq: '1' }])
    t.equal(read([framed(JSON.stringify({ ...answers[0], ...wrong }))], MAX, checkAnswer).faults.length, 1)
  t.equal(read([framed('{"seq":1,"type":"event","event":2}')], MAX, checkAnswer).faults.length, 1)
})

t.test('the first byte that differs breaks the connection', async (t) => {
  const post = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}'
  for (const [bytes, until] of [
    [post, 1],
    ['content-length: 2\r\n\r\n{}', 1],
    ['\r\nContent-Length: 2\r\n\r\n{}', 1],
    ['\x16\x03\x01', 1],
    ['Content-Length:2\r\n\r\n{}', 16],
    ['Content-Length:  2\r\n\r\n{}', 17],
    ['Content-Lengths: 2', 15],
    ['Content-Length: \r\n\r\n', 17],
    ['Content-Length: -1\r\n\r\n', 17],
    ['Content-Length: +1\r\n\r\n', 17],
    ['Content-Length: 0x10\r\n\r\n', 18],
    ['Content-Length: 02\r\n\r\n{}', 18],
    ['Content-Length: 2 \r\n\r\n{}', 18],
    ['Content-Length: 2\n\n{}', 18],
    ['Content-Length: 2\r\r\n', 19],
    ['Content-Length: 2\r\n\n{}', 20],
    ['Content-Length: 2\r\n\r{}', 21],
    ['Content-Length: 2\r\nA\r\n\r\n{}', 21],
    ['Content-Length: 2\r\nA: \0\r\n\r\n{}', 23],
    ['Content-Length: 2\r\nCONTENT-length : 3\r\n\r\n{}', 35],
  ] as const) {
    for (const chunks of [[text(bytes)], [...text(bytes)].map((byte) => Buffer.of(byte))]) {
      const told = read(chunks)
      t.not(told.broken, null, JSON.stringify(bytes))
      t.equal(told.readBytes, until, JSON.stringify(bytes))
      t.strictSame([told.messages, told.faults], [[], []])
    }
  }
  const reader = new DapReader<DapMessage>(MAX, checkRequest)
  reader.read(text('P'), 0, 1)
  const good = dapBytes(request(1, 'threads'))
  t.equal(reader.read(good, 0, good.length), 0, 'nothing is read after it')
  t.equal(reader.found, BROKEN)
})

t.test('other fields of a header are skipped, within 256 bytes', async (t) => {
  const body = JSON.stringify(request(1, 'threads'))
  const type = 'Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n'
  const header = (fields: string): string => `Content-Length: ${body.length}\r\n${fields}\r\n`
  t.equal(read([text(header(type) + body + header('') + body)]).messages.length, 2)
  const room = 256 - header('A: \r\n').length
  const fits = header(`A: ${'x'.repeat(room)}\r\n`)
  t.equal(fits.length, 256)
  t.equal(read([text(fits + body)]).messages.length, 1)
  const told = read([text(header(`A: ${'x'.repeat(room + 1)}\r\n`) + body)])
  t.match(told.broken, /256 bytes/)
  t.equal(told.readBytes, 257)
})

t.test('a body that is too long is refused with its length', async (t) => {
  const told = read([text('Content-Length: 99999999999\r\n\r\n')], 100)
  t.match(told.broken, /more than 100 bytes/)
  t.equal(told.readBytes, 19, 'at the first digit that passes the bound')
  const body = JSON.stringify(request(1, 'x'.repeat(100)))
  t.equal(read([framed(body)], body.length).messages.length, 1)
  t.match(read([framed(body)], body.length - 1).broken, /more than/)
})

t.test('memory is allocated for what has arrived', async (t) => {
  const body = JSON.stringify(request(1, 'x'.repeat(60_000)))
  const whole = framed(body)
  t.ok(read([whole.subarray(0, 30)], 65_536).bufferedMax <= 1_024)
  t.ok(read([whole.subarray(0, 3_000)], 65_536).bufferedMax <= 6_000)
  const halves = read([whole.subarray(0, 30_000), whole.subarray(30_000)], 65_536)
  t.equal(halves.messages.length, 1)
  t.ok(halves.bufferedMax <= body.length)
  t.equal(read([whole], 65_536).bufferedMax, 0, 'a body that is whole in its chunk is read in place')
})

t.test('a body that is not a request is told, and the next message is read', async (t) => {
  const next = request(9, 'threads')
  for (const [body, fault] of [
    ['', /^0 : .*not JSON/],
    ['{', /^0 : .*not JSON/],
    ['{"seq":1,}', /^0 : .*not JSON/],
    ['[]', /^0 : .*not an object/],
    ['null', /^0 : .*not an object/],
    ['7', /^0 : .*not an object/],
    ['{}', /^0 : .*'type'/],
    ['{"type":"event","seq":3,"event":"x"}', /^3 : .*'type'/],
    ['{"type":"request","seq":"3","command":"next"}', /^0 next: .*'seq'/],
    ['{"type":"request","seq":-3,"command":"next"}', /^0 next: .*'seq'/],
    ['{"type":"request","seq":1.5,"command":"next"}', /^0 next: .*'seq'/],
    ['{"type":"request","seq":3}', /^3 : .*'command'/],
    ['{"type":"request","seq":3,"command":"next","arguments":[]}', /^3 next: .*'arguments'/],
    ['{"type":"request","seq":3,"command":"next","arguments":null}', /^3 next: .*'arguments'/],
    ['['.repeat(MAX - 1), /not JSON/],
  ] as const) {
    const told = read([framed(body), dapBytes(next)])
    t.match(told.faults, [fault], body.slice(0, 60))
    t.strictSame(told.messages, [next], body.slice(0, 60))
  }
  const utf8 = Buffer.concat([text('Content-Length: 3\r\n\r\n"'), Buffer.of(0xff), text('"')])
  t.match(read([utf8, dapBytes(next)]).faults, [/UTF-8/])
  const bom = read([framed(`\ufeff${JSON.stringify(next)}`)])
  t.match(bom.faults, [/not JSON/], 'a byte order mark is not JSON')
})

t.test('fuzz: the split makes no difference, and damage is told and never thrown', async (t) => {
  for (let seed = 1; seed <= 400; seed++) {
    const below = random(seed * 7_919)
    const messages = Array.from({ length: 1 + below(4) }, (_, n) =>
      request(n + 1, 'évaluer'.repeat(1 + below(90)), { n: below(1e6), list: [below(9), '✓'] }),
    )
    const whole = Buffer.concat(messages.map(dapBytes))
    const told = read(split(whole, below))
    if (JSON.stringify(told.messages) !== JSON.stringify(messages)) t.fail(`seed ${seed}: messages differ`)
    const damaged = Buffer.from(whole)
    for (let n = 1 + below(3); n > 0; n--) damaged[below(damaged.length)] = below(256)
    const once = read([damaged])
    const parts = read(split(damaged, below))
    const facts = ({ messages, faults, broken, readBytes, between }: Told): string =>
      JSON.stringify({ messages, faults, broken, readBytes, between })
    if (facts(once) !== facts(parts)) t.fail(`seed ${seed}: the split makes a difference`)
    if (parts.bufferedMax > MAX) t.fail(`seed ${seed}: ${parts.bufferedMax} bytes are kept`)
  }
  t.pass('400 seeds')
})
