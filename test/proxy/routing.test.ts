// Which route takes a request: hosts as RFC 3986 §6.2 compares them, wildcards, ports, prefixes, and `OPTIONS *`.

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { engineLimits } from '../../src/engine/index.js'
import { createHttpWorld, FieldTable, Head } from '../../src/http/index.js'
import { AMBIGUOUS, type Route, type Router } from '../../src/proxy/index.js'
import { addRoute, parseRoute } from '../../src/server/address.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { backendOf, routerTo } from '../../tools/testbed/short-server.js'

const world = createHttpWorld(createWorld(new MemoryPollset()))
const fields = new FieldTable()

function table(...texts: string[]): Router<Route> {
  const routes = texts.map((each) => parseRoute(`${each}=http://127.0.0.1:1`))
  const none = () => () => {
    throw new Error('not opened')
  }
  return routerTo(
    world,
    routes.map(({ host, prefix }, at) => ({
      host,
      prefix,
      backend: backendOf(world, texts[at], none, engineLimits),
    })),
  )
}

function request(authority: string, path = '/', scheme = 'http', method = 'GET'): Head {
  const list = [
    fields.field(':method', method),
    fields.field(':scheme', scheme),
    fields.field(':path', path),
    fields.field(':authority', authority),
  ]
  return Head.request(list)
}

function taken(routes: Router<Route>, ...of: Parameters<typeof request>): string {
  const head = request(...of)
  const found = routes.find({
    listener: '',
    authority: head.host,
    scheme: head.scheme?.value ?? 'http',
    method: head.method?.value ?? '',
    target: head.path?.value ?? '*',
    field: (name) => head.fields.find((each) => each.name === name)?.value ?? null,
  })
  return found === null ? 'none' : found === AMBIGUOUS ? 'ambiguous' : found.name
}

const SPELLINGS = [
  'example.org',
  'example.org:',
  'example.org.',
  'example.org.:',
  'EXAMPLE.Org',
  'ex%61mple.org',
]

t.test('every spelling of a host meets its route', async (t) => {
  for (const route of SPELLINGS) {
    const routes = table(route, '/')
    for (const host of SPELLINGS) {
      t.equal(taken(routes, host), route, `${host} meets ${route}`)
      t.equal(taken(routes, `${host.replace(/:$/, '')}:8080`), route, 'and any port of it')
    }
    for (const host of ['example.org..', 'xexample.org', 'www.example.org', 'example.or', 'example.com'])
      t.equal(taken(routes, host), '/', `${host} does not`)
  }
  const routes = table('[::1]', '/')
  for (const host of ['[::1]', '[0:0:0:0:0:0:0:1]', '[::0001]', '[0::1]:81', '[::1]:'])
    t.equal(taken(routes, host), '[::1]', host)
  t.equal(taken(routes, '[::2]'), '/')
})

t.test('a port in a route is compared with the port that is meant', async (t) => {
  const routes = table('example.org:80', 'example.org:443', 'example.org.:8443', '/')
  const rows: [string, string, string][] = [
    ['example.org', 'http', 'example.org:80'],
    ['example.org:', 'http', 'example.org:80'],
    ['example.org.:80', 'https', 'example.org:80'],
    ['example.org', 'https', 'example.org:443'],
    ['example.org.', 'https', 'example.org:443'],
    ['EXAMPLE.ORG:8443', 'http', 'example.org.:8443'],
    ['example.org:08443', 'http', 'example.org.:8443'],
    ['example.org:81', 'http', '/'],
  ]
  for (const [host, scheme, route] of rows)
    t.equal(taken(routes, host, '/', scheme), route, `${scheme} ${host}`)
  t.equal(
    taken(table('example.org', 'example.org:80'), 'example.org'),
    'example.org:80',
    'the one with a port first',
  )
  t.equal(taken(table('example.org/api', 'example.org:80'), 'example.org', '/api'), 'example.org:80')
})

t.test('a wildcard takes names of one or more labels more', async (t) => {
  const routes = table('/', '*.example.org', '*.a.example.org', 'b.example.org', '*.example.org:81')
  const rows: [string, string][] = [
    ['x.example.org', '*.example.org'],
    ['X.Example.ORG.', '*.example.org'],
    ['x.y.example.org:8080', '*.example.org'],
    ['x.example.org:81', '*.example.org:81'],
    ['a.example.org', '*.example.org'],
    ['x.a.example.org', '*.a.example.org'],
    ['x.a.example.org:81', '*.a.example.org'],
    ['b.example.org', 'b.example.org'],
    ['b.example.org:81', 'b.example.org'],
    ['example.org', '/'],
    ['.example.org', '/'],
    ['xexample.org', '/'],
    ['example.org.evil.test', '/'],
  ]
  for (const [host, route] of rows) t.equal(taken(routes, host), route, host)
})

t.test('OPTIONS * asks a host as a whole', async (t) => {
  const options = (routes: Router<Route>, host: string) => taken(routes, host, '*', 'http', 'OPTIONS')
  const routes = table('example.org/long/prefix', 'example.org', '/other/long/prefix', '/')
  t.equal(options(routes, 'example.org'), 'example.org')
  t.equal(options(routes, 'example.com'), '/')
  t.equal(options(table('example.org/api', '/'), 'example.org'), '/', 'no part of a host answers for it')
  t.equal(options(table('/api'), 'example.org'), 'none')
})

t.test('the longest prefix of the most exact host', async (t) => {
  const routes = table('/', '/api', '/api/v2', 'example.org', 'example.org/api')
  const rows: [string, string, string][] = [
    ['example.org', '/api/v2', 'example.org/api'],
    ['example.org', '/x', 'example.org'],
    ['example.com', '/api/v2/x', '/api/v2'],
    ['example.com', '/api?x', '/api'],
    ['example.com', '/apis', '/'],
  ]
  for (const [host, path, route] of rows) t.equal(taken(routes, host, path), route, `${host}${path}`)
})

t.test('a route that could never be taken is refused by name', async (t) => {
  for (const host of [
    '*',
    '*:80',
    '*example.org',
    'a.*.org',
    '*.*.org',
    '*.',
    'example..org',
    'example.org:0',
    'example.org:99999',
    'a b',
    'a@b',
    '[::g]',
    '.example.org',
    'a:b:c',
  ])
    t.throws(() => parseRoute(`${host}/=http://127.0.0.1:1`), /is not a host|is not a route/, host)
  for (const prefix of ['/a#b', '/ü'])
    t.throws(() => parseRoute(`example.org${prefix}=http://127.0.0.1:1`), /no request path begins/, prefix)
  t.equal(parseRoute('Bücher.example:81/=http://127.0.0.1:1').host, 'xn--bcher-kva.example:81')
  t.equal(parseRoute('*.bücher.example=http://127.0.0.1:1').host, '*.xn--bcher-kva.example')
  const first = parseRoute('example.org=http://127.0.0.1:1')
  t.throws(() => addRoute([first], parseRoute('EXAMPLE.org.:=http://127.0.0.1:2')), /two routes/)
})
