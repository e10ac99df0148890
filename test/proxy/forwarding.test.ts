// The changes of an intermediary to a request head, and what the head then says of itself.

import t from 'tap'
import { FieldTable, Head, Token } from '../../src/http/index.js'
import { maxForwardsAnswer } from '../../src/proxy/forwarding.js'

t.test('Max-Forwards is lowered by one, and the size of the head follows', async (t) => {
  const table = new FieldTable()
  const lines: readonly [string, string][] = [
    [':method', 'OPTIONS'],
    [':scheme', 'http'],
    [':path', '*'],
    ['max-forwards', '10'],
  ]
  const head = Head.request(lines.map(([name, value]) => table.make(name, value)))
  t.equal(maxForwardsAnswer(head, table), null)
  t.equal(head.find(Token.MAX_FORWARDS)?.value, '9')
  t.equal(
    head.size,
    head.fields.reduce((size, each) => size + each.size, 0),
  )
})
