// Fetches the keys of an issuer, for all requests that need them: a separate continuation, which does not end
// when a client leaves. Its request goes through the engine of a backend, like any other.
//
//   awaitHead → read ⇄ read → end
//       └────────→ fail ──────→ end     late, refused, too large, or not a JWKS

import { Continuation, defineLife, type World } from '../../continuation/index.js'
import { BODY, HEAD, RESET } from '../../http/index.js'
import type { Subrequest } from '../../proxy/index.js'
import { readKeySet, type TokenKeys } from './token-keys.js'

const FETCH_MS = 10_000
const BYTES_MAX = 262_144
const CHUNK_BYTES = 16_384

export const keyFetchLife = defineLife({
  name: 'jwt.keys',
  source: import.meta.url,
  edges: {
    awaitHead: ['awaitHead', 'read', 'fail', 'end'],
    read: ['read', 'fail', 'end'],
    fail: ['end'],
    end: ['done'],
  },
})

const { goto, done, suspend } = keyFetchLife
const waitForHead = suspend({ then: 'awaitHead', late: 'fail', cancelled: 'end' })
const waitForBody = suspend({ then: 'read', late: 'fail', cancelled: 'end' })

export class KeyFetch extends Continuation {
  readonly id: string
  readonly kind = 'key-fetch'
  readonly request: Subrequest
  readonly by: number
  /** The keys that have come; null before. */
  keys: TokenKeys | null
  /** The reason why no keys have come. */
  why: string
  readonly chunks: Buffer[]
  bytes: number
  private readonly over: (fetch: KeyFetch) => void

  /** @param over is called once, when it has ended */
  constructor(world: World, id: string, request: Subrequest, over: (fetch: KeyFetch) => void) {
    super(world)
    this.id = id
    this.request = request
    this.by = world.pollset.now + FETCH_MS
    this.keys = null
    this.why = 'it was given up'
    this.chunks = []
    this.bytes = 0
    this.over = over
  }

  start(world: World): void {
    keyFetchSteps.start(world, this, 'awaitHead')
  }

  /** Takes the bytes that have come. Returns false if they are too many. */
  take(): boolean {
    const { request, chunks } = this
    while (request.waitingBytes > 0) {
      const chunk = Buffer.alloc(CHUNK_BYTES)
      const taken = request.take(chunk, 0, CHUNK_BYTES)
      this.bytes += taken
      if (this.bytes > BYTES_MAX) return false
      chunks.push(chunk.subarray(0, taken))
    }
    return true
  }

  ended(): void {
    this.request.leave()
    this.over(this)
  }

  crashed(): void {
    this.ended()
  }

  override describe() {
    return { ...super.describe(), request: this.request.id, bytes: this.bytes }
  }
}

export const keyFetchSteps = keyFetchLife.steps<KeyFetch>({
  /** Waits for the response head. */
  awaitHead(f) {
    const { request } = f
    const { head, refusal } = request
    if (head !== null) {
      if (refusal === null && head.status === 200) return goto.read
      f.why = refusal?.text ?? `the answer is ${head.status}`
      return goto.fail
    }
    if ((request.readiness & RESET) !== 0) {
      f.why = request.fault?.message ?? 'the answer ended early'
      return goto.fail
    }
    f.waitOn(0, request, HEAD | RESET)
    f.waitUntil(f.by)
    f.why = 'the answer is late'
    return waitForHead
  },

  /** Reads the body, and the keys in it when it is whole. */
  read(f) {
    const { request } = f
    request.lower(BODY)
    if (!f.take()) {
      f.why = `the answer has more than ${BYTES_MAX} bytes`
      return goto.fail
    }
    if (request.remoteEnded) {
      const read = readKeySet(Buffer.concat(f.chunks).toString('utf8'))
      if (typeof read !== 'string') {
        f.keys = read
        return goto.end
      }
      f.why = read
      return goto.fail
    }
    if ((request.readiness & RESET) !== 0) {
      f.why = request.fault?.message ?? 'the answer ended early'
      return goto.fail
    }
    f.waitOn(0, request, BODY | RESET)
    f.waitUntil(f.by)
    f.why = 'the answer is late'
    return waitForBody
  },

  fail(f) {
    f.keys = null
    return goto.end
  },

  end(f) {
    f.ended()
    return done
  },
})
