// The formats of the access log, over fields of no protocol: what each writes, and that nothing of a peer leaves its line.

import fc from 'fast-check'
import t from 'tap'
import {
  formatOf as bytesFormatOf,
  COMBINED,
  CUT,
  FORMATS,
  type FormatName,
  type ListRow,
  LogFields,
  lineText,
  redactedQuery,
  TEXT_CHARACTERS_MAX,
  templateOf,
} from '../../src/access-log/index.js'
import { LineSlab } from '../../src/pollset/index.js'

interface Call {
  readonly text: string
  readonly word: string
  readonly count: number
  readonly yes: boolean | null
  readonly at: number
  readonly parts: Float64Array | null
  readonly rows: readonly ListRow[]
  readonly owner: string
  readonly letter?: string
  readonly number: number
}

const CALL: Call = {
  text: 'a b',
  word: 'ok',
  count: 1.23456,
  yes: true,
  at: Date.UTC(2026, 10, 27, 8, 50, 0, 7),
  parts: Float64Array.of(0, 0.4567, 12),
  rows: [
    { to: 'x y', ms: 1.5 },
    { to: '', ms: 0 },
  ],
  owner: 'm1',
  number: 12_345_678,
}
const NOTHING: Call = {
  text: '',
  word: '',
  count: Number.NaN,
  yes: null,
  at: 0,
  parts: null,
  rows: [],
  owner: 'm2',
  number: 1,
}

const fields = new LogFields<Call>(
  [
    { name: 'text', kind: 'text', at: 0 },
    { name: 'word', kind: 'word', at: 1 },
    { name: 'count', kind: 'number', at: 0 },
    { name: 'yes', kind: 'flag', at: 1 },
    { name: 'at', kind: 'time', at: 2 },
    { name: 'clf', kind: 'clf-time', at: 2 },
    { name: 'parts', kind: 'numbers', names: ['a', 'b', 'c'], at: 0 },
    { name: 'rows', kind: 'list', columns: ['to', 'ms'], at: 0 },
    { name: 'id', kind: 'id', owner: 2, letter: 3, at: 3 },
  ],
  (x, { texts, numbers, series, marks, lists }) => {
    texts[0] = x.text
    texts[1] = x.word
    texts[2] = x.owner
    texts[3] = x.letter ?? 's'
    numbers[0] = x.count
    numbers[1] = x.yes === null ? Number.NaN : Number(x.yes)
    numbers[2] = x.at
    numbers[3] = x.number
    series[0] = x.parts
    marks[0] = 0b111
    lists[0] = x.rows
  },
  [
    {
      prefix: 'more.',
      rest: 'NAME',
      field: (name) =>
        name === 'none' ? null : { name: `more.${name}`, kind: 'text', text: (x) => name + x.text },
    },
  ],
)

/** A format that returns its line as text. */
const formatOf = (
  of: LogFields<Call>,
  format: FormatName | { readonly template: string },
  names: readonly string[],
): ((call: Call) => string) => {
  const compiled = bytesFormatOf(of, format, names)
  return (call) => lineText(compiled, call)
}
const ALL = fields.all.map(({ name }) => name)
const EVERY = ALL.map((name) => `\${${name}}`).join(' | ')

t.test('json: the fields in order; without a value they are left out', async (t) => {
  const format = formatOf(fields, 'json', ALL)
  t.equal(
    format(CALL),
    '{"text":"a b","word":"ok","count":1.235,"yes":true,"at":"2026-11-27T08:50:00.007Z","clf":"27/Nov/2026:08:50:00 +0000",' +
      '"parts":{"b":0.457,"c":12},"rows":[{"to":"x y","ms":1.5},{"ms":0}],"id":"m1/s12345678"}\n',
  )
  t.equal(formatOf(fields, 'json', ['text', 'count', 'yes', 'parts', 'rows', 'word'])(NOTHING), '{}\n')
  t.equal(formatOf(fields, 'json', ['count', 'more.x'])(CALL), '{"count":1.235,"more.x":"xa b"}\n')
})

t.test('logfmt: quotes where a value is not one word', async (t) => {
  t.equal(
    formatOf(fields, 'logfmt', ALL)(CALL),
    'text="a b" word=ok count=1.235 yes=true at=2026-11-27T08:50:00.007Z clf="27/Nov/2026:08:50:00 +0000" ' +
      'parts.b=0.457 parts.c=12 rows="x y/1.5,/0" id=m1/s12345678\n',
  )
  t.equal(formatOf(fields, 'logfmt', ['text', 'yes', 'parts', 'rows'])(NOTHING), '\n')
  for (const [text, written] of [
    ['a=b', '"a=b"'],
    ['a"b', '"a\\"b"'],
    ['a\\b', '"a\\\\b"'],
    ['a\nb', '"a\\u000ab"'],
    ['/a?b', '/a?b'],
  ])
    t.equal(formatOf(fields, 'logfmt', ['text'])({ ...CALL, text }), `text=${written}\n`)
})

t.test('a field has 31 numbers at most: each has a bit', async (t) => {
  const numbersOf = (count: number) => {
    const names = Array.from({ length: count }, (_, at) => `n${at}`)
    const values = Float64Array.from(names, (_, at) => at + 1)
    return new LogFields<number>(
      [{ name: 'all', kind: 'numbers', names, at: 0 }],
      (marks, line) => {
        line.series[0] = values
        line.marks[0] = marks
      },
      [],
    )
  }
  t.throws(() => numbersOf(32), { message: "'all' has more than 31 numbers" })
  const format = bytesFormatOf(numbersOf(31), 'json', ['all'])
  t.equal(lineText(format, 1 << 30), '{"all":{"n30":31}}\n')
  t.equal(lineText(format, 0b101), '{"all":{"n0":1,"n2":3}}\n')
  t.equal(lineText(format, 0), '{}\n')
  t.equal(Object.keys(JSON.parse(lineText(format, -1 >>> 1)).all).length, 31)
})

t.test('templates: - without a value, $$ for $', async (t) => {
  const format = formatOf(fields, { template: `\${word} $$\${count} "\${text}"` }, [])
  t.equal(format(CALL), 'ok $1.235 "a b"\n')
  t.equal(format(NOTHING), '- $- "-"\n')
  t.equal(
    formatOf(fields, { template: `\${text}` }, [])({ ...CALL, text: '"\\\x1b[31m\n\xe9' }),
    '\\x22\\x5c\\x1b[31m\\x0a\\xe9\n',
  )
  t.strictSame(templateOf(`a$$b\${c}$$ \${d}$$\{e}`), {
    texts: ['a$b', '$ ', '$' + '{e}'],
    names: ['c', 'd'],
  })
  for (const [wrong, why] of [
    ['plain', /names no field/],
    ['$' + '{a', /without its \}/],
    ['$' + '{a}\n', /not printable ASCII/],
    ['$' + '{a}\u00e9', /not printable ASCII/],
    ['$' + '{a}'.repeat(2_000), /more than 4096 characters/],
  ] as const)
    t.match(templateOf(wrong), why)
  t.throws(() => formatOf(fields, { template: `\${nope}` }, []), { message: "there is no field 'nope'" })
  t.throws(() => formatOf(fields, 'json', ['more.none']), RangeError)
  t.throws(() => formatOf(fields, { template: 'x' }, []), /the template names no field/)
  t.strictSame(fields.names, [...ALL, 'more.NAME'])
  t.equal(typeof templateOf(COMBINED), 'object')
})

t.test('steady fields: a line has what it is given, whatever the lines before had', async (t) => {
  interface Pair {
    readonly a: string
    readonly b: string
    readonly c: string
    readonly n?: number
    readonly f?: number
  }
  const steady = new LogFields<Pair>(
    [
      { name: 'a', kind: 'text', steady: true, at: 0 },
      { name: 'b', kind: 'word', steady: true, at: 1 },
      { name: 'n', kind: 'number', steady: true, at: 0 },
      { name: 'f', kind: 'flag', steady: true, at: 1 },
      { name: 'c', kind: 'text', at: 2 },
    ],
    (x, { texts, numbers }) => {
      texts[0] = x.a
      texts[1] = x.b
      texts[2] = x.c
      numbers[0] = x.n ?? Number.NaN
      numbers[1] = x.f ?? Number.NaN
    },
    [],
  )
  const some = fc.constantFrom('', 'x', 'y', 'long'.repeat(20))
  const format = bytesFormatOf(steady, 'json', ['a', 'b', 'n', 'f', 'c'])
  const number = fc.constantFrom(undefined, 0, 0.5, 200)
  const flag = fc.constantFrom(undefined, 0, 1)
  fc.assert(
    fc.property(some, some, some, number, flag, fc.integer({ min: 1, max: 4 }), (a, b, c, n, f, times) => {
      const values = { a, b, n, f: f === undefined ? f : f === 1, c }
      const told = Object.entries(values).filter(([, value]) => value !== '')
      const expected = `${JSON.stringify(Object.fromEntries(told))}\n`
      const call = { a, b, c, ...(n === undefined ? {} : { n }), ...(f === undefined ? {} : { f }) }
      return Array.from({ length: times }, () => lineText(format, call)).every((each) => each === expected)
    }),
    { numRuns: 2_000 },
  )
  // Too little room: the line ends behind the target, and the next one is right all the same.
  const pair = { a: 'x'.repeat(50), b: 'y', c: '' }
  const whole = `${JSON.stringify({ a: pair.a, b: 'y' })}\n`
  for (let room = 0; room < 80; room++) {
    const target = new LineSlab(room)
    for (let at = 0; at < 3; at++) t.equal(format(pair, target, 0) > room, room < whole.length)
    t.equal(lineText(format, pair), whole)
  }
})

t.test('times: over a second, an hour and a day', async (t) => {
  const format = formatOf(fields, 'json', ['at', 'clf'])
  for (const at of [0, 999, 1_000, 86_399_999, 86_400_000, Date.UTC(2026, 0, 5, 3, 4, 9, 90), 1_000]) {
    const line = JSON.parse(format({ ...CALL, at }))
    t.equal(line.at, new Date(at).toISOString())
  }
  t.equal(
    JSON.parse(format({ ...CALL, at: Date.UTC(2026, 0, 5, 3, 4, 9) })).clf,
    '05/Jan/2026:03:04:09 +0000',
  )
})

t.test('an id without a letter is its first part alone', async (t) => {
  const format = formatOf(fields, 'json', ['id', 'word'])
  t.equal(format({ ...CALL, letter: '' }), '{"id":"m1","word":"ok"}\n')
  t.equal(format(CALL), '{"id":"m1/s12345678","word":"ok"}\n')
})

t.test('numbers: three decimals at most, whatever their size', async (t) => {
  const format = formatOf(fields, 'json', ['count', 'id'])
  const thousandths = fc.oneof(
    fc.integer({ min: 0, max: 3_000_000 }),
    fc.integer({ min: 0, max: 1_000_000_000_000 }),
  )
  fc.assert(
    fc.property(thousandths, fc.nat(), (count, number) => {
      const line = format({ ...CALL, count: count / 1_000, number })
      return line === `{"count":${String(count / 1_000)},"id":"m1/s${number}"}\n`
    }),
    { numRuns: 5_000 },
  )
  for (const [count, text] of [
    [0.0004, '0'],
    [0.9996, '1'],
    [999.9996, '1000'],
    [2_147_483.647, '2147483.647'],
    [2_147_483.648, '2147483.648'],
    [4_294_967_296, '4294967296'],
  ] as const)
    t.equal(format({ ...CALL, count, number: 0 }), `{"count":${text},"id":"m1/s0"}\n`)
})

const latin1 = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 })
  .map((codes) => String.fromCharCode(...codes))
const anyText = fc.oneof(latin1, fc.string({ unit: 'binary', maxLength: 60 }))

t.test(
  'whatever a peer writes, a line is one line of printable ASCII, and json and logfmt say what it was',
  async (t) => {
    const formats = [...FORMATS.slice(0, 2), { template: EVERY }].map((format) =>
      formatOf(fields, format, ALL),
    )
    fc.assert(
      fc.property(anyText, anyText, (text, to) => {
        const call = { ...CALL, text, rows: [{ to, ms: 1 }] }
        for (const format of formats) if (!/^[\x20-\x7e]*\n$/.test(format(call))) return false
        const line = JSON.parse(formats[0](call))
        if ((line.text ?? '') !== text || (line.rows[0].to ?? '') !== to) return false
        const [, quoted, bare] = /^text=(?:("(?:[^"\\]|\\.)*")|(\S*)) /.exec(formats[1](call)) ?? []
        return text === '' || (quoted === undefined ? bare === text : JSON.parse(quoted) === text)
      }),
      { numRuns: 2_000 },
    )
    t.pass()
  },
)

t.test('a text takes 4 KiB at most, and is marked where it was cut; no escape is cut', async (t) => {
  for (const character of ['x', '\x1b', '"', '\xff', '\u202e']) {
    for (const format of [...FORMATS.slice(0, 2), { template: `\${text}` }] as const) {
      const line = formatOf(fields, format, ['text'])({ ...CALL, text: character.repeat(5_000) })
      const inner = /(?:x|\\.)[\s\S]*\[cut\]/.exec(line.replace(/^\{?"?text"?[:=]"?/, ''))?.[0] ?? ''
      t.ok(inner.endsWith(CUT), character)
      const kept = inner.slice(0, -CUT.length)
      t.ok(kept.length <= TEXT_CHARACTERS_MAX && kept.length > TEXT_CHARACTERS_MAX - 6, `${kept.length}`)
      t.match(kept, /^(?:x|\\["\\]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4})+$/)
    }
    const whole = 'x'.repeat(TEXT_CHARACTERS_MAX)
    t.equal(JSON.parse(formatOf(fields, 'json', ['text'])({ ...CALL, text: whole })).text, whole)
  }
})

t.test('the values of a query are hidden', async (t) => {
  for (const [from, to] of [
    ['/a', '/a'],
    ['/a?', '/a?'],
    ['/a?b=c', '/a?b=***'],
    ['/a?b=c&d=&e', '/a?b=***&***&***'],
    ['/a?b=c;d=e', '/a?b=***;d=***'],
    ['/a?b=c?d=e', '/a?b=***'],
    ['/a?b=c=d', '/a?b=***'],
    ['/?dG9rZW4=', '/?***'],
    ['/?dG9rZW4==', '/?***'],
    [`/?${'n'.repeat(65)}=v`, '/?***'],
    ['https://x/?a=b#c', 'https://x/?a=***#***'],
    ['*', '*'],
  ])
    t.equal(redactedQuery(from), to)
})
