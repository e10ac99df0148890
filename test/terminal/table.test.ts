// Tables and the picture of `fermata top`, as functions of data; the picture is also read back as the cells of a
// terminal.

import { createRequire } from 'node:module'
import t from 'tap'
import type { Overview, Row } from '../../src/debugger/index.js'
import { helpFrame, topFrame } from '../../src/terminal/frame.js'
import { repaint, sizeOf } from '../../src/terminal/screen.js'
import {
  byteCount,
  cellsOf,
  duration,
  fitted,
  jsonText,
  printable,
  printableLines,
  tableLines,
} from '../../src/terminal/table.js'

const { Terminal } = createRequire(import.meta.url)('@xterm/headless') as typeof import('@xterm/headless')

t.test('no control character of a peer reaches the terminal', async (t) => {
  t.equal(printable('/a\x1b[2Jb'), '/ab')
  t.equal(printable('a\r\nb\x07\x9b31m\u202e'), 'a��b��31m�'.replace('��31m', printable('\x07\x9b31m')))
  t.notMatch(printable('\x1b]0;title\x07 \x1b[31m \x9b1m \x00 \x7f'), /[\x00-\x1f\x7f-\x9f]/)
})

t.test('nor does one in JSON, which keeps its meaning', async (t) => {
  const value = { path: '/\x1b[2J\x7f\x9b31m\u202e\u{e0001}é', rows: ['a\nb'] }
  t.notMatch(jsonText(value), /[\x00-\x1f\x7f-\x9f\u202e]|\u{e0001}/u)
  t.strictSame(JSON.parse(jsonText(value)), value)
  t.equal(printableLines('a\x1b[1m\nb\x07'), 'a\nb�', 'lines stay lines')
})

t.test('texts are measured in cells', async (t) => {
  const texts = ['a', 'é', 'e\u0301', '日本', '한', '𠀀', '–…→', '']
  t.strictSame(texts.map(cellsOf), [1, 1, 1, 4, 2, 2, 3, 0])
  t.equal(fitted('日本語', 5), '日本…')
  t.equal(fitted('日本語', 4), '日…', 'half a character does not fit')
  t.equal(fitted('a𠀀b', 3), 'a…', 'no half of a surrogate pair')
  t.equal(fitted('日', 1), '')
  const columns = [
    { title: 'A', value: (text: string) => text },
    { title: 'B', value: () => '|' },
  ]
  const lines = tableLines(columns, ['日本', 'ab'], 80)
  const cells = await cellsFrom(lines.join('\r\n'), 80, 3)
  t.strictSame(cells, ['A     B', '日本  |', 'ab    |'])
})

t.test('cells are cut to fit, elastic columns first', async (t) => {
  const columns = [
    { title: 'ID', value: ({ id }: { id: string; path: string }) => id },
    { title: 'PATH', value: ({ path }: { id: string; path: string }) => path, elastic: true },
    { title: 'N', value: () => '7', right: true },
  ]
  const rows = [
    { id: 'm1/s1', path: '/a/very/long/path' },
    { id: 'm10/s11', path: '/' },
  ]
  t.strictSame(tableLines(columns, rows, 80), [
    'ID       PATH               N',
    'm1/s1    /a/very/long/path  7',
    'm10/s11  /                  7',
  ])
  t.strictSame(tableLines(columns, rows, 24), [
    'ID       PATH          N',
    'm1/s1    /a/very/lon…  7',
    'm10/s11  /             7',
  ])
  for (let width = 1; width < 40; width++)
    for (const line of tableLines(columns, rows, width)) t.ok(line.length <= width, `${width}: ${line}`)
})

t.test('figures for a person', async (t) => {
  t.strictSame([0, 999, 8_200, 180_000].map(duration), ['0 ms', '999 ms', '8.2 s', '3 min'])
  t.strictSame([0, 1_023, 12_288, 3_565_158].map(byteCount), ['0', '1023', '12 K', '3.4 M'])
  t.strictSame([fitted('abc', 3), fitted('abcd', 3), fitted('abc', 1)], ['abc', 'ab…', 'a'])
})

/** Returns the lines of a terminal that has shown these bytes. */
async function cellsFrom(bytes: string, cols: number, rows: number): Promise<string[]> {
  const terminal = new Terminal({ cols, rows, allowProposedApi: true })
  await new Promise<void>((resolve) => terminal.write(bytes, resolve))
  const { active } = terminal.buffer
  return Array.from({ length: rows }, (_, y) => active.getLine(y)?.translateToString(true) ?? '')
}

const row = (n: number): Row => ({
  id: `m1/s${n}`,
  step: 'exchange.awaitHead',
  state: 'waiting',
  method: 'GET',
  host: 'shop.example',
  path: `/api/things/${n}\x1b[31m`,
  waits: `m1/s${n}, b1/r${n}`,
  sinceMs: 8200,
  ageMs: 9000,
  lateInMs: 51_800,
  heldBytes: 2048,
  client: 'm1',
  clientAddress: '192.0.2.1:5000',
  backend: `b1/r${n}`,
  engine: 'e1',
  status: 0,
})

const overview: Overview = {
  now: 0,
  uptimeMs: 3_600_000,
  turns: 1,
  inFlight: 10_000,
  held: 1,
  clients: Array.from({ length: 8 }, (_, n) => ({
    ...{ id: `m${n}`, address: '192.0.2.1:5000', protocol: 'http2.frontend', streams: n, heldBytes: 0 },
  })),
  clientsTotal: 1200,
  engines: [
    {
      ...{ id: 'e1', name: 'h2c://10.0.0.2:9000', queued: 20, opening: 1 },
      sessions: Array.from({ length: 9 }, (_, n) => ({
        id: `b${n}`,
        state: 'open',
        leased: 100,
        capacity: 100,
      })),
    },
  ],
  enginesTotal: 1,
  steps: {},
}

t.test('the picture at 80 columns, read back as cells', async (t) => {
  const rows = Array.from({ length: 500 }, (_, n) => row(2 * n + 1))
  const view = { width: 80, height: 24, sort: 'age', filter: '', offset: 0, message: '' }
  const lines = topFrame(overview, rows, 10_000, view)
  t.equal(lines.length, 24)
  const cells = await cellsFrom(repaint([], lines), 80, 24)
  t.strictSame(
    cells,
    lines.map((line) => line.trimEnd()),
    'no line wraps, and no sequence is obeyed',
  )
  t.match(cells[0], /^fermata {2}up 60 min {2}10000 in flight {2}1 held {2}1200 clients {2}1 engines$/)
  t.match(cells.join('\n'), /^e1 +h2c:\/\/\S+ +20 +1 +b0/m)
  t.match(cells.join('\n'), /^… and 1198 more$/m, 'at 24 lines the requests have most of the room')
  t.equal(cells.filter((line) => /^m1\/s/.test(line)).length, 12)
  t.match(
    cells.join('\n'),
    /^m1\/s1 +GET +\S+ +awaitHead +8\.2 s +51\.8 s +m1\/s1, b1\/r1$/m,
    'what it waits for has room',
  )
  t.match(cells[23], /^1–\d+ of 10000 by age {2}\? help {2}q quit/)
  const scrolled = topFrame(overview, rows, 10_000, { ...view, offset: 40, filter: 'age > 1.0' })
  t.match(scrolled.join('\n'), /^m1\/s81 /m)
  t.match(scrolled[23], /^41–\d+ of 10000 by age where age > 1\.0/)
  t.equal(topFrame(overview, [], 0, { ...view, message: 'wrong' })[23], 'wrong')
})

t.test('lines that have not changed are not written', async (t) => {
  const full = 'x'.repeat(20)
  const before = ['first', full, 'third', 'gone']
  const after = ['first', full.replace(/^x/, 'y'), 'third, longer']
  t.strictSame(repaint(before, before), '')
  const bytes = repaint(before, after)
  t.notMatch(bytes, 'first')
  t.strictSame(
    await cellsFrom(repaint([], before) + bytes, 20, 4),
    [...after, ''],
    'a line of full width keeps its last cell',
  )
})

t.test('a picture fits any terminal', async (t) => {
  const rows = Array.from({ length: 50 }, (_, n) => row(n))
  for (const width of [1, 20, 79, 80, 200])
    for (const height of [1, 2, 5, 16, 24, 60]) {
      const view = { width, height, sort: 'age', filter: '', offset: 1000, message: '' }
      for (const lines of [topFrame(overview, rows, 50, view), helpFrame(view)]) {
        t.equal(lines.length, height)
        t.ok(lines.every((line) => cellsOf(line) <= width))
      }
    }
  t.notMatch(helpFrame({ width: 80, height: 24 }).join(''), '…', 'the page of keys is not cut at 80 columns')
  t.strictSame(sizeOf({}), { width: 80, height: 24 }, 'a terminal that tells no size')
  t.strictSame(sizeOf({ columns: 0, rows: 0 }), { width: 80, height: 24 })
})

t.test('a list that has become shorter is not scrolled past its end', async (t) => {
  const view = { width: 80, height: 24, sort: 'age', filter: '', offset: 40, message: '' }
  const lines = topFrame(overview, [row(1), row(2), row(3)], 3, view)
  t.match(lines.join('\n'), /^m1\/s3 /m)
  t.match(lines[23], /^3–3 of 3 by age/)
  t.match(topFrame(overview, [], 0, view)[23], /^0–0 of 0 by age/)
})

t.test('colours only where they are wanted', async (t) => {
  const view = { width: 80, height: 24, sort: 'age', filter: '', offset: 0, message: '' }
  const held: Row = { ...row(1), state: 'held' }
  t.notMatch(topFrame(overview, [held], 1, view).join(''), '\x1b')
  const colored = topFrame(overview, [held], 1, { ...view, colors: true })
  t.match(colored.join('\n'), /^\x1b\[33mm1\/s1 .*\x1b\[39m$/m)
  t.strictSame(
    await cellsFrom(repaint([], colored), 80, 24),
    topFrame(overview, [held], 1, view),
    'and the text is the same',
  )
})
