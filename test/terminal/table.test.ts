// Tables and the picture of `fermata top`, as functions of data; the picture is also read back as the cells of a
// terminal.

import { createRequire } from 'node:module'
import t from 'tap'
import type { Overview, Row } from '../../src/debugger/index.js'
import { addressOf } from '../../src/terminal/client.js'
import { topFrame } from '../../src/terminal/frame.js'
import { byteCount, duration, fitted, printable, tableLines } from '../../src/terminal/table.js'

const { Terminal } = createRequire(import.meta.url)('@xterm/headless') as typeof import('@xterm/headless')

t.test('no control character of a peer reaches the terminal', async (t) => {
  t.equal(printable('/a\x1b[2Jb'), '/ab')
  t.equal(printable('a\r\nb\x07\x9b31m\u202e'), 'a��b��31m�'.replace('��31m', printable('\x07\x9b31m')))
  t.notMatch(printable('\x1b]0;title\x07 \x1b[31m \x9b1m \x00 \x7f'), /[\x00-\x1f\x7f-\x9f]/)
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

t.test('addresses', async (t) => {
  t.strictSame(addressOf('unix:/run/a'), { path: '/run/a' })
  t.strictSame(addressOf('4711'), { host: '127.0.0.1', port: 4711 })
  t.strictSame(addressOf('[::1]:4711'), { host: '::1', port: 4711 })
  t.throws(() => addressOf('http://a:1'), /write HOST:PORT or unix:PATH/)
})

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
  const terminal = new Terminal({ cols: 80, rows: 24, allowProposedApi: true })
  await new Promise<void>((resolve) =>
    terminal.write(lines.map((line, at) => `\x1b[${at + 1};1H${line}`).join(''), resolve),
  )
  const cells = Array.from(
    { length: 24 },
    (_, y) => terminal.buffer.active.getLine(y)?.translateToString(true) ?? '',
  )
  t.strictSame(
    cells,
    lines.map((line) => line.trimEnd()),
    'no line wraps, and no sequence is obeyed',
  )
  t.match(cells[0], /^fermata {2}up 60 min {2}10000 in flight {2}1 held {2}1200 clients {2}1 engines$/)
  t.match(cells.join('\n'), /^e1 +h2c:\/\/\S+ +20 +1 +b0/m)
  t.match(cells.join('\n'), /^… and 1195 more$/m)
  t.match(
    cells.join('\n'),
    /^m1\/s1 +GET +\S+ +awaitHead +8\.2 s +51\.8 s +m1\/s1, b1\/r1$/m,
    'what it waits for has room',
  )
  t.match(cells[23], /^1–\d+ of 10000 by age {2}q quit/)
  const scrolled = topFrame(overview, rows, 10_000, { ...view, offset: 40, filter: 'age > 1.0' })
  t.match(scrolled.join('\n'), /^m1\/s81 /m)
  t.match(scrolled[23], /^41–\d+ of 10000 by age where age > 1\.0/)
  t.equal(topFrame(overview, [], 0, { ...view, message: 'wrong' })[23], 'wrong')
})
