// Where a redirect leads, and how weights part requests.

import t from 'tap'
import { locationOf, type RedirectAction, Weighted } from '../../src/proxy/index.js'
import { seeded } from '../world/random.js'

const redirect = (action: Partial<RedirectAction> = {}): RedirectAction => ({
  kind: 'redirect',
  scheme: null,
  host: null,
  port: null,
  path: null,
  status: 308,
  ...action,
})

/** Returns Location for a request to this URL, whose authority and target are taken as they are. */
function location(action: Partial<RedirectAction>, url: string): string | null {
  const [, scheme, authority, target] = /^(\w+):\/\/([^/*]*)(.*)$/.exec(url) as unknown as [
    string,
    string,
    string,
    string,
  ]
  return locationOf(redirect(action), { scheme, authority, target })
}

t.test('M17: what the action leaves open is the request’s', async (t) => {
  const rows: [Partial<RedirectAction>, string, string][] = [
    [{ scheme: 'https' }, 'http://Example.org./a/b?c=/d', 'https://example.org/a/b?c=/d'],
    [{ scheme: 'https' }, 'http://example.org:8080/', 'https://example.org/'],
    [{ scheme: 'https', port: 8443 }, 'http://example.org:8080/', 'https://example.org:8443/'],
    [{ scheme: 'https', port: 443 }, 'http://[::0001]/', 'https://[::1]/'],
    [{ host: 'www.example.org' }, 'http://example.org/a?b', 'http://www.example.org/a?b'],
    [{ host: 'www.example.org' }, 'http://example.org:8080/a', 'http://www.example.org:8080/a'],
    [{ host: 'www.example.org' }, 'https://example.org:443/a', 'https://www.example.org/a'],
    [{ path: '/new' }, 'http://example.org:80/old/x?y=1&z', 'http://example.org/new?y=1&z'],
    [{ path: '/new?a=b' }, 'http://example.org/old?y=1', 'http://example.org/new?a=b&y=1'],
    [{ path: '/new?a=b' }, 'http://example.org/old', 'http://example.org/new?a=b'],
    [{ path: '/neu/ü' }, 'http://example.org/old?', 'http://example.org/neu/%C3%BC?'],
    [{ port: 81 }, 'http://example.org/%2e%2F', 'http://example.org:81/%2e%2F'],
    [{ scheme: 'https' }, 'http://example.org*', 'https://example.org/'],
    [{ host: 'www.example.org' }, 'http:///a', 'http://www.example.org/a'],
  ]
  for (const [action, url, expected] of rows) t.equal(location(action, url), expected, url)
})

t.test('M18: no request writes another field or another host', async (t) => {
  for (const authority of [
    '',
    'a b',
    'user@evil.test',
    'a\\evil.test',
    'a"b',
    "a'b",
    'a<b',
    'a%0d%0ab',
    'a%2fb',
    'a,b',
    'a:99999',
    '[::g]',
  ])
    t.equal(locationOf(redirect(), { scheme: 'http', authority, target: '/' }), null, authority)
  const request = { scheme: 'http', authority: 'a.test' }
  t.equal(
    locationOf(redirect(), { ...request, target: '//evil.test/%0d%0aX' }),
    'http://a.test//evil.test/%0d%0aX',
  )
  t.equal(locationOf(redirect(), { ...request, target: '/\r\nx: y' }), 'http://a.test/%0D%0Ax:%20y')
  t.equal(locationOf(redirect(), { ...request, target: '.evil.test/' }), 'http://a.test/')
})

t.test('M16: shares of the chances', async (t) => {
  const weighted = new Weighted([
    { to: 'a', weight: 90 },
    { to: 'b', weight: 9 },
    { to: 'c', weight: 1 },
  ])
  const rows: [number, string][] = [
    [0, 'a'],
    [0.899, 'a'],
    [0.9, 'b'],
    [0.989, 'b'],
    [0.99, 'c'],
    [1 - Number.EPSILON, 'c'],
  ]
  for (const [chance, to] of rows) t.equal(weighted.choose(chance), to, String(chance))
  const random = seeded(1)
  const counts = new Map<string, number>()
  for (let n = 0; n < 10_000; n++) {
    const to = weighted.choose(random(1_000_000) / 1_000_000)
    counts.set(to, (counts.get(to) ?? 0) + 1)
  }
  t.ok(Math.abs((counts.get('a') ?? 0) - 9_000) < 150, `${counts.get('a')} of 9,000`)
  t.ok(Math.abs((counts.get('c') ?? 0) - 100) < 50, `${counts.get('c')} of 100`)
  t.equal(new Weighted([{ to: 'only', weight: 0.5 }]).choose(0.7), 'only')
  for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => new Weighted([{ to: 'a', weight }]), RangeError)
  t.throws(() => new Weighted([]), RangeError)
})
