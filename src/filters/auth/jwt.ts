// jwt: admits requests with a token of an issuer (RFC 7519, RFC 6750). The check of a signature is a task of
// a bounded pool; a valid token is remembered until it expires.

import type { JWTPayload, JWTVerifyOptions } from 'jose'
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { decodeJwt } from 'jose/jwt/decode'
import { LRUCache } from 'lru-cache'
import { keyedDigest, type Promised, promised } from '../../pollset/index.js'
import {
  CHECKS_FULL,
  cookieValue,
  DENIED,
  type FieldLine,
  type Filter,
  PASS,
  type PooledTask,
  type RequestPhase,
  type TaskPool,
  UNAUTHORIZED,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type FilterContext } from '../define.js'
import { type Demands, linesOf, meets } from './claims.js'
import { quotable } from './credentials.js'
import { IssuerKeys } from './issuer-keys.js'
import { checkJwt, type JwtOptions, jwtOptions } from './jwt-options.js'
import { type SharedWait, TOLD } from './shared-wait.js'
import { readKeys, secretKeys, type TokenKeys } from './token-keys.js'

const LEEWAY_MS = 30_000
const REFRESH_MS = 600_000
/** The longest wait for keys, and for a check, in ms. */
const CHECK_MS = 10_000
/** The pool. A thread checks a signature in 0.1 to 1 ms. */
const POOL = { name: 'jwt', concurrencyMax: 2, queueMax: 1_000 }
/** The most bytes of remembered tokens, by an estimate. */
const REMEMBERED_BYTES_MAX = 8_388_608
const ENTRY_BYTES = 200
const BEARER = /^bearer(?: |$)/i

/** A valid token. */
interface Known {
  readonly identity: string
  readonly lines: readonly FieldLine[]
  readonly meets: boolean
  /** ms since 1970 */
  readonly until: number
  /** The generation of the keys with which it was checked. */
  readonly generation: number
}

interface JwtState {
  token: string
  /** The digest of the token; '' before it is read. */
  name: string
  keyId: string | null
  wait: SharedWait | null
  hasWaited: boolean
  task: PooledTask<{ readonly payload: JWTPayload }> | null
  generation: number
}

/** The text after `error=` in a challenge, and its description (RFC 6750 §3.1). */
type Wrong = readonly [error: string, description: string]

const MALFORMED: Wrong = ['invalid_token', 'the token is malformed']
const NOT_ALLOWED: Wrong = ['invalid_token', 'the token is signed with an algorithm that is not accepted']
const EXPIRED: Wrong = ['invalid_token', 'the token has expired']
const NOT_ACCEPTED: Wrong = ['invalid_token', 'the token is not accepted']

/** Checks a token with these keys: its signature, then its claims. */
type Verifying = (
  keys: TokenKeys,
  token: string,
  options: JWTVerifyOptions,
) => Promised<{ readonly payload: JWTPayload }>

export class Jwt implements Filter<JwtState> {
  readonly identityFields: readonly string[]
  private readonly options: JwtOptions
  private readonly verifying: JWTVerifyOptions
  private readonly leewayMs: number
  private readonly demands: Demands
  private readonly lines: readonly FieldLine[]
  private readonly fixed: TokenKeys | null
  private readonly issuer: IssuerKeys | null
  private readonly pool: TaskPool
  private readonly verify: Verifying
  private readonly known: LRUCache<string, Known>
  private readonly digest = keyedDigest(null)
  private readonly counts = { good: 0, remembered: 0, wrong: 0 }

  constructor(
    options: JwtOptions,
    context: FilterContext,
    verify: Verifying = (keys, token, how) => keys.verify(token, how),
  ) {
    const { algorithms, issuer, audience, leeway, type, claims = {}, require = {} } = options
    this.options = options
    this.leewayMs = leeway ?? LEEWAY_MS
    this.verifying = {
      algorithms: [...algorithms],
      issuer,
      ...(audience === undefined ? {} : { audience }),
      ...(type === undefined ? {} : { typ: type }),
      clockTolerance: this.leewayMs / 1_000,
      requiredClaims: ['exp'],
    }
    this.demands = {
      scopes: require.scopes ?? [],
      claims: Object.entries(require.claims ?? {}).map(([name, value]) => [name, new Set([value].flat())]),
    }
    this.lines = Object.entries(claims).map(([field, claim]) => [field.toLowerCase(), claim])
    this.identityFields = this.lines.map(([field]) => field)
    this.fixed = fixedKeys(options)
    this.issuer = issuerKeys(options, context)
    this.verify = verify
    this.pool = context.tasks({ ...POOL, threads: context.threads })
    this.known = new LRUCache({
      maxSize: REMEMBERED_BYTES_MAX,
      sizeCalculation: ({ identity, lines }) =>
        lines.reduce((bytes, [, value]) => bytes + value.length, ENTRY_BYTES + identity.length),
    })
  }

  begin(): JwtState {
    return { token: '', name: '', keyId: null, wait: null, hasWaited: false, task: null, generation: 0 }
  }

  request(x: RequestPhase, s: JwtState): Verdict {
    if (s.name === '') {
      const wrong = this.read(x, s)
      if (wrong !== null) return wrong
    }
    if (s.task !== null) return this.decide(x, s, s.task)
    const known = this.known.get(s.name)
    if (known !== undefined && known.generation === this.generation && known.until > x.wallTime) {
      this.counts.remembered++
      return this.judge(x, known)
    }
    const keys = this.keysFor(x, s)
    if (keys === null) return x.waitFor(s.wait as SharedWait, TOLD, { within: CHECK_MS })
    const options = { ...this.verifying, currentDate: new Date(x.wallTime) }
    const { token } = s
    const task = this.pool.start(promised(() => this.verify(keys, token, options)))
    if (task === null) return this.late(x)
    s.generation = this.generation
    s.task = task
    return this.decide(x, s, task)
  }

  /** Finds the token. Returns the refusal if it is missing, or cannot be valid. */
  private read(x: RequestPhase, s: JwtState): Verdict | null {
    const lines = x.fields.lines('authorization')
    const { cookie } = this.options
    const inCookie = cookie === undefined ? null : cookieValue(x.fields.get('cookie') ?? '', cookie)
    const bearers = lines.filter((each) => BEARER.test(each))
    if (bearers.length === 0 && inCookie === null) return this.challenge(x, null)
    if (lines.length > 1 || (bearers.length > 0 && inCookie !== null))
      return this.challenge(x, ['invalid_request', 'the request has several credentials'], 400)
    const token = bearers.length > 0 ? bearers[0].replace(/^\S+ */, '') : (inCookie as string)
    try {
      const { alg, kid } = decodeProtectedHeader(token)
      if (!(this.verifying.algorithms as string[]).includes(alg ?? '')) return this.challenge(x, NOT_ALLOWED)
      const { exp } = decodeJwt(token)
      if (typeof exp !== 'number') return this.challenge(x, NOT_ACCEPTED)
      if (exp * 1_000 + this.leewayMs <= x.wallTime) return this.challenge(x, EXPIRED)
      s.keyId = typeof kid === 'string' ? kid : null
    } catch {
      return this.challenge(x, MALFORMED)
    }
    s.token = token
    s.name = this.digest(token)
    return null
  }

  private get generation(): number {
    return this.issuer?.generation ?? 0
  }

  /** Returns the keys; null while they are fetched. Throws if there are none. */
  private keysFor(x: RequestPhase, s: JwtState): TokenKeys | null {
    const { fixed, issuer } = this
    if (fixed !== null) return fixed
    const from = issuer as IssuerKeys
    if (s.wait !== null) {
      if ((s.wait.readiness & TOLD) === 0) return null
      s.wait = null
      s.hasWaited = true
    }
    if (!s.hasWaited) {
      s.wait = from.need(x, s.keyId)
      if (s.wait !== null) return null
    }
    if (from.keys === null) throw new Error(`there are no keys: ${from.why}`)
    return from.keys
  }

  private decide(x: RequestPhase, s: JwtState, task: NonNullable<JwtState['task']>): Verdict {
    if (!task.settled) return x.waitForTask(task, { within: CHECK_MS })
    const { fault, value } = task
    if (fault !== null) {
      // The library reports the fault of a token, or of its key, by a code; a TypeError means a key
      // of another kind.
      const { code } = fault as { code?: unknown }
      if (typeof code !== 'string' && !(fault instanceof TypeError)) throw fault
      return this.challenge(x, code === 'ERR_JWT_EXPIRED' ? EXPIRED : NOT_ACCEPTED)
    }
    const { payload } = value as { readonly payload: JWTPayload }
    const { sub, exp } = payload
    const known: Known = {
      identity: typeof sub === 'string' && sub !== '' ? sub : x.filter,
      lines: linesOf(payload, this.lines),
      meets: meets(payload, this.demands),
      until: (exp as number) * 1_000 + this.leewayMs,
      generation: s.generation,
    }
    this.known.set(s.name, known)
    this.counts.good++
    return this.judge(x, known)
  }

  private judge(x: RequestPhase, { identity, lines, meets }: Known): Verdict {
    if (!meets) return this.challenge(x, ['insufficient_scope', 'the token does not allow this'], 403)
    x.identify(identity)
    x.note('subject', identity)
    if (this.options.credentials !== 'pass') this.removeToken(x)
    for (const [name, value] of lines) x.fields.set(name, value)
    return PASS
  }

  private removeToken({ fields }: RequestPhase): void {
    const { cookie } = this.options
    if (BEARER.test(fields.get('authorization') ?? '')) fields.remove('authorization')
    if (cookie === undefined || !fields.has('cookie')) return
    const kept = (fields.get('cookie') ?? '')
      .split(/; */)
      .filter((each) => each !== '' && each.split('=', 1)[0].trim() !== cookie)
    if (kept.length === 0) fields.remove('cookie')
    else fields.set('cookie', kept.join('; '))
  }

  private challenge(x: RequestPhase, wrong: Wrong | null, status = 401): Verdict {
    this.counts.wrong++
    let text = `Bearer realm="${this.options.realm ?? quotable(x.route)}"`
    if (wrong !== null) text += `, error="${wrong[0]}", error_description="${wrong[1]}"`
    const { scopes } = this.demands
    if (status === 403 && scopes.length > 0) text += `, scope="${scopes.join(' ')}"`
    const fields: FieldLine[] = [['www-authenticate', text]]
    return status === 403 ? x.refuse(DENIED, { fields }) : x.refuse(UNAUTHORIZED, { status, fields })
  }

  late(x: Parameters<NonNullable<Filter['late']>>[0]): Verdict {
    return x.refuse(CHECKS_FULL, { fields: [['retry-after', '1']] })
  }

  release(s: JwtState): void {
    s.wait?.leave()
  }

  describe() {
    return {
      ...this.counts,
      tokens: this.known.size,
      running: this.pool.running,
      waiting: this.pool.waiting,
      ...(this.issuer === null ? {} : { issuer: this.issuer.describe() }),
    }
  }
}

function fixedKeys({ keys, secret, algorithms }: JwtOptions): TokenKeys | null {
  if (secret !== undefined) return secretKeys(secret.text)
  if (keys === undefined) return null
  const read = readKeys(keys.text, algorithms)
  if (typeof read === 'string') throw new Error(read)
  return read
}

function issuerKeys({ jwks }: JwtOptions, context: FilterContext): IssuerKeys | null {
  if (jwks === undefined) return null
  const { backend, path, host = null, refresh = REFRESH_MS } = jwks
  const options = { backend, path, host, refreshMs: refresh }
  const made = context.state(
    `keys ${backend} ${host ?? ''} ${path}`,
    () => new IssuerKeys(context.world, options, (message) => context.tell('warn', message)),
  )
  made.options = options
  return made
}

export const jwt = defineFilter({
  name: 'jwt',
  description: 'Lets requests in that have a token of an issuer.',
  role: 'authentication',
  options: jwtOptions,
  check: checkJwt,
  create: (options, context) => new Jwt(options, context),
})
