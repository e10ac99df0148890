// Readers: clients of HTTP/1.1, many of which want the same at the same time. Each has one request on its own
// connection. They ask for cached responses and for those that tokens protect, coded or not, and leave at any
// time. Each reader gets one response of the origin to its own URL, whole or the beginning of it (X3, X6).

import { gunzipSync } from 'node:zlib'
import type { Prng, SimPeerSocket, SimPeerSocketOwner } from '../../../src/pollset/index.js'
import { fieldOf, type ReadMessage, written } from '../../../src/testing/messages.js'
import { fail } from '../checks/check.js'
import type { PeerContext } from '../peer.js'
import type { StoreBooks } from '../stores/books.js'
import { Incoming } from './incoming.js'
import { CACHED, OTHER, PROTECTED, type Store } from './services.js'
import { BAD_TOKEN, GOOD_TOKEN } from './tokens.js'

/** The keys of either kind of path. */
const KEYS = 4
/** A shorter body does not name its response. */
const NAMED_BYTES = 20

class Reader implements SimPeerSocketOwner {
  private readonly coming: Incoming
  private isOver = false
  private readonly stage: PeerContext
  private readonly far: SimPeerSocket
  private readonly store: Store
  private readonly method: string
  private readonly key: string
  private readonly purges: StoreBooks | null
  private readonly since: number

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng, store: Store, purges: StoreBooks | null) {
    this.stage = stage
    this.far = far
    this.store = store
    this.purges = purges
    this.since = stage.pollset.clock
    far.owner = this
    const isProtected = chance.chance(40)
    const isOther = purges !== null && !isProtected && chance.chance(40)
    this.key = `${isProtected ? PROTECTED : isOther ? OTHER : CACHED}${chance.below(KEYS)}`
    this.method = chance.chance(80) ? 'GET' : chance.chance(50) ? 'HEAD' : 'POST'
    this.coming = new Incoming(this.method === 'HEAD')
    const fields: [string, string][] = [['host', 'sim']]
    if (chance.chance(40)) fields.push(['accept-encoding', 'gzip'])
    if (isProtected && chance.chance(80))
      fields.push(['authorization', `Bearer ${chance.chance(80) ? GOOD_TOKEN : BAD_TOKEN}`])
    const body = this.method === 'POST' ? Buffer.alloc(chance.below(3_000), 'b') : null
    far.send(written(`${this.method} ${this.key} HTTP/1.1`, fields, body))
    if (!chance.chance(25)) return
    stage.pollset.after(chance.below(100), () => {
      if (this.isOver || stage.healed) return
      this.isOver = true
      far.reset()
    })
  }

  received(part: Uint8Array): void {
    this.coming.add(part)
    this.look(false)
  }

  ended(): void {
    this.look(true)
    this.far.end()
  }

  closed(): void {
    this.look(true)
  }

  private look(ended: boolean): void {
    if (this.isOver) return
    const message = this.coming.next(ended)
    if (message === null && !ended) return
    this.isOver = true
    this.far.end()
    if (message === null) this.prefix()
    else if (this.method !== 'HEAD') this.whole(message)
  }

  private whole({ start, fields, body }: ReadMessage): void {
    this.stage.tally(`a reader got ${start.split(' ')[1]}`)
    if (!start.startsWith('HTTP/1.1 200')) return
    const coding = fieldOf(fields, 'content-encoding')
    if (coding === 'gzip') this.stage.tally('a reader got it coded')
    const isFramed = fieldOf(fields, 'transfer-encoding') ?? fieldOf(fields, 'content-length')
    this.check(coding === 'gzip' ? gunzipSync(body) : body, isFramed !== null)
  }

  /** A body that was cut, and has a length of its own. */
  private prefix(): void {
    const { bytes } = this.coming
    const at = bytes.indexOf('\r\n\r\n')
    const head = bytes.toString('latin1', 0, Math.max(0, at))
    if (at < 0 || !head.startsWith('HTTP/1.1 200')) return
    if (!/content-length/i.test(head) || /content-encoding/i.test(head)) return
    this.check(bytes.subarray(at + 4), false)
  }

  private check(body: Buffer, whole: boolean): void {
    if (body.length < NAMED_BYTES) return
    const text = body.toString('latin1')
    if (!this.store.has(this.key, text, whole))
      fail(
        'X3',
        `${this.key} got ${text.length} bytes that are not those of a response to it: ${text.slice(0, 40)}`,
      )
    const { key, purges, since, store } = this
    const least = purges?.least(key.startsWith(OTHER) ? 1 : 0, key, since) ?? 0
    if (store.numberOf(text) < least)
      fail('G20', `${key}, asked for at ${since}, got ${text.slice(0, 40)}, which was purged before`)
  }

  /** The run is over. */
  part(): void {
    this.isOver = true
    this.far.end()
  }
}

export class Readers {
  private readonly all: Reader[] = []

  /**
   * @param dial connects the nth reader; null if it is refused
   * @param purges the purges of each process; null without any
   */
  constructor(
    stage: PeerContext,
    chance: Prng,
    store: Store,
    dial: (number: number) => SimPeerSocket | null,
    purges: StoreBooks | null,
  ) {
    const { plan, pollset } = stage
    for (let number = 0; number < plan.readers; number++) {
      const own = chance.fork()
      pollset.after(own.below(plan.runMs), () => {
        const far = stage.healed ? null : dial(number)
        if (far !== null) this.all.push(new Reader(stage, far, own, store, purges))
      })
    }
  }

  part(): void {
    for (const each of this.all) each.part()
  }
}
