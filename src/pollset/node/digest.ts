// Digests. Keyed digests of short texts protect values that others may see but must not be able to make.
// Digests of files show whether the files have changed.

import { createHash, createHmac, randomBytes } from 'node:crypto'

const KEY_BYTES = 32

/** Returns a function that digests texts: HMAC-SHA-256, in base64url. @param key null for a random one */
export function keyedDigest(key: string | null): (text: string) => string {
  const secret = key ?? randomBytes(KEY_BYTES)
  return (text) => createHmac('sha256', secret).update(text).digest('base64url')
}

/** Returns a new key for {@link keyedDigest}. */
export const randomKey = (): string => randomBytes(KEY_BYTES).toString('base64url')

/** Makes one digest of several files: two digests are equal if all contents are. */
export class FilesDigest {
  private readonly hash = createHash('sha256')

  /** @param content null if it cannot be read */
  add(path: string, content: Uint8Array | null): void {
    this.hash.update(`${path}\0${content === null ? '-' : content.length}\0`)
    if (content !== null) this.hash.update(content)
  }

  get digest(): string {
    return this.hash.copy().digest('base64url')
  }
}

/** Returns the SHA-1 of a text in hexadecimal digits. It names scripts of Redis, and protects nothing. */
export const sha1Of = (text: string): string => createHash('sha1').update(text).digest('hex')
