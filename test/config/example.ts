// A configuration with every key, and the limits that tests read it with.

import { ConfigReader, type ReadOptions, type ReadResult } from '../../src/config/index.js'
import { limitsByRoom } from '../../src/server/limits.js'
import { pathOf } from '../../tools/testbed/certificates/index.js'

export const OPTIONS: ReadOptions = {
  limits: limitsByRoom,
  env: { TOKEN: 'a token of the environment', TOKEN_OF_ADMIN: 'a-token-of-the-environment', PORT: '8081' },
  secretKey: Buffer.from('a key'),
}

export const reader = new ConfigReader(OPTIONS)

/** Every key. Each alternative form stands somewhere. */
export const EXAMPLE = `version: 1
include: [${pathOf('no-such-*.yaml')}]
listeners:
  public:
    address: 0.0.0.0:443
    tls:
      certificates: [site, shop]
      clientCa: { file: ${pathOf('authority.pem')} }
      clientCertificate: request
    protocols: [h2, http/1.1]
  plain: { address: { env: PORT, default: 8080 } }
certificates:
  site: { cert: { file: ${pathOf('localhost.pem')} }, key: { file: ${pathOf('localhost.key')} } }
  shop: { cert: { file: ${pathOf('example.pem')} }, key: { file: ${pathOf('example.key')} } }
trustedProxies:
  addresses: [10.0.0.0/8, "fd00::/8"]
  fields: [x-forwarded-for, x-forwarded-proto]
  proxyProtocol: true
connect: [db.example.org:5432]
resolver: { servers: [10.0.0.2, "[fd00::2]:5353"], search: [example.org] }
limits:
  http2: { linger: 500ms, streamWindow: 64KiB, resetsBurst: 50 }
  server: { connectionsMax: 1000 }
shutdown: { delay: 5s, timeout: 45s }
admin: { address: 9901, token: { env: TOKEN_OF_ADMIN }, hosts: [admin.example.org] }
probes: { address: 9902 }
debug: { address: 4711, token: { env: TOKEN }, secrets: true }
accessLog:
  file: /var/log/fermata/access.log
  format: { template: "\${method} \${path} \${request.x-key}" }
  fields: [time, path, request.user-agent]
  redact: { query: none, fields: [X-Key], keys: none }
  commands: { format: { template: "\${command} \${keys}" }, fields: [time, keys], slowerThan: 10ms }
processLog: { level: debug, format: json }
defaults:
  timeouts: { connect: 4s, lease: 9s, head: 50s, idle: 2m, tunnel: 2h, request: 0 }
  retry: { attempts: 4, on: [connect-failure, 503], replay: 32KiB, backoff: { first: 50ms, most: 1s } }
  path: { ambiguous: refuse, forward: normalised }
  upgrades: [tcp, SPDY/3.1]
  errors: detailed
backends:
  app:
    protocol: h2c
    endpoints: [10.0.0.5:9000, { address: 10.0.0.6:9000, weight: 2 }]
    share: process
    sendProxy: v2
    balance: { policy: hash, key: cookie.sid, bound: 1.5, slowStart: 20s, affinity: { cookie: at, key: 0123456789abcdef } }
    health:
      active:
        http: { path: /healthz, host: app.internal, status: 200-299 }
        interval: 5s
        timeout: 1s
        healthy: 3
        unhealthy: 4
        initial: up
      passive: { consecutive: 7, rate: 40%, rateLeast: 30, rateTime: 20s, ejection: 1m, ejectionMost: 10m, ejectedMax: 0.25 }
      panic: 30%
    limits: { sessions: 16, requests: 10000, pending: 500, sessionAge: 30m, streamsPerSession: 100 }
    retryBudget: { ratio: 10%, perSecond: 5 }
    timeouts: { head: 40s }
    retry: { attempts: 2 }
  shop:
    protocol: https
    discovery: { dns: shop.internal, port: 8443, every: { least: 6s, most: 20s } }
    tls: { ca: { file: ${pathOf('authority.pem')} }, name: shop.internal, verify: true }
    health: { active: { grpc: { service: shop } }, passive: false }
  found:
    discovery: { srv: _http._tcp.found.internal }
    health: { active: { tcp: true } }
routes:
  - name: to-https
    match: { listener: plain }
    redirect: { scheme: https, host: example.org, port: 8443, path: /new, status: 308 }
  - name: api
    match:
      listener: [public]
      hosts: [API.example.org, "*.example.org:8443"]
      path: { prefix: /v1 }
      methods: [GET, POST]
      headers: { X-Beta: "1", x-gamma: { pattern: "[a-z]+" }, x-delta: { present: true } }
      query: { q: all }
    timeouts: { head: 5m, idle: 0 }
    retry: { backoff: { most: 2s } }
    path: { ambiguous: pass }
    upgrades: []
    errors: plain
    backend: app
  - name: canary
    match: { path: { exact: /canary } }
    backend: [{ to: shop, weight: 95 }, { to: found, weight: 5 }]
  - name: robots
    match: { path: { pattern: "/robots[.]txt" } }
    answer: { status: 200, body: "no", fields: { content-type: text/plain, x-more: [a, b] } }
  - { name: rest, match: { path: / }, backend: shop }
`

export const readExample = (text: string = EXAMPLE): ReadResult => reader.text(text, 'fermata.yaml')
