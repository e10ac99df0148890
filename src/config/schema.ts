// The schema of the document: each key with its type, its bounds and its purpose. Reading, the messages and
// `fermata schema` all come from it. Defaults are added when the effective values are made.

import { z } from 'zod'
import { readHostName } from '../filters/index.js'
import { accessLog } from './access-log.js'
import {
  isName,
  NAME_FORM,
  readConnectTarget,
  readFieldName,
  readListenAddress,
  readNetwork,
  readPem,
  readResolverAddress,
} from './forms.js'
import { type LimitTables, limitsSchema } from './limits-schema.js'
import { nearest } from './nearest.js'
import { processLog } from './process-log.js'
import { type Reading, read, wrong } from './quantities.js'
import type { Scalars } from './scalars.js'
import { backend } from './schema-backends.js'
import { filterSchemas } from './schema-filters.js'
import { route } from './schema-routes.js'
import { routing, shared } from './schema-shared.js'

const quoted = (text: string): string => JSON.stringify(text)

/** The fields by which proxies tell of a client. */
const FORWARDING_FIELDS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-real-ip',
  'traceparent',
  'tracestate',
]

const named = <V extends z.ZodType>(value: V) =>
  z.record(
    z.string().refine(isName, { error: NAME_FORM }).meta({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' }),
    value,
  )

function listener(s: Scalars) {
  return z
    .strictObject({
      address: s.number(
        'HOST:PORT, :PORT for all interfaces, PORT for loopback, or unix:PATH. Port 0 takes a free port.',
        'an address, as 0.0.0.0:443, :8080 or unix:/run/fermata.sock',
        { type: ['string', 'integer'] },
        readListenAddress,
      ),
      tls: z
        .strictObject({
          certificates: z
            .array(s.text('The name of a certificate.', 'the name of a certificate'))
            .min(1)
            .describe(
              'Names of certificates. The first serves clients that name no server, or an unknown one.',
            ),
          clientCa: s
            .text(
              'PEM certificates of the authorities for client certificates.',
              'PEM, as { file: ca.pem }',
              (text) => readPem(text, 'CERTIFICATE'),
            )
            .optional(),
          clientCertificate: s
            .word('The need of clients for a certificate. Default: require with clientCa, else none.', [
              'none',
              'request',
              'require',
            ])
            .optional(),
        })
        .describe('TLS of this listener. Without it the listener is in clear text.')
        .optional(),
      protocols: z
        .array(s.word('A version of HTTP.', ['h2', 'http/1.1']))
        .min(1)
        .max(2)
        .describe('Versions of HTTP, in order of preference. Default: h2, then http/1.1.')
        .optional(),
      protocol: s.word('The protocol of its clients. Default: http.', ['http', 'redis']).optional(),
      backend: s.text('For redis: the name of a backend.', 'the name of a backend').optional(),
      share: s
        .word(
          'For redis: when clients share connections; auto: unless a command needs one of its own. Default: auto.',
          ['never', 'auto', 'always'],
        )
        .optional(),
      allowAdmin: s
        .flag('For redis: DEBUG, SHUTDOWN, REPLICAOF and the like are allowed. Default: false.')
        .optional(),
    })
    .describe('An address on which clients are served.')
}

const certificate = (s: Scalars) =>
  z
    .strictObject({
      cert: s.secret(
        'The PEM certificate chain, the own certificate first.',
        'PEM, as { file: tls/site.pem }',
        (text) => readPem(text, 'CERTIFICATE'),
      ),
      key: s.secret('The PEM private key, without a passphrase.', 'PEM, as { file: tls/site.key }', (text) =>
        readPem(text, 'PRIVATE KEY'),
      ),
    })
    .describe('A certificate with its key.')

const trustedProxies = (s: Scalars) =>
  z
    .strictObject({
      addresses: z
        .array(
          s.text(
            'A network, as 10.0.0.0/8, an address, or unix for peers on Unix-domain sockets.',
            'a network, as 10.0.0.0/8',
            readNetwork,
          ),
        )
        .min(1)
        .describe('Networks of the proxies in front of this one; unix: peers on Unix-domain sockets.'),
      fields: z
        .array(s.text('The name of a field.', 'the name of a field, as x-forwarded-for', readForwardingField))
        .describe('The fields that are believed. All others that tell of a client are dropped.')
        .optional(),
      proxyProtocol: s
        .flag('Their connections must begin with a PROXY header, which is believed.')
        .optional(),
    })
    .describe('Proxies in front of this one, and what they are believed.')

/** Returns true if a text may be the token of the admin listener: it is fit for a field. */
export const isAdminToken = (text: string): boolean => /^[\x21-\x7e]{16,200}$/.test(text)

const readToken = (text: string): Reading<string> =>
  isAdminToken(text) ? read(text) : wrong('a token has 16 to 200 characters, without spaces')

/** Fields of the message itself, which clients must be able to send. */
const NEVER_CLAIMS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'content-type',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'cookie',
  'authorization',
])

function readForwardingField(text: string): Reading<string> {
  const name = readFieldName(text)
  if ('value' in name && NEVER_CLAIMS.has(name.value))
    return wrong(`${quoted(text)} does not tell of a client; leave it out`)
  if ('wrong' in name || FORWARDING_FIELDS.includes(name.value)) return name
  if (name.value.includes('_'))
    return wrong(`${quoted(text)}: names with _ are never believed; write ${name.value.replaceAll('_', '-')}`)
  const near = nearest(name.value, FORWARDING_FIELDS)
  return near === null ? name : wrong(`${quoted(text)} is not a known field; did you mean ${near}?`)
}

/**
 * Makes the schema: `main` for the main file, and `included` for a file that it includes,
 * which has fewer keys.
 * @param form the form of the document: from code it may have functions of the program
 */
export function schemaOf<L>(s: Scalars, limits: LimitTables<L>, form: 'file' | 'code' = 'file') {
  const both = shared(s)
  const filters = filterSchemas(s)
  const { path, upgrades, errors } = routing(s)
  const version = s.number<1, 1>('The version of this format.', '1', { const: 1 }, (text) =>
    text === '1' ? read(1) : wrong(`${text} is not a version of this format; write 1`),
  )
  const listeners = named(listener(s)).describe('Addresses on which clients are served, by name.').optional()
  const parts = {
    listeners,
    certificates: named(certificate(s)).describe('Certificates with their keys, by name.').optional(),
    trustedProxies: trustedProxies(s).optional(),
    connect: z
      .array(
        s.text(
          'HOST:PORT; HOST may be * or *.DOMAIN, PORT *.',
          'HOST:PORT, as db.example.org:5432',
          readConnectTarget,
        ),
      )
      .describe('Targets of plain CONNECT that are allowed. Default: none.')
      .optional(),
    resolver: z
      .strictObject({
        servers: z
          .array(s.text('ADDRESS or ADDRESS:PORT.', 'ADDRESS or ADDRESS:PORT', readResolverAddress))
          .min(1)
          .max(16)
          .describe('DNS servers. Default: as the system has them.')
          .optional(),
        search: z
          .array(s.text('A domain.', 'a domain', readHostName))
          .max(16)
          .describe('Domains in which short names are looked up. Default: as the system has them.')
          .optional(),
      })
      .describe('The look-up of names of discovery. The system looks up those of fixed endpoints.')
      .optional(),
    limits: limitsSchema(s, limits).optional(),
    filters: named(filters.one)
      .describe('Filters by name: routes that name one share what it keeps.')
      .optional(),
    backends: named(backend(s, both, form))
      .describe('The destinations of requests, by name.')
      .optional(),
    routes: z
      .array(route(s, both, filters.list, form))
      .max(20_000)
      .describe('The treatment of requests, by route; the most specific route wins.')
      .optional(),
  }
  const main = z
    .strictObject({
      version,
      include: z
        .array(s.text('A file or a pattern, as conf.d/*.yaml.', 'a file, as conf.d/*.yaml'))
        .max(100)
        .describe('Further files, relative to this one. Their names must not clash.')
        .optional(),
      ...parts,
      workers: s
        .count('Processes that carry requests. Default: 1, without a process beside them.', 1, 64)
        .optional(),
      shutdown: z
        .strictObject({
          delay: s
            .duration(
              'The time of accepting on after the signal, while load balancers learn of it. Default: 0.',
            )
            .optional(),
          timeout: s.duration('The time that running requests may take to finish. Default: 30s.').optional(),
        })
        .describe('The stop of the server.')
        .optional(),
      debug: z
        .strictObject({
          address: s.number(
            'HOST:PORT, PORT or unix:PATH for debuggers.',
            'an address, as 127.0.0.1:4711 or unix:/run/fermata.debug',
            { type: ['string', 'integer'] },
            readListenAddress,
          ),
          token: s
            .secret('The token that debuggers must send. Default: one is made at each start.', 'a token')
            .optional(),
          secrets: s.flag('True: debuggers see credentials. Default: false.').optional(),
        })
        .describe('Lets debuggers attach.')
        .optional(),
      accessLog: accessLog(s),
      processLog: processLog(s),
      admin: z
        .strictObject({
          address: s.number(
            'HOST:PORT, PORT or unix:PATH of the admin listener.',
            'an address, as unix:/run/fermata/admin.sock or 127.0.0.1:9901',
            { type: ['string', 'integer'] },
            readListenAddress,
          ),
          token: s
            .secret('The token that must be sent over TCP.', 'a token, as { file: admin.token }', readToken)
            .optional(),
          hosts: z
            .array(s.text('A name in Host.', 'a host name, as admin.example.org', readHostName))
            .min(1)
            .describe('The names in Host that are answered over TCP. Default: localhost and the address.')
            .optional(),
        })
        .describe('A listener for what operators ask and do (spec/admin.md).')
        .optional(),
      probes: z
        .strictObject({
          address: s.number(
            'HOST:PORT, PORT or unix:PATH.',
            'an address, as 127.0.0.1:9902',
            { type: ['string', 'integer'] },
            readListenAddress,
          ),
        })
        .describe('A listener that tells health, readiness and metrics to everybody.')
        .optional(),
      defaults: z
        .strictObject({
          timeouts: both.timeouts.optional(),
          retry: both.retry.optional(),
          path: path.optional(),
          upgrades: upgrades.optional(),
          errors: errors.optional(),
          filters: filters.list.optional(),
        })
        .describe('Settings of all routes that do not have their own.')
        .optional(),
    })
    .describe('The configuration of Fermata.')
  const included = z.strictObject({ version: version.optional(), ...parts })
  return { main, included, kinds: filters.kinds }
}

export type Schemas = ReturnType<typeof schemaOf<unknown>>
/** The written form of the main file, or of a document from code. `L`: the limits of the rooms. */
export type WrittenMain<L> = z.input<ReturnType<typeof schemaOf<L>>['main']>
export type MainFile = z.output<Schemas['main']>
export type IncludedFile = z.output<Schemas['included']>
export type BackendFile = NonNullable<MainFile['backends']>[string]
export type RouteFile = NonNullable<MainFile['routes']>[number]
export type ListenerFile = NonNullable<MainFile['listeners']>[string]
