// The options of jwt in the configuration.

import { z } from 'zod'
import type { OptionChecks, OptionReading, OptionTypes } from '../define.js'
import { readWrittenName } from '../field-options.js'
import { readHostName, readTarget } from '../url-options.js'
import { credentialsOption, realmOption } from './credentials.js'
import { ALGORITHMS, readKeys } from './token-keys.js'

const SECRET_BYTES_MIN = 32

const readScope = (text: string): OptionReading<string> =>
  /^[!#-[\]-~]+$/.test(text)
    ? { value: text }
    : { wrong: `${JSON.stringify(text)} is not a scope; write one word of ASCII without quotes` }

const readCookieName = (text: string): OptionReading<string> =>
  /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(text)
    ? { value: text }
    : { wrong: `${JSON.stringify(text)} is not the name of a cookie` }

export const jwtOptions = (types: OptionTypes) => {
  const claim = types.text('The name of a claim, or its path, as realm_access.roles.', 'the name of a claim')
  const audience = types.text('An audience.', 'text')
  return z.strictObject({
    issuer: types.text('The issuer: iss of each token.', 'text, as https://id.example.org'),
    audience: z
      .union([audience, z.array(audience).min(1)])
      .describe('The audience: a token names one of these in aud.')
      .optional(),
    algorithms: z
      .array(types.word('An algorithm of signatures.', ALGORITHMS))
      .min(1)
      .describe('The algorithms that a token may be signed with. There is no default.'),
    keys: types
      .secret(
        'The public keys: a JWKS, or one key in PEM: { file: PATH }.',
        'a JWKS or a PEM, or { file: PATH }',
      )
      .optional(),
    secret: types
      .secret('The secret of HS256, HS384 and HS512: { file: PATH }.', 'a secret, or { file: PATH }')
      .optional(),
    jwks: z
      .strictObject({
        backend: types.text('The backend that is asked for the keys.', 'the name of a backend'),
        path: types.text(
          'The path of the JWKS, with a query if you like.',
          'a path, as /.well-known/jwks.json',
          readTarget,
        ),
        host: types
          .text(
            'The host that the backend is asked by. Default: that of the request.',
            'a host name',
            readHostName,
          )
          .optional(),
        refresh: types
          .duration('The time after which keys are fetched again. Default 10m.', {
            least: 1_000,
            most: 86_400_000,
          })
          .optional(),
      })
      .describe('The keys are fetched from a backend.')
      .optional(),
    leeway: types
      .duration('The greatest difference between clocks. Default 30s.', { least: 0, most: 600_000 })
      .optional(),
    require: z
      .strictObject({
        scopes: z
          .array(types.text('A scope.', 'a scope, as read', readScope))
          .min(1)
          .describe('Scopes that a token has, all of them.')
          .optional(),
        claims: z
          .record(z.string(), z.union([audience, z.array(audience).min(1)]))
          .describe('Claims, each with a value, or several of which it has one.')
          .optional(),
      })
      .describe('The requirements for a token; otherwise the answer is 403.')
      .optional(),
    claims: z
      .record(
        z.string().superRefine((name, context) => {
          const reading = readWrittenName(name)
          if ('wrong' in reading) context.addIssue({ code: 'custom', message: reading.wrong })
        }),
        claim,
      )
      .describe("Request fields that tell the backend of claims. The client's copies are dropped.")
      .optional(),
    cookie: types
      .text(
        'A cookie that a token may come in, in place of Authorization.',
        'the name of a cookie',
        readCookieName,
      )
      .optional(),
    type: types.text('The typ of the header, as at+jwt. Default: any.', 'a media type, as at+jwt').optional(),
    realm: realmOption(types).optional(),
    credentials: credentialsOption(types).optional(),
  })
}

export type JwtOptions = z.output<ReturnType<typeof jwtOptions>>

/** Reports mistakes that the schema cannot find. */
export function checkJwt(options: JwtOptions, checks: OptionChecks): void {
  const { algorithms, audience, keys, secret, jwks } = options
  const sources = [keys, secret, jwks].filter((each) => each !== undefined)
  if (sources.length !== 1)
    checks.error(
      [],
      sources.length === 0
        ? 'it has no keys; write keys, jwks or secret'
        : 'write one of keys, jwks and secret',
    )
  const symmetric = algorithms.filter((each) => each.startsWith('HS'))
  if (symmetric.length > 0 && symmetric.length < algorithms.length)
    checks.error(
      ['algorithms'],
      `${symmetric[0]} has a secret and the others have public keys; write one filter for each`,
    )
  else if (sources.length === 1 && symmetric.length > 0 !== (secret !== undefined))
    checks.error(
      ['algorithms'],
      secret === undefined
        ? `${symmetric[0]} needs a secret: write secret: { file: PATH }`
        : `${algorithms[0]} needs public keys: write keys or jwks`,
    )
  else if (keys !== undefined) {
    const read = readKeys(keys.text, algorithms)
    if (typeof read === 'string') checks.error(['keys'], read)
  }
  if (secret !== undefined && Buffer.byteLength(secret.text) < SECRET_BYTES_MIN)
    checks.error(
      ['secret'],
      `it is shorter than ${SECRET_BYTES_MIN} bytes, so it can be guessed; make one with: openssl rand -base64 32`,
    )
  if (jwks !== undefined) checks.backend(['jwks', 'backend'], jwks.backend)
  if (audience === undefined)
    checks.warn([], 'a token that the issuer has made for another service is accepted; write audience')
}
