// The inside of the proxy, as seen by the checkers, with private fields. The only file of the simulator that
// knows their names; nothing here changes anything. Where a type is written Class['name'], the compiler
// refuses a name that is gone: a checker that reads nothing finds nothing.

import type { Continuation } from '../../src/continuation/index.js'
import type { Engine, Lease, Session } from '../../src/engine/index.js'
import { CodingPause } from '../../src/filters/compress/coded-body.js'
import type { BodyIntake } from '../../src/http1/body-intake.js'
import { Http1Connection } from '../../src/http1/connection.js'
import type { Http1Stream } from '../../src/http1/stream.js'
import type { Http2Connection } from '../../src/http2/connection.js'
import type { Output } from '../../src/http2/output.js'
import type { Http2Stream } from '../../src/http2/stream.js'
import type { Deadline, Deadlines, Pollable, SimSocket } from '../../src/pollset/index.js'
import { Check } from '../../src/proxy/health-check.js'
import type { Endpoint, Exchange, HealthCheck } from '../../src/proxy/index.js'
import type { Progress } from '../../src/proxy/progress.js'
import { TcpSession } from '../../src/proxy/tcp-session.js'
import type { TcpStream } from '../../src/proxy/tcp-stream.js'
import type { ReceiveBuffer as HttpReceiveBuffer } from '../../src/transport/index.js'

export interface ReceiveBufferInside {
  readonly length: HttpReceiveBuffer['length']
  readonly heldBytes: HttpReceiveBuffer['heldBytes']
  readonly retainedBytes: HttpReceiveBuffer['retainedBytes']
  readonly takenBytes: HttpReceiveBuffer['takenBytes']
  readonly retainMax: HttpReceiveBuffer['retainMax']
  readonly stalled: HttpReceiveBuffer['stalled']
  readonly by: { readonly bytes: number }
  readonly sink: StreamInside
  readonly listNext: ReceiveBufferInside | null
}

export interface StreamInside extends Pollable {
  readonly streamId: Http2Stream['streamId']
  readonly connection: ConnectionInside
  readonly state: Http2Stream['state']
  readonly sendWindow: Http2Stream['sendWindow']
  readonly recvWindow: Http2Stream['recvWindow']
  readonly windowSize: Http2Stream['windowSize']
  readonly uncredited: Http2Stream['uncredited']
  readonly discarding: Http2Stream['discarding']
  readonly closed: Http2Stream['closed']
  readonly remoteEnded: Http2Stream['remoteEnded']
  readonly localEnded: Http2Stream['localEnded']
  readonly sentBytes: Http2Stream['sentBytes']
  readonly granted: Http2Stream['granted']
  readonly arrivingUntil: Http2Stream['arrivingUntil']
  readonly interims: Http2Stream['interims']
  readonly pendingInterims: Http2Stream['pendingInterims']
  readonly receiveBuffer: ReceiveBufferInside | null
  readonly owner: Http2Stream['owner']
  readonly hasWork: Http2Stream['hasWork']
  readonly fault: { readonly code: string } | null
}

interface QueueInside {
  readonly first: (StreamInside & { readonly listNext: StreamInside | null }) | null
}

/**
 * Each type is taken from the field, so a renamed field does not compile. Otherwise a check of a missing
 * field would pass.
 */
export interface OutputInside {
  readonly sendWindow: Output['sendWindow']
  readonly controlBytes: Output['controlBytes']
  readonly resetsWaiting: Output['resetsWaiting']
  readonly credit: Output['credit']
  readonly slab: Output['slab']
  readonly finishing: Output['finishing']
  readonly finished: Output['finished']
  readonly ready: QueueInside
  readonly starved: QueueInside
  unopened(): StreamInside[]
}

export interface ConnectionInside extends Continuation {
  readonly socket: SimSocket | null
  readonly output: OutputInside
  readonly failure: Http2Connection['failure']
  readonly draining: Http2Connection['draining']
  readonly streams: {
    readonly count: number
    readonly ring: readonly (StreamInside | null)[]
    readonly stragglers: ReadonlyMap<number, StreamInside> | null
    readonly resets: ReadonlyMap<number, number> | null
    all(): StreamInside[]
  }
  readonly intake: {
    readonly heldBytes: number
    /** The stream of the current DATA frame, and how many of its bytes have not arrived. */
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
  readonly state: Session['state']
  readonly leased: Session['leased']
  readonly capacity: Session['capacity']
}

/** A stream of HTTP/1.1. */
export interface Http1StreamInside extends StreamInside {
  readonly outstanding: Http1Stream['outstanding']
  readonly answerBy: Http1Stream['answerBy']
}

/** A connection of HTTP/1.1, of either role: one message exchange at a time. */
export interface Http1Inside extends Continuation {
  readonly socket: SimSocket | null
  readonly stream: Http1StreamInside | null
  readonly output: { readonly slab: Buffer | null }
  readonly failure: Http1Connection['failure']
  readonly intake: { readonly heldBytes: BodyIntake['heldBytes'] }
  /** On a session only. */
  readonly leased: number
  readonly capacity: number
}

/** A connection to the target of a CONNECT; its stream is a tunnel. */
export interface TcpInside extends Continuation {
  readonly socket: SimSocket
  readonly stream: (StreamInside & { readonly outstanding: TcpStream['outstanding'] }) | null
  readonly failure: TcpSession['failure']
  readonly leased: TcpSession['leased']
  readonly capacity: TcpSession['capacity']
}

export const isHttp1 = (connection: unknown): boolean => connection instanceof Http1Connection
export const isTcp = (connection: unknown): boolean => connection instanceof TcpSession
export const isCheck = (each: unknown): boolean => each instanceof Check

export interface ExchangeInside extends Continuation {
  readonly frontend: StreamInside
  readonly backendStream: StreamInside | null
  readonly lease: Lease<never>
  readonly engine: EngineInside | null
  readonly outcome: Exchange['outcome']
  readonly receivedAt: Exchange['receivedAt']
  readonly progress: { readonly receivedAt: Progress['receivedAt'] }
  readonly attempts: Exchange['attempts']
  readonly sent: Exchange['sent']
  readonly countsAsTunnel: Exchange['countsAsTunnel']
  readonly tunnelOpen: Exchange['tunnelOpen']
  readonly proxy: Exchange['proxy']
  readonly backend: Exchange['backend']
  readonly filters: Exchange['filters']
  readonly endpoint: Exchange['endpoint']
  readonly connecting: Exchange['connecting']
  readonly route: Exchange['route']
}

/** The session of an active check, with its engine and lease. */
export interface CheckInside {
  readonly engine: EngineInside
  readonly lease: Check['own']['lease']
}

/** The backends of a run, with the deadlines of their active checks. */
export interface BackendsInside {
  readonly configured: ReadonlyMap<string, { readonly checks: ReadonlyMap<Endpoint, HealthCheck | null> }>
}

/** The steps before a final head, or an answer of ours, was queued to the client. */
const BEFORE_RESPONSE = new Set([
  'receive',
  'route',
  'filterRequest',
  'balance',
  'filterAttempt',
  'lease',
  'leaseLate',
  'sendHead',
  'awaitHead',
  'filterResponse',
  'retry',
])

/** Returns true if a final head was queued to the client, or never will be. */
export const responseBegun = (x: ExchangeInside): boolean => !BEFORE_RESPONSE.has(x.stepName)

export interface EngineInside {
  readonly id: string
  readonly name: string
  readonly closing: boolean
  readonly sessions: readonly SessionInside[]
  readonly queued: Engine<never>['queued']
  readonly opening: Engine<never>['opening']
  readonly openings: { readonly taken: number; readonly pause: Deadline }
  readonly idle: Deadline
  readonly queue: { readonly first: Lease<never> | null }
  /** The number of leases that a session may have: private in the engine, as is the queue. */
  readonly share: number
  readonly doubtful: ReadonlySet<unknown>
  readonly awaitingPeerClose: ReadonlySet<unknown>
  readonly limits: { readonly sessionsMax: number }
}

interface RingInside extends Deadline {
  readonly deadlineNext: Deadline | null
}

/** Counts the armed deadlines, but those of bodies that are coded: no continuation waits for them. */
export function countArmed(deadlines: Deadlines): number {
  let count = 0
  eachArmed(deadlines, (each) => {
    if (!(each instanceof CodingPause)) count++
  })
  return count
}

/** Returns the armed deadlines. */
export function armed(deadlines: Deadlines): Deadline[] {
  const found: Deadline[] = []
  eachArmed(deadlines, (each) => found.push(each))
  return found
}

function eachArmed(deadlines: Deadlines, see: (each: Deadline) => void): void {
  const inside = deadlines as unknown as {
    readonly lists: ReadonlyMap<number, { readonly ring: RingInside }>
    readonly wheel: { readonly slots: readonly RingInside[] }
    readonly inWheel: boolean
  }
  const walk = (ring: RingInside): void => {
    for (let each = ring.deadlineNext; each !== null && each !== ring; each = each.deadlineNext) see(each)
  }
  for (const { ring } of inside.lists.values()) walk(ring)
  if (inside.inWheel) inside.wheel.slots.forEach(walk)
}

/** The receive buffers that hold blocks, first to last. */
export function* holding(held: object): IterableIterator<ReceiveBufferInside> {
  const { holders } = held as { holders: { first: ReceiveBufferInside | null } }
  for (let each = holders.first; each !== null; each = each.listNext) yield each
}

/**
 * Returns true if we are closing the connection on this socket. Its streams are over then, though output
 * may still leave.
 */
export function givenUp(socket: SimSocket): boolean {
  const output = socket.output as unknown as OutputInside | null
  return socket.closedHere || output === null || output.finishing || output.finished
}

export const receiveBufferInside = (receiveBuffer: HttpReceiveBuffer | null): ReceiveBufferInside | null =>
  receiveBuffer as unknown as ReceiveBufferInside | null
