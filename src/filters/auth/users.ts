// Users with the hashes of their passwords, as htpasswd writes them: a line `NAME:HASH` for each.

import { type PasswordHash, readPasswordHash } from '../../pollset/index.js'

const NAME_BYTES_MAX = 255
const USERS_MAX = 10_000
/** Hashes that no password fits, for names without a user: checking one takes as long as for a user. */
const NOBODY: Readonly<Record<PasswordHash['kind'], (like: string) => string>> = {
  bcrypt: (like) => `${like.slice(0, 7)}${'.'.repeat(53)}`,
  argon2: (like) => like.replace(/[^$]+$/, (hash) => 'A'.repeat(hash.length)),
  scrypt: (like) => like.replace(/[^$]+$/, (hash) => 'A'.repeat(hash.length)),
}

export interface Users {
  readonly hashes: ReadonlyMap<string, PasswordHash>
  /** The hash for names without a user, of the kind and cost that most users have. */
  readonly nobody: PasswordHash
}

/** Reads users. `wrong` gets a sentence for each mistake, which shows no hash. */
export function readUsers(text: string, wrong: (message: string) => void): Users | null {
  const hashes = new Map<string, PasswordHash>()
  let isGood = true
  const fail = (message: string): void => {
    isGood = false
    wrong(message)
  }
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const where = `line ${at + 1}`
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    if (colon <= 0) fail(`${where} is not NAME:HASH`)
    else if (Buffer.byteLength(name) > NAME_BYTES_MAX || hasControl(name))
      fail(`${where}: the name is too long, or has control characters`)
    else if (hashes.has(name))
      fail(`${where}: the user ${JSON.stringify(name)} stands above too; leave out one`)
    else {
      const hash = readPasswordHash(line.slice(colon + 1).trim())
      if (typeof hash === 'string') fail(`${where}: the password of ${JSON.stringify(name)}: ${hash}`)
      else hashes.set(name, hash)
    }
  }
  if (hashes.size > USERS_MAX) fail(`there are ${hashes.size} users; at most ${USERS_MAX} are possible`)
  if (isGood && hashes.size === 0)
    fail('there is no user; write a line NAME:HASH for each, as htpasswd -nB NAME prints it')
  return isGood ? { hashes, nobody: nobodyOf(hashes) } : null
}

export function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

/** Returns the kind of a hash, with its costs. */
const costOf = ({ kind, text }: PasswordHash): string =>
  kind === 'bcrypt' ? text.slice(0, 7) : text.split('$').slice(0, -2).join('$')

function nobodyOf(hashes: ReadonlyMap<string, PasswordHash>): PasswordHash {
  const counts = new Map<string, { count: number; first: PasswordHash }>()
  for (const hash of hashes.values()) {
    const cost = costOf(hash)
    const found = counts.get(cost)
    if (found === undefined) counts.set(cost, { count: 1, first: hash })
    else found.count++
  }
  const [{ first }] = [...counts.values()].sort((a, b) => b.count - a.count)
  return { kind: first.kind, text: NOBODY[first.kind](first.text) }
}
