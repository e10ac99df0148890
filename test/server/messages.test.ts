// Every message of the command line, word by word: what is wrong, and what to write. The last test finds a
// message in the source that no table here has.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import ts from 'typescript'
import type { Configuration } from '../../src/config/index.js'
import type { Engine } from '../../src/engine/index.js'
import type { EngineSet, ExchangeSession } from '../../src/proxy/index.js'
import { parseListen } from '../../src/server/address.js'
import { hinted, leaseShortage } from '../../src/server/hints.js'
import { defaultLimits, limitsWith } from '../../src/server/index.js'
import { notListening } from '../../src/server/listen-faults.js'
import { addressSetting, settingNames } from '../../src/server/setting-names.js'
import { traceTo } from '../../src/server/trace-file.js'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { type Program, run, start } from '../../tools/testbed/programs.js'
import { saidBy } from '../world/command-lines.js'
import { once } from '../world/proxy-world.js'

t.jobs = 4

const folder = join(import.meta.dirname, '..', '..', 'src')
const main = join(folder, 'main.js')
/** The longest path that a Unix-domain socket can have, and one byte more. */
const PATH_BYTES = process.platform === 'linux' ? 107 : 103
const LONG = `/${'x'.repeat(PATH_BYTES)}`

/** The words of a command line, or these as they are. */
type Line = string | readonly string[]
type Row = readonly [Line, string]

const LISTEN_FORMS =
  'is not an address to listen on: write HOST:PORT, as in 127.0.0.1:8080, https://HOST:PORT or unix:PATH'
const BRACKETS = '; an IPv6 address has brackets, as in [::1]:8080'
const BACKEND_FORMS =
  'is not a backend: write http://, https://, h2c:// or h2://, then HOST:PORT or unix:PATH'
const NETWORK = 'is not a network: write ADDRESS/BITS, as in 10.0.0.0/8, an address, or unix'
const TARGET =
  'is not a CONNECT target: write HOST:PORT, as in db.example.org:5432, *.example.org:443 or [::1]:22; * is any host or port'
const HOST =
  'is not a host: write example.org, *.example.org for all names below it, or [::1], each with or without a port; leave it out for every host'
const TIME = 'proxy.headTimeoutMs is a time: write 500ms, 10s or 2m (a number alone is ms)'
const SIZE = 'transport.flushBytesMax is a size: write 4096, 64KiB or 1MiB (a number alone is bytes)'
const HEAD = 'http1.startLineBytesMax + http1.fieldSectionBytesMax + 32 for each of http1.fieldsMax'
const TRAILERS = 'http1.trailerSectionBytesMax + 32 for each of http1.trailersMax'
const TOO_LONG =
  'more than transport.flushBytesMax=262144 can write at once: lower one of them or raise transport.flushBytesMax'
const OVER_TLS = 'is for backends over TLS, and no backend URL begins with https:// or h2://'
const ONE_PAIR = '--cert a.pem --key a.key'

/** Messages of `fermata serve` about its options; each with exit code 2, and where to find help. */
const SERVE: readonly Row[] = [
  ['serve --nope', "unknown option '--nope'"],
  ['serve --lisen 8080', "unknown option '--lisen'\n(Did you mean --listen?)"],
  ['serve example.org', "there is no file 'example.org'"],
  [
    'serve http://example.org',
    "there is no file 'http://example.org'; did you mean --backend http://example.org?",
  ],
  ['serve package.json tsconfig.json', "unexpected argument 'tsconfig.json': there is one FILE at most"],
  ['serve --watch', '--watch needs a FILE: fermata serve --watch fermata.yaml'],
  ['serve package.json --cert x', '--cert and a file do not go together: write it into package.json'],
  [
    'serve package.json --share connection',
    '--share and a file do not go together: write it into package.json',
  ],
  ['serve --listen', "option '-l, --listen <address>' argument missing"],
  ['serve --listen here', `--listen 'here' ${LISTEN_FORMS}`],
  ['serve --listen ::1:80', `--listen '::1:80' ${LISTEN_FORMS}${BRACKETS}`],
  [
    'serve --listen 127.0.0.1:65536',
    "--listen '127.0.0.1:65536': port 65536 is out of range (1 to 65535, or 0 for any free port); write HOST:PORT",
  ],
  ['serve --listen :8080 --listen :8080', '--listen [::]:8080 is given twice: leave out one'],
  [
    `serve --listen unix:${LONG}`,
    `--listen 'unix:${LONG}': the path has ${PATH_BYTES + 1} bytes; at most ${PATH_BYTES} are possible`,
  ],
  [
    `serve --backend http://unix:${LONG}`,
    `--backend 'unix:${LONG}': the path has ${PATH_BYTES + 1} bytes; at most ${PATH_BYTES} are possible`,
  ],
  ['serve --backend 127.0.0.1:9000', `--backend '127.0.0.1:9000' ${BACKEND_FORMS}`],
  ['serve --backend unix:/run/a', `--backend 'unix:/run/a' ${BACKEND_FORMS}`],
  [
    'serve --backend http://user@a',
    "--backend 'http://user@a' is not a backend: write http://HOST:PORT, without a path or a user, or http://unix:PATH",
  ],
  [
    'serve --backend h2c://a/path',
    "--backend 'h2c://a/path' is not a backend: write h2c://HOST:PORT, without a path or a user, or h2c://unix:PATH",
  ],
  [
    'serve --backend http://::1:9000',
    `--backend 'http://::1:9000' is not a backend: write http://HOST:PORT, without a path or a user, or http://unix:PATH${BRACKETS}`,
  ],
  ['serve --backend h2c://a:0', "--backend 'h2c://a:0': port 0 is out of range (1 to 65535)"],
  ['serve --backend h2c://a:70000', "--backend 'h2c://a:70000': port 70000 is out of range (1 to 65535)"],
  [
    'serve --backend h2c://b --backend h2c://c',
    'got a second --backend, after h2c://b: give the other one a --route',
  ],
  [
    'serve --route example.org',
    "--route 'example.org' is not a route: write HOST/PREFIX=URL, as in example.org/api=h2c://127.0.0.1:9000",
  ],
  ['serve --route /api=ftp://a', `--route '/api=ftp://a': 'ftp://a' ${BACKEND_FORMS}`],
  [
    'serve --route http://a.test/=http://b',
    "--route 'http://a.test/=http://b': a route begins with HOST or /PREFIX, without a scheme",
  ],
  ['serve --route a..b/=http://b', `--route 'a..b/=http://b': 'a..b' ${HOST}`],
  [
    'serve --route /a#b=http://b',
    "--route '/a#b=http://b': no request path begins with /a#b; write special characters as %XX",
  ],
  [
    'serve --route /api/*=http://b',
    "--route '/api/*=http://b': a prefix is not a pattern; /api/ takes all paths that begin with it",
  ],
  ['serve --route a/x=h2c://b --route A/x=h2c://c', 'two routes for a/x: h2c://b and h2c://c; leave out one'],
  [
    'serve --route /=h2c://b --backend h2c://c',
    'two routes for everything (/): h2c://b and h2c://c; leave out one',
  ],
  ['serve --share all', "--share 'all': write 'process' or 'connection'"],
  ['serve --send-proxy v3', "--send-proxy 'v3': write 'v1' or 'v2'"],
  ['serve --accept-proxy here', `--accept-proxy 'here' ${NETWORK}`],
  ['serve --accept-proxy 10.0.0.0/33', `--accept-proxy '10.0.0.0/33' ${NETWORK}`],
  ...['a.test', '*', 'a.*:443', 'a.test:65536'].map(
    (target): Row => [`serve --connect ${target}`, `--connect '${target}' ${TARGET}`],
  ),
  ['serve --backend-name', "option '--backend-name <name>' argument missing"],
  [
    ['serve', '--backend', 'h2://b', '--backend-name', 'a b'],
    "--backend-name 'a b' is not a server name: write a host name, as in backend.example.org",
  ],
  ['serve --workers 0', "--workers '0': write a number from 1 to 64"],
  ['serve --workers many', "--workers 'many': write a number from 1 to 64"],
  ['worker w1', "'fermata worker' is started by 'fermata serve --workers 2'"],
  ['serve --drain-timeout soon', "--drain-timeout 'soon' is not a duration: write 10s, 500ms or 2m"],
  ['serve --drain-timeout 10', "--drain-timeout '10' is not a duration: write 10s, 500ms or 2m"],

  // The access log
  ['serve --access-log-format json', '--access-log-format is for an access log: add --access-log FILE'],
  [
    'serve --access-log a --access-log-format xml',
    `--access-log-format 'xml' is not a format: write json, logfmt, combined, or a template as \${method} \${path} \${status}`,
  ],
  [
    ['serve', '--access-log', 'a', '--access-log-format', `\${pat}`],
    `--access-log-format '\${pat}': "pat" is not a field of the access log; did you mean path?`,
  ],
  [
    ['serve', '--access-log', 'a', '--access-log-format', `\${path`],
    `--access-log-format '\${path': the template has \${ without its }; write \${FIELD}, and $$ for a $`,
  ],

  // The process log
  ['serve --log-level loud', "--log-level 'loud': write 'error', 'warn', 'info' or 'debug'"],
  ['serve --log-format xml', "--log-format 'xml': write 'text' or 'json'"],
  [
    'serve package.json --log-level debug',
    '--log-level and a file do not go together: write it into package.json',
  ],

  // Limits
  [
    'serve --limit sessionsMax',
    "--limit 'sessionsMax' is not a limit: write ROOM.NAME=VALUE, as in proxy.headTimeoutMs=10s",
  ],
  ['serve --limit lingerMs=1s', "--limit 'lingerMs' needs its room: write http1.lingerMs or http2.lingerMs"],
  ['serve --limit headTimeoutMs=1s', "--limit 'headTimeoutMs' needs its room: write proxy.headTimeoutMs"],
  ['serve --limit sessionMax=1', "there is no limit 'sessionMax': 'fermata limits' lists them"],
  ['serve --limit toString=1', "there is no limit 'toString': 'fermata limits' lists them"],
  ['serve --limit a.b.c=1', "there is no limit 'a.b.c': 'fermata limits' lists them"],
  [
    'serve --limit http1.headTimeoutMs=1s',
    "there is no limit 'http1.headTimeoutMs': did you mean proxy.headTimeoutMs?",
  ],
  [
    'serve --limit proxy.headTimeout=10s',
    "there is no limit 'proxy.headTimeout': did you mean proxy.headTimeoutMs?",
  ],
  [
    'serve --limit server.lingerMs=10s',
    "there is no limit 'server.lingerMs': did you mean http1.lingerMs or http2.lingerMs?",
  ],
  [
    'serve --limit engine.sessionsMax=1 --limit engine.sessionsMax=2',
    '--limit engine.sessionsMax is given twice: leave out one',
  ],
  ...['1KiB', '1 s', '0.5ms', '-1'].map(
    (value): Row => [['serve', '--limit', `proxy.headTimeoutMs=${value}`], `${TIME}, not '${value}'`],
  ),
  ...['512KB', '10s'].map(
    (value): Row => [`serve --limit transport.flushBytesMax=${value}`, `${SIZE}, not '${value}'`],
  ),
  ...['16KiB', '1.5'].map(
    (value): Row => [
      `serve --limit engine.sessionsMax=${value}`,
      `engine.sessionsMax is a whole number without a unit, not '${value}'`,
    ],
  ),
  ...(
    [
      ['engine.sessionsMax', '1 to 1000000', ['0', '99999999999999999999']],
      ['transport.flushBytesMax', '65536 to 16777216', ['1', '1GiB']],
      // Beyond these a head would wait for ever, a chunk-size would not be exact, a SETTINGS value would not
      // be written.
      ['http1.fieldsMax', '16 to 65536', ['1000000']],
      ['http1.chunkSizeDigitsMax', '1 to 13', ['14']],
      ['http2.concurrentStreamsMax', '1 to 1000000', ['4294967296']],
    ] as const
  ).flatMap(([name, range, values]) =>
    values.map((value): Row => [`serve --limit ${name}=${value}`, `${name} must be ${range}, not ${value}`]),
  ),
  ['serve --limit http1.fieldSectionBytesMax=300000', `${HEAD} is 316384 bytes, ${TOO_LONG}`],
  ['serve --limit http1.startLineBytesMax=300000', `${HEAD} is 340960 bytes, ${TOO_LONG}`],
  ['serve --limit http1.fieldsMax=10000', `${HEAD} is 360960 bytes, ${TOO_LONG}`],
  ['serve --limit http1.trailerSectionBytesMax=262144', `${TRAILERS} is 264192 bytes, ${TOO_LONG}`],
  ['serve --limit http1.trailersMax=10000', `${TRAILERS} is 328192 bytes, ${TOO_LONG}`],
  [
    'serve --limit transport.heldBytesSoft=300000000',
    'transport.heldBytesSoft=300000000 is more than transport.heldBytesMax=268435456',
  ],
  [
    'serve --limit http2.streamWindow=300000',
    'http2.streamWindow=300000 is more than http2.streamWindowMax=262144',
  ],
  [
    'serve --limit transport.connectionHeldBytesMax=65536',
    'transport.connectionHeldBytesMax=65536 is less than twice http1.bodyAheadBytesMax=131072',
  ],

  // Options that cannot work together
  ['serve --listen https://:8443', 'an https:// listener needs --cert FILE and --key FILE'],
  ['serve --cert a --cert b --key c', 'got 2 --cert but 1 --key: each certificate needs its key'],
  [`serve ${ONE_PAIR}`, '--cert is for https:// listeners: write --listen https://HOST:PORT'],
  [
    'serve --client-ca ca',
    '--client-ca is for https:// listeners, since clear text has no certificates: write --listen https://HOST:PORT',
  ],
  ['serve --debug-secrets', '--debug-secrets is for debuggers: write --debug 127.0.0.1:4711'],
  ['serve --debug-token-file a', '--debug-token-file is for debuggers: write --debug 127.0.0.1:4711'],
  ['serve --debug https://:4711', '--debug takes no https://: write HOST:PORT or unix:PATH'],
  ['serve --admin-token-file a', '--admin-token-file is for operators: write --admin 127.0.0.1:9901'],
  [
    'serve --admin 9901',
    '--admin needs --admin-token-file FILE over TCP: add it, or write --admin unix:PATH',
  ],
  ['serve --admin https://unix:/a', '--admin takes no https://: write HOST:PORT or unix:PATH'],
  ['serve --probes https://:9900', '--probes takes no https://: write HOST:PORT or unix:PATH'],
  ['serve package.json --admin unix:/a', '--admin and a file do not go together: write it into package.json'],
  [
    'serve --require-client-cert',
    '--require-client-cert needs --client-ca FILE to check certificates against',
  ],
  [
    `serve --listen https://:8443 --listen 8080 ${ONE_PAIR} --client-ca ca --require-client-cert`,
    '--require-client-cert cannot hold on 127.0.0.1:8080, which is in clear text: leave this listener out, or write https://',
  ],
  ['serve --backend http://a --backend-ca ca', `--backend-ca ${OVER_TLS}`],
  ['serve --backend h2c://a --backend-name x', `--backend-name ${OVER_TLS}`],
  ['serve --backend-insecure', `--backend-insecure ${OVER_TLS}`],
  [
    'serve --backend h2://a --backend-insecure --backend-ca ca',
    '--backend-insecure accepts any certificate, and --backend-ca checks them: leave out one',
  ],
  [
    'serve --send-proxy v2',
    '--send-proxy is for backends of your own, and the embedded origin does not read PROXY headers: add --backend URL',
  ],
  [
    'serve --listen unix:/x --accept-proxy 10.0.0.0/8',
    '--accept-proxy names networks, and clients of a Unix-domain socket have no address: add --listen HOST:PORT',
  ],
]

const REDIS_FORMS =
  'is not a backend of Redis: write HOST:PORT, rediss://HOST:PORT for TLS, or unix:PATH; users and databases are what clients ask for by AUTH and SELECT'

/** Messages of `fermata redis` about its options; each with exit code 2, and where to find help. */
const REDIS: readonly Row[] = [
  ['redis', '--backend is missing: fermata redis --backend 127.0.0.1:6379'],
  ['redis --nope', "unknown option '--nope'"],
  ['redis --listen here', `--listen 'here' ${LISTEN_FORMS}`],
  [
    'redis --listen https://:6380',
    "--listen 'https://:6380': write redis://HOST:PORT, or rediss://HOST:PORT for TLS",
  ],
  ['redis --backend redis://u:p@a', `--backend 'redis://u:p@a' ${REDIS_FORMS}`],
  ['redis --cluster a/0', `--cluster 'a/0' ${REDIS_FORMS}`],
  ['redis --backend a:70000', "--backend 'a:70000': port 70000 is out of range (1 to 65535)"],
  ['redis --backend a --share often', "--share 'often': write 'never', 'auto' or 'always'"],
  ['redis --backend a --workers 0', "--workers '0': write a number from 1 to 64"],
  ['redis --backend a --limit redis.depht=1', "there is no limit 'redis.depht': 'fermata limits' lists them"],
  ['redis --backend a --prefix x', "--prefix 'x': write PREFIX=HOST:PORT, as in session:=10.0.0.5:6379"],

  // Servers that do not go together
  ['redis --backend a --backend a', '--backend a:6379 is given twice'],
  ['redis --backend a --backend rediss://b', 'several backends speak all TLS (rediss://), or none'],
  [
    'redis --backend a --backend b --share never',
    '--share never needs one --backend: a client that has one session has one server',
  ],
  ['redis --backend a --prefix x=b --prefix x=c', '--prefix x is given twice'],
  [
    'redis --backend a --prefix x=a',
    '--prefix x=a: this server is a --backend too, and has a share of all keys',
  ],
  ['redis --cluster a --backend b', '--cluster names its servers itself: leave out --backend and --prefix'],
  [
    'redis --cluster a --share never',
    '--share never does not go with --cluster: a client that has one session has one server',
  ],
  ['redis --cluster a --cluster rediss://b', 'several --cluster speak all TLS (rediss://), or none'],
  ['redis --cluster a --cluster a', '--cluster a:6379 is given twice'],

  // Options that cannot work together
  ['redis --backend a --listen rediss://:1', 'a rediss:// listener needs --cert FILE and --key FILE'],
  [`redis --backend a ${ONE_PAIR}`, '--cert is for rediss:// listeners: write --listen rediss://HOST:PORT'],
  [
    `redis --backend a --listen rediss://:1 --listen 2 ${ONE_PAIR} --client-ca ca --require-client-cert`,
    '--require-client-cert cannot hold on 127.0.0.1:2, which is in clear text: leave this listener out, or write rediss://',
  ],
  [
    'redis --backend a --backend-ca ca',
    '--backend-ca is for backends over TLS, and no backend URL begins with rediss://',
  ],
  [
    'redis --backend a --access-log-slower-than 10ms',
    '--access-log-slower-than is for an access log: add --access-log FILE',
  ],
  [
    'redis --backend a --access-log-format json',
    '--access-log-format is for an access log: add --access-log FILE',
  ],
  [
    ['redis', '--backend', 'a', '--access-log', 'a', '--access-log-format', `\${key}`],
    `--access-log-format '\${key}': "key" is not a field of the access log of commands; did you mean keys?`,
  ],
  [
    'redis --backend a --access-log a --access-log-format xml',
    `--access-log-format 'xml' is not a format: write json, logfmt, combined, or a template as \${command} \${keys} \${ms}`,
  ],
  ['redis --backend a --listen :1 --listen :1', '--listen [::]:1 is given twice: leave out one'],
  ['redis --backend a --debug-secrets', '--debug-secrets is for debuggers: write --debug 127.0.0.1:4711'],
]

/** Messages without `serve`. */
const PROGRAM: readonly Row[] = [
  ['--nope', "unknown option '--nope'"],
  ['sreve', "unknown command 'sreve'\n(Did you mean serve?)"],
  ['limits --nope', "unknown option '--nope'"],
  ['limits all', "too many arguments for 'limits'. Expected 0 arguments but got 1."],
]

const NO_FILE = 'no such file or directory (ENOENT)'

/** Messages about files. */
const FILES: readonly Row[] = [
  ['serve --backend h2://b --backend-ca no/such.pem', `--backend-ca no/such.pem: ${NO_FILE}`],
  ['serve --backend h2c://b --trace no/such/trace', `--trace no/such/trace: ${NO_FILE}`],
  ['serve --backend h2c://b --debug 0 --debug-token-file no/such', `--debug-token-file no/such: ${NO_FILE}`],
  ['serve --backend h2c://b --admin 0 --admin-token-file no/such', `--admin-token-file no/such: ${NO_FILE}`],
  [
    'redis --backend b --admin 0 --admin-token-file package.json',
    '--admin-token-file package.json: a token has 16 to 200 characters, without spaces',
  ],
  [
    `redis --backend b --listen rediss://:1 --cert no/such.pem --key ${pathOf('localhost.key')}`,
    `--cert no/such.pem: ${NO_FILE}`,
  ],
  [
    `serve --backend h2c://b --listen https://:8443 --cert no/such.pem --key ${pathOf('localhost.key')}`,
    `--cert no/such.pem: ${NO_FILE}`,
  ],
  [
    'serve --backend h2c://b --listen https://:8443 --cert no/such.pem --key no/such.key',
    `--key no/such.key: ${NO_FILE}`,
  ],
  [
    `serve --backend h2c://b --listen https://:8443 --cert ${pathOf('localhost.pem')} --key ${pathOf('example.key')}`,
    `--cert ${pathOf('localhost.pem')} --key ${pathOf('example.key')}: the key does not belong to the certificate`,
  ],
]

const commandLine = JSON.stringify(pathToFileURL(join(folder, 'server', 'command-line.js')))

t.test('what is wrong is told, and what to write', { buffered: true }, async (t) => {
  const rows = [
    ...SERVE.map(([line, message]) => ({ line, text: `${message}\nSee 'fermata serve --help'.` })),
    ...REDIS.map(([line, message]) => ({ line, text: `${message}\nSee 'fermata redis --help'.` })),
    ...PROGRAM.map(([line, message]) => ({ line, text: `${message}\nSee 'fermata --help'.` })),
    ...FILES.map(([line, message]) => ({ line, text: message })),
  ].map(({ line, text }) => ({ args: typeof line === 'string' ? line.split(' ') : line, text }))
  const said = await saidBy(rows.map(({ args }) => args))
  for (const [at, { args, text }] of rows.entries())
    t.strictSame(said[at], { code: 2, stdout: '', stderr: `error: ${text}\n` }, args.join(' '))
})

t.test('the process ends with it', { buffered: true }, async (t) => {
  t.match(await run(process.execPath, [main, 'serve', '--listen', 'here'], { timeoutMs: 20_000 }), {
    code: 2,
    stdout: '',
    stderr: `error: --listen 'here' ${LISTEN_FORMS}\nSee 'fermata serve --help'.\n`,
  })
})

const OPTIONS = settingNames({ form: 'options' })
const KEYS = settingNames({ form: 'document' })

// Addresses that cannot be listened on

const TCP = { host: '192.0.2.1', port: 80 }
const UNIX = { host: '', port: 0, path: '/run/fermata/s' }
const IN_USE = 'it is in use by another program; choose another with --listen (EADDRINUSE)'

const LISTENING: readonly (readonly [typeof TCP | typeof UNIX, string, string])[] = [
  [TCP, 'EADDRINUSE', IN_USE],
  [TCP, 'EADDRNOTAVAIL', 'this machine has no such address (EADDRNOTAVAIL)'],
  [TCP, 'EACCES', 'not permitted; ports below 1024 may need more rights (EACCES)'],
  [TCP, 'EAFNOSUPPORT', 'this machine has no addresses of this family (EAFNOSUPPORT)'],
  [TCP, 'ENOTFOUND', 'the name has no address (ENOTFOUND)'],
  [TCP, 'EAI_AGAIN', 'DNS did not answer; try again (EAI_AGAIN)'],
  [TCP, 'EMFILE', 'EMFILE'],
  [UNIX, 'EADDRINUSE', IN_USE],
  [
    UNIX,
    'ENOTSOCK',
    'a file is there that is not a socket; remove it, or choose another path with --listen (ENOTSOCK)',
  ],
  [UNIX, 'ENOENT', 'the folder /run/fermata does not exist (ENOENT)'],
  [UNIX, 'ENOTDIR', '/run/fermata is not a folder (ENOTDIR)'],
  [UNIX, 'EACCES', 'not permitted to make or remove a file in /run/fermata (EACCES)'],
  [UNIX, 'EPERM', 'not permitted to make or remove a file in /run/fermata (EPERM)'],
  [UNIX, 'EROFS', '/run/fermata cannot be written to (EROFS)'],
  [UNIX, 'ENAMETOOLONG', `the path is longer than ${PATH_BYTES} bytes (ENAMETOOLONG)`],
]

const cannotListen = (address: typeof TCP | typeof UNIX, why: string): string =>
  `cannot listen on ${address === TCP ? '192.0.2.1:80' : 'unix:/run/fermata/s'}: ${why}`

t.test('why an address cannot be listened on', async (t) => {
  for (const [address, code, why] of LISTENING)
    t.equal(notListening(address, code, 'with --listen'), cannotListen(address, why), code)
})

// Backends that fail

/** A fault's code and detail, the backend's URL, and what the operator reads. */
const FAULTS: readonly (readonly [code: string, detail: string, url: string, message: string])[] = [
  ['x', 'connect ECONNREFUSED', 'http://b', 'connect ECONNREFUSED (nothing listens there)'],
  ['x', 'connect ENOENT', 'http://b', 'connect ENOENT (there is no such socket)'],
  ['x', 'connect EACCES', 'http://b', 'connect EACCES (not permitted to connect to it)'],
  ['x', 'ETIMEDOUT', 'http://b', 'ETIMEDOUT (no answer within timeouts.connect)'],
  ['x', 'ENODATA', 'http://b', 'ENODATA (DNS knows the name, and has no such records for it)'],
  ['x', 'ETIMEOUT', 'http://b', 'ETIMEOUT (no DNS server answered)'],
  ['x', 'ESERVFAIL', 'http://b', 'ESERVFAIL (the DNS server could not answer)'],
  ['x', 'EHOSTUNREACH', 'http://b', 'EHOSTUNREACH (there is no network route to this address)'],
  ['x', 'ENETUNREACH', 'http://b', 'ENETUNREACH (there is no network route to this address)'],
  ['x', 'ENOTFOUND', 'http://b', 'ENOTFOUND (DNS does not know the name)'],
  [
    'x',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'h2://b',
    'ERR_SSL_WRONG_VERSION_NUMBER (it does not speak TLS: write http:// or h2c://)',
  ],
  [
    'x',
    'h2 was not chosen (ALPN)',
    'h2://b',
    'h2 was not chosen (ALPN) (it does not offer HTTP/2 over TLS: write https://)',
  ],
  [
    'x',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'h2://b',
    'ERR_TLS_CERT_ALTNAME_INVALID (its certificate is for another name: write --backend-name NAME)',
  ],
  [
    'x',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'h2://b',
    'DEPTH_ZERO_SELF_SIGNED_CERT (its certificate is not signed by a known authority: write --backend-ca FILE)',
  ],
  ['x', 'CERT_HAS_EXPIRED', 'h2://b', 'CERT_HAS_EXPIRED (its certificate has expired)'],
  [
    'unanswered',
    'closed',
    'http://b',
    'closed (if it speaks TLS, write https://; if it speaks HTTP/2 only, write h2c://)',
  ],
  [
    'backend-closed',
    'closed',
    'h2c://b',
    'closed (if it speaks HTTP/1.1, write http://; if it speaks TLS, write h2:// or https://)',
  ],
  ['x', 'ECONNRESET', 'https://b', 'ECONNRESET (if it does not speak TLS, write http:// or h2c://)'],
  ['x', 'ECONNRESET', 'h2://b', 'ECONNRESET (if it does not speak TLS, write http:// or h2c://)'],
  ['x', 'something else', 'h2://b', 'something else'],
]

t.test('why a backend fails, and what to write', async (t) => {
  for (const [code, detail, url, message] of FAULTS) {
    const backend = { name: url, hasAnswered: false } as EngineSet
    t.equal(hinted({ code, message: '', detail } as never, '', backend, OPTIONS), message)
  }
  const known = { name: 'http://b', hasAnswered: true } as EngineSet
  t.equal(
    hinted(null, 'ECONNRESET', known, OPTIONS),
    'ECONNRESET',
    'one that has answered speaks what is configured',
  )
})

/** The same where a file is served: what to write in it. */
const FAULTS_BY_KEYS: readonly (readonly [string, string, string, string])[] = [
  ['x', 'ERR_SSL_HTTP_REQUEST', 'h2://b', 'it does not speak TLS: write protocol: http or protocol: h2c'],
  ['x', '(ALPN)', 'h2://b', 'it does not offer HTTP/2 over TLS: write protocol: https'],
  [
    'x',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'h2://b',
    'its certificate is for another name: write tls.name of the backend',
  ],
  [
    'x',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'h2://b',
    'its certificate is not signed by a known authority: write tls.ca of the backend',
  ],
  [
    'unanswered',
    'closed',
    'http://b',
    'if it speaks TLS, write protocol: https; if it speaks HTTP/2 only, write protocol: h2c',
  ],
]

t.test('why a backend of a file fails, and what to write in it', async (t) => {
  for (const [code, detail, url, hint] of FAULTS_BY_KEYS) {
    const backend = { name: url, hasAnswered: false } as EngineSet
    t.equal(hinted({ code, message: '', detail } as never, '', backend, KEYS), `${detail} (${hint})`)
  }
})

const START_AGAIN = 'limits.transport.connect, and start again'

/** The address that cannot be bound, and where another is written. */
const WHERES: readonly (readonly [string, string])[] = [
  ['127.0.0.1:80', 'in listeners.main.address'],
  ['unix:/run/a', 'in admin.address'],
  ['127.0.0.1:4711', 'in debug.address'],
  ['127.0.0.1:81', 'in listeners'],
]

/** Places and settings of createServer. */
const IN_CODE = ['in debug.listen', 'it with limits: { transport: { connectMs: N } }'] as const

t.test('where another address is written in a file', async (t) => {
  const configuration = {
    form: 'document',
    listeners: [{ name: 'main', address: '80' }],
    admin: { address: 'unix:/run/a' },
    probes: null,
    debug: { address: '4711' },
  } as unknown as Configuration
  for (const [address, where] of WHERES) t.equal(addressSetting(configuration, parseListen(address)), where)
  const short = { ...configuration, form: 'options' } as const
  t.equal(addressSetting(short, parseListen('4711'), 'debug'), 'with --debug')
  const made = { ...configuration, form: 'code' } as const
  t.equal(addressSetting(made, parseListen('80')), 'in listen')
  t.equal(addressSetting(made, parseListen('4711'), 'debug'), IN_CODE[0])
})

t.test('settings of createServer are named as a program writes them', async (t) => {
  const names = settingNames({ form: 'code' })
  t.equal(names.limit('transport.connectMs'), IN_CODE[1])
  t.equal(names.sessions('engine.sessionsMax'), 'it with limits: { engine: { sessionsMax: N } }')
  t.equal(names.scheme('h2c'), 'h2c://')
  t.strictSame(
    [names.backendName, names.backendCa, names.proxyHeaders, names.drainTimeout(45_000)],
    ['backendTls: { serverName }', 'backendTls: { ca }', 'acceptProxy', 'drainTimeoutMs=45000'],
  )
})

t.test('other settings of a file', async (t) => {
  t.equal(KEYS.limit('transport.connectMs'), START_AGAIN)
  t.equal(KEYS.drainTimeout(45_000), 'shutdown.timeout=45s')
  t.equal(KEYS.proxyHeaders, 'trustedProxies.proxyProtocol')
})

const LATE = 'it waited for proxy.leaseTimeoutMs=30000'

/** The backend's URL, streams that each open session carries, sessions being opened, and what the operator reads. */
const SHORTAGES: readonly (readonly [string, readonly number[], number, string])[] = [
  [
    'http://b',
    [],
    2,
    `${LATE}, and no connection is open yet (2 being opened): the backend is slow to accept`,
  ],
  ['http://b', [], 0, `${LATE}, and no connection to the backend stays open`],
  [
    'http://b',
    [1, 1],
    0,
    `${LATE}: 2 connections carry 1 request at a time, and server.http1SessionsMax=2 is reached: raise it with --limit server.http1SessionsMax=N`,
  ],
  [
    'h2c://b',
    [7, 7],
    0,
    `${LATE}: 2 connections carry 7 requests at a time, as the backend's SETTINGS allow, and engine.sessionsMax=2 is reached: raise it with --limit engine.sessionsMax=N`,
  ],
  [
    'h2c://b',
    [9, 9],
    0,
    `${LATE}: 2 connections carry 9 requests at a time (http2.backendStreamsMax=9), and engine.sessionsMax=2 is reached: raise it with --limit engine.sessionsMax=N, or raise http2.backendStreamsMax`,
  ],
  [
    'http://b',
    [1],
    1,
    `${LATE}: 1 connection carries 1 request at a time, and 1 more being opened: the backend is slow to accept`,
  ],
  [
    'h2://b',
    [1],
    0,
    `${LATE}: 1 connection carries 1 request at a time, as the backend's SETTINGS allow, and no other is opened for this client, or not before engine.reopenDelayMs=100 is over`,
  ],
]

/** With a configuration file: the backend's own limit, and the setting that ended the wait is told behind it. */
const OWN_SHORTAGE =
  'no stream was free in time: 1 connection carries 1 request at a time, and limits.sessions=1 of the backend is reached: raise it'

const FULL_BY_KEYS =
  "no stream was free in time: 2 connections carry 1 request at a time, as the backend's SETTINGS allow, and engine.sessionsMax=2 is reached: raise limits.sessions of the backend"

t.test('why a request got no session, and which limit to raise', async (t) => {
  const limits = limitsWith(defaultLimits, {
    proxy: { leaseTimeoutMs: 30_000 },
    server: { http1SessionsMax: 2 },
    engine: { sessionsMax: 2, reopenDelayMs: 100 },
    http2: { backendStreamsMax: 9 },
  })
  for (const [name, capacities, opening, message] of SHORTAGES) {
    const sessions = capacities.map((capacity) => ({ state: 'open', capacity }))
    const engine = { name, opening, sessions, limits: { sessionsMax: 2 } }
    t.equal(leaseShortage(engine as unknown as Engine<ExchangeSession>, limits, OPTIONS), message)
  }
  const sessions = [{ state: 'open', capacity: 1 }]
  const own = { name: 'http://b', opening: 0, sessions, limits: { sessionsMax: 1 } }
  t.equal(leaseShortage(own as unknown as Engine<ExchangeSession>, limits, OPTIONS, true), OWN_SHORTAGE)
  const full = { name: 'h2://b', opening: 0, sessions, limits: { sessionsMax: 2 } }
  t.equal(
    leaseShortage(
      { ...full, sessions: [...sessions, ...sessions] } as unknown as Engine<ExchangeSession>,
      limits,
      KEYS,
      true,
    ),
    FULL_BY_KEYS,
  )
})

// The log of a run. PORT and DIR stand for what differs.

const AT_SOCKET = [
  'warn replaced unix:DIR/s, a stale socket on which no process listened',
  'info listening on unix:DIR/s (HTTP/1.1 and HTTP/2)',
  'info everything goes to h2c://127.0.0.1:PORT (the embedded origin)',
  'info try  curl --unix-socket DIR/s http://localhost/',
  'error certificates were not changed: no listener has certificates',
  'info draining: running requests may finish; a second signal cuts them',
]
const OVER_TLS_LOG = [
  'warn --backend-insecure: certificates of backends are not checked',
  'info listening on 127.0.0.1:PORT (HTTP/1.1 and HTTP/2 over TLS)',
  'info a.test/x goes to https://127.0.0.1:PORT',
  'info certificates were read again',
  'info draining: running requests may finish; a second signal cuts them',
]
const REDIS_LOG = [
  'info listening on unix:DIR/s (Redis over TLS)',
  'info keys are divided by slots: 127.0.0.1:PORT, 127.0.0.1:PORT',
  'info keys that begin with session: are on 127.0.0.1:PORT',
  'info certificates were read again',
  'info draining: running requests may finish; a second signal cuts them',
]
const ONE_SERVER = 'info keys are on 127.0.0.1:PORT'
const CLUSTER_LOG = [
  'info listening on unix:DIR/s (Redis)',
  'info keys are in the Redis Cluster of 127.0.0.1:PORT',
  'error certificates were not changed: no listener has certificates',
]
/** Shown by serve-file.test.ts and by the help. */
const WITH_FILE = [
  ', 1 backend of Redis',
  'the configuration was',
  'the configuration was not taken: a newer configuration came before it served',
  'a configuration in YAML, in place of options; see spec/configuration.md',
]
const FULL = 'error: the trace cannot be written, and ends: no space left on device (ENOSPC)'
const SLOW = 'the trace is written too slowly: lines are left out'
const NO_ORIGIN = 'error: the embedded origin cannot start: no ports are left'

const linesOf = (program: Program, folder = '/no/folder'): string[] =>
  program.stderr
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/^\S+Z /, '').replaceAll(folder, 'DIR'))
    .map((line) => line.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'))

/** Lets the program say all that it says at start and after SIGHUP, and ends it. */
async function logOf(t: Test, folder: string, line: RegExp, ...args: string[]): Promise<string[]> {
  const program = await start(process.execPath, [main, 'serve', ...args], { line })
  t.teardown(() => program.stop())
  program.signal('SIGHUP')
  await program.until('it says what became of the certificates', () =>
    /certificates were/.test(program.stderr),
  )
  t.match(await program.stop(), { code: 0 })
  return linesOf(program, folder)
}

t.test('the log, on a Unix-domain socket', { buffered: true }, async (t) => {
  // The path of a socket may not be long.
  const dir = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const path = join(dir, 's')
  const stale = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await run(process.execPath, ['-e', stale])
  t.ok(existsSync(path))
  t.strictSame(await logOf(t, dir, /try .*\n/, '--listen', `unix:${path}`), AT_SOCKET)
})

t.test('the log, over TLS', { buffered: true }, async (t) => {
  const pair = ['--cert', pathOf('localhost.pem'), '--key', pathOf('localhost.key')]
  const route = ['--route', 'a.test/x=https://127.0.0.1:1', '--backend-insecure']
  t.strictSame(
    await logOf(t, pathOf(''), /goes to .*\n/, '--listen', 'https://127.0.0.1:0', ...pair, ...route),
    OVER_TLS_LOG,
  )
})

/** Does the same for `fermata redis`, whose socket is in a folder of its own. */
async function redisLog(t: Test, scheme: string, ...args: string[]): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const listen = ['redis', '--listen', `${scheme}unix:${join(dir, 's')}`]
  const program = await start(process.execPath, [main, ...listen, ...args], { line: /keys are .*\n/ })
  t.teardown(() => program.stop())
  program.signal('SIGHUP')
  await program.until('it says what became of the certificates', () =>
    /certificates were/.test(program.stderr),
  )
  t.match(await program.stop(), { code: 0 })
  return linesOf(program, dir)
}

t.test(
  'the log, before several servers of Redis, a cluster, and one server',
  { buffered: true },
  async (t) => {
    const pair = ['--cert', pathOf('localhost.pem'), '--key', pathOf('localhost.key')]
    const servers = ['-b', '127.0.0.1:1', '-b', '127.0.0.1:2', '--prefix', 'session:=127.0.0.1:3']
    t.strictSame(await redisLog(t, 'rediss://', ...pair, ...servers), REDIS_LOG)
    const said = await redisLog(t, '', '--cluster', '127.0.0.1:1')
    t.strictSame(
      CLUSTER_LOG.filter((line) => said.includes(line)),
      CLUSTER_LOG,
    )
    t.ok((await redisLog(t, '', '-b', '127.0.0.1:1')).includes(ONE_SERVER))
  },
)

t.test('a trace that cannot be written ends, and the server goes on', { buffered: true }, async (t) => {
  if (!existsSync('/dev/full')) return
  const program = await start(
    process.execPath,
    [main, 'serve', '--listen', '127.0.0.1:0', '--trace', '/dev/full'],
    { line: /listening on/ },
  )
  t.teardown(() => program.stop())
  // Which of the two lines comes first depends on the disk.
  await program.until('it said that the trace ends', () => /cannot be written/.test(program.output))
  const address = /listening on (\S+)/.exec(program.stderr)?.[1]
  t.equal((await fetch(`http://${address}/`)).status, 200)
  t.match(await program.stop(), { code: 0 })
  t.equal(
    linesOf(program).find((line) => line.startsWith('error')),
    FULL,
  )
})

t.test('a trace that is written too slowly leaves lines out, and says how many', (t) => {
  const written: string[] = []
  const done: (() => void)[] = []
  const slow = new Writable({
    write(chunk, _encoding, callback) {
      written.push(String(chunk))
      done.push(callback)
    },
  })
  const told: string[] = []
  const trace = traceTo(
    slow,
    (level, text) => told.push(`${level}: ${text}`),
    (error) => error.message,
  )
  trace('x'.repeat(17 * 1024 * 1024))
  for (const line of ['a\n', 'b\n']) trace(line)
  done.shift()?.()
  setImmediate(() => {
    trace('c\n')
    for (const each of done.splice(0)) each()
    setImmediate(() => {
      t.strictSame(written.slice(1), ['# 2 lines left out\n', 'c\n'])
      slow.destroy(new Error('gone'))
      slow.once('close', () => {
        trace('d\n')
        t.strictSame(told, [`warning: ${SLOW}`, 'error: the trace cannot be written, and ends: gone'])
        t.end()
      })
    })
  })
})

t.test('an embedded origin that cannot start', { buffered: true }, async (t) => {
  const script = `import { Server } from 'node:net'
import { run } from ${commandLine}
Server.prototype.listen = function () { process.nextTick(() => this.emit('error', new Error('no ports are left'))) }
run(['node', 'fermata', 'serve'])`
  const file = join(t.testdir({ 'a.mjs': script }), 'a.mjs')
  t.match(await run(process.execPath, [file], { timeoutMs: 20_000 }), { code: 1, stderr: `${NO_ORIGIN}\n` })
})

t.test('an address in use ends the program', { buffered: true }, async (t) => {
  const taken = createTcpServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => void taken.close())
  const { port } = taken.address() as { port: number }
  const { code, stderr } = await run(process.execPath, [main, 'serve', '--listen', `127.0.0.1:${port}`])
  t.equal(code, 1)
  t.equal(stderr.replace(/^\S+Z /, ''), `error cannot listen on 127.0.0.1:${port}: ${IN_USE}\n`)
})

// The tables are complete

/** Files whose texts users read. */
const FILES_OF_MESSAGES = [
  'address',
  'combinations',
  'command-line',
  'hints',
  'limits',
  'listen-faults',
  'options',
  'quantity',
  'redis-address',
  'redis-command',
  'redis-form',
  'redis-shards',
  'serve-redis',
  'serving',
  'setting-names',
  'shared-options',
  'trace-file',
]

/** Calls whose arguments are help. */
const HELP: ReadonlySet<string> = new Set(['option', 'description', 'addHelpText'])

/** Texts in this source that look like messages, as patterns: words with spaces between them. */
function messagesIn(text: string): { readonly text: string; readonly pattern: RegExp }[] {
  const source = ts.createSourceFile('a.ts', text, ts.ScriptTarget.ES2022, true)
  const found: { text: string; pattern: RegExp }[] = []
  const take = (chunks: readonly string[]): void => {
    if (!chunks.some((chunk) => /[a-z]{2}[,:;]? [a-z(]/i.test(chunk))) return
    const pattern = chunks.map((chunk) => chunk.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*?')
    found.push({ text: chunks.join('…'), pattern: new RegExp(pattern) })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return
    if (ts.isVariableDeclaration(node) && node.name.getText() === 'EXAMPLES') return
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      if (HELP.has(node.expression.name.text)) {
        visit(node.expression)
        for (const each of node.arguments) if (!ts.isStringLiteralLike(each)) visit(each)
        return
      }
    }
    if (ts.isStringLiteralLike(node)) take([node.text])
    if (ts.isTemplateExpression(node))
      take([node.head.text, ...node.templateSpans.map((span) => span.literal.text)])
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

t.test('texts of a source that look like messages', async (t) => {
  const texts = (source: string) => messagesIn(source).map((each) => each.text)
  t.strictSame(texts("const a = 'no such thing'"), ['no such thing'])
  t.strictSame(texts(`f(\`\${a} is too long: \${b}\`)`), ['… is too long: …'])
  t.strictSame(texts("c.option('-a', 'what it is for', g('not so good'))"), ['not so good'])
  t.strictSame(texts("import a from 'a b'\nconst b: 'of a type' = 'x'\nconst c = 'one'"), [])
})

t.test('every message of the command line stands in a table', async (t) => {
  const tabled = [
    OWN_SHORTAGE,
    FULL_BY_KEYS,
    START_AGAIN,
    ...WHERES.map(([, where]) => where),
    ...IN_CODE,
    ...[...SERVE, ...REDIS, ...PROGRAM, ...FILES].map(([, message]) => message),
    "See 'fermata serve --help'. See 'fermata --help'.",
    ...LISTENING.map(([address, , why]) => cannotListen(address, why)),
    ...[...FAULTS, ...FAULTS_BY_KEYS].map(([, , , message]) => message),
    ...SHORTAGES.map(([, , , message]) => message),
    ...AT_SOCKET,
    ...OVER_TLS_LOG,
    ...REDIS_LOG,
    ...CLUSTER_LOG,
    ONE_SERVER,
    ...WITH_FILE,
    FULL,
    SLOW,
    '# 2 lines left out\n',
    NO_ORIGIN,
  ]
  let count = 0
  for (const file of FILES_OF_MESSAGES) {
    const source = readFileSync(join(import.meta.dirname, '../../..', `src/server/${file}.ts`), 'utf8')
    const messages = messagesIn(source)
    count += messages.length
    t.strictSame(
      messages
        .filter(({ pattern }) => !tabled.some((message) => pattern.test(message)))
        .map(({ text }) => text),
      [],
      `src/server/${file}.ts: give each of these a row in this file`,
    )
  }
  t.ok(count > 90, `${count} messages`)
})
