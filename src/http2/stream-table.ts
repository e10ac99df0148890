// The streams of a connection by id, and the ids of streams that were reset.
//
// Ids of one side grow by two, so a ring indexed by id finds nearly every stream at once (9 ns for a stream's
// life; a Map takes 87). If two streams need one place, the ring doubles, up to a bound. Past the bound the
// newer stream is in a Map.

import { invariant } from '../pollset/index.js'
import type { Http2Stream } from './stream.js'
import { StreamState } from './stream-states.js'

const RING_MIN = 16
const RING_MAX = 4096
/** The number of reset streams that are remembered, to tell late frames from wrong ones (RFC 9113 §5.1). */
const RESETS_KEPT = 256

export class StreamTable {
  /** The number of open streams. */
  count = 0
  private ring: (Http2Stream | null)[] = new Array<Http2Stream | null>(RING_MIN).fill(null)
  private stragglers: Map<number, Http2Stream> | null = null
  private resets: Map<number, number> | null = null
  /** Ids up to this may have been reset and forgotten. */
  private forgotten = 0

  get(id: number): Http2Stream | null {
    const found = this.ring[(id >>> 1) & (this.ring.length - 1)]
    if (found !== null && found.streamId === id) return found
    return this.stragglers === null ? null : (this.stragglers.get(id) ?? null)
  }

  add(stream: Http2Stream): void {
    invariant(this.get(stream.streamId) === null, 'one stream has this id')
    this.count++
    this.place(stream)
  }

  delete(stream: Http2Stream): void {
    const at = (stream.streamId >>> 1) & (this.ring.length - 1)
    if (this.ring[at] === stream) this.ring[at] = null
    else if (this.stragglers === null || !this.stragglers.delete(stream.streamId)) return
    this.count--
    invariant(this.count >= 0, 'a stream leaves the table once')
  }

  /** Returns a copy of all streams, in no order: streams may leave while it is iterated. */
  all(): Http2Stream[] {
    const found: Http2Stream[] = []
    for (const each of this.ring) if (each !== null) found.push(each)
    if (this.stragglers !== null) found.push(...this.stragglers.values())
    return found
  }

  oldestFirst(): Http2Stream[] {
    return this.all().sort((a, b) => a.streamId - b.streamId)
  }

  /**
   * Returns the streams that have used bytes of this window, and their number of bytes; the largest first.
   */
  windowUsers(window: number): (readonly [Http2Stream, number])[] {
    return this.all()
      .map((stream) => [stream, window - stream.sendWindow] as const)
      .filter(([, bytes]) => bytes > 0)
      .sort((a, b) => b[1] - a[1])
  }

  rememberReset(id: number, state: number): void {
    this.resets ??= new Map()
    this.resets.set(id, state)
    if (this.resets.size <= RESETS_KEPT) return
    const oldest = this.resets.keys().next().value as number
    this.resets.delete(oldest)
    if (oldest > this.forgotten) this.forgotten = oldest
  }

  /** Returns the state of an id without a stream. `last`: the highest id of the side that opens streams. */
  stateOf(id: number, last: number): number {
    // Even ids belong to pushes, which we never allow.
    if (id > last || (id & 1) === 0) return StreamState.IDLE
    const state = this.resets?.get(id)
    if (state !== undefined) return state
    // A forgotten id may have been reset: a late frame costs less than the connection.
    return id <= this.forgotten ? StreamState.CLOSED_RESET_BY_US : StreamState.CLOSED_ENDED
  }

  private place(stream: Http2Stream): void {
    for (;;) {
      const at = (stream.streamId >>> 1) & (this.ring.length - 1)
      if (this.ring[at] === null) {
        this.ring[at] = stream
        return
      }
      if (this.ring.length >= RING_MAX) {
        this.stragglers ??= new Map()
        this.stragglers.set(stream.streamId, stream)
        return
      }
      this.grow()
    }
  }

  private grow(): void {
    const old = this.ring
    const ring = new Array<Http2Stream | null>(old.length * 2).fill(null)
    // Two ids of one ring differ modulo n, so they differ modulo 2n.
    for (const each of old) if (each !== null) ring[(each.streamId >>> 1) & (ring.length - 1)] = each
    this.ring = ring
  }
}
