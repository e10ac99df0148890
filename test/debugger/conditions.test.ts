// Conditions in CEL over names that the caller lends: typed when they are set, bounded, and never an error to
// the request that they look at.

import t from 'tap'
import {
  type Condition,
  Conditions,
  debuggerLimits,
  Glob,
  type Vocabulary,
} from '../../src/debugger/index.js'

interface View {
  readonly path: string
  readonly code: number | null
  readonly age: number
  readonly fields: ReadonlyMap<string, string>
}

const vocabulary: Vocabulary<View> = {
  'request.path': { type: 'string', about: 'the path', read: (view) => view.path },
  'request.headers': { type: 'map', about: 'the fields', read: (view) => view.fields },
  'response.code': { type: 'int', about: 'the status', read: (view) => view.code },
  'response.ended': { type: 'bool', about: 'the end was sent', read: (view) => view.code === 200 },
  step: { type: 'string', about: 'the step', read: () => 'exchange.lease' },
  age: { type: 'double', about: 'its age in ms', read: (view) => view.age },
  attempts: { type: 'int', about: 'sendings', read: () => 2 },
  outcome: { type: 'string', about: 'how it ended', read: () => null },
}
const conditions = new Conditions(vocabulary, debuggerLimits)

const view: View = {
  path: '/api/carts/7',
  code: 504,
  age: 2_500.5,
  fields: new Map([
    ['host', 'shop.example'],
    ['x-user', 'ann'],
  ]),
}

const silent = (why: string): void => {
  throw new Error(`told: ${why}`)
}

function compiled(text: string, failed = silent): Condition<View> {
  const condition = conditions.compile(text, failed)
  if (typeof condition === 'string') throw new Error(`${text}: ${condition}`)
  return condition
}

const holds = (text: string, of: View = view): boolean => compiled(text).test(of)
const refusal = (text: string): string => {
  const condition = conditions.compile(text, silent)
  return typeof condition === 'string' ? condition : ''
}

t.test('what holds, and what does not', async (t) => {
  for (const text of [
    'true',
    "request.path == '/api/carts/7'",
    "request.path.startsWith('/api') && request.path.endsWith('7') && request.path.contains('carts')",
    'response.code == 504',
    'response.code == 504.0',
    'response.code + 1 == 505',
    'response.code * 2 - 8 == 1000 && response.code / 100 == 5 && response.code % 100 == 4',
    'response.code >= 500 && response.code < 600',
    'response.code in [502, 503, 504]',
    'attempts == 2 && attempts > 1',
    'age > 2500 && age > 2500.0 && age + 1.0 > 2501.0',
    "step == 'exchange.lease'",
    "request.headers['x-user'] == 'ann'",
    "request.headers.host == 'shop.example'",
    "'x-user' in request.headers && !('cookie' in request.headers)",
    "request.headers.exists(name, name.startsWith('x-') && request.headers[name] == 'ann')",
    "size(request.headers) == 2 && request.path.size() == 12 && size('𝄐') == 1",
    "request.path.upperAscii() == '/API/CARTS/7'",
    "(response.code == 504 ? 'late' : 'fine') == 'late'",
    "string(response.code) == '504' && int('7') == 7",
    "glob(request.path, '/api/*/?')",
    '[1, 2, 3].all(n, n > 0)',
  ])
    t.ok(holds(text), text)
  for (const text of [
    'false',
    'response.code == 200',
    'response.ended',
    "glob(request.path, '/api/?')",
    "step != 'exchange.lease'",
    'age < 10',
  ])
    t.notOk(holds(text), text)
})

t.test('a value that is not there makes a condition false, and nothing is told', async (t) => {
  const early: View = { ...view, code: null }
  for (const text of [
    'response.code == 504',
    'response.code != 504',
    'response.code + 1 > 0',
    "outcome == 'done'",
    "outcome != 'done'",
    "request.headers['cookie'] == ''",
    "request.headers['cookie'].contains('a')",
  ])
    t.notOk(holds(text, early), text)
  t.ok(holds('response.code == 504 || age > 1.0', early))
  t.ok(holds('!has(response.code)', early))
  t.ok(holds('has(response.code)'))
})

t.test('an evaluation that fails is false, and told once', async (t) => {
  for (const [text, why] of [
    ['1 / (response.code - 504) == 1', /is false where it fails: division by zero/],
    ['int(request.path) == 1', /int\(\) type error/],
    ['9223372036854775807 + attempts > 0', /overflow/],
  ] as const) {
    const told: string[] = []
    const condition = compiled(text, (each) => told.push(each))
    t.notOk(condition.test(view))
    t.notOk(condition.test(view))
    t.match(told, [why], text)
    t.equal(told.length, 1)
  }
  const told: string[] = []
  const broken = new Conditions<View>(
    { boom: { type: 'int', about: '', read: () => JSON.parse('{') as number } },
    debuggerLimits,
  ).compile('boom == 1', (each) => told.push(each))
  t.notOk(typeof broken === 'string' || broken.test(view))
  t.equal(told.length, 1, 'even where the caller throws')
})

t.test('a condition keeps no view', async (t) => {
  const condition = compiled("request.headers.exists(name, request.headers[name] == 'ann')")
  t.ok(condition.test(view))
  t.ok(condition.test({ ...view, fields: new Map([['a', 'ann']]) }))
  t.notOk(condition.test({ ...view, fields: new Map() }), 'each test reads its own view')
  t.equal(JSON.stringify(condition).includes('shop.example'), false)
  t.match(condition, { context: { subject: { view: null } } })
})

t.test('what is wrong is told when it is set', async (t) => {
  for (const [text, why] of [
    ['', /empty/],
    ['   ', /empty/],
    ['request.path ==', /Unexpected token: EOF \(at character 16\)/],
    ['foo == 1', /unknown name 'foo'; there are request.path, .*outcome \(at character 1\)/],
    ['has(request.nonsense)', /unknown name 'request.nonsense'; there are request.path, request.headers/],
    ['request.nonsense == 1', /unknown name 'request.nonsense'/],
    ['request == request', /'request' has names: request.path, request.headers/],
    ["request['path'] == ''", /'request' has names/],
    ['request.path == 1', /string == int/],
    ['response.code == "504"', /int == string/],
    ['age + 1 > 3.0', /write a double as 1\.0/],
    ['request.path', /true or false, and this is of type string/],
    ['response.code + 1', /of type int/],
    ['constructor == 1', /unknown name 'constructor'/],
    ['toString == 1', /unknown name 'toString'/],
    ['request.constructor == 1', /unknown name 'request.constructor'/],
    ['request.subject == 1', /unknown name 'request.subject'/],
    ['__proto__ == 1', /Reserved identifier/],
    ['int == string', /unknown name 'int'/],
    ['cel.bind(x, 1, x == 1)', /unknown function 'bind'/],
    ['[1].map(n, n) == [1]', /unknown function 'map'/],
    ["timestamp('x') == 1", /unknown function 'timestamp'/],
    ["request.path.split('/').size() > 1", /unknown function 'split'/],
    ["{'a': 1} == {'a': 1}", /'map' is not supported/],
    ['{} == {}', /'map' is not supported/],
    ['[[1]] == [[1]]', /a list inside a list/],
    ['[1].all(a, [1].all(b, a == b))', /a loop inside a loop/],
    ['[1].all(step, true)', /'step' is a name already/],
    ['[1].all(request, true)', /'request' is a name already/],
    ['[1].all(n)', /write all\(variable, condition\)/],
    ['glob(request.path, request.path)', /must be written out/],
    ['request.path.startsWith(1)', /no matching overload/],
  ] as const)
    t.match(refusal(text), why, text)
})

t.test('matches is refused, and glob is named', async (t) => {
  for (const text of [
    "request.path.matches('(a+)+$')",
    "matches(request.path, 'a')",
    "true || [1].all(n, 'a'.matches('a'))",
    "has(request.path) ? 'x'.matches('a') : true",
    "!(request.headers['a'].matches('a'))",
    "[request.path.matches('a')] == [true]",
  ])
    t.match(refusal(text), /'matches' is not supported.*glob\(text, '\/api\/\*'\)/, text)
})

t.test('length, parts and depth are bounded', async (t) => {
  const padded = (characters: number): string => 'true'.padEnd(characters)
  t.ok(holds(padded(1_024)))
  t.match(refusal(padded(1_025)), /1025 characters; at most 1024/)
  t.match(refusal(Array(130).fill('true').join('||')), /more than 256 parts/)
  t.match(refusal(`${'('.repeat(200)}true${')'.repeat(200)}`), /nested more than 24 deep/)
  t.match(refusal(`${'!'.repeat(1_000)}true`), /more than 256 parts/)
  t.match(refusal(`${'['.repeat(300)}1${']'.repeat(300)} == 1`), /nested more than 24 deep/)
  t.match(refusal(`1 in [${Array(65).fill('1').join(',')}]`), /more than 64 elements/)
  const loop = (parts: number): string => `[1].all(n, ${Array(parts).fill('true').join('||')})`
  t.ok(holds(loop(16)))
  t.match(refusal(loop(17)), /a loop has more than 32 parts/)
  t.match(refusal('size(1, 2, 3, 4, 5) == 1'), /more than 4 arguments/)
})

t.test('a vocabulary has names of one part or two', async (t) => {
  t.throws(
    () => new Conditions<View>({ 'a.b.c': { type: 'int', about: '', read: () => 1 } }, debuggerLimits),
    /one part or two/,
  )
})

t.test('glob', async (t) => {
  const long = 'x'.repeat(70)
  for (const [pattern, yes, no] of [
    ['', [''], ['a']],
    ['*', ['', 'a', 'a\nb'], []],
    ['?', ['a', '𝄐', '*'], ['', 'ab']],
    ['a', ['a'], ['', 'b', 'aa']],
    ['a*', ['a', 'ab'], ['', 'ba']],
    ['*a', ['a', 'ba', 'aa'], ['', 'ab']],
    ['a*b*c', ['abc', 'aXbYc', 'abcbc'], ['ac', 'abcd', 'acb']],
    ['**?**', ['a', 'ab'], ['']],
    ['/api/*/items/?', ['/api/7/items/1', '/api/a/b/items/1', '/api//items/1'], ['/api/items/1']],
    ['[a].+', ['[a].+'], ['a..', 'a']],
    [`*${long}*${long}?`, [`${long}${long}a`, `-${long}x${long}ab`.slice(0, -1)], [`${long}${long}`, long]],
  ] as const) {
    const glob = new Glob(pattern)
    for (const text of yes) t.ok(glob.matches(text), `'${pattern}' is '${text}'`)
    for (const text of no) t.notOk(glob.matches(text), `'${pattern}' is not '${text}'`)
  }
})

t.test('glob agrees with the plain way of matching', async (t) => {
  const plain = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === ''
    if (pattern[0] === '*')
      return plain(pattern.slice(1), text) || (text !== '' && plain(pattern, text.slice(1)))
    return (
      text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && plain(pattern.slice(1), text.slice(1))
    )
  }
  let state = 12_345
  const below = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % n
  }
  const some = (of: string, most: number): string =>
    Array.from({ length: below(most) }, () => of[below(of.length)]).join('')
  let matched = 0
  for (let n = 0; n < 5_000; n++) {
    const pattern = some('ab*?', 7)
    const text = some('ab', 9)
    const expected = plain(pattern, text)
    if (expected) matched++
    if (new Glob(pattern).matches(text) !== expected) t.fail(`'${pattern}' and '${text}'`)
    const padding = 'z'.repeat(30)
    if (new Glob(padding + pattern).matches(padding + text) !== expected)
      t.fail(`'${padding}${pattern}' and '${text}'`)
  }
  t.ok(matched > 500, `${matched} matched`)
})

t.test('a pattern that would backtrack is matched in one pass', async (t) => {
  let characters = 0
  const text = new (class extends String {
    override *[Symbol.iterator](): StringIterator<string> {
      for (const each of super[Symbol.iterator]()) {
        characters++
        yield each
      }
    }
  })('a'.repeat(5_000)) as string
  t.notOk(new Glob(`${'*a'.repeat(400)}b`).matches(text))
  t.equal(characters, 5_000)
})
