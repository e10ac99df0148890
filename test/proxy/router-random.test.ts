// The router, its explanation, and a third, naive sort by the rules of the Gateway API agree on random routes and requests.

import t from 'tap'
import { AMBIGUOUS, Router, type RouterRoute, readPath } from '../../src/proxy/index.js'
import type { RouteMatch, ValueMatch } from '../../src/proxy/route.js'
import { type PlainRequest, requestOf, routeOf } from '../../tools/testbed/route-requests.js'
import { seeded } from '../world/random.js'

const random = seeded(1_234)
const one = <T>(of: readonly T[]): T => of[random(of.length)]
const some = <T>(of: readonly T[], most: number): T[] =>
  Array.from({ length: random(most + 1) }, () => one(of))

const HOSTS = [
  'a.test',
  'b.a.test',
  '*.a.test',
  '*.test',
  '*.b.a.test',
  'a.test:8080',
  '*.test:80',
  'B.a.test.',
]
const AUTHORITIES = [
  'a.test',
  'A.TEST.',
  'b.a.test',
  'c.b.a.test',
  'x.test:8080',
  'a.test:8080',
  'other',
  'x.test:80',
  'a.test:443',
]
const PATHS = ['/', '/a', '/a/', '/a/b', '/a/b/c', '/%61/d', '/ab', '/e/']
const PATTERNS = ['/a.*', '/a/[^/]+', '.*b', '/e/?', '(?i)/A']
const TARGETS = [
  '/',
  '/a',
  '/a/',
  '/a/b',
  '/%61/b',
  '/a/b/c?x=1',
  '/ab',
  '/a/d',
  '/e',
  '/e/?y',
  '*',
  '/x?x=1&y=2',
  '/a?x=%31&x=2',
]
const METHODS = ['GET', 'POST', 'PUT']
const FIELDS: ValueMatch[] = [
  { name: 'f', kind: 'exact', value: '1' },
  { name: 'f', kind: 'present', value: '' },
  { name: 'g', kind: 'pattern', value: '[0-9]+' },
]
const PARAMETERS: ValueMatch[] = [
  { name: 'x', kind: 'exact', value: '1' },
  { name: 'y', kind: 'present', value: '' },
  { name: 'x', kind: 'pattern', value: '1|2' },
]

function match(): RouteMatch {
  const kind = one(['exact', 'prefix', 'prefix', 'pattern', 'none'] as const)
  return {
    listeners: random(4) === 0 ? [one(['web', 'admin'])] : [],
    hosts: random(3) === 0 ? [] : some(HOSTS, 2),
    path: kind === 'none' ? null : { kind, value: one(kind === 'pattern' ? PATTERNS : PATHS) },
    methods: random(3) === 0 ? some(METHODS, 2) : [],
    headers: random(3) === 0 ? some(FIELDS, 2) : [],
    query: random(3) === 0 ? some(PARAMETERS, 2) : [],
  }
}

const request = (): Required<PlainRequest> => ({
  listener: one(['web', 'admin']),
  authority: one(AUTHORITIES),
  scheme: one(['http', 'https']),
  method: one(METHODS),
  target: one(TARGETS),
  fields: { ...(random(2) === 0 && { f: one(['1', '2']) }), ...(random(2) === 0 && { g: one(['7', 'x']) }) },
})

/** Returns the rank of a route's host for this request; null if it does not match. */
function hostRank(host: string, asked: Required<PlainRequest>): number[] | null {
  const [name, port = asked.scheme === 'https' ? '443' : '80'] = asked.authority.toLowerCase().split(':')
  const [pattern, wanted] = host.toLowerCase().split(':')
  const plain = pattern.replace(/\.$/, '')
  const own = name.replace(/\.$/, '')
  if (wanted !== undefined && wanted !== port) return null
  const portRank = wanted === undefined ? 0 : 1
  if (!plain.startsWith('*')) return plain === own ? [2, 0, portRank] : null
  return own.endsWith(plain.slice(1)) ? [1, plain.length, portRank] : null
}

function pathRank(
  path: RouteMatch['path'],
  asked: string,
  routes: readonly RouterRoute<string>[],
): number[] | null {
  if (path === null) return [0, 0]
  if (path.kind === 'pattern') {
    const place = routes.findIndex(
      (each) => each.match.path?.kind === 'pattern' && each.match.path.value === path.value,
    )
    const flags = path.value.startsWith('(?i)') ? 'i' : ''
    return new RegExp(`^(?:${path.value.replace('(?i)', '')})$`, flags).test(asked) ? [1, -place] : null
  }
  const spelling = path.value.replaceAll('%61', 'a')
  if (path.kind === 'exact') return spelling === asked ? [3, spelling.length] : null
  const segments = spelling.split('/').filter((each) => each !== '')
  const askedSegments = asked.split('/').slice(1)
  if (segments.length === 0) return [0, 0]
  if (!segments.every((each, at) => each === askedSegments[at])) return null
  return [2, segments.join('/').length]
}

const valueHolds = ({ kind, value }: ValueMatch, given: string | null): boolean => {
  if (given === null) return false
  if (kind === 'present') return true
  return kind === 'exact' ? value === given : new RegExp(`^(?:${value})$`).test(given)
}

/** Returns the names of the routes that take the request, the first one first. */
function naive(routes: readonly RouterRoute<string>[], asked: Required<PlainRequest>): string[] {
  const url = new URL(asked.target === '*' ? '/' : asked.target, 'http://h')
  const path = readPath(asked.target).path
  const found: { name: string; rank: number[] }[] = []
  routes.forEach(({ name, match }, place) => {
    const hosts = match.hosts.length === 0 ? [[0, 0, 0]] : match.hosts.map((each) => hostRank(each, asked))
    const byPath = pathRank(match.path, path, routes)
    if (byPath === null) return
    if (match.listeners.length > 0 && !match.listeners.includes(asked.listener)) return
    if (match.methods.length > 0 && !match.methods.includes(asked.method)) return
    if (!match.headers.every((each) => valueHolds(each, asked.fields[each.name] ?? null))) return
    if (!match.query.every((each) => valueHolds(each, url.searchParams.get(each.name)))) return
    for (const host of hosts) {
      if (host === null) continue
      const method = match.methods.length > 0 ? 1 : 0
      found.push({
        name,
        rank: [...host, ...byPath, method, match.headers.length, match.query.length, -place],
      })
    }
  })
  found.sort((a, b) => {
    for (const [at, rank] of a.rank.entries()) if (rank !== b.rank[at]) return b.rank[at] - rank
    return 0
  })
  return [...new Set(found.map((each) => each.name))]
}

t.test('M2, M3, M4, M5, M15: router, explanation and a naive sort agree', async (t) => {
  let taken = 0
  for (let n = 0; n < 400; n++) {
    const routes = Array.from({ length: 1 + random(12) }, (_, at) => routeOf(`r${at}`, match()))
    const router = new Router(routes)
    for (let k = 0; k < 25; k++) {
      const plain = request()
      const asked = requestOf(plain)
      const order = naive(routes, plain)
      const found = router.find(asked)
      const { name, ambiguous, considered } = router.explain(asked)
      const told = JSON.stringify({ plain, routes }, null, 1)
      if (found === AMBIGUOUS || ambiguous !== null) t.fail(`refused: ${told}`)
      if (found !== (order[0] ?? null)) t.fail(`${String(found)}, not ${order[0]}: ${told}`)
      if (name !== found) t.fail(`explained ${name}, not ${String(found)}: ${told}`)
      if (considered.length !== routes.length) t.fail(`${considered.length} considered: ${told}`)
      const open = considered.filter((each) => each.lost === null).map((each) => each.name)
      if (open.join() !== (order[0] ?? '')) t.fail(`open: ${open}: ${told}`)
      const beaten = considered
        .filter((each) => each.lost?.includes('goes first') === true)
        .map((each) => each.name)
      if (beaten.join() !== order.slice(1).join()) t.fail(`beaten: ${beaten}, not ${order.slice(1)}: ${told}`)
      if (found !== null) taken++
    }
  }
  t.ok(taken > 4_000, `${taken} taken`)
})
