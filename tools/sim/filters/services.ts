// The services behind the filters of a run, on one host: the origin of the readers' responses, the issuer's
// keys, the service of externalAuth, and a target of a filter's own requests. The proxy makes connections of
// HTTP/1.1 to them. They answer soon, late or never, also with errors, cut their responses, and end a
// connection at any time.

import type { Prng, SimPeerSocket, SimPeerSocketOwner } from '../../../src/pollset/index.js'
import { fieldOf, type ReadMessage, written } from '../../../src/testing/messages.js'
import type { PeerContext } from '../peer.js'
import { tagOf } from '../stores/books.js'
import { Incoming } from './incoming.js'
import { KEY_SET } from './tokens.js'

export const STORE = { host: '192.0.2.11', port: 11 }
export const STORE_NAME = 'store.sim'
export const STORE_URL = `http://${STORE_NAME}`
export const ASKS_PATH = '/asks'
export const KEYS_PATH = '/keys'
export const VERIFY_PATH = '/verify'
/** The paths of readers: responses that are cached, and those that tokens protect. */
export const CACHED = '/c/'
export const PROTECTED = '/j/'
/** Those that are cached by the second process. */
export const OTHER = '/d/'

export const isOfReader = (path: string | undefined): boolean =>
  path !== undefined && [CACHED, PROTECTED, OTHER].some((each) => path.startsWith(each))

/** The responses of the origin, by number, for the checks of readers. */
export class Store {
  private readonly responses: { readonly key: string; readonly body: string }[] = []

  /** Makes the next response. */
  next(key: string, bytes: number): string {
    const body = `[${key}#${this.responses.length}]`.repeat(Math.ceil(bytes / 6)).slice(0, bytes)
    this.responses.push({ key, body })
    return body
  }

  /** The number of responses so far. */
  get count(): number {
    return this.responses.length
  }

  /** Returns the number of the response that this body names; NaN without one. */
  numberOf(text: string): number {
    return Number(/#(\d+)\]/.exec(text)?.[1] ?? Number.NaN)
  }

  /** Returns true if this is the body of one response to the key, whole or the beginning of it. */
  has(key: string, text: string, whole: boolean): boolean {
    const sent = this.responses[this.numberOf(text)]
    return sent?.key === key && (whole ? sent.body === text : sent.body.startsWith(text))
  }
}

export class Service implements SimPeerSocketOwner {
  private readonly stage: PeerContext
  private readonly far: SimPeerSocket
  private readonly chance: Prng
  private readonly store: Store
  private readonly coming = new Incoming()
  private isOver = false

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng, store: Store) {
    this.stage = stage
    this.far = far
    this.chance = chance
    this.store = store
    far.owner = this
    const { plan, pollset } = stage
    if (chance.chance(plan.diePercent)) pollset.after(chance.below(plan.runMs), () => this.die())
  }

  received(part: Uint8Array): void {
    this.coming.add(part)
    for (let each = this.coming.next(false); each !== null; each = this.coming.next(false)) this.asked(each)
  }

  private asked(message: ReadMessage): void {
    const { chance, stage } = this
    const { plan, pollset } = stage
    const [method, target] = message.start.split(' ')
    stage.tally(`a service asked: ${isOfReader(target) ? 'the origin' : target}`)
    if (!stage.healed && chance.chance(plan.silentPercent)) return
    pollset.after(chance.below(stage.healed ? 2 : 60), () => this.answer(method, target, message))
  }

  private answer(method: string, target: string, message: ReadMessage): void {
    if (this.isOver) return
    const { chance } = this
    if (target === KEYS_PATH) this.send(method, ...this.keys())
    else if (target === VERIFY_PATH) this.send(method, ...this.verdict(message))
    else if (isOfReader(target)) this.send(method, ...this.stored(target))
    else this.send(method, chance.chance(80) ? 200 : 503, [], 'x'.repeat(chance.below(300)))
  }

  private keys(): readonly [number, Lines, string] {
    if (this.stage.healed || this.chance.chance(80)) return [200, [], KEY_SET]
    return this.chance.chance(50) ? [500, [], 'not now'] : [200, [], '{"keys":']
  }

  /** Requests that the ledger knows are let in, or the service fails. */
  private verdict({ fields }: ReadMessage): readonly [number, Lines, string] {
    const { chance } = this
    if (chance.chance(70)) return [200, [['x-user', `u${chance.below(3)}`]], 'y'.repeat(chance.below(300))]
    if (chance.chance(30) || !isOfReader(fieldOf(fields, 'x-forwarded-uri') ?? ''))
      return [503, [], 'not now']
    return [chance.chance(50) ? 401 : 302, [['location', '/login']], 'z'.repeat(chance.below(300))]
  }

  private stored(key: string): readonly [number, Lines, string] {
    const { chance } = this
    const body = this.store.next(key, 20 + chance.below(chance.chance(15) ? 40_000 : 300))
    // Where there are purges, what is fresh stays so.
    const tagged = this.stage.plan.store === 1
    const control = chance.chance(70) ? `max-age=${chance.below(2) * (tagged ? 60 : 1)}` : 'private'
    const fields: Lines = [
      ['cache-control', control],
      ['content-type', 'text/plain'],
      ...(tagged ? [['cache-tag', tagOf(key)] as const] : []),
    ]
    return [200, fields, body]
  }

  private send(method: string, status: number, fields: Lines, body: string): void {
    const { chance, far, stage } = this
    const all: Lines = [...fields, ['content-length', String(body.length)]]
    const text = written(`HTTP/1.1 ${status} Told`, all, method === 'HEAD' ? null : Buffer.from(body))
    if (!stage.healed && chance.chance(10)) {
      stage.tally('a service cuts its answer')
      far.send(text.subarray(0, chance.below(text.length)))
      this.isOver = true
      far.end()
      return
    }
    const cut = chance.below(text.length)
    far.send(text.subarray(0, cut))
    stage.pollset.after(chance.below(20), () => {
      if (!this.isOver) far.send(text.subarray(cut))
    })
  }

  private die(): void {
    if (this.far.gone || this.stage.healed) return
    this.isOver = true
    if (this.chance.chance(50)) this.far.end()
    else this.far.reset()
  }

  ended(): void {
    this.isOver = true
    this.far.end()
  }

  closed(): void {
    this.isOver = true
  }
}

type Lines = readonly (readonly [string, string])[]
