// Public keys in PEM, for checks of signatures.

import { createPublicKey, type KeyObject } from 'node:crypto'

export interface PublicKey {
  readonly key: KeyObject
  /** `rsa`, `rsa-pss`, `ec`, `ed25519`, `ed448` … */
  readonly type: string
}

const RSA_BITS_MIN = 2_048

/** Reads a public key or a certificate. Returns a clause that says what is wrong. */
export function readPublicKey(pem: string): PublicKey | string {
  if (pem.includes('PRIVATE KEY'))
    return 'it holds a private key; the public one is enough: openssl pkey -pubout'
  if ((pem.match(/-----BEGIN /g) ?? []).length !== 1)
    return 'it is neither one public key in PEM nor a JWKS; write several keys as a JWKS'
  try {
    const key = createPublicKey(pem)
    const { asymmetricKeyType: type = '', asymmetricKeyDetails } = key
    const bits = asymmetricKeyDetails?.modulusLength ?? RSA_BITS_MIN
    if (bits < RSA_BITS_MIN) return `it is an RSA key of ${bits} bits; at least ${RSA_BITS_MIN} are needed`
    return { key, type }
  } catch {
    return 'it cannot be read as a public key in PEM'
  }
}
