// Every page of spec/scenarios, played; and the tables of its README hold what a page may say.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tableOf } from '../../tools/testbed/frames.js'
import { GIVEN, play, rulesOfScenario } from '../world/scenario.js'

const folder = 'spec/scenarios'
const pages = readdirSync(folder).filter((name) => name !== 'README.md')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

for (const name of pages) {
  const page = read(name)
  const [, heading] = /^# (.+)$/m.exec(page) ?? [null, name]
  t.test(`${rulesOfScenario(page).join(', ')}: ${heading}`, (t) => {
    t.strictSame(play(page), [])
    t.end()
  })
}

const README = readFileSync('spec/scenarios/README.md', 'utf8')
const columnOf = (section: string, name: string): string[] => tableOf(README, section).map((row) => row[name])

/** Values for the words of the README in capitals. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/NAME=VALUE/, String.raw`\S+=\S+`],
  [/STEP, STEP, \.\.\./, '[a-z][A-Za-z]*(, [a-z][A-Za-z]*)*'],
  [/PEER/, String.raw`(client|backend)\d*`],
  [/FRAME \.\.\./, `(${columnOf('Frames', 'frame').join('|')})( .*)?`],
  [/\bN\b/, String.raw`\d+`],
]

t.test('the statements of the README are those of the pages', (t) => {
  const forms = columnOf('Statements', 'statement').map((form) =>
    WORDS.reduce((pattern, [word, stands]) => pattern.replace(word, () => stands), form),
  )
  const lines = pages.flatMap((name) => /```scenario\n([\s\S]*?)```/.exec(read(name))?.[1].split('\n') ?? [])
  const statements = lines.filter((line) => line !== '' && !line.startsWith('#'))
  const fits = (form: string, line: string) => new RegExp(`^${form}$`).test(line)
  for (const form of forms)
    t.ok(
      statements.some((line) => fits(form, line)),
      `a page has ${form}`,
    )
  t.strictSame(
    statements.filter((line) => !forms.some((form) => fits(form, line))),
    [],
  )
  t.end()
})

/** A value for each word of the README. */
const VALUES: Readonly<Record<string, string>> = {
  'flags=F': 'flags=ES,EH',
  'name=value': 'x=1',
  'code=CODE': 'code=CANCEL',
  'NAME=N': 'MAX_FRAME_SIZE=16384',
  'data=HEX': 'data=0102030405060708',
  'text=T': 'text=a',
}

t.test('each frame of the README can be sent with its words, and no other can', (t) => {
  const fails = (line: string) =>
    play(`\`\`\`scenario\nclient> ${line}\n\`\`\`\n`).filter((each) => /: client> /.test(each))
  for (const [, frame, words] of README.matchAll(/^\| `([A-Z_]+)` \| (.*) \|$/gm)) {
    const named = [...words.matchAll(/`([^`]+)`/g)].map(([, word]) => VALUES[word] ?? word.replace(/N$/, '1'))
    t.strictSame(fails([frame, ...named].join(' ')), [], frame)
  }
  t.match(fails('PRIORITY stream=1'), [/nobody sends PRIORITY/])
  t.end()
})

t.test('what the README says may be given, may', (t) => {
  t.strictSame(columnOf('Given', 'name'), [...GIVEN, 'ROOM.LIMIT'])
  const given = (text: string) => play(`\`\`\`scenario\ngiven ${text}\nafter 1\n\`\`\`\n`)
  for (const row of tableOf(README, 'Given').slice(0, -1))
    for (const [value] of row.value.matchAll(/(?<=`)[a-z]+(?=`)/g))
      t.strictSame(given(`${row.name}=${value}`), [])
  t.strictSame(given('engine.sessionsMax=1'), [])
  t.match(given('sessionsMax=1'), [/no bound 'sessionsMax'/])
  t.end()
})

t.test('a page that tells it otherwise is found', (t) => {
  t.ok(pages.length > 10)
  const otherwise: readonly (readonly [string, string, string, RegExp])[] = [
    ['get.md', ':status=200 content', ':status=201 content', /: :status is 201/],
    [
      'goaway.md',
      'backend< GOAWAY last=0 code=NO_ERROR\n',
      '',
      /backend received GOAWAY on stream 0, and nobody asked/,
    ],
    ['get.md', 'text=hello\nclient< N', 'text=hallo\nclient< N', /text is hello/],
    ['get.md', 'flags=ES text=hello\nclient< N', 'text=hello\nclient< N', /flags is ES/],
    ['get.md', 'transfer, finish', 'finish', /the steps were receive, route,/],
    ['get.md', 'client< HEADERS', 'client< RST_STREAM', /received HEADERS on stream 1/],
    ['get.md', 'backend<', 'backend2<', /no such connection/],
    ['trailers.md', '!:method', '!x-sum', /x-sum is there/],
    ['late-head.md', 'after 1001', 'after 999', /received nothing on stream 1/],
    ['late-head.md', 'code=CANCEL', 'code=NO_ERROR', /code is CANCEL/],
    ['goaway.md', 'backend> HEADERS stream=1 flags=ES,EH :status=201\n', '', /received nothing/],
    ['client-resets.md', 'client< HEADERS stream=1', 'client< NOTHING stream=1\n#', /received HEADERS/],
    ['malformed-request.md', 'stream=3 none', 'stream=1 none', /the steps were receive/],
  ]
  for (const [name, from, to, finding] of otherwise) {
    const page = read(name)
    t.ok(page.includes(from), `${name} has '${from}'`)
    t.match(play(page.replace(from, to)).join(), finding, `${name}: ${to}`)
  }
  t.end()
})
