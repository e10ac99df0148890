// Every page of spec/scenarios, played.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { play, rulesOfScenario } from '../world/scenario.js'

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
