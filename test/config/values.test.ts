// Each kind of wrong value, with its error: the place, what is wrong, and what is right.

import t from 'tap'
import { ConfigReader, diagnosticText } from '../../src/config/index.js'
import { LIMIT_RANGES } from '../../src/server/limit-ranges.js'
import { limitsByRoom } from '../../src/server/limits.js'

/** Lines of a document, and the errors in it. The first line is the version. */
type Row = readonly [document: string, ...errors: string[]]

const ROWS: readonly Row[] = [
  ['defaults: { timeouts: { head: 5 } }', '2:31 defaults.timeouts.head: 5 has no unit; write 5s or 5ms'],
  [
    'defaults: { timeouts: { head: 5x } }',
    '2:31 defaults.timeouts.head: "5x" has the unknown unit x; the units are ms, s, m, h, d',
  ],
  [
    'defaults: { timeouts: { head: 5S } }',
    '2:31 defaults.timeouts.head: "5S" has the unknown unit S; write 5s',
  ],
  [
    'defaults: { timeouts: { head: soon } }',
    '2:31 defaults.timeouts.head: "soon" is not a duration; write 500ms, 10s, 2m, 1h or 1d',
  ],
  [
    'defaults: { timeouts: { head: 0.5ms } }',
    '2:31 defaults.timeouts.head: "0.5ms" is not a whole number of ms',
  ],
  [
    'defaults: { timeouts: { head: 25d } }',
    '2:31 defaults.timeouts.head: 25d is out of range; write 0 to 24d',
  ],
  [
    'defaults: { timeouts: { head: -1s } }',
    '2:31 defaults.timeouts.head: "-1s" is not a duration; write 500ms, 10s, 2m, 1h or 1d',
  ],
  [
    'defaults: { timeouts: { head: } }',
    '2:31 defaults.timeouts.head: is empty; write a duration, as 500ms, 10s or 2m, or leave out the key',
  ],
  [
    'defaults: { timeouts: { head: [5s] } }',
    '2:31 defaults.timeouts.head: got a list; write a duration, as 500ms, 10s or 2m',
  ],
  [
    'defaults: { timeouts: { head: { s: 5 } } }',
    '2:31 defaults.timeouts.head: got a map; write a duration, as 500ms, 10s or 2m',
  ],
  [
    'defaults: { timeouts: { head: true } }',
    '2:31 defaults.timeouts.head: "true" is not a duration; write 500ms, 10s, 2m, 1h or 1d',
  ],
  ['defaults: { timeouts: 5s }', '2:23 defaults.timeouts: got "5s"; write a map'],
  ['defaults: { timeouts: [5s] }', '2:23 defaults.timeouts: got a list; write a map'],
  ['defaults:', '2:10 defaults: is empty; write a map, or leave out the key'],
  ['defaults: { retry: { replay: 64 } }', '2:30 defaults.retry.replay: 64 has no unit; write 64B or 64KiB'],
  [
    'defaults: { retry: { replay: 64KB } }',
    '2:30 defaults.retry.replay: "64KB" has the unknown unit KB; the units are B, KiB, MiB, GiB',
  ],
  [
    'defaults: { retry: { replay: 64kib } }',
    '2:30 defaults.retry.replay: "64kib" has the unknown unit kib; write 64KiB',
  ],
  [
    'defaults: { retry: { replay: 1GiB } }',
    '2:30 defaults.retry.replay: 1GiB is out of range; write 0 to 16MiB',
  ],
  ['defaults: { retry: { attempts: 0 } }', '2:32 defaults.retry.attempts: 0 is out of range; write 1 to 20'],
  ['defaults: { retry: { attempts: 1.5 } }', '2:32 defaults.retry.attempts: 1.5 is not a whole number'],
  ['defaults: { retry: { attempts: many } }', '2:32 defaults.retry.attempts: "many" is not a whole number'],
  ['defaults: { retry: { on: 503 } }', '2:26 defaults.retry.on: got 503; write a list: [503]'],
  [
    'defaults: { retry: { on: [404] } }',
    '2:27 defaults.retry.on[0]: 404 is out of range; write a status from 500 to 599',
  ],
  [
    'defaults: { retry: { on: [connect-failed] } }',
    '2:27 defaults.retry.on[0]: "connect-failed" is unknown; did you mean connect-failure?',
  ],
  [
    'defaults: { retry: { on: [sometimes] } }',
    '2:27 defaults.retry.on[0]: "sometimes" is unknown; write connect-failure, refused-stream, closed-before-head or a status as 503',
  ],
  ['defaults: { errors: detail }', '2:21 defaults.errors: "detail" is unknown; did you mean detailed?'],
  ['defaults: { errors: full }', '2:21 defaults.errors: "full" is unknown; write plain or detailed'],
  [
    'defaults: { path: { ambiguous: no } }',
    '2:32 defaults.path.ambiguous: "no" is unknown; write refuse or pass',
  ],
  [
    'defaults: { upgrades: [a b] }',
    '2:24 defaults.upgrades[0]: "a b" is not a protocol; write a word, as tcp or spdy/3.1',
  ],
  [
    'defaults: { upgrades: [h2c] }',
    '2:24 defaults.upgrades[0]: "h2c" would let requests pass that no route sees; leave it out',
  ],
  [
    'defaults: { upgrades: [TLS/1.2] }',
    '2:24 defaults.upgrades[0]: "tls/1.2" would let requests pass that no route sees; leave it out',
  ],
  ['version: 2', '1:10 version: 2 is not a version of this format; write 1'],
  ['version: "1"'],
  ['versoin: 1', '1:1 versoin: unknown key; did you mean version?'],
  [
    'colour: red',
    '2:1 colour: unknown key; known here: version, include, listeners, certificates, trustedProxies, connect, resolver, limits, filters, backends, routes, workers, shutdown, debug, accessLog, processLog, admin, probes, defaults',
  ],
  [
    'listeners: { a: { address: 127.0.0.1 } }',
    '2:28 listeners.a.address: "127.0.0.1" is not an address to listen on; write HOST:PORT, :PORT or unix:PATH',
  ],
  [
    'listeners: { a: { address: "https://a:443" } }',
    '2:28 listeners.a.address: "https://a:443" begins with a scheme; write HOST:PORT, and tls beside it for https',
  ],
  [
    'listeners: { a: { address: "::1:80" } }',
    '2:28 listeners.a.address: "::1:80" is not an address to listen on; write HOST:PORT, :PORT or unix:PATH; an IPv6 address has brackets, as in [::1]:8080',
  ],
  [
    'listeners: { a: { address: 70000 } }',
    '2:28 listeners.a.address: port 70000 is out of range; write 0 to 65535',
  ],
  [
    'listeners: { a: { address: "unix:" } }',
    '2:28 listeners.a.address: "unix:" has no path; write unix:/run/app.sock',
  ],
  [
    'listeners: { a: {} }',
    '2:17 listeners.a.address: missing; write an address, as 0.0.0.0:443, :8080 or unix:/run/fermata.sock',
  ],
  [
    'listeners: { a b: { address: 80 } }',
    '2:14 listeners."a b": a name has 1 to 64 letters, digits and . - _, and begins with a letter or digit',
  ],
  ['listeners: [{ address: 80 }]', '2:12 listeners: got a list; write a map'],
  ['listeners: {}', '1:1 listeners: nothing listens; write listeners: { main: { address: HOST:PORT } }'],
  [
    'listeners: { a: { address: 80 }, b: { address: "127.0.0.1:80" } }',
    '2:48 listeners.b.address: the address 127.0.0.1:80 is that of the listener a (f:2:28) too; take another',
  ],
  ['listeners: { a: { address: 80, tls: {} } }', '2:37 listeners.a.tls.certificates: missing; write a list'],
  [
    'listeners: { a: { address: 80, tls: { certificates: [] } } }',
    '2:53 listeners.a.tls.certificates: is empty; write at least one entry, or leave out the key',
  ],
  [
    'listeners: { a: { address: 80, tls: { certificates: site } } }',
    '2:53 listeners.a.tls.certificates: got "site"; write a list: [site]',
  ],
  [
    'listeners: { a: { address: 80, tls: { certificates: [1e3] } } }',
    '2:54 listeners.a.tls.certificates[0]: got the number 1000 (1e3 in YAML) where text is meant; quote it: "1e3"',
  ],
  [
    'listeners: { a: { address: 80, tls: { certificates: [a], clientCertificate: require } }, b: 80 }',
    '2:54 listeners.a.tls.certificates[0]: there is no certificate "a"; write it under certificates',
    '2:77 listeners.a.tls.clientCertificate: require needs authorities; write clientCa: { file: ca.pem }',
    '2:93 listeners.b: got 80; write a map',
  ],
  [
    'listeners: { a: { address: 80, protocols: [h3] } }',
    '2:44 listeners.a.protocols[0]: "h3" is unknown; did you mean h2?',
  ],
  [
    'certificates: { a: { cert: tls/a.pem, key: tls/a.key } }',
    '2:28 certificates.a.cert: "tls/a.pem" is not PEM; to read a file write { file: tls/a.pem }',
    '2:44 certificates.a.key: this is not a PEM private key; write { file: PATH }',
  ],
  [
    'certificates: { a: { cert: { file: no.pem }, key: { file: no.key } } }',
    '2:30 certificates.a.cert.file: the file no.pem cannot be read: no such file or directory (ENOENT)',
    '2:53 certificates.a.key.file: the file no.key cannot be read: no such file or directory (ENOENT)',
  ],
  [
    'certificates: { a: { cert: { file: . }, key: { env: NO_SUCH } } }',
    '2:30 certificates.a.cert.file: the file . is a folder; write the name of a file',
    '2:48 certificates.a.key.env: the environment variable NO_SUCH is not set; set it, or write { env: NO_SUCH, default: VALUE }',
  ],
  [
    'certificates: { a: { cert: { credential: a }, key: { env: EMPTY } } }',
    '2:30 certificates.a.cert.credential: there are no credentials: CREDENTIALS_DIRECTORY is not set',
    '2:54 certificates.a.key.env: the environment variable EMPTY is empty; set it, or write { env: EMPTY, default: VALUE }',
  ],
  [
    'certificates: { a: { cert: { flie: a }, key: { file: a, default: b } } }',
    '2:30 certificates.a.cert.flie: unknown key; did you mean file?',
    '2:57 certificates.a.key.default: default stands beside env only',
  ],
  [
    'certificates: { a: { cert: { file: 5 }, key: { env: KEY } } }',
    '2:30 certificates.a.cert.file: file is not text; write { file: PATH }',
    '2:46 certificates.a.key: the environment variable KEY holds *** 573ce4, which does not fit; it must hold PEM, as { file: tls/site.key }',
  ],
  [
    'certificates: { a: { cert: { file: a, env: B }, key: { a: 1 } } }',
    '2:30 certificates.a.cert.file: env is written too; write one of { env: NAME, default: VALUE }, { file: PATH } or { credential: NAME }',
    '2:54 certificates.a.key: got a map; write PEM, as { file: tls/site.key }',
  ],
  [
    'trustedProxies: { addresses: [10.0.0.0/33] }',
    '2:31 trustedProxies.addresses[0]: "10.0.0.0/33" is not a network; write ADDRESS/BITS, as 10.0.0.0/8, an address, or unix',
  ],
  [
    'trustedProxies: { addresses: [] }',
    '2:30 trustedProxies.addresses: is empty; write at least one entry, or leave out the key',
  ],
  ['trustedProxies: { fields: [x-forwarded-for] }', '2:17 trustedProxies.addresses: missing; write a list'],
  [
    'trustedProxies: { addresses: [10.0.0.1], fields: [x-forwarded-fro] }',
    '2:51 trustedProxies.fields[0]: "x-forwarded-fro" is not a known field; did you mean x-forwarded-for?',
  ],
  [
    'trustedProxies: { addresses: [10.0.0.1], fields: [forwarded, x-forwarded-for] }',
    '2:62 trustedProxies.fields[1]: forwarded and x-forwarded-for both tell of the client, and may differ; leave out one',
  ],
  [
    'trustedProxies: { addresses: [10.0.0.1], proxyProtocol: yes }',
    '2:57 trustedProxies.proxyProtocol: "yes" is not a truth value; write true or false',
  ],
  [
    'connect: [db]',
    '2:11 connect[0]: "db" is not a CONNECT target; write HOST:PORT, as db.example.org:5432, "*.example.org:443" or "*:22"',
  ],
  ['connect: db:5432', '2:10 connect: got "db:5432"; write a list: [db:5432]'],
  [
    'resolver: { servers: [dns.example.org] }',
    '2:23 resolver.servers[0]: "dns.example.org" is not a DNS server; write ADDRESS or ADDRESS:PORT, as 10.0.0.2 or [fd00::2]:53',
  ],
  ['limits: { http2: { linger: 500 } }', '2:28 limits.http2.linger: 500 has no unit; write 500s or 500ms'],
  ['limits: { http2: { lingerMs: 500ms } }', '2:20 limits.http2.lingerMs: unknown key; did you mean linger?'],
  ['limits: { http3: { linger: 1s } }', '2:11 limits.http3: unknown key; did you mean http1?'],
  [
    'limits: { http1: { chunkSizeDigitsMax: 14 } }',
    '2:40 limits.http1.chunkSizeDigitsMax: 14 is out of range; write 1 to 13',
  ],
  [
    'limits: { transport: { flushBytesMax: 1GiB } }',
    '2:39 limits.transport.flushBytesMax: 1GiB is out of range; write 64KiB to 16MiB',
  ],
  ['limits: { http2: 5 }', '2:18 limits.http2: got 5; write a map'],
  [
    'debug: { address: here }',
    '2:19 debug.address: "here" is not an address to listen on; write HOST:PORT, :PORT or unix:PATH',
  ],
  ['accessLog: {}', '2:12 accessLog.file: missing; write a file, as /var/log/fermata/access.log, or -'],
  ['accessLog: { file: "" }', '2:20 accessLog.file: "" is not a file; write a path, or -'],
  [
    'accessLog: { file: a, format: xml }',
    '2:31 accessLog.format: "xml" is unknown; write json, logfmt or combined',
  ],
  [
    `accessLog: { file: a, format: { template: "\${pat}" } }`,
    '2:43 accessLog.format.template: "pat" is not a field of the access log; did you mean path?',
  ],
  [
    'accessLog: { file: a, format: { template: plain } }',
    `2:43 accessLog.format.template: the template names no field; write \${method} \${path}`,
  ],
  [
    'accessLog: { file: a, fields: [request.X-Key] }',
    '2:32 accessLog.fields[0]: "request.X-Key" is not a field of the access log; did you mean request.NAME?',
  ],
  [
    'accessLog: { file: a, commands: { fields: [path] } }',
    '2:44 accessLog.commands.fields[0]: "path" is not a field of the access log of commands; did you mean parts?',
  ],
  [
    `accessLog: { file: a, commands: { format: { template: "\${key}" } } }`,
    '2:55 accessLog.commands.format.template: "key" is not a field of the access log of commands; did you mean keys?',
  ],
  [
    'accessLog: { file: a, redact: { query: some } }',
    '2:40 accessLog.redact.query: "some" is unknown; did you mean none?',
  ],
  ['shutdown: { delay: 5 }', '2:20 shutdown.delay: 5 has no unit; write 5s or 5ms'],
  [
    'backends: { a: {} }',
    '2:13 backends.a: a backend needs endpoints or discovery; write endpoints: [HOST:PORT]',
  ],
  [
    'backends: { a: { endpoints: [a] } }',
    '2:30 backends.a.endpoints[0]: "a" is not an endpoint; write HOST:PORT or unix:PATH, as a:80',
  ],
  [
    'backends: { a: { endpoints: ["http://a:80"] } }',
    '2:30 backends.a.endpoints[0]: "http://a:80" begins with a scheme; write HOST:PORT here, and protocol: http in the backend',
  ],
  [
    'backends: { a: { endpoints: ["a:0"] } }',
    '2:30 backends.a.endpoints[0]: port 0 is out of range; write 1 to 65535',
  ],
  [
    'backends: { a: { endpoints: ["::1:80"] } }',
    '2:30 backends.a.endpoints[0]: "::1:80" is not an endpoint; write HOST:PORT or unix:PATH; an IPv6 address has brackets, as in [::1]:8080',
  ],
  [
    'backends: { a: { endpoints: ["[::x]:80"] } }',
    '2:30 backends.a.endpoints[0]: "[::x]:80" is not an endpoint; write HOST:PORT or unix:PATH',
  ],
  ['backends: { a: { endpoints: a:80 } }', '2:29 backends.a.endpoints: got "a:80"; write a list: [a:80]'],
  [
    'backends: { a: { endpoints: [] } }',
    '2:29 backends.a.endpoints: is empty; write at least one entry, or leave out the key',
  ],
  [
    'backends: { a: { endpoints: [5] } }',
    '2:30 backends.a.endpoints[0]: got the number 5 where text is meant; quote it: "5"',
  ],
  [
    'backends: { a: { endpoints: [a:80, { address: a:80 }] } }',
    '2:36 backends.a.endpoints[1]: the endpoint a:80 is endpoints[0] too; leave out one, or give it a weight',
  ],
  [
    'backends: { a: { endpoints: [{ weight: 5 }] } }',
    '2:30 backends.a.endpoints[0].address: missing; write an endpoint, as 10.0.0.5:9000 or unix:/run/app.sock',
  ],
  [
    'backends: { a: { endpoints: [{ address: a:80, weight: 0 }] } }',
    '2:55 backends.a.endpoints[0].weight: 0 is out of range; write 1 to 256',
  ],
  [
    'backends: { a: { endpoints: [a:80], discovery: { dns: a, port: 80 } } }',
    '2:37 backends.a.discovery: endpoints are written too; leave out endpoints or discovery',
  ],
  [
    'backends: { a: { discovery: { dns: a } } }',
    '2:18 backends.a.discovery: dns needs the port of the endpoints; write port: PORT',
  ],
  [
    'backends: { a: { discovery: { srv: a, port: 80 } } }',
    '2:39 backends.a.discovery.port: SRV records have ports of their own; leave it out',
  ],
  [
    'backends: { a: { discovery: { dns: a, srv: b, port: 80 } } }',
    '2:39 backends.a.discovery.srv: dns is written too; leave out dns or srv',
  ],
  [
    'backends: { a: { discovery: {} } }',
    '2:18 backends.a.discovery: it needs a name; write dns: NAME with port, or srv: NAME',
  ],
  ['backends: { a: { discovery: { dns: a, port: 80, every: { least: 1m } } } }'],
  [
    'backends: { a: { discovery: { dns: a, port: 80, every: { least: 1m, most: 1s } } } }',
    '2:49 backends.a.discovery.every: least is more than most; write it the other way round',
  ],
  [
    'backends: { a: { protocol: h3, endpoints: [a:80] } }',
    '2:28 backends.a.protocol: "h3" is unknown; did you mean h2?',
  ],
  [
    'backends: { a: { protocol: http, tls: { name: x }, endpoints: [a:80] } }',
    '2:34 backends.a.tls: the protocol http has no TLS; write protocol: https, or leave out tls',
  ],
  [
    'backends: { a: { protocol: h2, tls: { name: a b }, endpoints: [a:80] } }',
    '2:45 backends.a.tls.name: "a b" is not a host name; write a name, as backend.example.org',
  ],
  [
    'backends: { a: { endpoints: [a:80], balance: { policy: hash } } }',
    '2:48 backends.a.balance.policy: the policy hash needs a key; write key: address, field.NAME or cookie.NAME',
  ],
  [
    'backends: { a: { endpoints: [a:80], balance: { key: address } } }',
    '2:48 backends.a.balance.key: key is for the policy hash; write policy: hash, or leave it out',
  ],
  [
    'backends: { a: { endpoints: [a:80], balance: { policy: hash, key: ip } } }',
    '2:67 backends.a.balance.key: "ip" is not a key; write address, field.NAME or cookie.NAME',
  ],
  [
    'backends: { a: { endpoints: [a:80], balance: { policy: hash, key: address, bound: 0.5 } } }',
    '2:83 backends.a.balance.bound: 0.5 is not a bound; write a number from 1 to 100, as 1.25, or 0 for none',
  ],
  [
    'backends: { a: { endpoints: [a:80], balance: { policy: leastrequests } } }',
    '2:56 backends.a.balance.policy: "leastrequests" is unknown; did you mean least-requests?',
  ],
  [
    'backends: { a: { endpoints: [a:80], balance: { affinity: { cookie: a, key: short } } } }',
    '2:76 backends.a.balance.affinity.key: the key is too short; write 16 characters or more',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { active: {} } } }',
    '2:47 backends.a.health.active: a check needs a kind; write http: { path: /healthz }, grpc: {} or tcp: true',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { active: { http: {}, tcp: true } } } }',
    '2:67 backends.a.health.active.tcp: http is written too; write one of http, grpc and tcp',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { active: { tcp: false } } } }',
    '2:57 backends.a.health.active.tcp: got false; write tcp: true, or leave it out',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { active: { http: { status: ok } } } } }',
    '2:73 backends.a.health.active.http.status: "ok" is not a status; write 200 or 200-299, from 100 to 599',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { active: { http: { status: [200, 99] } } } } }',
    '2:79 backends.a.health.active.http.status[1]: "99" is not a status; write 200 or 200-299, from 100 to 599',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { active: { http: { path: healthz }, interval: 0 } } } }',
    '2:71 backends.a.health.active.http.path: "healthz" is not a path; begin it with /',
    '2:92 backends.a.health.active.interval: 0 is out of range; write 10ms to 24d',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { passive: off } } }',
    '2:56 backends.a.health.passive: got off; write false, or a map of settings',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { passive: true } } }',
    '2:56 backends.a.health.passive: got true; write false, or a map of settings',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { passive: { ejection: 1h, ejectionMost: 1m } } } }',
    '2:72 backends.a.health.passive.ejectionMost: it is less than ejection; write a longer one',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { panic: 50 } } }',
    '2:54 backends.a.health.panic: 50 has no unit; write 50%',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { panic: 1 } } }',
    '2:54 backends.a.health.panic: 1 has no unit; write 1%',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { panic: 150% } } }',
    '2:54 backends.a.health.panic: 150% is out of range; write 0% to 100%',
  ],
  [
    'backends: { a: { endpoints: [a:80], health: { panic: half } } }',
    '2:54 backends.a.health.panic: "half" is not a share; write 50% or 0.5',
  ],
  [
    'backends: { a: { endpoints: [a:80], limits: { sessions: 0 } } }',
    '2:57 backends.a.limits.sessions: 0 is out of range; write 1 to 1000000',
  ],
  ['routes: [{}]', '2:10 routes[0]: the route route-1 leads nowhere; write backend, redirect or answer'],
  ['routes: [{ backend: a }]', '2:21 routes[0].backend: there is no backend "a"; write it under backends'],
  ['routes: { a: 1 }', '2:9 routes: got a map; write a list'],
  ['routes: [a]', '2:10 routes[0]: got "a"; write a map'],
  [
    'routes: [{ redirect: {} }]',
    '2:22 routes[0].redirect: it leads to the same place; write scheme, host, port or path',
  ],
  [
    'routes: [{ redirect: { status: 200, path: /a } }]',
    '2:32 routes[0].redirect.status: 200 is not a redirect; write 301, 302, 303, 307, 308',
  ],
  ['routes: [{ redirect: { path: a } }]', '2:30 routes[0].redirect.path: "a" is not a path; begin it with /'],
  [
    'routes: [{ redirect: { path: /a }, answer: {} }]',
    '2:44 routes[0].answer: redirect is written too; write one of backend, redirect and answer',
  ],
  [
    'routes: [{ answer: { status: 100 } }]',
    '2:30 routes[0].answer.status: 100 is out of range; write 200 to 599',
  ],
  [
    'routes: [{ answer: { status: 204, body: x } }]',
    '2:41 routes[0].answer.body: a 204 has no body; leave it out, or write another status',
  ],
  [
    'routes: [{ answer: { fields: { content-length: "1" } } }]',
    '2:32 routes[0].answer.fields.content-length: content-length is written by the proxy alone: it follows the body; leave it out',
  ],
  [
    'routes: [{ answer: { fields: { "a b": "1" } } }]',
    '2:32 routes[0].answer.fields."a b": "a b" is not the name of a field; leave it out',
  ],
  [
    'routes: [{ answer: { fields: { a: 5 } } }]',
    '2:35 routes[0].answer.fields.a: got the number 5 where text is meant; quote it: "5"',
  ],
  [
    'routes: [{ match: { hosts: [010] }, answer: {} }]',
    '2:29 routes[0].match.hosts[0]: got the number 10 (010 in YAML) where text is meant; quote it: "010"',
  ],
  [
    'routes: [{ match: { hosts: [a..b] }, answer: {} }]',
    '2:29 routes[0].match.hosts[0]: "a..b" is not a host; write example.org, "*.example.org" for all names below it, or "[::1]", each with or without a port',
  ],
  [
    'routes: [{ match: { hosts: ["http://a"] }, answer: {} }]',
    '2:29 routes[0].match.hosts[0]: "http://a" is not a host; write example.org, "*.example.org" for all names below it, or "[::1]", each with or without a port',
  ],
  [
    'routes: [{ match: { hosts: [] }, answer: {} }]',
    '2:28 routes[0].match.hosts: is empty; write at least one entry, or leave out the key',
  ],
  [
    'routes: [{ match: { path: api }, answer: {} }]',
    '2:27 routes[0].match.path: "api" is not a path; begin it with /',
  ],
  [
    'routes: [{ match: { path: /a?b }, answer: {} }]',
    '2:27 routes[0].match.path: "/a?b" has ?, which ends a path; match query parameters by query',
  ],
  [
    'routes: [{ match: { path: /a* }, answer: {} }]',
    '2:27 routes[0].match.path: "/a*" is not a pattern; a prefix takes all that begins with it, or write { pattern: REGEXP }',
  ],
  [
    'routes: [{ match: { path: "/ä" }, answer: {} }]',
    '2:27 routes[0].match.path: no path has the character "ä"; write it as %XX',
  ],
  [
    'routes: [{ match: { path: {} }, answer: {} }]',
    '2:27 routes[0].match.path: is empty; write exact, prefix or pattern, or leave out the key',
  ],
  [
    'routes: [{ match: { path: { exact: /a, prefix: /b } }, answer: {} }]',
    '2:48 routes[0].match.path.prefix: exact is written too; write one of exact, prefix and pattern',
  ],
  [
    'routes: [{ match: { path: { pattern: "(a" } }, answer: {} }]',
    '2:38 routes[0].match.path.pattern: not a regular expression of RE2 that can be used: missing closing ): (a',
  ],
  [
    'routes: [{ match: { path: { pattern: "(?=a)" } }, answer: {} }]',
    '2:38 routes[0].match.path.pattern: not a regular expression of RE2 that can be used: invalid or unsupported Perl syntax at character 1: (?=a) (patterns have no look-around)',
  ],
  [
    'routes: [{ match: { path: { pattern: "" } }, answer: {} }]',
    '2:38 routes[0].match.path.pattern: the pattern is empty; write a regular expression',
  ],
  [
    'routes: [{ match: { path: [/a] }, answer: {} }]',
    '2:27 routes[0].match.path: got a list; write a single value or a map',
  ],
  [
    'routes: [{ match: { methods: [get] }, answer: {} }]',
    '2:31 routes[0].match.methods[0]: methods are in upper case; write GET',
  ],
  [
    'routes: [{ match: { methods: ["G T"] }, answer: {} }]',
    '2:31 routes[0].match.methods[0]: "G T" is not a method; write a word, as GET',
  ],
  [
    'routes: [{ match: { headers: { ":path": x } }, answer: {} }]',
    '2:32 routes[0].match.headers.":path": this is not the name of a field',
  ],
  [
    'routes: [{ match: { headers: { a: 1, A: { present: false } } }, answer: {} }]',
    '2:35 routes[0].match.headers.a: got the number 1 where text is meant; quote it: "1"',
    '2:52 routes[0].match.headers.A.present: got false; write true, or leave out the name',
  ],
  [
    'routes: [{ match: { headers: { a: {} } }, answer: {} }]',
    '2:35 routes[0].match.headers.a: is empty; write a value, { pattern: REGEXP } or { present: true }',
  ],
  [
    'routes: [{ match: { headers: { a: { pattern: x, present: true } } }, answer: {} }]',
    '2:58 routes[0].match.headers.a.present: pattern is written too; leave out one',
  ],
  [
    'routes: [{ match: { headers: { a: { ptatern: x } } }, answer: {} }]',
    '2:37 routes[0].match.headers.a.ptatern: unknown key; did you mean pattern?',
  ],
  [
    'routes: [{ match: { query: { a: [b] } }, answer: {} }]',
    '2:33 routes[0].match.query.a: got a list; write a single value or a map',
  ],
  [
    'routes: [{ match: { listener: x }, answer: {} }]',
    '2:31 routes[0].match.listener: there is no listener "x"; the listeners are main',
  ],
  [
    'routes: [{ name: "a b", answer: {} }]',
    '2:18 routes[0].name: "a b" is not a name; a name has 1 to 64 letters, digits and . - _, and begins with a letter or digit',
  ],
  [
    'routes: [{ name: a, answer: {} }, { name: a, match: { path: /x }, answer: {} }]',
    '2:35 routes[1].name: the name a is that of the route at f:2:10; take another',
  ],
  [
    'backends: { a: { endpoints: [a:80] } }\nroutes: [{ backend: [] }]',
    '3:21 routes[0].backend: is empty; write at least one entry, or leave out the key',
  ],
  [
    'backends: { a: { endpoints: [a:80] } }\nroutes: [{ backend: [{ to: a, weight: 0 }] }]',
    '3:21 routes[0].backend: all weights are 0; give one of them a weight',
  ],
  [
    'backends: { a: { endpoints: [a:80] } }\nroutes: [{ backend: [a] }]',
    '3:22 routes[0].backend[0]: got "a"; write a map',
  ],
  [
    'backends: { a: { endpoints: [a:80] } }\nroutes: [{ backend: { to: a } }]',
    '3:21 routes[0].backend: got a map; write a single value or a list',
  ],
  [
    'backends: { a: { endpoints: [a:80] } }\nroutes: [{ backend: b }]',
    '3:21 routes[0].backend: there is no backend "b"; the backends are a',
  ],
  [
    'backends: { app: { endpoints: [a:80] } }\nroutes: [{ backend: ap, timeuots: {} }]',
    '3:21 routes[0].backend: there is no backend "ap"; did you mean app (f:2)?',
    '3:25 routes[0].timeuots: unknown key; did you mean timeouts?',
  ],
  [
    'backends: { a: { endpoints: [a:80] } }\nroutes: [{ backend: a, retry: { backoff: { first: 1s } } }]',
    '3:51 routes[0].retry.backoff: first is 1000ms and most 250ms; raise most',
  ],
  ['include: conf.d', '2:10 include: got "conf.d"; write a list: [conf.d]'],
  ['include: ["conf.d/**"]', '2:11 include[0]: "conf.d/**" has **; name each folder, as conf.d/*.yaml'],
  ['include: [none.yaml]', '2:11 include[0]: none.yaml cannot be read: no such file or directory (ENOENT)'],
]

const reader = new ConfigReader({
  limits: limitsByRoom,
  limitRanges: LIMIT_RANGES as Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>,
  env: { EMPTY: '', KEY: 'not a key' },
  secretKey: Buffer.from('k'),
})

t.test('what is wrong with a value is told with its place, and what is right', async (t) => {
  for (const [document, ...expected] of ROWS) {
    const version = /^vers/.test(document) ? '' : 'version: 1\n'
    const listeners = /^listeners/.test(document) ? '' : '\nlisteners: { main: { address: 80 } }'
    const { errors } = reader.text(`${version}${document}${listeners}`, 'f')
    t.strictSame(
      errors.map((each) => diagnosticText(each).replace(/^f:/, '')),
      expected,
      document,
    )
  }
})
