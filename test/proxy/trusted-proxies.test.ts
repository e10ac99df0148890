// Fields of trusted proxies about a client: which proxies we believe, how their fields are read, and the
// result.

import t from 'tap'
import { type Client, FieldTable, Head } from '../../src/http/index.js'
import { canonicalAddress, Networks } from '../../src/pollset/index.js'
import { forwardedValue, fromTheRight, readElement } from '../../src/proxy/forwarded.js'
import { TrustedProxies } from '../../src/proxy/trusted-proxies.js'

const table = new FieldTable()
const NETWORKS = ['10.0.0.0/8', 'fd00::/8']
type Line = readonly [string, string]

function viewOf(fields: readonly string[], lines: readonly Line[], peer = '10.0.0.1', relay = peer) {
  const from = { host: peer, port: 1 }
  const client: Client = {
    protocol: 'HTTP/1.1',
    secured: null,
    id: 'c',
    forwardingFields: [],
    addresses: { from, to: from },
    neighbour: { host: relay, port: 1 },
  }
  const head = Head.request(lines.map(([name, value]) => table.make(name, value)))
  return new TrustedProxies(new Networks([...NETWORKS, ...UNIX]), fields).viewOf(client, head)
}
let UNIX: readonly string[] = []

const XFF = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']
const FORWARDED = ['forwarded']
const clientBy = (value: string): string | undefined => viewOf(XFF, [['x-forwarded-for', value]])?.address
const clientByForwarded = (value: string): string | undefined =>
  viewOf(FORWARDED, [['forwarded', value]])?.address

t.test('N1: only listed fields are believed, and only from trusted peers', async (t) => {
  const lines: Line[] = [
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'a.example'],
    ['x-real-ip', '192.0.2.2'],
    ['forwarded', 'for=192.0.2.3;proto=https;host=b.example'],
  ]
  const nothing = { address: '10.0.0.1', scheme: null, host: null, through: [] }
  t.strictSame(viewOf(XFF, lines), { address: '192.0.2.1', scheme: 'https', host: 'a.example', through: [] })
  t.strictSame(viewOf(FORWARDED, lines), {
    address: '192.0.2.3',
    scheme: 'https',
    host: 'b.example',
    through: [],
  })
  t.strictSame(viewOf(['x-forwarded-proto'], lines), { ...nothing, scheme: 'https' })
  t.strictSame(viewOf(['x-real-ip'], lines), { ...nothing, address: '192.0.2.2' })
  t.strictSame(viewOf(['traceparent'], lines), nothing)
  t.equal(viewOf(XFF, lines, '192.0.2.9'), null, 'a stranger')
  t.equal(viewOf([], lines), null, 'nobody is believed anything')
  t.strictSame(viewOf(XFF, lines, '::ffff:10.0.0.1')?.address, '192.0.2.1', 'a peer as IPv6 shows it')
})

t.test('N2: a name with _ is never believed', async (t) => {
  const names = XFF.map((each) => each.replaceAll('-', '_'))
  const lines = names.map((each): Line => [each, 'https'])
  t.strictSame(viewOf([...names, ...XFF], [['x_forwarded_for', '192.0.2.1'], ...lines]), {
    address: '10.0.0.1',
    scheme: null,
    host: null,
    through: [],
  })
  const trusted = new TrustedProxies(new Networks(NETWORKS), [
    'x_client_ip',
    'x-client-ip',
    'content_length',
    'host',
  ])
  const passes = (name: string): boolean => trusted.passes(table.make(name, '1'))
  t.ok(passes('x-client-ip'))
  t.notOk(passes('x_client_ip'))
  t.notOk(passes('content_length'), 'one that frames messages')
  t.notOk(passes('x-forwarded-port'), 'one that is not listed')
})

t.test('N3: addresses are walked from the right, over all lines', async (t) => {
  const view = viewOf(XFF, [
    ['x-forwarded-for', '203.0.113.66, 10.9.9.9'],
    ['x-forwarded-for', '192.0.2.1 ,, 10.0.0.3,'],
    ['x-forwarded-for', 'fd00::2'],
  ])
  t.strictSame(view?.address, '192.0.2.1', 'what the client wrote itself stands to the left')
  t.strictSame(view?.through, ['10.0.0.3', 'fd00::2'])
  t.equal(clientBy('10.0.0.4, 10.0.0.3'), '10.0.0.4', 'all of them are trusted: the first')
  t.equal(clientBy(''), '10.0.0.1')
  const many = Array.from({ length: 1_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`).reverse()
  const long = viewOf(XFF, [['x-forwarded-for', many.join(',')]])
  t.equal(long?.address, '10.0.0.63', 'the last 64 are read')
  t.equal(long?.through.length, 63)
})

t.test('N4: what is not an address ends the walk', async (t) => {
  for (const odd of ['unknown', '_hidden', '-', 'a.example', '1.2.3', '01.2.3.4', '1.2.3.4/8', '256.1.1.1'])
    t.equal(clientBy(`192.0.2.1, ${odd}, 10.0.0.2`), '10.0.0.2', odd)
  for (const odd of [
    '[::1',
    '::1]',
    '[10.0.0.1]x',
    '10.0.0.1:123456',
    'fe80::1%lo',
    'unix',
    '""',
    ':'.repeat(9),
  ])
    t.equal(clientBy(`192.0.2.1, ${odd}`), '10.0.0.1', odd)
  t.equal(clientByForwarded('for=192.0.2.1, for=_hidden;proto=https, for=10.0.0.2'), '10.0.0.2')
  const view = viewOf(FORWARDED, [['forwarded', 'for=1.1.1.1;proto=http, for=unknown;proto=https']])
  t.strictSame([view?.address, view?.scheme], ['10.0.0.1', 'https'], 'its writer is trusted all the same')
})

t.test('N5: Forwarded is parsed, and cut from the right', async (t) => {
  const element = (text: string): unknown => {
    const found = readElement(text)
    return found === null ? null : Object.fromEntries(found)
  }
  t.strictSame(element('For="[2001:db8::1]:47011";PROTO=http; by=_x ;;host="a\\"b"'), {
    for: '[2001:db8::1]:47011',
    proto: 'http',
    by: '_x',
    host: 'a"b',
  })
  t.strictSame(element('for=[::1]:80'), { for: '[::1]:80' }, 'without the quotes that it needs')
  for (const odd of ['for', 'for=', '=a', 'for = a', 'for="a', 'for=a"b"', 'for=a;for=b', 'for=a b', 'a="\\'])
    t.equal(element(odd), null, odd)
  t.equal(element(`for=${'1'.repeat(600)}`), null, 'too long')
  t.equal(clientByForwarded('for="192.0.2.1, for=192.0.2.2'), '192.0.2.2', 'an open quote before')
  t.equal(clientByForwarded('for=", for="[2001:db8::2]"'), '2001:db8::2', 'and quotes behind it')
  t.equal(clientByForwarded('x="\\", for=192.0.2.2;by="a,b", for=10.0.0.2'), '192.0.2.2')
  t.equal(clientByForwarded('for=192.0.2.2;x="a, for=1.1.1.1\\", for=1.1.1.2"'), '192.0.2.2', 'hidden commas')
  t.strictSame(fromTheRight([table.make('forwarded', 'a, "b,\\"c", d')], 'forwarded', 9), [
    'd',
    '"b,\\"c"',
    'a',
  ])
})

t.test('N5: no list costs more than linear time', async (t) => {
  const took = (run: () => unknown): number => {
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < 5; i++) {
      const began = process.hrtime.bigint()
      run()
      least = Math.min(least, Number(process.hrtime.bigint() - began))
    }
    return least
  }
  const shapes = [
    '\\',
    '\\"',
    '"',
    '";',
    ';',
    'a=";',
    '="',
    'for="\\',
    '[',
    ':',
    '1.',
    ' ',
    '\t;',
    'a=1;',
    '. ',
  ]
  for (const shape of shapes) {
    const list = (length: number): string => shape.repeat(length / shape.length)
    for (const fields of [XFF, FORWARDED, ['x-real-ip'], ['x-forwarded-host']]) {
      const once = (length: number) => {
        const lines = [...fields, 'forwarded'].map((name): Line => [name, list(length)])
        return () => viewOf(fields, lines)
      }
      const [small, large] = [took(once(2_000)), took(once(64_000))]
      // 32 times as much: quadratic time would be 1,024 times.
      t.ok(large < 320 * Math.max(small, 20_000), `${shape} in ${fields[0]}: ${small} ns, ${large} ns`)
    }
  }
})

t.test('N6: ports do not count, and addresses have one form', async (t) => {
  t.equal(clientBy('192.0.2.1:8080'), '192.0.2.1')
  t.equal(clientBy('[2001:DB8:0:0::1]:80'), '2001:db8::1')
  t.equal(clientBy('2001:DB8::0:1'), '2001:db8::1')
  t.equal(clientBy('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(clientBy('::FFFF:c000:0201'), '192.0.2.1')
  t.equal(clientBy('192.0.2.1, ::ffff:a00:2'), '192.0.2.1', 'a trusted one, mapped')
  t.equal(clientByForwarded('for="[::ffff:192.0.2.1]:_port"'), '192.0.2.1')
  t.equal(clientByForwarded('for="192.0.2.1:_x"'), '192.0.2.1')
  t.equal(canonicalAddress('::'), '::')
  t.equal(canonicalAddress('::ffff:0:0'), '0.0.0.0')
  t.equal(canonicalAddress('a.example'), null)
})

t.test('N7: scheme and host are what the nearest that tells says', async (t) => {
  const scheme = (...values: string[]) =>
    viewOf(
      XFF,
      values.map((each): Line => ['x-forwarded-proto', each]),
    )?.scheme
  t.equal(scheme('http, https'), 'https')
  t.equal(scheme('https', 'HTTP'), 'http')
  t.equal(scheme('wss'), 'https')
  for (const odd of ['ftp', 'https:', 'constructor', '']) t.equal(scheme(odd), null, odd)
  const host = (value: string) => viewOf(XFF, [['x-forwarded-host', value]])?.host
  t.equal(host('evil.example, a.example:8443'), 'a.example:8443')
  t.equal(host('[::1]:80'), '[::1]:80')
  for (const odd of ['a b', 'a/b', 'a@b', 'a\\b', '"a"', 'a:b', 'a?', '[::1', 'é', 'a'.repeat(300)])
    t.equal(host(odd), null, odd)
  const forwarded = viewOf(FORWARDED, [
    ['forwarded', 'for=10.6.6.6;host=evil.example;proto=http'],
    ['forwarded', 'for=192.0.2.1;proto=https;host="a.example:8443", for=10.0.0.2;proto=http;host=inner'],
  ])
  t.strictSame([forwarded?.scheme, forwarded?.host], ['https', 'a.example:8443'], "the client's neighbour")
  const silent = viewOf(FORWARDED, [['forwarded', 'for=192.0.2.1, for=10.0.0.2;proto=https']])
  t.equal(silent?.scheme, 'https', 'the next one, if it does not tell')
})

t.test('N10: behind a relay its source is walked from, and the relay tells scheme and host', async (t) => {
  const lines: Line[] = [
    ['x-forwarded-for', '203.0.113.1'],
    ['x-forwarded-proto', 'https'],
    ['forwarded', 'for=203.0.113.1;proto=http, for=203.0.113.2;proto=https'],
  ]
  const told = { address: '192.0.2.7', scheme: 'https', host: null, through: [] }
  t.strictSame(viewOf(XFF, lines, '192.0.2.7', '10.0.0.1'), told, 'a client cannot claim an address')
  t.strictSame(viewOf(FORWARDED, lines, '192.0.2.7', '10.0.0.1'), told)
  t.equal(viewOf(XFF, lines, '10.0.0.9', '10.0.0.1')?.address, '203.0.113.1', 'a proxy behind the relay')
  t.equal(viewOf(XFF, lines, '192.0.2.7', '192.0.2.8'), null)
})

t.test('N11: peers without an address are trusted if they are listed', async (t) => {
  const lines: Line[] = [['x-forwarded-for', '192.0.2.1, 10.0.0.5']]
  t.equal(viewOf(XFF, lines, ''), null)
  UNIX = ['unix']
  t.strictSame(viewOf(XFF, lines, ''), {
    address: '192.0.2.1',
    scheme: null,
    host: null,
    through: ['10.0.0.5'],
  })
  t.equal(viewOf(XFF, lines, '192.0.2.9'), null)
  UNIX = []
})

t.test('N2: Forwarded is written as RFC 7239 has it', async (t) => {
  const value = forwardedValue('2001:db8::1', 'https', 'a.example:1', ['10.0.0.2', 'fd00::1'])
  t.equal(value, 'for="[2001:db8::1]";proto=https;host="a.example:1", for=10.0.0.2, for="[fd00::1]"')
  t.strictSame(clientByForwarded(value), '2001:db8::1')
  t.equal(forwardedValue('', 'http', null, []), 'for=unknown;proto=http')
})
