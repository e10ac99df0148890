// Patterns in a configuration: those that RE2 does not have, and those whose automaton would be too large.

import t from 'tap'
import { readPattern } from '../../src/config/forms.js'

t.test('a pattern is refused where it is written', async (t) => {
  t.match(readPattern('/v[0-9]+/.*'), { value: '/v[0-9]+/.*' })
  const rows: [string, RegExp][] = [
    ['', /empty/],
    ['/[z-a]', /invalid character class range at character 3/],
    ['/a(?=b)', /look-around/],
    ['/.*a.{40}', /too much memory/],
    ['/(a{1000}){1000}', /at most 1000/],
  ]
  for (const [text, message] of rows) t.match(JSON.stringify(readPattern(text)), message, text)
})
