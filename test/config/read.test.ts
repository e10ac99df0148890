// The result of a right configuration: defaults, inheritance, places, values from outside, includes,
// warnings.

import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Configuration } from '../../src/config/index.js'
import { ConfigReader, diagnosticText, masked, placeText, withoutSecrets } from '../../src/config/index.js'
import { localhost } from '../../tools/testbed/certificates/index.js'
import { OPTIONS, readExample, reader } from './example.js'

const MINIMAL = `version: 1
listeners: { main: { address: 8080 } }
backends: { app: { endpoints: [127.0.0.1:9000] } }
routes: [{ backend: app }]
`

const configurationOf = (text: string): Configuration => {
  const { configuration, errors } = reader.text(text, 'f.yaml')
  t.strictSame(errors.map(diagnosticText), [])
  return configuration as Configuration
}

t.test('defaults', async (t) => {
  const { listeners, backends, routes, shutdown, debug, accessLog, processLog, limits, trustedProxies } =
    configurationOf(MINIMAL)
  t.match(listeners, [{ name: 'main', address: '127.0.0.1:8080', tls: null, protocols: ['h2', 'http/1.1'] }])
  t.strictSame({ ...backends[0], source: 0, sources: 0 } as object, {
    name: 'app',
    source: 0,
    sources: 0,
    protocol: 'http',
    endpoints: [{ address: '127.0.0.1:9000', weight: 1 }],
    handler: null,
    discovery: null,
    tls: { ca: null, name: null, verify: true },
    share: 'process',
    sendProxy: null,
    balance: { policy: 'least-requests', key: null, bound: 0, slowStartMs: 30_000, affinity: null },
    health: {
      active: null,
      passive: {
        consecutive: 5,
        rate: 0.5,
        rateLeast: 20,
        rateMs: 10_000,
        ejectionMs: 30_000,
        ejectionMostMs: 300_000,
        ejectedMax: 0.5,
      },
      panic: 0.5,
    },
    limits: { sessions: null, requests: 0, pending: 1_000, sessionAgeMs: 0, streamsPerSession: 0 },
    retryBudget: { ratio: 0.2, perSecond: 10 },
  })
  t.strictSame({ ...routes[0], source: 0, sources: 0 } as object, {
    name: 'route-1',
    match: { listeners: [], hosts: [], path: null, methods: [], headers: [], query: [] },
    action: { kind: 'backend', to: [{ backend: 'app', weight: 1 }] },
    timeouts: {
      connectMs: 5_000,
      leaseMs: 10_000,
      headMs: 60_000,
      idleMs: 60_000,
      tunnelMs: 3_600_000,
      requestMs: 86_400_000,
    },
    retry: {
      attempts: 3,
      connectFailure: true,
      refusedStream: true,
      closedBeforeHead: true,
      statuses: [],
      replayBytes: 65_536,
      firstMs: 25,
      mostMs: 250,
    },
    path: { ambiguous: 'refuse', forward: 'client' },
    upgrades: [],
    errors: 'plain',
    filters: [],
    source: 0,
    sources: 0,
  })
  t.strictSame({ shutdown, debug, limits, trustedProxies, accessLog, processLog } as object, {
    shutdown: { delayMs: 0, timeoutMs: 30_000 },
    debug: null,
    accessLog: null,
    processLog: { level: 'info', format: 'text' },
    limits: {},
    trustedProxies: { addresses: [], fields: [], proxyProtocol: false },
  })
})

t.test('the full example', async (t) => {
  const configuration = readExample().configuration as Configuration
  const [app, shop, found] = configuration.backends
  t.match(configuration.listeners, [
    {
      address: '0.0.0.0:443',
      tls: { certificates: [{ name: 'site' }, { name: 'shop' }], clientCertificate: 'request' },
    },
    { address: '127.0.0.1:8081' },
  ])
  t.strictSame(configuration.accessLog, {
    file: '/var/log/fermata/access.log',
    format: { template: '$' + '{method} $' + '{path} $' + '{request.x-key}' },
    fields: ['time', 'path', 'request.user-agent'],
    redact: { query: 'none', fields: ['x-key'], keys: 'none' },
    commands: {
      format: { template: '$' + '{command} $' + '{keys}' },
      fields: ['time', 'keys'],
      slowerThanMs: 10,
    },
  })
  t.strictSame(configuration.processLog, { level: 'debug', format: 'json' })
  t.strictSame(configuration.limits, {
    http2: { lingerMs: 500, streamWindow: 65_536, resetsBurst: 50 },
    server: { connectionsMax: 1_000 },
  })
  t.match(app, {
    endpoints: [{ weight: 1 }, { address: '10.0.0.6:9000', weight: 2 }],
    balance: { key: { kind: 'cookie', name: 'sid' }, bound: 1.5, affinity: { key: '0123456789abcdef' } },
    health: {
      active: { kind: 'http', status: [[200, 299]] },
      passive: { rate: 0.4, ejectedMax: 0.25 },
      panic: 0.3,
    },
  })
  t.match(shop, { discovery: { kind: 'dns', name: 'shop.internal', port: 8443 }, health: { passive: null } })
  t.match(found, { discovery: { kind: 'srv' }, health: { active: { kind: 'tcp' } } })
  const [redirect, api, canary, robots] = configuration.routes
  t.match(redirect.action, { kind: 'redirect', port: 8443, status: 308 })
  t.strictSame(api.match, {
    listeners: ['public'],
    hosts: ['api.example.org', '*.example.org:8443'],
    path: { kind: 'prefix', value: '/v1' },
    methods: ['GET', 'POST'],
    headers: [
      { name: 'x-beta', kind: 'exact', value: '1' },
      { name: 'x-gamma', kind: 'pattern', value: '[a-z]+' },
      { name: 'x-delta', kind: 'present', value: '' },
    ],
    query: [{ name: 'q', kind: 'exact', value: 'all' }],
  })
  t.match(canary.action, {
    to: [
      { backend: 'shop', weight: 95 },
      { backend: 'found', weight: 5 },
    ],
  })
  t.strictSame(robots.action, {
    kind: 'answer',
    status: 200,
    body: 'no',
    fields: [
      ['content-type', 'text/plain'],
      ['x-more', 'a'],
      ['x-more', 'b'],
    ],
  })
})

t.test('settings are inherited one at a time, each with its place', async (t) => {
  const { routes } = readExample().configuration as Configuration
  const api = routes[1]
  const rest = routes[4]
  t.match(api.timeouts, { headMs: 300_000, idleMs: 0, connectMs: 4_000, requestMs: 0 })
  t.match(api.retry, { attempts: 2, statuses: [503], refusedStream: false, firstMs: 50, mostMs: 2_000 })
  t.match([api.path, rest.path], [{ ambiguous: 'pass', forward: 'normalised' }, { ambiguous: 'refuse' }])
  t.match([api.upgrades, rest.upgrades], [[], ['tcp', 'spdy/3.1']])
  t.match([api.errors, rest.errors], ['plain', 'detailed'])
  t.equal(rest.timeouts.headMs, 50_000)
  const lineOf = (route: typeof api, name: string): number => route.sources[name].line
  t.equal(lineOf(api, 'timeouts.headMs'), api.source.line + 8, 'the route')
  t.ok(lineOf(api, 'retry.attempts') < api.source.line, 'the backend')
  t.ok(lineOf(api, 'timeouts.connectMs') < lineOf(api, 'retry.attempts'), 'the defaults')
  const { routes: plain } = configurationOf(MINIMAL)
  t.match(plain[0].sources['timeouts.headMs'], { file: '', line: -1 }, 'what is built in')
  t.equal(placeText(plain[0].source), 'f.yaml:4:10')
})

t.test('a document from code has the same shape, and errors without lines', async (t) => {
  const document = {
    version: 1,
    listeners: { main: { address: ':80' } },
    backends: { app: { endpoints: ['a:80'], protocol: undefined } },
    routes: [{ backend: 'app', timeouts: { head: '5m' } }],
  }
  const { configuration } = reader.object(document)
  t.match(configuration?.routes, [{ timeouts: { headMs: 300_000 }, source: { file: '', line: 0 } }])
  const wrong = {
    ...document,
    listen: 1,
    routes: [{ name: () => 'app', backend: 'app' }, { backend: 'ap' }, { answer: { fields: new Map() } }],
  }
  t.strictSame(reader.object(wrong).errors.map(diagnosticText), [
    'routes[0].name: is of type function; write text, a number, true, false, a list or a map',
    'routes[2].answer.fields: is an object with a class of its own; write text, a number, true, false, a list or a map',
    'listen: unknown key; did you mean listeners?',
    'routes[1].backend: there is no backend "ap"; did you mean app?',
  ])
  const circle: { limits?: object } = {}
  circle.limits = circle
  t.match(reader.object(circle).errors, [{ message: /levels deep/ }])
})

t.test('the traps of YAML', async (t) => {
  const said = (text: string): string[] =>
    reader.text(`version: 1\nlisteners: { main: { address: 80 } }\n${text}`, 'f').errors.map(diagnosticText)
  const rows: readonly (readonly [string, ...string[]])[] = [
    [
      'routes:\n  - match: { hosts: [*.example.org] }\n    answer: {}',
      'f:4:22 routes[0].match.hosts[0]: *.example.org is an alias in YAML, and there is no anchor &.example.org; quote it: "*.example.org"',
    ],
    ['connect: [*]', 'f:3:11: an unquoted * begins an alias in YAML; quote it: "*"'],
    ['connect: []\nconnect: []', 'f:4:1: the key is written twice; leave out one'],
    ['connect: !list []', 'f:3:10: the tag is unknown here; leave it out'],
    ['connect: !!set {}', 'f:3:16 connect: the tag !!set is unknown here; leave it out'],
    ['<<: {}', 'f:3:1: YAML 1.2 has no merge key <<; write shared settings in defaults'],
    ['shutdown:\n\tdelay: 5s', 'f:4:1: a tab stands where lines are indented; YAML takes blanks only'],
    [
      'shutdown: delay: 5s',
      'f:3:11: a second colon makes a key of a value; quote the value, or indent the lines alike',
    ],
    ['connect: [@a]', 'f:3:11: a plain value cannot begin with @; put it in quotes'],
    ['connect: ["a]', 'f:3:14: a closing " is missing'],
    ["connect: ['a]", "f:3:14: a closing ' is missing"],
    ['connect: [a', 'f:3:12: a closing ] is missing, or the lines up to it are not indented'],
    ['shutdown: { delay: 5s', 'f:3:22: a closing } is missing, or the lines up to it are not indented'],
    ['shutdown: { "delay"5s }', 'f:3:20: a comma or a colon is missing before this'],
    ['connect: ["a"#b\n]', 'f:3:14: a blank is missing before the # of a comment'],
    ['connect\nroutes: []', 'f:3:1: this is a key without a colon and a value'],
    ['connect: - a', 'f:3:10: a list begins on the line of its key; begin it on the next line'],
    ['connect:\n  - - a\n   b', 'f:5:1: the items of a list must begin with a - in the same column'],
    ['connect: [a, , b]', 'f:3:14: a comma stands where a value should'],
    ['connect: |x\n a', 'f:3:11: behind | or > nothing but + or - and a number may stand on the line'],
    ['connect: }', 'f:3:10: a bracket is closed that was not opened; quote it if it is part of a text'],
    [
      'shutdown: { delay:\n  - a }',
      'f:4:3: between brackets a list or a map needs brackets of its own: [ ] or { }',
    ],
    [`"${'k'.repeat(1_100)}": 1`, 'f:3:1: the key has more than 1,024 characters'],
    ['connect: &a *b', 'f:3:13: an alias (*name) has an anchor or a tag; leave that out'],
    ['---\nconnect: []', 'f:3:1: a second document begins; leave out the line ---'],
  ]
  for (const [text, ...expected] of rows) t.strictSame(said(text), expected, text)
  t.match(reader.text('%YAML 1.1\n---\nversion: 1\n', 'f').errors, [{ message: /this is YAML 1.2/ }])
  t.strictSame(reader.text('%FOO a\n---\nversion: 1\n', 'f').errors.map(diagnosticText).slice(0, 1), [
    'f:1:1: a line that begins with % is a directive of YAML; leave it out',
  ])
  t.match(reader.text('', 'f').errors, [{ message: 'is empty; write a map, or leave out the key' }])
})

t.test('anchors may be used, within bounds', async (t) => {
  const hosts = (count: number): string =>
    `version: 1\nlisteners: { main: { address: 80 } }\nroutes:\n  - { match: &m { hosts: [a.test] }, answer: {} }\n${'  - { match: *m, answer: {} }\n'.repeat(count)}`
  t.strictSame(reader.text(hosts(100), 'f').errors, [])
  t.match(reader.text(hosts(101), 'f').errors, [{ line: 105, message: /^more than 100 aliases/ }])
  const laughs = ['a: &a [x, x]', ...'bcdefghij'].map((each, at) =>
    at === 0 ? each : `${each}: &${each} [${Array(9).fill(`*${'abcdefghi'[at - 1]}`)}]`,
  )
  const told = (text: string): string => reader.text(text, 'f').errors.map(diagnosticText).join('\n')
  t.match(told(laughs.join('\n')), /more than 100 aliases/)
  t.match(told('version: &v [*v]'), /stands within its own anchor/)
})

t.test('what is too long or too deep is an error, not a crash', async (t) => {
  for (const text of ['['.repeat(20_000), '- '.repeat(20_000), '{a: '.repeat(20_000)])
    t.match(reader.text(text, 'f').errors, [{ message: /^nests more than 100 levels deep/ }])
  const folder = t.testdir({
    'long.yaml': `# ${'x'.repeat(4 * 1024 * 1024)}`,
    'latin.yaml': Buffer.from([0xe9]),
  })
  const saying = (name: string): string[] => reader.file(join(folder, name)).errors.map(diagnosticText)
  t.strictSame(saying('long.yaml'), [`${join(folder, 'long.yaml')}: has more than 4 MiB`])
  t.strictSame(saying('latin.yaml'), [`${join(folder, 'latin.yaml')}: is not UTF-8 text`])
  t.strictSame(saying(''), [`${folder}: is a folder; write the name of a file`])
  const many = Array.from({ length: 80 }, (_, at) => `k${at}: 1`).join('\n')
  t.equal(reader.text(many, 'f').errors.length, 50)
})

t.test('a message is one line of readable length, whatever the value is', async (t) => {
  for (const value of ['x'.repeat(1_000_000), 'a\n'.repeat(400), '\u0000']) {
    const { errors } = reader.object({ version: 1, listeners: { main: { address: value } }, [value]: 1 })
    t.equal(errors.length, 2)
    for (const each of errors) {
      t.notMatch(diagnosticText(each), /[\0-\x1f]/)
      t.ok(diagnosticText(each).length < 2_500)
    }
  }
  const told = reader.text('include: ["a\\0b"]', 'f').errors
  t.ok(told.some((each) => each.path === 'include[0]' && /its name has a NUL/.test(each.message)))
  const [colour] = reader.object({ version: 1, limits: { http2: { colour: 1 } } }).errors
  t.match(colour.message, /, …$/)
})

t.test('values from outside', async (t) => {
  const folder = t.testdir({
    'main.yaml': `version: 1
listeners: { main: { address: { env: PORT, default: 8080 }, tls: { certificates: [a] } } }
certificates: { a: { cert: { file: sub/a.pem }, key: { credential: a.key } } }
shutdown: { delay: { env: DELAY }, timeout: { file: timeout } }
debug: { address: 4711, token: { file: token }, secrets: { env: SECRETS } }
routes: [{ answer: {} }]
`,
    timeout: '20s\n',
    token: 'secret-token\n',
    sub: { 'a.pem': localhost.cert },
    credentials: { 'a.key': localhost.key },
  })
  const file = join(folder, 'main.yaml')
  chmodSync(join(folder, 'token'), 0o640)
  chmodSync(join(folder, 'credentials/a.key'), 0o600)
  const env = { DELAY: '2s', SECRETS: 'true', CREDENTIALS_DIRECTORY: join(folder, 'credentials') }
  const { configuration, errors, warnings } = new ConfigReader({ ...OPTIONS, env }).file(file)
  t.strictSame(errors.map(diagnosticText), [])
  t.match(configuration, {
    listeners: [{ address: '127.0.0.1:8080', tls: { certificates: [{ key: localhost.key.trimEnd() }] } }],
    shutdown: { delayMs: 2_000, timeoutMs: 20_000 },
    debug: { token: 'secret-token', secrets: true },
  })
  t.strictSame(warnings.map(diagnosticText), [
    `${file}:5:32 debug.token: others may read ${join(folder, 'token')} (mode 0640); chmod 600 keeps it to its owner`,
  ])
  const shown = JSON.stringify(withoutSecrets(configuration as Configuration, OPTIONS.secretKey ?? null))
  t.notMatch(shown, /secret-token|PRIVATE KEY/)
  t.match(shown, /"token":"\*\*\* [0-9a-f]{6}"/)
  t.equal(masked('a', Buffer.from('k')), masked('a', Buffer.from('k')))
  t.not(masked('a', Buffer.from('k')), masked('a', Buffer.from('l')))
  const wrong = new ConfigReader({ ...OPTIONS, env: { ...env, DELAY: 'tomorrow', PORT: 'x y' } }).file(file)
  const text = JSON.stringify(wrong.errors)
  t.equal(wrong.errors.length, 2)
  t.notMatch(text, /tomorrow|x y/)
  t.match(
    text,
    /the environment variable DELAY holds \*\*\* [0-9a-f]{6}, which does not fit; it must hold a duration/,
  )
})

t.test('includes', async (t) => {
  const folder = t.testdir({
    'main.yaml': `version: 1
include: [conf.d/*.yaml]
listeners: { main: { address: 80 } }
backends: { a: { endpoints: [a:80] } }
routes: [{ name: first, match: { path: /1 }, backend: b }]
connect: [a:1]
`,
    'conf.d': {
      '20.yaml': 'routes: [{ name: third, match: { path: /3 }, backend: a }]\nconnect: [c:3]\n',
      '10.yaml':
        'backends: { b: { endpoints: [b:80] } }\nroutes: [{ name: second, match: { path: /2 }, backend: b }]\n',
      '.hidden.yaml': 'nonsense: 1\n',
      'other.txt': 'nonsense: 1\n',
    },
    'twice.yaml': `version: 1
include: [more.yaml, "*.yaml"]
listeners: { main: { address: 80 } }
backends: { a: { endpoints: [a:80] } }
routes: [{ backend: a }]
resolver: { servers: [10.0.0.1] }
limits: { http2: { linger: 1s } }
`,
    'more.yaml': `include: []
defaults: {}
backends: { a: { endpoints: [b:80] } }
resolver: { servers: [10.0.0.2] }
limits: { http2: { linger: 2s } }
`,
  })
  const { configuration, errors, files } = reader.file(join(folder, 'main.yaml'))
  t.strictSame(errors.map(diagnosticText), [])
  t.strictSame(
    configuration?.routes.map(({ name }) => name),
    ['first', 'second', 'third'],
  )
  t.strictSame(configuration?.connect, ['a:1', 'c:3'])
  t.strictSame(
    files,
    ['main.yaml', 'conf.d/10.yaml', 'conf.d/20.yaml'].map((each) => join(folder, each)),
  )
  const twice = reader
    .file(join(folder, 'twice.yaml'))
    .errors.map((each) => diagnosticText(each).replaceAll(`${folder}/`, ''))
  t.ok(
    twice.includes(
      'more.yaml:3:13 backends.a: the backend a is written at twice.yaml:4:13 too; rename or leave out one',
    ),
  )
  t.ok(twice.includes('more.yaml:4:1 resolver: it is written at twice.yaml:6:1 too; leave out one'))
  t.ok(
    twice.includes(
      'more.yaml:5:28 limits.http2.linger: the limit is written at twice.yaml:7:28 too; leave out one',
    ),
  )
  t.ok(twice.some((each) => each.startsWith('more.yaml:1:1 include: unknown key')))
  t.ok(twice.some((each) => each.startsWith('more.yaml:2:1 defaults: unknown key')))
})

t.test('warnings', async (t) => {
  const said = (text: string): string[] =>
    reader.text(`version: 1\nlisteners: { main: { address: 80 } }\n${text}`, 'f').warnings.map(diagnosticText)
  t.strictSame(said(''), ['f:1:1 routes: there is no route, and so nothing to serve; every request gets 404'])
  t.strictSame(said('trustedProxies: { addresses: [10.0.0.1] }\nconnect: ["a:1"]'), [
    'f:3:1 trustedProxies: nothing is believed; write fields: [x-forwarded-for, x-forwarded-proto], or proxyProtocol: true',
  ])
  t.strictSame(
    said(
      'backends: { a: { endpoints: [a:80], balance: { affinity: { cookie: x } } } }\nroutes: [{ backend: a }]',
    ),
    [
      'f:3:48 backends.a.balance.affinity: without a key the cookies of clients are worth nothing after a restart; write key: { credential: NAME }',
    ],
  )
  t.strictSame(
    said(
      'backends: { a: { endpoints: [a:80], timeouts: { head: 1s } }, b: { endpoints: [b:80] } }\nroutes: [{ backend: [{ to: a }, { to: b }] }]',
    ),
    [
      'f:4:21 routes[0].backend: a and b have different timeouts.head, and the route takes that of a; write it in the route',
    ],
  )
})

t.test('routes that no request can reach', async (t) => {
  const hidden = (...matches: string[]): string[] =>
    reader
      .text(
        `version: 1\nlisteners: { main: { address: 80 } }\nroutes:\n${matches.map((each) => `  - { match: ${each}, answer: {} }\n`).join('')}`,
        'f',
      )
      .warnings.map(diagnosticText)
  const second = (by: number): string =>
    `f:5:5 routes[1]: no request gets to the route route-2: route-1 (f:${by}:5) comes first and takes all that it matches`
  t.strictSame(hidden('{ path: /a }', '{ path: /a }'), [second(4)])
  t.strictSame(hidden('{}', '{ path: / }'), [second(4)])
  t.strictSame(hidden('{ hosts: [a.test, b.test] }', '{ hosts: [B.test] }'), [second(4)])
  t.strictSame(hidden('{ hosts: [a.test] }', '{ hosts: [a.test, b.test] }'), [])
  t.strictSame(hidden('{ path: { pattern: "a+" } }', '{ path: { pattern: "a+" } }'), [second(4)])
  t.strictSame(hidden('{ path: { pattern: "a+" } }', '{ path: { pattern: "a" } }'), [])
  t.strictSame(hidden('{ methods: [GET, PUT] }', '{ methods: [GET] }'), [second(4)])
  t.strictSame(hidden('{}', '{ methods: [GET] }'), [], 'a method is more exact')
  t.strictSame(hidden('{ headers: { a: { present: true } } }', '{ headers: { a: "1" } }'), [second(4)])
  t.strictSame(hidden('{ headers: { a: "1" } }', '{ headers: { a: "2" } }'), [])
  t.strictSame(hidden('{}', '{ listener: main }'), [second(4)])
  t.strictSame(hidden('{ listener: main }', '{}'), [])
})

t.test('every file that was opened is remembered, also one that is refused', async (t) => {
  const folder = t.testdir({ 'large.key': 'x'.repeat(1024 * 1024 + 1), folder: {} })
  for (const [name, message] of [
    ['large.key', /more than 1 MiB/],
    ['folder', /is a folder|not a plain file/],
    ['missing', /cannot be read/],
  ] as const) {
    const text = `version: 1\nlisteners: { main: { address: { file: ${name} } } }\n`
    const { errors, contents } = reader.text(text, `${folder}/f.yaml`)
    t.match(JSON.stringify(errors), message)
    t.strictSame(contents.paths, [`${folder}/${name}`])
  }
})
