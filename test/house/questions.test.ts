// A question changes nothing (design: House rules).

import t from 'tap'
import { questionFindings } from './questions.js'
import { filesUnder, read } from './source-rules.js'

const src = 'src/proxy/sample.ts'

t.test('the checker finds getters that assign or command', async (t) => {
  for (const body of [
    'this.a = 1',
    'this.a += 1',
    'this.a ??= 1',
    'this.a++',
    '--this.a.b',
    'delete this.a.b',
    'this.a[0] = 1',
    'const list = this.list; list[0] = 1',
    'other = 1',
    'this.list.push(1)',
    'this.output.flushSoon()',
    'this.map.delete(1)',
    'if (this.b) { this.a = 1 }',
    'this.list.forEach(() => { this.a = 1 })',
  ])
    t.equal(questionFindings(src, `class C { get x() { ${body}; return 1 } }`).length, 1, body)
})

t.test('the checker finds methods that ask and assign', async (t) => {
  for (const name of ['hasRoom', 'isOpen', 'mayReset', 'canWait'])
    t.equal(questionFindings(src, `class C { ${name}() { this.a--; return true } }`).length, 1, name)
  t.strictSame(questionFindings(src, 'class C { hash() { this.a = 1 } issue() { this.a = 1 } }'), [])
})

t.test('the checker lets pass what a getter has of its own', async (t) => {
  for (const body of [
    'let n = 0; for (const each of this.list) n += each; return n',
    'for (let i = 0; i < 3; i++) if (this.a === i) return i; return 0',
    'const found = []; for (const each of this.list) found.push(each); return found',
    'const o = {}; o.a = 1; return o',
    'return this.a === 1 && this.b.slice(1).length >= 2',
    'return this.list.filter((each) => each.closed).map((each) => each.id)',
  ])
    t.strictSame(questionFindings(src, `class C { get x() { ${body} } }`), [], body)
})

t.test('a question changes nothing in src', async (t) => {
  for (const file of filesUnder('src'))
    t.strictSame(
      questionFindings(file, read(file)),
      [],
      `${file}: reading a value must change nothing: make it a method that is named as a command`,
    )
})
