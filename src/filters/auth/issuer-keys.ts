// The keys of an issuer that publishes them. They are fetched when the first token comes; again in the
// background when they are old; and at once, but not often, for a token that names an unknown key. Old keys
// stay while the issuer does not answer.

import type { HttpWorld } from '../../http/index.js'
import type { RequestPhase } from '../../proxy/index.js'
import { KeyFetch } from './key-fetch.js'
import { type SharedWait, SharedWaits } from './shared-wait.js'
import type { TokenKeys } from './token-keys.js'

/** The fewest ms between two fetches of unknown keys, and after a failure. */
const UNKNOWN_MS = 30_000
const FAILED_MS = 1_000

export interface IssuerOptions {
  readonly backend: string
  readonly path: string
  readonly host: string | null
  readonly refreshMs: number
}

export class IssuerKeys {
  /** The keys; null before the first successful fetch. */
  keys: TokenKeys | null = null
  /** Rises when the keys change: tokens that were checked with old keys are checked again. */
  generation = 0
  options: IssuerOptions
  readonly counts = { fetched: 0, failed: 0 }
  /** The reason why the last fetch has failed; '' if it has not. */
  why = ''
  private fetch: KeyFetch | null = null
  private beganAt = Number.NEGATIVE_INFINITY
  private cameAt = Number.NEGATIVE_INFINITY
  private text = ''
  private readonly waits = new SharedWaits('fetches the keys of the issuer')
  private readonly world: HttpWorld
  private readonly tell: (message: string) => void

  constructor(world: HttpWorld, options: IssuerOptions, tell: (message: string) => void) {
    this.world = world
    this.options = options
    this.tell = tell
  }

  /** Returns a wait if keys must be fetched for a token with this key id; null if there are keys to try. */
  need(x: RequestPhase, keyId: string | null): SharedWait | null {
    const { keys, now, fetch } = this
    const isKnown = keys !== null && (keys.ids === null || keyId === null || keys.ids.has(keyId))
    const pause = keys === null || this.why !== '' ? FAILED_MS : UNKNOWN_MS
    const isOld = now - this.cameAt >= this.options.refreshMs
    const mayFetch = fetch === null && now - this.beganAt >= (isKnown ? FAILED_MS : pause)
    if (mayFetch && (!isKnown || isOld)) this.begin(x)
    return isKnown || this.fetch === null ? null : this.waits.join(`${x.id}.keys`)
  }

  private get now(): number {
    return this.world.pollset.now
  }

  private begin(x: RequestPhase): void {
    const { backend, path, host } = this.options
    this.beganAt = this.now
    const id = this.world.nextId('k')
    const request = x.subrequest({
      id: `${id}/s1`,
      backend,
      target: path,
      ...(host === null ? {} : { authority: host }),
      without: () => true,
      fields: [['accept', 'application/jwk-set+json, application/json']],
    })
    const fetch = new KeyFetch(this.world, id, request, (ended) => this.ended(ended))
    this.fetch = fetch
    this.waits.subject = fetch
    fetch.start(this.world)
  }

  private ended(fetch: KeyFetch): void {
    this.fetch = null
    this.waits.subject = null
    if (fetch.keys === null) {
      this.counts.failed++
      this.why = fetch.why
      if (!fetch.cancelAsked)
        this.tell(
          `the keys of the issuer cannot be fetched from the backend ${this.options.backend}: ${fetch.why}${this.keys === null ? '' : '; the old ones stay in use'}`,
        )
    } else {
      this.counts.fetched++
      this.why = ''
      this.cameAt = this.now
      const text = Buffer.concat(fetch.chunks).toString('latin1')
      if (text !== this.text) {
        this.text = text
        this.keys = fetch.keys
        this.generation++
      }
    }
    this.waits.tell()
  }

  close(): void {
    this.fetch?.cancel()
  }

  describe() {
    return {
      keys: this.keys?.ids?.size ?? 0,
      ...this.counts,
      ...(this.why === '' ? {} : { failure: this.why }),
    }
  }
}
