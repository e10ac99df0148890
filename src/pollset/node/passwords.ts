// Hashes of passwords, as htpasswd and password libraries write them, and the check of a password against
// one. The check is slow by design, so it runs in threads of its own (password-threads.ts).

import { scryptSync, timingSafeEqual } from 'node:crypto'
import { createRequire } from 'node:module'

/** A hash that can be checked. */
export interface PasswordHash {
  readonly kind: 'bcrypt' | 'argon2' | 'scrypt'
  /** The hash as it was written. */
  readonly text: string
}

/** A check with a cost above these takes seconds, or a gigabyte. */
const BCRYPT_COST_MAX = 16
const SCRYPT_BYTES_MAX = 256 * 1024 * 1024
const ARGON2_KIB_MAX = 256 * 1024
const ARGON2_PASSES_MAX = 20

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z\d]{53}$/
const ARGON2 =
  /^\$argon2(?:i|d|id)\$(?:v=19\$)m=(\d{1,9}),t=(\d{1,4}),p=\d{1,3}\$[A-Za-z\d+/]{11,}\$[A-Za-z\d+/]{22,}$/
const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z\d+/]{11,})\$([A-Za-z\d+/]{22,})$/

/**
 * Reads a hash. Returns a clause that says what is wrong with it. The clause contains no part of the hash.
 */
export function readPasswordHash(text: string): PasswordHash | string {
  const bcrypt = BCRYPT.exec(text)
  if (bcrypt !== null)
    return Number(bcrypt[1]) <= BCRYPT_COST_MAX
      ? { kind: 'bcrypt', text }
      : `a cost of ${bcrypt[1]} takes too long; at most ${BCRYPT_COST_MAX} is possible`
  const argon2 = ARGON2.exec(text)
  if (argon2 !== null)
    return Number(argon2[1]) <= ARGON2_KIB_MAX && Number(argon2[2]) <= ARGON2_PASSES_MAX
      ? { kind: 'argon2', text }
      : `m=${argon2[1]},t=${argon2[2]} is too costly; at most m=${ARGON2_KIB_MAX},t=${ARGON2_PASSES_MAX} is possible`
  const cost = scryptCost(text)
  if (cost !== null)
    return cost.bytes <= SCRYPT_BYTES_MAX && cost.N > 1
      ? { kind: 'scrypt', text }
      : `scrypt with these parameters takes ${Math.ceil(cost.bytes / 1_048_576)} MiB; at most 256 MiB are possible`
  return 'it is not a hash of bcrypt ($2y$), argon2 ($argon2id$) or scrypt ($scrypt$); make one with: htpasswd -nB NAME'
}

function scryptCost(text: string) {
  const [, ln, r, p, salt, key] = SCRYPT.exec(text) ?? []
  if (ln === undefined) return null
  const N = 2 ** Number(ln)
  return { N, r: Number(r), p: Number(p), salt, key, bytes: 128 * N * Number(r) * Number(p) }
}

interface Bcrypt {
  verifySync(password: Uint8Array, hash: string): boolean
}
interface Argon2 {
  verifySync(hash: string, password: Uint8Array): boolean
}

/** The modules with native code, which npm may have left out on this machine. */
const PACKAGES = { bcrypt: '@node-rs/bcrypt', argon2: '@node-rs/argon2' } as const

const load = createRequire(import.meta.url)

/** Throws an error that says what to install if this machine cannot check hashes of this kind. */
export function checkPasswordKind(kind: PasswordHash['kind']): void {
  if (kind === 'scrypt') return
  try {
    load(PACKAGES[kind])
  } catch {
    throw new Error(`hashes of ${kind} need the package ${PACKAGES[kind]}: npm install ${PACKAGES[kind]}`)
  }
}

/**
 * Returns true if the hash belongs to this password. It takes as long as the hash demands, so it must run in
 * a thread of its own. The comparison takes the same time wherever the two differ. It throws if the hash
 * cannot be checked.
 */
export function isPassword({ kind, text }: PasswordHash, password: Uint8Array): boolean {
  if (kind === 'bcrypt') return (load(PACKAGES.bcrypt) as Bcrypt).verifySync(password, text)
  if (kind === 'argon2') return (load(PACKAGES.argon2) as Argon2).verifySync(text, password)
  const { N, r, p, salt, key, bytes } = scryptCost(text) as NonNullable<ReturnType<typeof scryptCost>>
  const expected = Buffer.from(key as string, 'base64')
  const options = { N, r, p, maxmem: 2 * bytes + 1_048_576 }
  const made = scryptSync(password, Buffer.from(salt as string, 'base64'), expected.length, options)
  return timingSafeEqual(made, expected)
}
