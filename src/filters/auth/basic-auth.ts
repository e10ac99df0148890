// basicAuth: admits users by name and password (RFC 7617). Hashing is a task: the request is suspended
// meanwhile, and the queue is bounded, in all and for each client.

import { z } from 'zod'
import { checkPasswordKind } from '../../pollset/index.js'
import {
  CHECKS_FULL,
  type Filter,
  PASS,
  RATE_LIMITED,
  type RequestPhase,
  UNAUTHORIZED,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type FilterContext } from '../define.js'
import { fieldName, readWrittenValue } from '../field-options.js'
import { authorizationOf, credentialsOption, quotable, readBasic, realmOption } from './credentials.js'
import { type PasswordCheck, PasswordChecks } from './password-checks.js'
import { type SharedWait, TOLD } from './shared-wait.js'
import { readUsers, type Users } from './users.js'

const REMEMBER_MS = 300_000
/** The longest wait for a check, in ms. */
const CHECK_MS = 10_000

interface Options {
  readonly users: { readonly text: string }
  readonly realm?: string | undefined
  readonly field?: string | undefined
  readonly credentials?: 'remove' | 'pass' | undefined
  readonly remember?: number | undefined
}

interface BasicState {
  user: string
  isKnown: boolean
  check: PasswordCheck | null
  wait: SharedWait | null
}

class BasicAuth implements Filter<BasicState> {
  readonly identityFields: readonly string[]
  private readonly users: Users
  private readonly realm: string | null
  private readonly field: string | null
  private readonly removes: boolean
  private readonly checks: PasswordChecks

  constructor({ users, realm = '', field, credentials, remember }: Options, context: FilterContext) {
    const read = readUsers(users.text, (message) => {
      throw new Error(message)
    })
    this.users = read as Users
    for (const kind of new Set([...this.users.hashes.values()].map((each) => each.kind)))
      checkPasswordKind(kind)
    this.realm = realm === '' ? null : realm
    this.field = field ?? null
    this.identityFields = field === undefined ? [] : [field]
    this.removes = credentials !== 'pass'
    const { world, hashing, passwords, hashesPerClientMax } = context
    this.checks = context.state('passwords', () => new PasswordChecks(hashing, passwords, world.pollset))
    this.checks.rightMs = remember ?? REMEMBER_MS
    this.checks.perClientMax = hashesPerClientMax
  }

  begin(): BasicState {
    return { user: '', isKnown: false, check: null, wait: null }
  }

  request(x: RequestPhase, s: BasicState): Verdict {
    if (s.check !== null) return this.decide(x, s, s.check)
    const token = authorizationOf(x.fields, 'basic')
    const credentials = token === null ? null : readBasic(token)
    if (credentials === null) return this.challenge(x)
    const { checks, users } = this
    const known = users.hashes.get(credentials.user)
    s.user = credentials.user
    s.isKnown = known !== undefined
    const hash = known ?? users.nobody
    const name = checks.nameOf(credentials, hash)
    const remembered = checks.remembered(name)
    if (remembered !== null) return this.judge(x, s, remembered)
    const check = checks.check(name, credentials, hash, x)
    if (check === 'client') return x.refuse(RATE_LIMITED, { fields: [['retry-after', '1']] })
    if (check === 'queue') return x.refuse(CHECKS_FULL, { fields: [['retry-after', '1']] })
    s.check = check
    return this.decide(x, s, check)
  }

  private decide(x: RequestPhase, s: BasicState, check: PasswordCheck): Verdict {
    if (check.fault !== null) throw check.fault
    if (check.isRefused) return x.refuse(CHECKS_FULL, { fields: [['retry-after', '1']] })
    if (check.isRight !== null) return this.judge(x, s, check.isRight)
    s.wait ??= check.waits.join(`${x.id}.password`)
    return x.waitFor(s.wait, TOLD, { within: CHECK_MS })
  }

  private judge(x: RequestPhase, { user, isKnown }: BasicState, isRight: boolean): Verdict {
    if (!isRight || !isKnown) return this.challenge(x)
    const { field, removes } = this
    x.identify(user)
    x.note('user', user)
    if (removes) x.fields.remove('authorization')
    if (field !== null) x.fields.set(field, user)
    return PASS
  }

  private challenge(x: RequestPhase): Verdict {
    const realm = this.realm ?? quotable(x.route)
    return x.refuse(UNAUTHORIZED, {
      fields: [['www-authenticate', `Basic realm="${realm}", charset="UTF-8"`]],
    })
  }

  late(x: Parameters<NonNullable<Filter['late']>>[0]): Verdict {
    return x.refuse(CHECKS_FULL, { fields: [['retry-after', '1']] })
  }

  release(s: BasicState): void {
    s.wait?.leave()
  }

  describe() {
    return { users: this.users.hashes.size, ...this.checks.describe() }
  }
}

export const basicAuth = defineFilter({
  name: 'basicAuth',
  description: 'Lets users in by name and password.',
  role: 'authentication',
  options: (types) =>
    z.strictObject({
      users: types.secret(
        'The users, a line NAME:HASH for each, as htpasswd -nB writes it: { file: PATH }. Hashes are of bcrypt, argon2 or scrypt.',
        'lines NAME:HASH, or { file: PATH }',
      ),
      realm: realmOption(types).optional(),
      field: fieldName(
        types,
        "The request field that tells the backend the user. The client's copies of it are dropped. Default: none.",
      ).optional(),
      credentials: credentialsOption(types).optional(),
      remember: types
        .duration('The time for which a right password is not hashed again. Default 5m.', {
          least: 0,
          most: 86_400_000,
        })
        .optional(),
    }),
  check({ users, field }, checks) {
    const read = readUsers(users.text, (message) => checks.error(['users'], message))
    if (read === null || field === undefined) return
    for (const name of read.hashes.keys())
      if ('wrong' in readWrittenValue(name))
        checks.error(['field'], `the name ${JSON.stringify(name)} cannot be the value of a field`)
  },
  create: (options, context) => new BasicAuth(options, context),
})
