// The filter jwt. Tokens are signed and checked by the real library.

import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { exportJWK, type JWTPayload, SignJWT } from 'jose'
import t from 'tap'
import { keyFetchLife } from '../../../src/filters/auth/key-fetch.js'
import { frame, headers } from '../../../tools/testbed/frames.js'
import { declared, Seen } from '../../world/seen.js'
import { type Lines, Reader, valueIn } from '../small-proxy.js'
import { answerOf, guarded, mistakesOf } from './guarded.js'

const ISSUER = 'https://id.example'
const SETTINGS = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])
const SECRET = 's'.repeat(32)

const PAIRS = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
} as const
const OTHER = generateKeyPairSync('ec', { namedCurve: 'P-256' })

type Alg = keyof typeof PAIRS

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

const jwks = async (keys: readonly (readonly [string, KeyObject])[]): Promise<string> =>
  JSON.stringify({
    keys: await Promise.all(keys.map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid }))),
  })

/** Seconds since 1970 of the simulated clock, at its start. */
const NOW = Math.floor(guarded('[{ access: { deny: [10.0.0.1] } }]').pollset.wallTime() / 1_000)

interface Making {
  readonly alg?: string
  readonly key?: KeyObject | Uint8Array
  readonly kid?: string
  readonly typ?: string
}

const tokenOf = (claims: JWTPayload = {}, { alg = 'ES256', key, kid, typ }: Making = {}): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: 'api', sub: 'ann', exp: NOW + 60, ...claims })
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ }) })
    .sign(key ?? PAIRS[alg as Alg].privateKey)

const filter = (more = '', alg: Alg = 'ES256'): string =>
  `[{ jwt: { issuer: "${ISSUER}", audience: api, algorithms: [${alg}], keys: ${JSON.stringify(pem(PAIRS[alg].publicKey))}${more} } }]`

const bearer = (token: string): [string, string][] => [['authorization', `Bearer ${token}`]]

/** Sends a request with this token, and returns what the backend got, or else the client. */
async function sent(p: ReturnType<typeof guarded>, fields: Lines) {
  const before = p.proxy.logged
  p.ask(fields)
  await p.until(() => p.proxy.logged > before || p.backends[0].received.length > 0)
  const [toBackend] = p.toBackend.blocks()
  return { toBackend, answer: toBackend === undefined ? answerOf(p) : {} }
}

t.test('jwt: signatures of each kind', async (t) => {
  for (const alg of Object.keys(PAIRS) as Alg[]) {
    const p = guarded(filter('', alg))
    const good = await sent(p, bearer(await tokenOf({}, { alg })))
    t.ok(good.toBackend, alg)
    t.equal(valueIn(good.toBackend, 'authorization'), undefined, 'the token is removed')
  }
  const p = guarded(
    `[{ jwt: { issuer: "${ISSUER}", audience: api, algorithms: [HS256], secret: "${SECRET}", credentials: pass } }]`,
  )
  const key = new TextEncoder().encode(SECRET)
  const good = await sent(p, bearer(await tokenOf({}, { alg: 'HS256', key })))
  t.match(valueIn(good.toBackend, 'authorization'), /^Bearer /)
})

t.test('jwt: what is not accepted (RFC 6750 §3)', async (t) => {
  const p = guarded(filter(', type: at+jwt'))
  const good = { typ: 'at+jwt' }
  const b64 = (text: string): string => Buffer.from(text).toString('base64url')
  const none = `${b64('{"alg":"none"}')}.${b64(`{"iss":"${ISSUER}","aud":"api","exp":${NOW + 60}}`)}.`
  const confused = await tokenOf({}, { alg: 'HS256', key: Buffer.from(pem(PAIRS.ES256.publicKey)), ...good })
  const whole = await tokenOf({}, good)
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['alg none', none, /invalid_token.*algorithm/],
    ['another algorithm than is listed', await tokenOf({}, { alg: 'RS256', ...good }), /algorithm/],
    ['the public key as a secret', confused, /algorithm/],
    ['another key', await tokenOf({}, { key: OTHER.privateKey, ...good }), /is not accepted/],
    ['a changed signature', `${whole.slice(0, -4)}AAAA`, /is not accepted/],
    ['another issuer', await tokenOf({ iss: 'https://evil.example' }, good), /is not accepted/],
    ['another audience', await tokenOf({ aud: 'other' }, good), /is not accepted/],
    ['expired', await tokenOf({ exp: NOW - 31 }, good), /expired/],
    [
      'without an expiry',
      await tokenOf({ exp: undefined } as unknown as JWTPayload, good),
      /is not accepted/,
    ],
    ['not yet', await tokenOf({ nbf: NOW + 40 }, good), /is not accepted/],
    ['another type', await tokenOf({}, { typ: 'JWT' }), /is not accepted/],
    ['no token', 'abc', /malformed/],
  ]
  for (const [title, token, wrong] of cases) {
    const { answer } = await sent(p, bearer(token))
    t.match(answer, { ':status': '401', 'x-fermata': 'unauthorized' }, title)
    t.match(answer['www-authenticate'], /^Bearer realm="h2c:\/\/backend", error="invalid_token"/, title)
    t.match(answer['www-authenticate'], wrong, title)
  }
  const { answer } = await sent(p, [])
  t.equal(answer['www-authenticate'], 'Bearer realm="h2c://backend"', 'no error where nothing was sent')
  const twice = await sent(p, [...bearer(whole), ...bearer(whole)])
  t.match(twice.answer, { ':status': '400', 'www-authenticate': /error="invalid_request"/ })
  const leeway = await sent(p, bearer(await tokenOf({ exp: NOW - 20, nbf: NOW + 20 }, good)))
  t.ok(leeway.toBackend, 'within the leeway')
  t.same(p.told, [])
  t.same(p.failures, [])
})

t.test('jwt, K7: claims become fields, whole or not at all; scopes and claims are demanded', async (t) => {
  const p = guarded(
    filter(
      ', claims: { x-user: sub, x-roles: realm.roles, x-name: name }, require: { scopes: [read], claims: { tenant: [a, b] } }',
    ),
  )
  const claims = { scope: 'write read', tenant: 'b', realm: { roles: ['x', 'y'] }, name: 'a,b' }
  const forged: Lines = [
    ['x-user', 'root'],
    ['x_roles', 'root'],
    ['x-name', 'root'],
  ]
  const { toBackend } = await sent(p, [...bearer(await tokenOf(claims)), ...forged])
  t.match(Object.fromEntries(toBackend), { 'x-user': 'ann', 'x-roles': 'x, y', 'x-name': 'a,b' })
  t.equal(valueIn(toBackend, 'x_roles'), undefined)
  const odd = await sent(p, [
    ...bearer(await tokenOf({ ...claims, realm: { roles: ['x,y', 'z'] }, name: '日' })),
    ...forged,
  ])
  t.equal(valueIn(odd.toBackend, 'x-roles'), undefined)
  t.equal(valueIn(odd.toBackend, 'x-name'), undefined)
  for (const lacking of [
    { ...claims, scope: 'write' },
    { ...claims, tenant: 'c' },
  ]) {
    const { answer } = await sent(p, bearer(await tokenOf(lacking)))
    t.match(answer, {
      ':status': '403',
      'x-fermata': 'denied',
      'www-authenticate': /error="insufficient_scope".*scope="read"$/,
    })
  }
})

t.test('jwt: a good token is remembered until it expires', async (t) => {
  const p = guarded(filter(', leeway: 0'))
  const token = await tokenOf({ exp: NOW + 3 })
  await sent(p, bearer(token))
  p.ask(bearer(token))
  t.equal(p.toBackend.blocks().length, 1, 'at once')
  t.match(p.box.describe().jwt, { good: 1, remembered: 1, tokens: 1 })
  p.pollset.advance(3_000)
  const { answer } = await sent(p, bearer(token))
  t.match(answer['www-authenticate'], /expired/)
})

t.test('jwt: in a cookie, which is removed', async (t) => {
  const p = guarded(filter(', cookie: session'))
  const token = await tokenOf()
  const { toBackend } = await sent(p, [['cookie', `a=1; session=${token}; b=2`]])
  t.equal(valueIn(toBackend, 'cookie'), 'a=1; b=2')
  const both = await sent(p, [['cookie', `session=${token}`], ...bearer(token)])
  t.match(both.answer, { ':status': '400' })
})

const FETCHED = `[{ jwt: { issuer: "${ISSUER}", audience: api, algorithms: [ES256], jwks: { backend: auth, path: /jwks, host: id.example, refresh: 2s } } }]`

/** A proxy whose issuer is the backend beside. */
function issuing(seen?: Seen) {
  const p = guarded(FETCHED, { beside: '/beside', ...(seen === undefined ? {} : { seen }) })
  let reader: Reader | null = null
  let stream = -1
  return {
    ...p,
    /** The questions that the issuer has got since it was asked last. */
    asked(): string[] {
      const [far] = p.beside
      if (far === undefined) return []
      if (reader === null) {
        far.send(SETTINGS)
        reader = new Reader(far)
      }
      return reader.blocks().map((lines) => `${valueIn(lines, ':authority')}${valueIn(lines, ':path')}`)
    },
    publishes(text: string, status = '200'): void {
      stream += 2
      p.beside[0].send(headers(stream, [[':status', status]], false))
      p.beside[0].send(frame(0, 1, stream, Buffer.from(text)))
    },
  }
}

t.test('jwt: keys are fetched once for all who wait, and again for an unknown one, not often', async (t) => {
  const p = issuing()
  const one = await tokenOf({}, { kid: 'one' })
  const two = await tokenOf({}, { kid: 'two', key: OTHER.privateKey })
  p.ask(bearer(one))
  p.ask([...bearer(one), ['cookie', 'a=1']])
  t.same(p.asked(), ['id.example/jwks'])
  t.match(p.lines.at(-1) ?? '', /./)
  p.publishes(await jwks([['one', PAIRS.ES256.publicKey]]))
  await p.until(() => p.backends[0].received.length > 0)
  await p.until(() => (p.box.describe().jwt as { good: number }).good > 0)
  await p.until(() => (p.box.describe().jwt as { running: number }).running === 0)
  t.ok(p.toBackend.blocks().length >= 1)
  const refused = await sent(p, bearer(two))
  t.match(refused.answer['www-authenticate'], /is not accepted/, 'it is not asked for at once')
  t.same(p.asked(), [])
  p.pollset.advance(30_000)
  p.ask(bearer(two))
  t.same(p.asked(), ['id.example/jwks'])
  p.publishes(
    await jwks([
      ['one', PAIRS.ES256.publicKey],
      ['two', OTHER.publicKey],
    ]),
  )
  await p.until(() => p.backends[0].received.length > 0)
  t.match(p.box.describe().jwt, { issuer: { keys: 2, fetched: 2, failed: 0 } })
})

t.test('jwt: old keys stay while the issuer fails; without any it fails closed', async (t) => {
  const p = issuing()
  const one = await tokenOf({ exp: NOW + 600 }, { kid: 'one' })
  const two = await tokenOf({ exp: NOW + 600, sub: 'bob' }, { kid: 'one' })
  p.ask(bearer(one))
  p.asked()
  p.publishes('not found', '404')
  t.match(answerOf(p), { ':status': '500', 'x-fermata': 'filter-failed' })
  t.match(p.told, [
    /the keys of the issuer cannot be fetched from the backend h2c:\/\/beside: the answer is 404$/,
  ])
  p.ask(bearer(one))
  t.match(answerOf(p), { ':status': '500' })
  t.same(p.asked(), [], 'it is not asked again at once')
  p.pollset.advance(1_000)
  p.ask(bearer(one))
  t.same(p.asked(), ['id.example/jwks'])
  p.publishes(await jwks([['one', PAIRS.ES256.publicKey]]))
  await p.until(() => p.backends[0].received.length > 0)
  p.toBackend.read()
  p.pollset.advance(2_000)
  const late = await sent(p, bearer(two))
  t.ok(late.toBackend, 'old keys serve while new ones are fetched')
  t.same(p.asked(), ['id.example/jwks'])
  p.publishes('{', '200')
  t.match(p.told.at(-1), /it cannot be read as a JWKS; the old ones stay in use/)
  t.match(p.box.describe().jwt, { issuer: { keys: 1, failed: 2 } })
})

t.test('jwt: each edge and each wait of a fetch is taken', async (t) => {
  const seen = new Seen()
  const token = await tokenOf({}, { kid: 'one' })
  const set = await jwks([['one', PAIRS.ES256.publicKey]])
  const endings: readonly ((p: ReturnType<typeof issuing>) => void)[] = [
    (p) => p.publishes(set),
    (p) => p.publishes('no', '500'),
    (p) => p.pollset.advance(10_000),
    (p) => p.beside[0].send(frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))),
    (p) => p.box.close(),
    (p) => {
      p.beside[0].send(headers(1, [[':status', '200']], false))
      p.pollset.advance(10_000)
    },
    (p) => {
      p.beside[0].send(headers(1, [[':status', '200']], false))
      p.beside[0].send(frame(0, 0, 1, Buffer.from('{')))
      p.beside[0].send(frame(3, 0, 1, Buffer.from([0, 0, 0, 8])))
    },
    (p) => {
      p.beside[0].send(headers(1, [[':status', '200']], false))
      p.box.close()
    },
    (p) => {
      p.beside[0].send(headers(1, [[':status', '200']], false))
      for (let i = 0; i < 20; i++) p.beside[0].send(frame(0, 0, 1, Buffer.alloc(16_000)))
    },
  ]
  for (const [at, end] of endings.entries()) {
    const p = issuing(seen)
    p.ask(bearer(token))
    p.asked()
    end(p)
    p.pollset.advance(1)
    const left = [...p.world.scheduler.alive()].filter((each) => each.kind === 'key-fetch')
    t.same(left, [], `ending ${at}: the fetch is over`)
    if (at > 0) t.equal(p.proxy.logged, 2, `ending ${at}: so are the question and the request`)
  }
  t.strictSame(seen.taken(keyFetchLife.edges), declared(keyFetchLife.edges))
  t.strictSame(seen.waitsEnded(keyFetchLife.edges), seen.mayEnd(keyFetchLife.edges))
})

t.test('jwt, K18: late and cancelled checks leak nothing', async (t) => {
  const token = await tokenOf()
  const p = guarded(filter())
  p.ask(bearer(token))
  t.match(p.box.describe().jwt, { running: 1 })
  p.far.send(frame(3, 0, 3, Buffer.from([0, 0, 0, 8])))
  await p.until(() => (p.box.describe().jwt as { running: number }).running === 0)
  t.match(p.box.describe().jwt, { good: 0, tokens: 0 })
  p.ask(bearer(token))
  p.pollset.advance(10_000)
  t.match(answerOf(p), { ':status': '503', 'x-fermata': 'checks-full' })
  const failing = guarded(filter())
  failing.pollset.faults = { ...failing.pollset.faults, taskFailPercent: 100 }
  failing.ask(bearer(token))
  await failing.until(() => failing.failures.length > 0)
  t.match(answerOf(failing), { ':status': '500', 'x-fermata': 'filter-failed' })
})

t.test('jwt: mistakes', async (t) => {
  const jwt = (options: string): string => `[{ jwt: { issuer: i, audience: a, ${options} } }]`
  const key = JSON.stringify(pem(PAIRS.ES256.publicKey))
  const small = JSON.stringify(pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey))
  const secret = JSON.stringify(PAIRS.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const mistakes: readonly (readonly [string, RegExp])[] = [
    [jwt('algorithms: [none], keys: x'), /"none" is unknown/],
    [jwt('algorithms: [ES256]'), /it has no keys; write keys, jwks or secret/],
    [jwt(`algorithms: [ES256], keys: ${key}, secret: "${SECRET}"`), /write one of keys, jwks and secret/],
    [jwt(`algorithms: [RS256], keys: ${key}`), /it is a key of type ec, which RS256 does not use/],
    [jwt(`algorithms: [ES256, HS256], keys: ${key}`), /HS256 has a secret and the others have public keys/],
    [jwt(`algorithms: [HS256], keys: ${key}`), /HS256 needs a secret/],
    [jwt(`algorithms: [ES256], secret: "${SECRET}"`), /ES256 needs public keys/],
    [jwt('algorithms: [HS256], secret: short'), /it is shorter than 32 bytes/],
    [jwt(`algorithms: [RS256], keys: ${small}`), /RSA key of 1024 bits; at least 2048/],
    [jwt(`algorithms: [ES256], keys: ${secret}`), /it holds a private key/],
    [jwt('algorithms: [ES256], keys: "{}"'), /it is not a JWKS/],
    [jwt('algorithms: [ES256], jwks: { backend: aut, path: /x }'), /there is no backend "aut"/],
    [jwt(`algorithms: [ES256], keys: ${key}, claims: { host: sub }`), /host is written by the proxy alone/],
    [
      `[{ jwt: { issuer: i, algorithms: [ES256], keys: ${key} } }]`,
      /made for another service is accepted; write audience/,
    ],
    [
      `[cache, { jwt: { issuer: i, audience: a, algorithms: [ES256], keys: ${key} } }]`,
      /jwt stands inside cache/,
    ],
  ]
  for (const [filters, message] of mistakes) t.match(mistakesOf(filters), message, filters)
})
