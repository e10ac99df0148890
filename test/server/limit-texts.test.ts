// 'fermata limits' says of each limit what its doc comment says.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { LIMIT_TEXTS } from '../../src/server/limit-texts.js'
import { describeLimits, limitsByRoom, setLimit } from '../../src/server/limits.js'
import { limitTexts } from '../../tools/limit-texts.js'
import { tableOf } from '../../tools/testbed/frames.js'

t.test('the table that ships is that of the doc comments', (t) => {
  t.strictSame(
    LIMIT_TEXTS,
    Object.fromEntries(limitTexts(process.cwd())),
    "they differ: 'npm run limit-texts' writes the table again",
  )
  t.end()
})

t.test('each limit is printed with its room, default and unit, and a sentence', (t) => {
  const printed = describeLimits()
  for (const [room, values] of Object.entries(limitsByRoom)) {
    for (const [name, value] of Object.entries(values)) {
      const [unit, text] = LIMIT_TEXTS[`${room}.${name}`]
      t.ok(text.length > 10, `${room}.${name} has a doc comment`)
      t.ok(printed.includes(`${room}.${name} = ${value}${unit === '' ? '' : ` ${unit}`}\n    ${text}\n`))
    }
  }
  t.end()
})

t.test('J16: the text of each limit that a worker has for itself says so, and no other', (t) => {
  const says = Object.entries(LIMIT_TEXTS).filter(([, [, text]]) =>
    text.endsWith('Each worker counts its own.'),
  )
  const table = tableOf(readFileSync('spec/workers.md', 'utf8'), 'Limits of each worker')
  t.strictSame(says.map(([name]) => name).sort(), table.map(({ limit }) => limit).sort())
  t.end()
})

t.test('a name without its room is refused with the rooms that it may mean', (t) => {
  t.throws(() => setLimit({}, 'lingerMs=1s'), {
    message: "'lingerMs' needs its room: write http1.lingerMs or http2.lingerMs",
  })
  t.throws(() => setLimit({}, 'headTimeoutMs=1s'), { message: /write proxy.headTimeoutMs$/ })
  t.throws(() => setLimit({}, 'http1.headTimeoutMs=1s'), { message: /did you mean proxy.headTimeoutMs\?$/ })
  t.throws(() => setLimit({}, 'http3.noMs=1s'), { message: /'fermata limits' lists them/ })
  t.strictSame(setLimit({ http1: { headMs: 5 } }, 'http1.lingerMs=1s'), {
    http1: { headMs: 5, lingerMs: 1_000 },
  })
  t.end()
})
