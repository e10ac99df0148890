// Tokens of a simulated issuer, and their check. The key is fixed, so a run is the same every time. The check
// is that of Node's own crypto, and done at once: jose answers by promises, which no turn of a run could wait
// for.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { Jwt } from '../../../src/filters/auth/jwt.js'

type Verifying = NonNullable<ConstructorParameters<typeof Jwt>[2]>

export const ISSUER = 'https://id.sim'
/** The header of a private key of Ed25519 in PKCS #8 (RFC 8410 §7); 32 bytes follow. */
const HEADER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PRIVATE = createPrivateKey({
  key: Buffer.concat([HEADER, Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
})
const PUBLIC = createPublicKey(PRIVATE)

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const SIGNED = `${encoded({ alg: 'EdDSA', kid: 'k1' })}.${encoded({ iss: ISSUER, sub: 'ann', exp: 4_102_444_800 })}`
const signature = (text: string): string => sign(null, Buffer.from(text), PRIVATE).toString('base64url')

export const GOOD_TOKEN = `${SIGNED}.${signature(SIGNED)}`
export const BAD_TOKEN = `${SIGNED}.${signature(`${SIGNED} `)}`
export const KEY_SET = JSON.stringify({ keys: [{ ...PUBLIC.export({ format: 'jwk' }), kid: 'k1' }] })

/** Returns a promise that has settled already: `then` is called back at once. */
const settledPromise = <T>(give: () => T): PromiseLike<T> => ({
  then(fulfilled, rejected) {
    let value: T
    try {
      value = give()
    } catch (error) {
      rejected?.(error)
      return settledPromise(() => undefined as never)
    }
    fulfilled?.(value)
    return settledPromise(() => undefined as never)
  },
})

export const verifyAtOnce: Verifying = (_keys, token) =>
  settledPromise(() => {
    const parts = token.split('.')
    const [head, payload, signed = ''] = parts
    if (!verify(null, Buffer.from(`${head}.${payload}`), PUBLIC, Buffer.from(signed, 'base64url')))
      throw Object.assign(new Error('another key'), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
    return { payload: JSON.parse(Buffer.from(payload, 'base64url').toString()) }
  })
