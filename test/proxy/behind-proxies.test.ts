// Requests through trusted proxies: what routes, redirects, hashes and backends get of the client, over both
// HTTP versions.

import t from 'tap'
import { balancerOptions } from '../../src/balancing/index.js'
import { FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { Networks } from '../../src/pollset/index.js'
import { type Exchange, Route, Router, settingsOf, TrustedProxies } from '../../src/proxy/index.js'
import type { RouteAction } from '../../src/proxy/route.js'
import { framesOf, headers } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { routeOf } from '../../tools/testbed/route-requests.js'

type Version = 'http/1.1' | 'h2c'
type Lines = readonly (readonly [string, string])[]
const VERSIONS: readonly Version[] = ['http/1.1', 'h2c']
const FIELDS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']
/** The memory's clients come from 192.0.2.1. */
const TRUSTED = ['192.0.2.0/24', '10.0.0.0/8']

function proxyBehind(fields: readonly string[], clients: Version, networks = TRUSTED, more = {}) {
  const proxy = memoryProxy({}, { clients, speaks: 'http/1.1', ...more })
  proxy.proxy.trusted = new TrustedProxies(new Networks(networks), fields)
  return proxy
}

function send(client: FarEnd, version: Version, lines: Lines, target = '/', id = 1): void {
  if (version === 'http/1.1') {
    const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    client.send(Buffer.from(`GET ${target} HTTP/1.1\r\nhost: lb.internal\r\n${text}\r\n`))
    return
  }
  const control: Lines = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'lb.internal'],
    [':path', target],
  ]
  client.send(headers(id, [...control, ...lines]))
}

const linesOf = (far: FarEnd): string[] => far.take().toString('latin1').split('\r\n')

/** The status and Location that the client got. */
function answerOf(client: FarEnd, version: Version): string {
  const bytes = client.take()
  if (version === 'http/1.1') {
    const text = bytes.toString('latin1')
    return `${/^HTTP\/1.1 (\d+)/.exec(text)?.[1]} ${/location: (\S+)/.exec(text)?.[1] ?? '-'}`
  }
  const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  const head = framesOf(bytes).find((each) => each.type === 1)
  const found: { name: string; value: string }[] = []
  if (head !== undefined)
    decoder.decode(head.payload, 0, head.payload.length, found as never[], 1 << 20, 1000)
  const of = (name: string): string => found.find((each) => each.name === name)?.value ?? '-'
  return `${of(':status')} ${of('location')}`
}

const CLAIMS: Lines = [
  ['x-forwarded-for', '203.0.113.1, 198.51.100.7, 10.0.0.3'],
  ['x-forwarded-proto', 'https'],
  ['x-forwarded-host', 'www.example.org'],
  ['x-forwarded-port', '444'],
  ['x_forwarded_for', '203.0.113.2'],
  ['x-real-ip', '203.0.113.3'],
  ['true-client-ip', '203.0.113.4'],
  ['forwarded', 'for=203.0.113.5'],
]
/** Returns the fields of a family that the backend got. */
const told = (lines: readonly string[]): string[] =>
  lines.filter((each) => /^(x.forwarded|x.real|forwarded|true|via)/.test(each)).sort()

for (const version of VERSIONS) {
  t.test(`N1, N2, N3: ${version}: what a backend is told`, async (t) => {
    const tell = (fields: readonly string[], networks = TRUSTED): string[] => {
      const proxy = proxyBehind(fields, version, networks)
      send(proxy.client(), version, CLAIMS)
      return told(linesOf(proxy.backends[0])).filter((each) => !each.startsWith('via'))
    }
    t.strictSame(tell(FIELDS), [
      'x-forwarded-for: 198.51.100.7, 10.0.0.3, 192.0.2.1',
      'x-forwarded-host: www.example.org',
      'x-forwarded-proto: https',
    ])
    t.strictSame(tell(['x-forwarded-for', 'x-forwarded-port', 'x-real-ip']), [
      'x-forwarded-for: 198.51.100.7, 10.0.0.3, 192.0.2.1',
      'x-forwarded-port: 444',
      'x-forwarded-proto: http',
      'x-real-ip: 198.51.100.7',
    ])
    t.strictSame(tell(['forwarded']), [
      'forwarded: for=203.0.113.5;proto=http, for=192.0.2.1',
      'x-forwarded-for: 203.0.113.5, 192.0.2.1',
      'x-forwarded-proto: http',
    ])
    const nothing = ['x-forwarded-for: 192.0.2.1', 'x-forwarded-proto: http']
    t.strictSame(tell(FIELDS, ['10.0.0.0/8']), nothing, 'the peer is not trusted')
    t.strictSame(tell(['x_forwarded_for', 'x_real_ip']), nothing, 'no name with _')
  })

  t.test(`N8, N9: ${version}: routes and redirects see the client's scheme, host and fields`, async (t) => {
    const ask = (fields: readonly string[], lines: Lines, target = '/a?b'): string => {
      const proxy = proxyBehind(fields, version)
      const settings = settingsOf('', proxy.proxy.limits)
      const to = (action: Exclude<RouteAction, { kind: 'backend' }>): Route =>
        new Route(proxy.pollset, proxy.proxy.limits, settings, action)
      const redirect = {
        kind: 'redirect',
        scheme: 'https',
        host: null,
        port: null,
        path: null,
        status: 308,
      } as const
      const plain = (status: number) => to({ kind: 'answer', status, body: '', fields: [] })
      const exact = (name: string, value: string) => [{ name, kind: 'exact' as const, value }]
      proxy.proxy.routes = new Router<Route>([
        { ...routeOf('to-https'), redirect, to: to(redirect) },
        { ...routeOf('site'), to: plain(201) },
        { ...routeOf('www', { hosts: ['other.example'] }), to: plain(202) },
        { ...routeOf('who', { headers: exact('x-real-ip', '203.0.113.3') }), to: plain(203) },
        {
          ...routeOf('by', {
            headers: exact('x-forwarded-proto', 'https'),
            path: { kind: 'prefix', value: '/by' },
          }),
          to: plain(204),
        },
      ])
      const client = proxy.client()
      send(client, version, lines, target)
      return answerOf(client, version)
    }
    t.equal(ask(FIELDS, []), '308 https://lb.internal/a?b')
    t.equal(ask([], CLAIMS), '308 https://lb.internal/a?b', 'nobody is believed')
    t.equal(ask(FIELDS, [['x-forwarded-host', 'www.example.org']]), '308 https://www.example.org/a?b')
    t.equal(ask(FIELDS, CLAIMS), '201 -', 'no loop behind a proxy that ends TLS')
    t.equal(ask(FIELDS, [['x-forwarded-host', 'other.example']]), '202 -')
    t.equal(
      ask([], [['x-real-ip', '203.0.113.3']]),
      '308 https://lb.internal/a?b',
      'a field that is not believed',
    )
    t.equal(ask(['x-real-ip'], [['x-real-ip', '203.0.113.3']]), '203 -')
    t.equal(ask(FIELDS, CLAIMS, '/by'), '204 -')
    t.equal(ask([], CLAIMS, '/by'), '308 https://lb.internal/by')
  })

  t.test(`N8: ${version}: the hash is of the client's address`, async (t) => {
    const balancer = balancerOptions(
      {
        policy: 'hash',
        key: { kind: 'address', name: '' },
        bound: 0,
        slowStartMs: 0,
        affinity: null,
      },
      { active: null, passive: null, panic: 0 },
      null,
    )
    const proxy = proxyBehind(FIELDS, version, TRUSTED, { endpoints: 2, backendOptions: { balancer } })
    const chosen = new Map<string, Set<string>>()
    proxy.proxy.watch({
      ended: (x: Exchange) => {
        const seen = chosen.get(x.clientAddress) ?? new Set()
        seen.add(x.engine?.id ?? '')
        chosen.set(x.clientAddress, seen)
      },
    })
    for (let round = 0; round < 2; round++) {
      for (let i = 1; i <= 8; i++) {
        const client = proxy.client()
        const spelled = round === 0 ? `198.51.100.${i}` : `[::ffff:198.51.100.${i}]:${i}`
        send(client, version, [['x-forwarded-for', spelled]])
        for (const far of [...proxy.backends, ...proxy.beside])
          if (far.take().length > 0) far.send(Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'))
      }
    }
    t.equal(chosen.size, 8, 'by address, however it is spelled')
    for (const [address, engines] of chosen) t.equal(engines.size, 1, address)
    t.equal(new Set([...chosen.values()].flatMap((each) => [...each])).size, 2, 'both are used')
  })
}

t.test('N12: Connection removes no identity field', async (t) => {
  const proxy = proxyBehind(FIELDS, 'http/1.1')
  send(proxy.client(), 'http/1.1', [
    ['connection', 'x-forwarded-for, X-Forwarded-Proto, x-other'],
    ['x-other', '1'],
    ...CLAIMS,
  ])
  const lines = linesOf(proxy.backends[0])
  t.ok(lines.includes('x-forwarded-for: 198.51.100.7, 10.0.0.3, 192.0.2.1'))
  t.ok(lines.includes('x-forwarded-proto: https'))
  t.notOk(lines.some((each) => each.startsWith('x-other')))
})
