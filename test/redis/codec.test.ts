// The codec: commands and replies, whole and split at each byte; what is malformed.

import t from 'tap'
import { SimPollset } from '../../src/pollset/index.js'
import { splitLine } from '../../src/redis/inline.js'
import { PART, PUSH, REPLY, ReplyReader, WRONG } from '../../src/redis/reply-reader.js'
import { BAD, COMMAND, LARGE, NOTHING, PIECE, RequestReader } from '../../src/redis/request-reader.js'
import { KeptBytes, MemoryBudget } from '../../src/transport/index.js'

const MAX = 1 << 20

function reader(largeBytes = 1_000) {
  const memory = new MemoryBudget()
  return new RequestReader(new KeptBytes(new SimPollset(1), memory), largeBytes, MAX)
}

/** Reads these chunks: commands as lists of words, pieces of large ones joined, and the fault. */
function readAll(chunks: readonly Buffer[], it = reader()): string[] {
  const read: string[] = []
  let large = ''
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      at = it.read(chunk, at, chunk.length)
      const { found, buffer, start, end } = it
      if (found === COMMAND) {
        const words: string[] = []
        for (let n = 0; n < it.known; n++) words.push(buffer.toString('latin1', it.from[n], it.to[n]))
        read.push(words.join(' '))
        t.equal(it.known, it.count)
        t.ok(buffer[start] === 0x2a && buffer[end - 1] === 10, 'an array, to its end')
      } else if (found === LARGE) {
        read.push(`LARGE ${buffer.toString('latin1', it.from[0], it.to[0])}`)
        large = buffer.toString('latin1', start, end)
      } else if (found === PIECE) {
        large += buffer.toString('latin1', start, end)
        if (it.last) read.push(large)
      } else if (found === BAD) return [...read, `BAD ${it.fault}`]
      else if (found === NOTHING) read.push('NOTHING')
    }
  }
  return read
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const singly = (text: string): Buffer[] => [...text].map((each) => bytes(each))

t.test(
  'a kept command that is long gets the memory of its bytes; a short one, or one of the chunk, does not',
  async (t) => {
    const it = reader(100_000)
    const long = Buffer.from(`*2\r\n$4\r\nECHO\r\n$8000\r\n${'x'.repeat(8_000)}\r\n`)
    it.read(long, 0, long.length)
    t.equal(it.handOver(), null, 'it lies in the chunk')
    it.read(long, 0, 5_000)
    it.read(long, 5_000, long.length)
    t.equal(it.found, COMMAND)
    const { buffer } = it
    const kept = it.handOver()
    t.equal(kept?.bytes, buffer)
    t.strictSame(readAll([bytes('*1\r\n$4\r\nPI'), bytes('NG\r\n')], it), ['PING'])
    t.equal(it.handOver(), null, 'it is short')
    t.ok(kept?.bytes.subarray(0, kept.length).equals(long), 'later commands leave it alone')
  },
)

const INPUTS: readonly (readonly [input: string, ...read: string[]])[] = [
  ['*1\r\n$4\r\nPING\r\n', 'PING'],
  ['*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n', 'GET ', 'PING'],
  ['*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n', 'SET k \r\n*1'],
  ['PING\r\nSET a "b c"\n\n*1\r\n$4\r\nQUIT\r\n', 'PING', 'SET a b c', 'NOTHING', 'QUIT'],
  ['*0\r\n*-1\r\n\r\nget x\r\n', 'NOTHING', 'NOTHING', 'NOTHING', 'get x'],
]

t.test('Y5: commands are read whole, byte by byte, and split at each point', async (t) => {
  for (const [input, ...expected] of INPUTS) {
    t.strictSame(readAll([bytes(input)]), expected, input)
    t.strictSame(readAll(singly(input)), expected, `${input} byte by byte`)
    for (let at = 1; at < input.length; at++)
      t.strictSame(
        readAll([bytes(input.slice(0, at)), bytes(input.slice(at))]),
        expected,
        `${input} at ${at}`,
      )
  }
})

t.test('Y6: a large command is told early, and its pieces are the whole of it', async (t) => {
  const value = 'v'.repeat(5_000)
  for (const input of [
    `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000\r\n${value}\r\n`,
    `*102\r\n$4\r\nMSET\r\n$1\r\nk\r\n${`$60\r\n${'w'.repeat(60)}\r\n`.repeat(100)}`,
  ]) {
    const next = '*1\r\n$4\r\nPING\r\n'
    for (const size of [1, 7, 64, 999, 1_001, 4_096, 100_000]) {
      const chunks: Buffer[] = []
      const all = bytes(input + next)
      for (let at = 0; at < all.length; at += size) chunks.push(all.subarray(at, at + size))
      const it = reader()
      const read = readAll(chunks, it)
      if (size > all.length) t.strictSame(read.length, 2, 'whole in its chunk: not large')
      else
        t.strictSame(
          read,
          [`LARGE ${input.slice(input.indexOf('\r\n') + 6).split('\r\n')[0]}`, input, 'PING'],
          `${size}`,
        )
      t.notOk(it.isWithin)
    }
  }
  t.strictSame(
    readAll([
      bytes('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000\r\n'),
      bytes(value),
      bytes('\r\n*1\r\n$4\r\nPING\r\n'),
    ])[2],
    'PING',
  )
  t.match(
    readAll([
      bytes(`*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000\r\n${value.slice(9)}`),
      bytes(`${value.slice(0, 9)}\r\n?`),
    ]).at(-1),
    /BAD expected '\$'/,
  )
})

t.test('Y4: what is not a command', async (t) => {
  for (const [input, fault] of [
    ['*a\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*1\n$4\r\nPING\r\n', 'invalid multibulk length'],
    ['*2147483648\r\n', 'invalid multibulk length'],
    [`*${'1'.repeat(40)}`, 'invalid multibulk length'],
    ['*1\r\n:4\r\n', "expected '$', got ':'"],
    ['*1\r\n\u0000', "expected '$', got '\\x00'"],
    ['*1\r\n$-7\r\n', 'invalid bulk length'],
    ['*1\r\n$4294967296\r\n', 'invalid bulk length'],
    ['*1\r\n$4x\r\n', 'invalid bulk length'],
    ['*1\r\n$4\r\nPINGxx', 'expected CR LF after a bulk string'],
    ['SET a "b\r\n', 'unbalanced quotes in request'],
    ['SET a "b"c\r\n', 'unbalanced quotes in request'],
    ['x'.repeat(65_537), 'too big inline request'],
  ] as const) {
    t.strictSame(readAll([bytes(input)]).at(-1), `BAD ${fault}`, input.slice(0, 30))
    if (input.length < 200) t.strictSame(readAll(singly(input)).at(-1), `BAD ${fault}`)
  }
})

t.test('words of a line', async (t) => {
  t.strictSame(splitLine(' a  "b\\x41\\n\\"" \'c\\\'d\' e"f" '), ['a', 'bA\n"', "c'd", 'ef'])
  t.strictSame(splitLine('"a\\q"'), ['aq'])
  t.strictSame(splitLine(''), [])
  t.equal(splitLine("'a"), null)
  t.equal(splitLine('"a\\'), null)
})

/** Reads these chunks as replies: `REPLY TYPE BYTES`. */
function replies(chunks: readonly Buffer[]): string[] {
  const it = new ReplyReader()
  const read: string[] = []
  let part = ''
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length; ) {
      const from = at
      at = it.read(chunk, at, chunk.length)
      part += chunk.toString('latin1', from, at)
      if (it.found === WRONG) return [...read, 'WRONG']
      if (it.found === PART) continue
      read.push(`${it.found === PUSH ? 'push' : 'reply'} ${String.fromCharCode(it.type)} ${part.length}`)
      part = ''
    }
  t.equal(it.isWithin, part !== '')
  return read
}

t.test('Y5: replies are found whole, byte by byte, and split at each point', async (t) => {
  const values = [
    '+OK\r\n',
    '-ERR no\r\n',
    ':-12\r\n',
    '$-1\r\n',
    '$0\r\n\r\n',
    '$5\r\n\r\n:1\r\r\n',
    '*-1\r\n',
    '*0\r\n',
    '*2\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n',
    '_\r\n',
    ',1.5\r\n',
    '#t\r\n',
    '(123\r\n',
    '=8\r\ntxt:abcd\r\n',
    '!5\r\nERR x\r\n',
    '~1\r\n+a\r\n',
    '%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n',
    '>2\r\n+message\r\n*1\r\n:1\r\n',
    '|1\r\n+ttl\r\n:5\r\n$1\r\nx\r\n',
    '*2\r\n|1\r\n+a\r\n:1\r\n:2\r\n:3\r\n',
  ]
  const expected = values.map((each) => {
    const type = each.startsWith('|') ? '$' : each[0]
    return `${each.startsWith('>') ? 'push' : 'reply'} ${type} ${each.length}`
  })
  const all = values.join('')
  t.strictSame(replies([bytes(all)]), expected)
  t.strictSame(replies(singly(all)), expected)
  for (let at = 1; at < all.length; at++)
    t.strictSame(replies([bytes(all.slice(0, at)), bytes(all.slice(at))]), expected, `at ${at}`)
  for (const wrong of ['HTTP/1.1', '$x\r\n', '\r\n', `*${'9'.repeat(15)}\r\n`])
    t.strictSame(replies([bytes(wrong)]), ['WRONG'], wrong)
})

t.equal(REPLY, 1)
