// Field lists, good and nearly good, drawn for fuzz targets; and the rules that every well-formed message
// keeps, written from RFC 9110 and 9113 independently of the code (RFC 9113 §8.2, §8.3).

import fc from 'fast-check'
import { hold } from './target.js'

export type Line = readonly [name: string, value: string]

const oddOctets = fc.constantFrom('\r', '\n', '\0', '\r\nx: y', ' ', '\t', '\x7f', '\xff', ':', '%0d%0a', '#')
const anyText = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 12 })
const value = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('', 'a', 'gzip, deflate', 'trailers', '5', '0', 'close', '100-continue'),
  },
  { weight: 2, arbitrary: anyText },
  { weight: 1, arbitrary: fc.tuple(anyText, oddOctets, anyText).map((parts) => parts.join('')) },
)
const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'accept',
      'cookie',
      'set-cookie',
      'user-agent',
      'etag',
      'te',
      'trailer',
      'expect',
      'x-a',
      'x-b',
      'authorization',
      'max-forwards',
      'via',
      'x-forwarded-for',
      'constructor',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'connection',
      'keep-alive',
      'proxy-connection',
      'transfer-encoding',
      'upgrade',
      'host',
      'content-length',
      'Host',
      'Content-Length',
      '',
      ':',
      ':x',
      'a b',
      'transfer-encoding ',
    ),
  },
  { weight: 1, arbitrary: anyText },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('x', 'host', ''), oddOctets).map((parts) => parts.join('')),
  },
)
const known: fc.Arbitrary<Line> = fc.oneof(
  fc.constantFrom<Line>(
    ['content-length', '0'],
    ['content-length', '5'],
    ['content-length', '05'],
    ['content-length', '5, 5'],
    ['content-length', '+5'],
    ['host', 'a'],
    ['host', 'A:80'],
    ['host', 'b'],
    ['te', 'trailers'],
    ['te', 'gzip'],
    ['transfer-encoding', 'chunked'],
  ),
)
export const regular: fc.Arbitrary<Line> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(name, value) },
  { weight: 1, arbitrary: known },
)

const pseudo = (name: string, ...values: string[]): fc.Arbitrary<Line> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...values).map((value): Line => [name, value]) },
    { weight: 1, arbitrary: value.map((value): Line => [name, value]) },
  )
const method = pseudo(':method', 'GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'CONNECT', 'TRACE', 'G T')
const scheme = pseudo(':scheme', 'http', 'http', 'https', '1x')
const authority = pseudo(':authority', 'a', 'a', 'a', 'A:80', 'b:81', 'u@a')
const path = pseudo(':path', '/', '/', '/a?b', '*', '', 'a', '/a b', '/\x80', '/a HTTP/1.1\r\nx: y')
const status = pseudo(':status', '200', '200', '204', '304', '404', '100', '103', '101', '99', '2 0')

/** The disorder of a list: it is built correctly, then a few of its lines are doubled, moved or removed. */
interface Disorder {
  readonly kind: 'double' | 'drop' | 'last' | 'first'
  readonly at: number
}
const disorder: fc.Arbitrary<readonly Disorder[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record({ kind: fc.constantFrom('double', 'drop', 'last', 'first'), at: fc.nat(20) }),
      { maxLength: 2 },
    ),
  },
)

function disordered(lines: readonly Line[], changes: readonly Disorder[]): Line[] {
  const all = [...lines]
  for (const { kind, at } of changes) {
    if (all.length === 0) break
    const from = at % all.length
    const line = all[from]
    if (kind !== 'double') all.splice(from, 1)
    if (kind === 'double' || kind === 'last') all.push(line)
    if (kind === 'first') all.unshift(line)
  }
  return all
}

const goodRegular: fc.Arbitrary<Line> = fc.tuple(
  fc.constantFrom('accept', 'cookie', 'user-agent', 'x-a', 'x-b', 'etag'),
  fc.constantFrom('', 'a', 'b', 'gzip, deflate', 'a'.repeat(150)),
)
const listOf = (...pseudos: fc.Arbitrary<Line>[]): fc.Arbitrary<Line[]> =>
  fc
    .tuple(
      fc.tuple(...pseudos),
      fc.oneof(fc.array(goodRegular, { maxLength: 4 }), fc.array(regular, { maxLength: 4 })),
      disorder,
    )
    .map(([first, rest, changes]) => disordered([...first, ...rest], changes))

const goodRequest: fc.Arbitrary<Line[]> = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'HEAD'),
    fc.constantFrom('/', '/a'),
    fc.array(goodRegular, { maxLength: 3 }),
  )
  .map(([method, path, rest]) => [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'a'],
    [':path', path],
    ...rest,
  ])
const goodResponse: fc.Arbitrary<Line[]> = fc
  .tuple(fc.constantFrom('200', '204', '100', '500'), fc.array(goodRegular, { maxLength: 3 }))
  .map(([status, rest]) => [[':status', status], ...rest])

export const requestList: fc.Arbitrary<Line[]> = fc.oneof(
  goodRequest,
  listOf(method, scheme, authority, path),
)
export const responseList: fc.Arbitrary<Line[]> = fc.oneof(goodResponse, listOf(status))
export const trailerList: fc.Arbitrary<Line[]> = fc.array(fc.oneof(goodRegular, regular), { maxLength: 4 })

/** RFC 9110 §6.5.1 */
const NO_TRAILERS = ['content-length', 'host', 'te', 'trailer', 'expect', 'http2-settings']

const CONNECTION_SPECIFIC = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']

/** Throws if these lines, sent on, could be read as another message than the one intended. */
export function mustBeWellFormed(lines: readonly Line[], kind: 'request' | 'response' | 'trailers'): void {
  const say = () => JSON.stringify(lines)
  const pseudos = lines.filter(([name]) => name.startsWith(':'))
  const allowed = {
    request: [':method', ':scheme', ':authority', ':path', ':protocol'],
    response: [':status'],
    trailers: [],
  }[kind] as readonly string[]
  for (const [name] of pseudos) hold(allowed.includes(name), () => `${name} in a ${kind}: ${say()}`)
  hold(new Set(pseudos.map(([name]) => name)).size === pseudos.length, () => `twice: ${say()}`)
  hold(
    lines.slice(0, pseudos.length).every(([name]) => name.startsWith(':')),
    () => `a pseudo-field behind regular ones: ${say()}`,
  )
  for (const [name, value] of lines) {
    hold(/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name), () => `a name: ${say()}`)
    hold(!/[\0-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/.test(value), () => `a value: ${say()}`)
    hold(!CONNECTION_SPECIFIC.includes(name), () => `${name}: ${say()}`)
    hold(kind !== 'trailers' || !NO_TRAILERS.includes(name), () => `${name} in trailers: ${say()}`)
    hold(name !== 'te' || value === 'trailers', () => `te: ${say()}`)
  }
  const all = (name: string) => lines.filter((line) => line[0] === name).map((line) => line[1])
  const lengths = all('content-length')
  hold(
    lengths.every((each) => /^\d+$/.test(each) && Number(each) === Number(lengths[0])),
    () => `content-length: ${say()}`,
  )
  if (kind === 'request') mustBeOneRequest(lines, all, say)
  if (kind === 'response') hold(/^[1-9]\d\d$/.test(all(':status')[0] ?? ''), () => `:status: ${say()}`)
}

/**
 * Checks that, written as HTTP/1.1, it is one request line and this many field lines, even
 * for a loose parser.
 */
function mustBeOneRequest(lines: readonly Line[], all: (name: string) => string[], say: () => string): void {
  const [method] = all(':method')
  // Extended CONNECT (RFC 8441 §4) names the same parts as any other request.
  const extended = all(':protocol').length > 0
  hold(!extended || method === 'CONNECT', () => `:protocol: ${say()}`)
  const connect = method === 'CONNECT' && !extended
  const [target] = connect ? all(':authority') : all(':path')
  hold(method !== undefined && target !== undefined, () => `no method or no target: ${say()}`)
  hold(connect === (all(':scheme').length === 0), () => `:scheme: ${say()}`)
  const hosts = all('host')
  hold(hosts.length <= 1, () => `host twice: ${say()}`)
  const bare = (host: string) => host.toLowerCase().replace(/:(80|443)$/, '')
  for (const host of hosts)
    for (const authority of all(':authority'))
      hold(bare(host) === bare(authority), () => `host is not :authority: ${say()}`)
  for (const each of [...hosts, ...all(':authority')])
    hold(!/[\s/?#@\\]/.test(each), () => `an authority: ${say()}`)
  const regular = lines.filter(([name]) => !name.startsWith(':'))
  const text = [`${method} ${target} HTTP/1.1`, ...regular.map(([name, value]) => `${name}: ${value}`)].join(
    '\r\n',
  )
  const split = text.split(/\r\n|\r|\n/)
  hold(split.length === regular.length + 1, () => `more lines than fields: ${say()}`)
  hold(split[0].split(/[\s\v\f]/).length === 3, () => `a request line of more than three words: ${say()}`)
}
