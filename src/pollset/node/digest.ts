// Keyed digests of short texts: for values that others may see and must not be able to make.

import { createHmac, randomBytes } from 'node:crypto'

const KEY_BYTES = 32

/** Returns a function that digests texts: HMAC-SHA-256, in base64url. @param key null for a random one */
export function keyedDigest(key: string | null): (text: string) => string {
  const secret = key ?? randomBytes(KEY_BYTES)
  return (text) => createHmac('sha256', secret).update(text).digest('base64url')
}
