// Identities: the identity of a session at its backend, and the commands that set it (AUTH, SELECT, the RESP
// version). Sessions are shared only by the clients of one identity. An identity has its engines: one or more
// whose sessions are shared, and one whose sessions belong to one client at a time.

import type { Engine } from '../engine/index.js'
import type { RedisEndpoint } from './endpoint.js'
import { arrayOf } from './inline.js'
import type { RedisSession } from './session.js'
import type { SharedEngine } from './shared-engine.js'

export interface IdentityParts {
  readonly resp: 2 | 3
  readonly db: number
  /** The arguments of AUTH, as its client gave them; null without AUTH. */
  readonly auth: readonly Buffer[] | null
}

/** The changes that a client asks for. */
export type IdentityChange = Partial<IdentityParts>

export const ANONYMOUS: IdentityParts = { resp: 2, db: 0, auth: null }

export class Identity {
  /** The server that it is of. */
  readonly endpoint: RedisEndpoint
  readonly parts: IdentityParts
  /** For messages and debuggers: it has no secret. */
  readonly name: string
  /** The commands that a session sends first, and the number of their replies. */
  readonly greeting: Buffer
  readonly greetings: number
  /**
   * The greeting selects the database before its user too: a client may have selected one, and gone on as a
   * user who may not. One of both must succeed.
   */
  readonly selectsTwice: boolean
  readonly shared: SharedEngine[] = []
  exclusive: Engine<RedisSession> | null = null
  /** The engine whose session carries the calls of the proxy's own. */
  own: Engine<RedisSession> | null = null
  /** Clients that have it. */
  clients = 0

  constructor(endpoint: RedisEndpoint, parts: IdentityParts) {
    this.endpoint = endpoint
    const { resp, db, auth } = parts
    this.parts = parts
    this.name = nameOf(parts)
    const words: (readonly (string | Buffer)[])[] = []
    if (resp === 3) {
      const login = auth === null ? [] : ['AUTH', ...(auth.length === 1 ? ['default'] : []), ...auth]
      words.push(['HELLO', '3', ...login])
    } else if (auth !== null) words.push(['AUTH', ...auth])
    this.selectsTwice = auth !== null && db !== 0
    if (db !== 0) words.push(['SELECT', String(db)])
    if (this.selectsTwice) words.unshift(['SELECT', String(db)])
    this.greeting = Buffer.concat(words.map(arrayOf))
    this.greetings = words.length
  }

  engines(): Engine<RedisSession>[] {
    const { shared, exclusive, own } = this
    const others = [exclusive, own].filter((each) => each !== null)
    return [...shared.filter((each) => each !== undefined), ...others]
  }
}

/** Returns the user; '' without AUTH. */
export const userOf = ({ auth }: IdentityParts): string =>
  auth === null ? '' : auth.length === 1 ? 'default' : auth[0].toString('latin1')

/** The name of an identity: it has no secret. */
export function nameOf(parts: IdentityParts): string {
  const { resp, db } = parts
  const user = userOf(parts)
  return `${user === '' ? '' : `${user}@`}db${db}${resp === 3 ? '/resp3' : ''}`
}

/** The key of an identity. It has secrets, and is never shown. */
export const keyOf = ({ resp, db, auth }: IdentityParts): string =>
  `${resp} ${db} ${auth === null ? '-' : auth.map((each) => each.toString('hex')).join(' ')}`
