// The part of the schema for backends.

import { z } from 'zod'
import { readHostName, readTarget } from '../filters/index.js'
import { readEndpoint, readFieldName, readPem } from './forms.js'
import { appSchema } from './live.js'
import { DURATION_MAX_MS, type Reading, read, wrong } from './quantities.js'
import type { Scalars } from './scalars.js'
import type { shared } from './schema-shared.js'

/** A bound above any useful count. */
const MANY = 1_000_000
const quoted = (text: string): string => JSON.stringify(text)

function readHashKey(
  text: string,
): Reading<{ readonly kind: 'address' | 'field' | 'cookie'; readonly name: string }> {
  if (text === 'address') return read({ kind: 'address', name: '' })
  const [, kind, name] = /^(field|cookie)\.(.+)$/.exec(text) ?? []
  if (kind === undefined)
    return wrong(`${quoted(text)} is not a key; write address, field.NAME or cookie.NAME`)
  const reading = readFieldName(name)
  if ('wrong' in reading) return reading
  return read(kind === 'field' ? { kind, name: reading.value } : { kind: 'cookie', name })
}

const balance = (s: Scalars) =>
  z
    .strictObject({
      policy: s
        .word('The choice of an endpoint. Default: least-requests, the better of two random ones.', [
          'round-robin',
          'least-requests',
          'random',
          'hash',
        ])
        .optional(),
      key: s
        .text(
          'The key of the policy hash: address, field.NAME or cookie.NAME.',
          'address, field.NAME or cookie.NAME',
          readHashKey,
        )
        .optional(),
      bound: s
        .number<number, number>(
          'An endpoint of the policy hash above this multiple of the mean load is passed over. 0: no bound. Default: 1.25.',
          'a number from 1 to 100, or 0',
          { type: 'number', minimum: 0, maximum: 100 },
          (text) => {
            const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
            return value === 0 || (value >= 1 && value <= 100)
              ? read(value)
              : wrong(`${text} is not a bound; write a number from 1 to 100, as 1.25, or 0 for none`)
          },
        )
        .optional(),
      slowStart: s
        .duration('The time in which an endpoint that has come back gets its full share. Default: 30s.')
        .optional(),
      affinity: z
        .strictObject({
          cookie: s.text('The name of the cookie.', 'the name of a cookie', (text) => {
            const reading = readFieldName(text)
            return 'wrong' in reading ? wrong(`${quoted(text)} is not the name of a cookie`) : read(text)
          }),
          key: s
            .secret(
              'The secret that signs the cookie. Without it affinity ends at a restart.',
              'a secret of 16 characters or more',
              (text) =>
                text.length >= 16 ? read(text) : wrong('the key is too short; write 16 characters or more'),
            )
            .optional(),
        })
        .describe('Keeps a client at its endpoint by a cookie.')
        .optional(),
    })
    .describe('The distribution of requests among the endpoints.')

function readStatusRange(text: string): Reading<readonly [number, number]> {
  const [, first, last] = /^(\d{3})(?:-(\d{3}))?$/.exec(text) ?? []
  const least = Number(first)
  const most = Number(last ?? first)
  return first !== undefined && least >= 100 && most <= 599 && least <= most
    ? read([least, most] as const)
    : wrong(`${quoted(text)} is not a status; write 200 or 200-299, from 100 to 599`)
}

function health(s: Scalars) {
  const range = (description: string) =>
    s.number(description, 'a status, as 200 or 200-299', { type: ['string', 'integer'] }, readStatusRange)
  const threshold = (description: string) => s.count(description, 1, 1_000).optional()
  const period = { least: 10, most: DURATION_MAX_MS }
  const active = z
    .strictObject({
      http: z
        .strictObject({
          path: s
            .text('The path that is asked for. Default: /.', 'a path, as /healthz', readTarget)
            .optional(),
          host: s.text('The host of the request. Default: that of the endpoint.', 'a host').optional(),
          status: z
            .union([range('A status or a range.'), z.array(range('A status or a range.')).min(1)])
            .describe('The status codes that pass. Default: 200-399.')
            .optional(),
        })
        .describe('A check by an HTTP request.')
        .optional(),
      grpc: z
        .strictObject({
          service: s.text('The service that is asked about. Default: the server as a whole.').optional(),
        })
        .describe('A check by grpc.health.v1.')
        .optional(),
      tcp: s.flag('A check by a connection alone.').optional(),
      ping: s.flag('A check by PING, of a backend of Redis.').optional(),
      interval: s.duration('The time between two checks of an endpoint. Default: 10s.', period).optional(),
      timeout: s.duration('The longest wait for the answer to a check. Default: 2s.', period).optional(),
      healthy: threshold('Passed checks in a row after which an endpoint is up. Default: 2.'),
      unhealthy: threshold('Failed checks in a row after which an endpoint is down. Default: 3.'),
      initial: s
        .word(
          'The state of a new endpoint: up, or without requests until it has passed a check. Default: check.',
          ['up', 'check'],
        )
        .optional(),
    })
    .describe('Checks that are sent to each endpoint: one of http, grpc and tcp; of Redis, ping.')
  const passive = z.strictObject({
    consecutive: s
      .count('Failures in a row that eject an endpoint. 0: never. Default: 5.', 0, MANY)
      .optional(),
    rate: s.share('The share of failures that ejects an endpoint. 0: never. Default: 50%.').optional(),
    rateLeast: s
      .count('The requests in rateTime from which on the share counts. Default: 20.', 1, MANY)
      .optional(),
    rateTime: s.duration('The time in which the share is taken. Default: 10s.', period).optional(),
    ejection: s
      .duration('The time of the first ejection; the n-th lasts n times as long. Default: 30s.', period)
      .optional(),
    ejectionMost: s.duration('The longest ejection. Default: 5m.', period).optional(),
    ejectedMax: s.share('The share of endpoints that may be ejected. Default: 50%.').optional(),
  })
  const off = s.number<false, false>(
    'false: no endpoint is ejected.',
    'a map, or false',
    { const: false },
    (text) => (text === 'false' ? read(false) : wrong(`got ${text}; write false, or a map of settings`)),
  )
  return z
    .strictObject({
      active: active.optional(),
      passive: z.union([off, passive]).describe('Ejects endpoints by what becomes of requests.').optional(),
      panic: s
        .share('Below this share of usable endpoints ejections are ignored. 0: never. Default: 50%.')
        .optional(),
    })
    .describe('The health of the endpoints.')
}

/** @param form the form of the document: a file has no functions */
export function backend(s: Scalars, both: ReturnType<typeof shared>, form: 'file' | 'code') {
  const whole = backendFromCode(s, both)
  return form === 'code' ? whole : (whole.omit({ handler: true }).describe(ABOUT) as unknown as typeof whole)
}

const ABOUT = 'A destination of requests.'

function backendFromCode(s: Scalars, { timeouts, retry }: ReturnType<typeof shared>) {
  const endpoint = (description: string) =>
    s.text(description, 'an endpoint, as 10.0.0.5:9000 or unix:/run/app.sock', readEndpoint)
  const most = (description: string, least: number) => s.count(description, least, MANY).optional()
  return z
    .strictObject({
      protocol: s
        .word(
          'http: HTTP/1.1; https: over TLS, HTTP/2 or HTTP/1.1 by ALPN; h2c: HTTP/2 in clear text; h2: HTTP/2 over TLS; redis, and rediss over TLS. Default: http.',
          ['http', 'https', 'h2c', 'h2', 'redis', 'rediss'],
        )
        .optional(),
      endpoints: z
        .array(
          z.union([
            endpoint('HOST:PORT or unix:PATH.'),
            z.strictObject({
              address: endpoint('HOST:PORT or unix:PATH.'),
              weight: s.count('Its share, by the sum of all weights. Default: 1.', 1, 256).optional(),
            }),
          ]),
        )
        .min(1)
        .max(10_000)
        .describe('Fixed endpoints.')
        .optional(),
      shards: z
        .array(
          z.strictObject({
            endpoints: z
              .array(endpoint('HOST:PORT or unix:PATH.'))
              .min(1)
              .max(100)
              .describe('Its servers, in order of preference.'),
            prefixes: z
              .array(s.text('The beginning of a key.', 'the beginning of keys, as session:'))
              .min(1)
              .max(1_000)
              .describe(
                'It has the keys that begin so. Default: an equal share of the slots of all other keys.',
              )
              .optional(),
          }),
        )
        .min(1)
        .max(1_000)
        .describe('For redis: servers among which the keys are divided, in the place of endpoints.')
        .optional(),
      cluster: z
        .strictObject({
          seeds: z
            .array(endpoint('HOST:PORT of a node.'))
            .min(1)
            .max(100)
            .describe('Nodes that are asked which others there are; several, for when one is down.'),
          addresses: z
            .record(z.string(), endpoint('HOST:PORT that is connected to in its place.'))
            .describe(
              'Addresses in the place of those that the nodes name, as 172.17.0.2:6379: 10.0.0.1:7001.',
            )
            .optional(),
        })
        .describe('For redis: a Redis Cluster, in the place of endpoints.')
        .optional(),
      discovery: z
        .strictObject({
          dns: s
            .text('A name whose A and AAAA records are the endpoints.', 'a host name', readHostName)
            .optional(),
          srv: s
            .text(
              'A name whose SRV records are the endpoints.',
              'a name, as _http._tcp.shop.internal',
              readHostName,
            )
            .optional(),
          port: s.count('The port of the endpoints, for dns.', 1, 65_535).optional(),
          every: z
            .strictObject({
              least: s
                .duration('The shortest time between two look-ups. Default: 5s.', {
                  least: 100,
                  most: DURATION_MAX_MS,
                })
                .optional(),
              most: s
                .duration('The longest time between two look-ups. Default: 30s.', {
                  least: 100,
                  most: DURATION_MAX_MS,
                })
                .optional(),
            })
            .describe('Bounds of the time between two look-ups; the TTL is kept between them.')
            .optional(),
        })
        .describe('Endpoints from DNS: dns with port, or srv.')
        .optional(),
      tls: z
        .strictObject({
          ca: s
            .text(
              "PEM certificates of trusted authorities, in place of the runtime's.",
              'PEM, as { file: ca.pem }',
              (text) => readPem(text, 'CERTIFICATE'),
            )
            .optional(),
          name: s
            .text(
              'The server name that is sent and checked. Default: that of the endpoint.',
              'a host name',
              readHostName,
            )
            .optional(),
          verify: s.flag('False: certificates are not checked. Default: true.').optional(),
        })
        .describe('TLS to the endpoints, for https, h2 and rediss.')
        .optional(),
      share: s
        .word(
          'The requests that share connections: those of all clients, or those of one client connection. Default: process.',
          ['process', 'connection'],
        )
        .optional(),
      sendProxy: s
        .word('The version of the PROXY header that begins each connection. Default: no header.', [
          'v1',
          'v2',
        ])
        .optional(),
      balance: balance(s).optional(),
      health: health(s).optional(),
      limits: z
        .strictObject({
          sessions: most(
            'Connections to each endpoint. Default: engine.sessionsMax, or server.http1SessionsMax. Each worker counts its own.',
            1,
          ),
          requests: most(
            'Requests in flight and waiting, over all endpoints. 0: no limit. Each worker counts its own. Default: 0.',
            0,
          ),
          pending: most(
            'Requests that wait for a stream, at each endpoint. One more gets 503. Each worker counts its own. Default: 1000.',
            0,
          ),
          sessionAge: s
            .duration('The age after which a connection takes no new request. 0: never. Default: 0.')
            .optional(),
          streamsPerSession: most(
            'Requests at once on a connection. 0: what the endpoint allows. Default: 0.',
            0,
          ),
        })
        .describe('Bounds of this backend.')
        .optional(),
      retryBudget: z
        .strictObject({
          ratio: s.share('Retries for each first attempt. Default: 20%.').optional(),
          perSecond: s
            .count(
              'Retries a second that are always allowed. Each worker counts its own. Default: 10.',
              0,
              MANY,
            )
            .optional(),
        })
        .describe('The bound on retries.')
        .optional(),
      timeouts: timeouts.optional(),
      retry: retry.optional(),
      handler: appSchema().optional(),
    })
    .describe(ABOUT)
}
