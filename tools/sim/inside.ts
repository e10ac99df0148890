// What the checkers see of the inside: the parts of the proxy as they are, private fields included. The
// only file of the simulator that knows their names; nothing here changes anything.

import type { Continuation } from '../../src/continuation/index.js'
import type { Lease } from '../../src/engine/index.js'
import type { Inbox as HttpInbox } from '../../src/http/index.js'
import { Connection as Http1Connection } from '../../src/http1/connection.js'
import type { Output } from '../../src/http2/output.js'
import type { Deadline, Deadlines, Pollable, SimSocket } from '../../src/pollset/index.js'

export interface InboxInside {
  readonly length: number
  readonly heldBytes: number
  readonly retainedBytes: number
  readonly retainMax: number
  readonly stalled: boolean
  readonly by: { readonly bytes: number }
  readonly receiving: StreamInside
  readonly holdNext: InboxInside | null
}

export interface StreamInside extends Pollable {
  readonly streamId: number
  readonly home: ConnectionInside
  readonly state: number
  readonly sendWindow: number
  readonly recvWindow: number
  readonly windowSize: number
  readonly uncredited: number
  readonly dry: boolean
  readonly closed: boolean
  readonly remoteEnded: boolean
  readonly localEnded: boolean
  readonly sentBytes: number
  readonly granted: number
  readonly interims: readonly unknown[] | null
  readonly inbox: InboxInside | null
  readonly owner: unknown
  readonly hasWork: boolean
  readonly fault: { readonly code: string } | null
}

interface QueueInside {
  readonly first: (StreamInside & { readonly queueNext: StreamInside | null }) | null
}

/** Each type is the field's own, so that a field of another name does not compile: a check of what is not there passes. */
export interface OutputInside {
  readonly sendWindow: number
  readonly controlBytes: Output['controlBytes']
  readonly credit: Output['credit']
  readonly slab: Output['slab']
  readonly finishing: Output['finishing']
  readonly finished: boolean
  readonly ready: QueueInside
  readonly starved: QueueInside
  unopened(): StreamInside[]
}

export interface ConnectionInside extends Continuation {
  readonly socket: SimSocket | null
  readonly output: OutputInside
  readonly failure: unknown
  readonly draining: boolean
  readonly streams: {
    readonly count: number
    readonly ring: readonly (StreamInside | null)[]
    readonly stragglers: ReadonlyMap<number, StreamInside> | null
    readonly resets: ReadonlyMap<number, number> | null
    all(): StreamInside[]
  }
  readonly intake: {
    readonly heldBytes: number
    /** Of a DATA frame that has begun: the stream, and octets that are not here yet. */
    readonly stream: StreamInside | null
    readonly padding: number
    readonly received: {
      readonly window: number
      readonly owed: number
      readonly due: number
      readonly size: number
    }
  }
}

/** A backend's connection is a session as well. */
export interface SessionInside extends ConnectionInside {
  readonly leased: number
  readonly capacity: number
}

/** A stream of HTTP/1.1. */
export interface Http1StreamInside extends StreamInside {
  readonly outstanding: number
}

/** A connection of HTTP/1.1, of either role: one message exchange at a time. */
export interface Http1Inside extends Continuation {
  readonly socket: SimSocket | null
  readonly stream: Http1StreamInside | null
  readonly output: { readonly slab: Buffer | null }
  readonly failure: unknown
  readonly holding: { readonly bytes: number }
  /** Of a backend's. */
  readonly leased: number
  readonly capacity: number
}

/** Which of them it is. */
export const isHttp1 = (connection: Continuation): boolean => connection instanceof Http1Connection

export interface ExchangeInside extends Continuation {
  readonly frontend: StreamInside
  readonly backend: StreamInside | null
  readonly lease: Lease<never>
  readonly outcome: string
  readonly answered: boolean
  readonly receivedAt: number
  readonly attempts: number
}

export interface EngineInside {
  readonly id: string
  readonly sessions: readonly SessionInside[]
  readonly queued: number
  readonly opening: number
  readonly pause: Deadline
  readonly first: Lease<never> | null
}

interface RingInside extends Deadline {
  readonly deadlineNext: Deadline | null
}

/** All deadlines that are armed. */
export function armed(deadlines: Deadlines): Deadline[] {
  const inside = deadlines as unknown as {
    readonly lists: ReadonlyMap<number, { readonly ring: RingInside }>
    readonly wheel: { readonly slots: readonly RingInside[] }
    readonly inWheel: boolean
  }
  const found: Deadline[] = []
  const walk = (ring: RingInside): void => {
    for (let each = ring.deadlineNext; each !== null && each !== ring; each = each.deadlineNext)
      found.push(each)
  }
  for (const { ring } of inside.lists.values()) walk(ring)
  if (inside.inWheel) inside.wheel.slots.forEach(walk)
  return found
}

/** The inboxes that hold blocks, first to last. */
export function* holding(held: object): IterableIterator<InboxInside> {
  for (let each = (held as { first: InboxInside | null }).first; each !== null; each = each.holdNext)
    yield each
}

/** The connection on this socket is being closed from within: its streams are over, whatever still leaves. */
export function givenUp(socket: SimSocket): boolean {
  const output = socket.output as unknown as OutputInside | null
  return socket.closedHere || output === null || output.finishing || output.finished
}

export const inboxInside = (inbox: HttpInbox | null): InboxInside | null =>
  inbox as unknown as InboxInside | null
