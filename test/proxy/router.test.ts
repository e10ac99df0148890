// Which route takes a request: hosts, paths, methods, fields, parameters and listeners, and what is refused.

import t from 'tap'
import { FieldTable, Head } from '../../src/http/index.js'
import { AMBIGUOUS, fieldValue, Router, type RouterRoute } from '../../src/proxy/index.js'
import type { ValueMatch } from '../../src/proxy/route.js'
import { type PlainRequest, requestOf, routeOf } from '../../tools/testbed/route-requests.js'

const exact = (value: string) => ({ kind: 'exact', value }) as const
const prefix = (value: string) => ({ kind: 'prefix', value }) as const
const pattern = (value: string) => ({ kind: 'pattern', value }) as const
const value = (name: string, value: string): ValueMatch => ({ name, kind: 'exact', value })

/** Returns a function that tells which route takes a request: its name, `none`, or `ambiguous`. */
function routed(routes: readonly RouterRoute<string>[]): (request: PlainRequest) => string {
  const router = new Router(routes)
  return (plain) => {
    const request = requestOf(plain)
    const found = router.find(request)
    const { chosen, ambiguous } = router.explain(request)
    const explained = chosen ?? (ambiguous === null ? null : AMBIGUOUS)
    if (explained !== found || router.ambiguity(request) !== ambiguous)
      throw new Error(`explained as ${String(explained)}`)
    return found === AMBIGUOUS ? 'ambiguous' : (found ?? 'none')
  }
}

const hosts = (...names: string[]): RouterRoute<string>[] =>
  names.map((name) => routeOf(name, { hosts: name === 'any' ? [] : [name] }))

t.test('M1: every spelling of a host meets its route', async (t) => {
  const spellings = [
    'example.org',
    'example.org:',
    'example.org.',
    'example.org.:',
    'EXAMPLE.Org',
    'ex%61mple.org',
  ]
  for (const route of spellings) {
    const to = routed(hosts(route, 'any'))
    for (const host of spellings) {
      t.equal(to({ authority: host }), route, host)
      t.equal(to({ authority: `${host.replace(/:$/, '')}:8080` }), route, 'with any port')
    }
    for (const host of ['example.org..', 'xexample.org', 'www.example.org', 'example.or', '', 'a b'])
      t.equal(to({ authority: host }), 'any', host)
  }
  const to = routed(hosts('[::1]', 'any'))
  for (const host of ['[::1]', '[0:0:0:0:0:0:0:1]', '[::0001]', '[0::1]:81'])
    t.equal(to({ authority: host }), '[::1]')
  t.equal(to({ authority: '[::2]' }), 'any')
})

t.test('M1: a port in a route is compared with the port that is meant', async (t) => {
  const to = routed(hosts('example.org:80', 'example.org:443', 'any'))
  t.equal(to({ authority: 'example.org', scheme: 'http' }), 'example.org:80')
  t.equal(to({ authority: 'example.org', scheme: 'https' }), 'example.org:443')
  t.equal(to({ authority: 'example.org', scheme: 'http' }), 'example.org:80', 'schemes are cached apart')
  t.equal(to({ authority: 'example.org:443', scheme: 'http' }), 'example.org:443')
  t.equal(to({ authority: 'example.org:81' }), 'any')
})

t.test('M2: the most exact host, and the next one if it has no route', async (t) => {
  const names = [
    'any',
    '*.example.org',
    '*.a.example.org',
    'b.example.org',
    '*.example.org:81',
    'b.example.org:82',
  ]
  const to = routed(hosts(...names))
  const rows = {
    'x.example.org': '*.example.org',
    'x.y.example.org.:8080': '*.example.org',
    'x.example.org:81': '*.example.org:81',
    'a.example.org': '*.example.org',
    'x.a.example.org:81': '*.a.example.org',
    'b.example.org:81': 'b.example.org',
    'b.example.org:82': 'b.example.org:82',
    'example.org': 'any',
    '.example.org': 'any',
    'xexample.org': 'any',
  }
  for (const [authority, route] of Object.entries(rows)) t.equal(to({ authority }), route, authority)
  const next = routed([
    routeOf('any', { path: prefix('/long/prefix') }),
    routeOf('wild', { hosts: ['*.example.org'], methods: ['GET'] }),
    routeOf('exact', { hosts: ['a.example.org', 'b.example.org'], path: exact('/x') }),
  ])
  t.equal(next({ authority: 'a.example.org', target: '/x' }), 'exact')
  t.equal(next({ authority: 'b.example.org', target: '/long/prefix' }), 'wild')
  t.equal(next({ authority: 'b.example.org', target: '/long/prefix', method: 'PUT' }), 'any')
  t.equal(next({ authority: 'b.example.org', method: 'PUT' }), 'none')
})

t.test('M3: the most exact path', async (t) => {
  const to = routed([
    routeOf('any'),
    routeOf('second pattern', { path: pattern('/f/[^/]+') }),
    routeOf('first pattern', { path: pattern('/f.*') }),
    routeOf('api', { path: prefix('/api/') }),
    routeOf('v2', { path: prefix('/api/v2') }),
    routeOf('one', { path: exact('/api/v2/one') }),
    routeOf('empty', { path: prefix('/f/empty') }),
  ])
  const rows = {
    '/': 'any',
    '/api': 'api',
    '/api/': 'api',
    '/api?x': 'api',
    '/api/v': 'api',
    '/apis': 'any',
    '/api/v2': 'v2',
    '/api/v2/one': 'one',
    '/api/v2/one?': 'one',
    '/api/v2/one/': 'v2',
    '/api/v2/%6Fne': 'one',
    '/f/x': 'second pattern',
    '/f/x/y': 'first pattern',
    '/f/x?/y': 'second pattern',
    '/f/empty/y': 'empty',
    '*': 'any',
    '/API': 'any',
  }
  for (const [target, route] of Object.entries(rows)) t.equal(to({ target }), route, target)
  const star = routed([routeOf('api', { path: prefix('/api') }), routeOf('root', { path: prefix('/') })])
  t.equal(star({ target: '*', method: 'OPTIONS' }), 'root')
  t.equal(routed([routeOf('api', { path: prefix('/api') })])({ target: '*' }), 'none')
})

t.test('M4: a method, then fields, then parameters, then the file', async (t) => {
  const routes = [
    routeOf('first'),
    routeOf('second'),
    routeOf('two parameters', { query: [value('p', '1'), value('q', '2')] }),
    routeOf('one field', { headers: [value('x', '1')] }),
    routeOf('two fields', { headers: [value('x', '1'), value('y', '2')] }),
    routeOf('method', { methods: ['POST'] }),
  ]
  const to = routed(routes)
  const all = { method: 'POST', target: '/?p=1&q=2', fields: { x: '1', y: '2' } }
  t.equal(to(all), 'method')
  t.equal(to({ ...all, method: 'GET' }), 'two fields')
  t.equal(to({ ...all, method: 'GET', fields: { x: '1' } }), 'one field')
  t.equal(to({ ...all, method: 'GET', fields: {} }), 'two parameters')
  t.equal(to({ method: 'GET', target: '/?p=1' }), 'first')
  const patterns = routed([
    routeOf('b', { path: pattern('/b.*') }),
    routeOf('later b', { path: pattern('/b.*'), methods: ['GET'] }),
  ])
  t.equal(patterns({ target: '/b' }), 'later b', 'equal patterns are equal paths')
})

t.test('M5: fields, parameters and methods', async (t) => {
  const to = routed([
    routeOf('joined', { headers: [value('x-list', 'a, b')] }),
    routeOf('agent', { headers: [{ name: 'user-agent', kind: 'pattern', value: '(?i).*curl.*' }] }),
    routeOf('present', { headers: [{ name: 'authorization', kind: 'present', value: '' }] }),
    routeOf('query', { query: [value('a b', 'c&ä')] }),
    routeOf('number', { query: [{ name: 'n', kind: 'pattern', value: '[0-9]+' }] }),
    routeOf('flag', { query: [{ name: 'flag', kind: 'present', value: '' }] }),
  ])
  t.equal(to({ fields: { 'x-list': 'a, b' } }), 'joined')
  t.equal(to({ fields: { 'user-agent': 'CURL/8' } }), 'agent')
  t.equal(to({ fields: { 'user-agent': 'wget', authorization: '' } }), 'present')
  for (const query of ['a+b=c%26%C3%A4', 'x&&a%20b=c%26%c3%a4', '%61+b=c%26%C3%A4&a+b=z'])
    t.equal(
      routed([routeOf('query', { query: [value('a b', 'c&ä')] })])({ target: `/?${query}` }),
      'query',
      query,
    )
  for (const query of ['a+b=z&a+b=c%26%C3%A4', 'a+bc=c%26%C3%A4', 'a%2Bb=c%26%C3%A4', 'a+b'])
    t.equal(
      routed([routeOf('query', { query: [value('a b', 'c&ä')] })])({ target: `/?${query}` }),
      'none',
      query,
    )
  t.equal(to({ target: '/?n=12', method: 'PUT' }), 'number')
  t.equal(to({ target: '/?n=12x&n=1', method: 'PUT' }), 'none', 'the first value counts, as a whole')
  for (const query of ['flag', 'flag=', 'a&flag&b', 'fl%61g=x'])
    t.equal(to({ target: `/?${query}`, method: 'PUT' }), 'flag')
  for (const query of ['', 'flags', '=flag', 'flag%3D', '%', '%6'])
    t.equal(to({ target: `/?${query}`, method: 'PUT' }), 'none')
  const get = routed([routeOf('get', { methods: ['GET', 'HEAD'] })])
  t.equal(get({ method: 'HEAD' }), 'get')
  t.equal(get({ method: 'get' }), 'none')
})

t.test('M5: a field with several lines has one value', async (t) => {
  const table = new FieldTable()
  const lines = [
    [':method', 'GET'],
    ['a', '1'],
    ['cookie', 'x=1'],
    ['b', ''],
    ['a', '2, 3'],
    ['cookie', 'y=2'],
    ['a', ''],
  ]
  const head = Head.request(lines.map(([name, value]) => table.make(name, value)))
  t.equal(fieldValue(head, 'a'), '1, 2, 3, ')
  t.equal(fieldValue(head, 'cookie'), 'x=1; y=2')
  t.equal(fieldValue(head, 'b'), '')
  t.equal(fieldValue(head, 'c'), null)
  t.equal(fieldValue(head, ':method'), null, 'control data is not a field')
})

t.test('M6: a listener is a condition without precedence', async (t) => {
  const to = routed([
    routeOf('admin', { listeners: ['admin', 'local'] }),
    routeOf('all'),
    routeOf('web', { listeners: ['web'] }),
  ])
  t.equal(to({ listener: 'admin' }), 'admin')
  t.equal(to({ listener: 'web' }), 'all')
})

t.test('M7: a lone route for everything reads nothing of the request', async (t) => {
  const blind = new Proxy({}, { get: () => t.fail('was read') }) as never
  t.equal(new Router([routeOf('all')]).find(blind), 'all')
  t.equal(
    new Router([routeOf('all', { path: prefix('/') }), routeOf('never', { methods: [] })]).find(blind),
    'all',
  )
})

const protectedAdmin = [routeOf('admin', { path: prefix('/admin') }), routeOf('all')]

t.test('M11: an ambiguous path is refused where the path decides, and only there', async (t) => {
  const host = 'other.example'
  const open = routeOf('open', { hosts: [host], methods: ['GET'] })
  const byPath = routed([
    routeOf('admin', { hosts: ['example.org'], path: prefix('/admin') }),
    open,
    routeOf('all'),
  ])
  for (const target of [
    '/a/../admin',
    '//admin',
    '/%2e%2e/admin',
    '/a\\admin',
    '/%2561dmin',
    '/admin%00',
    '/100%',
  ]) {
    t.equal(byPath({ target }), 'ambiguous', target)
    t.equal(byPath({ target, authority: host }), 'open')
    t.equal(byPath({ target, authority: 'third.example' }), 'all')
  }
  t.equal(byPath({ target: '/a?x=/../admin' }), 'all', 'a query may have anything')
  const router = new Router(protectedAdmin)
  t.match(router.ambiguity(requestOf({ target: '/a/..;/admin' })), /dot segment/)
  t.equal(router.ambiguity(requestOf({ target: '/admin' })), null)
})

t.test('M12: a reading that leads elsewhere is refused', async (t) => {
  const to = routed([...protectedAdmin, routeOf('user', { path: exact('/@me') })])
  const refused = [
    '/%2Fadmin',
    '/x%2F..%2Fadmin',
    '/admin;x',
    '/;/admin',
    '/x;/..%2Fadmin',
    '/admin%3Fx',
    '/admin%23',
    '/%40me',
  ]
  for (const target of refused) t.equal(to({ target }), 'ambiguous', target)
  const passed = {
    '/admin/a%2Fb': 'admin',
    '/admin/x;y=1/z': 'admin',
    '/files/a%2Fb;v=1': 'all',
    '/a%20b': 'all',
    '/what%3F': 'all',
    '/files/a%2F%2Fb': 'ambiguous',
    '/administrator%2Fadmin': 'all',
  }
  for (const [target, route] of Object.entries(passed)) t.equal(to({ target }), route, target)
  const { ambiguous } = new Router(protectedAdmin).explain(requestOf({ target: '/admin;x' }))
  t.equal(ambiguous, 'a backend may read its path as /admin, which is of route admin')
})

t.test('M13: a route passes ambiguous paths if it says so', async (t) => {
  const to = routed([
    routeOf('git', { path: prefix('/git') }, 'pass'),
    routeOf('twice', { path: exact('/a//b') }, 'pass'),
    ...protectedAdmin,
  ])
  t.equal(to({ target: '/git/group%2Fproject//x' }), 'git')
  t.equal(to({ target: '/a//b' }), 'twice')
  t.equal(to({ target: '/x/../git' }), 'ambiguous')
})

t.test('M14: a route that would never be taken is refused by name', async (t) => {
  const rows: [string, RegExp][] = [
    ['/a/../b', /^route r: .*dot segment.*ambiguous: pass/],
    ['/a//b', /empty segment/],
    ['/a%2Fb', /may read \/a\/b/],
    ['/a;v=1', /may read \/a;/],
    ['/a?b', /no '\?'/],
    ['a', /begins with '\/'/],
  ]
  for (const [path, message] of rows)
    for (const kind of ['exact', 'prefix'] as const)
      t.throws(() => new Router([routeOf('r', { path: { kind, value: path } })]), message, path)
  t.throws(() => new Router([routeOf('r', { path: pattern('/a(') })]), /^route r: missing closing \)/)
  t.throws(() => new Router([routeOf('r', { hosts: ['a b'] })]), /^route r: not a host/)
  t.doesNotThrow(() => new Router([routeOf('r', { path: exact('/a%2Fb') }, 'pass')]))
})

t.test('M15: explain says why the others lost', async (t) => {
  const router = new Router([
    routeOf('all'),
    routeOf('late'),
    routeOf('other', { hosts: ['other.example'] }),
    routeOf('post', { path: prefix('/a'), methods: ['POST'] }),
    routeOf('deep', { path: prefix('/a/b') }),
    routeOf('field', { path: prefix('/a'), headers: [value('x', '1')] }),
    routeOf('query', { path: prefix('/a'), query: [{ name: 'q', kind: 'pattern', value: '[0-9]' }] }),
    routeOf('local', { path: prefix('/a'), listeners: ['local'] }),
    routeOf('mine', { hosts: ['none.example', '*.org'], path: prefix('/%61') }),
  ])
  const { chosen, name, path, considered } = router.explain(
    requestOf({ target: '/%61?q=x', fields: { x: '2' } }),
  )
  t.equal(chosen, 'mine')
  t.equal(name, 'mine')
  t.equal(path, '/a')
  t.strictSame(Object.fromEntries(considered.map((each) => [each.name, each.lost])), {
    mine: null,
    other: 'host example.org is another one',
    deep: 'path /a is not /a/b or under it',
    post: 'method GET is not POST',
    field: 'field x is not 1',
    query: 'query parameter q does not match [0-9]',
    local: 'listener web is not local',
    all: 'route mine goes first: its host is more exact',
    late: 'route mine goes first: its host is more exact',
  })
  const refused = new Router(protectedAdmin).explain(requestOf({ target: '/x/../admin' }))
  t.strictSame(refused.chosen, null)
  t.match(refused.considered[1], { name: 'all', lost: /^the request is refused: .*dot segment/ })
})

t.test('the cache of authorities is bounded', async (t) => {
  const router = new Router(hosts('*.example.org', 'any'))
  for (let n = 0; n < 5_000; n++) {
    t.equal(router.find(requestOf({ authority: `${n}.example.org` })), '*.example.org')
    t.equal(router.find(requestOf({ authority: `${'x'.repeat(400)}${n}` })), 'any')
  }
  const { hosts: index } = router as unknown as {
    hosts: { knownHttp: Map<string, unknown>; combinations: Map<string, unknown> }
  }
  t.ok(index.knownHttp.size <= 1_024)
  t.equal(index.combinations.size, 2)
  t.ok([...index.knownHttp.keys()].every((each) => each.length < 400))
})
