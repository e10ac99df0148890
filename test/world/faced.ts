// One connection of ours, in either role, with its stream 1 open, and the test as the peer it faces: what the
// grids of spec/http2 say of a peer's octets is tried on it. Also what a row says: its octets, its verdict.

import type { Continuation } from '../../src/continuation/index.js'
import type { Stream } from '../../src/http/index.js'
import { ErrorCode } from '../../src/http2/codes.js'
import type { Exchange } from '../../src/proxy/exchange.js'
import type { SomeLimits } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

export type Role = 'server' | 'client'

const CODES = Object.keys(ErrorCode)

/** The roles of a row: `both` is a row for each. */
export const rolesOf = (role: string): Role[] => (role === 'both' ? ['server', 'client'] : [role as Role])

/** The octets of a `wire` cell: hexadecimal digits, `HH*N` is an octet HH N times. */
export function octetsOf(wire: string): Buffer {
  const parts: string[] = []
  for (const match of wire.matchAll(/([0-9a-fA-F]{2})(?:\*(\d+))?/g))
    parts.push(match[1].repeat(Number(match[2] ?? 1)))
  return Buffer.from(parts.join(''), 'hex')
}

/** Octet by octet is for what is read octet by octet anyhow; a long tail of one octet says nothing new. */
const OCTETS_APART = 40

/** The same octets whole, octet by octet, and split at every point. */
export function* piecesOf(wire: Buffer): Iterable<{ way: string; pieces: Buffer[] }> {
  yield { way: 'whole', pieces: [wire] }
  const apart = Math.min(wire.length, OCTETS_APART)
  const octets = Array.from({ length: apart }, (_, at) => wire.subarray(at, at + 1))
  yield { way: 'octet by octet', pieces: [...octets, wire.subarray(apart)] }
  for (let at = 1; at < apart; at++)
    yield { way: `split at ${at}`, pieces: [wire.subarray(0, at), wire.subarray(at)] }
}

/** Every proxy of ours has exchanges among its living. */
export function exchangeOn(proxy: ReturnType<typeof memoryProxy>, stream: number): Exchange {
  for (const each of proxy.world.scheduler.alive())
    if (each.kind === 'exchange' && each.id.endsWith(`/s${stream}`)) return each as Exchange
  throw new Error(`no exchange on stream ${stream}`)
}

/** The session of the one engine: our own end of the first connection to the backend. */
export const sessionOf = (proxy: ReturnType<typeof memoryProxy>) => proxy.backend.engines()[0].sessions[0]

export interface ToldByStream {
  readonly state: string
  readonly sendWindow: number
  readonly recvWindow: number
}

/** Describes the stream of an exchange on the side where we have this role. */
export function streamOf(exchange: Exchange, role: Role): ToldByStream {
  const stream = role === 'server' ? exchange.frontend : (exchange.backendStream as Stream)
  return stream.describe() as unknown as ToldByStream
}

/** A connection of ours in this role; `streams` requests are open on it, unfinished: 1, 3 … */
export function faced(role: Role, limits: SomeLimits = {}, streams = 1) {
  const proxy = memoryProxy(limits)
  const client = proxy.client()
  client.send(Buffer.concat(Array.from({ length: streams }, (_, i) => headers(2 * i + 1, REQUEST, false))))
  const backend = proxy.backends[0]
  proxy.greet(backend)
  client.take()
  backend.take()
  const peer = role === 'server' ? client : backend
  const other = role === 'server' ? backend : client
  const exchange = exchangeOn(proxy, 1)
  return {
    proxy,
    client,
    backend,
    peer,
    /** The peer on our other side. */
    other,
    exchange,
    /** Describes stream 1. */
    stream: () => streamOf(exchange, role),
    /** Describes the connection. */
    connection: () =>
      (role === 'server' ? proxy.frontends[0] : (sessionOf(proxy) as unknown as Continuation)).describe() as {
        readonly window: number
        readonly output: { readonly sendWindow: number }
      },
  }
}

/** Returns the verdict that a peer was told: the connection's end, else a stream's, else none. */
export function saidIn(answers: readonly Frame[], stream?: number): string {
  const goaway = answers.find((each) => each.type === 7)
  if (goaway !== undefined) return `connection:${CODES[goaway.payload.readUInt32BE(4)]}`
  const reset = answers.findLast((each) => each.type === 3 && (stream ?? each.stream) === each.stream)
  return reset === undefined ? 'ok' : `stream:${CODES[reset.payload.readUInt32BE(0)]}`
}

/** A verdict in the words of {@link saidIn}: a peer cannot tell an ignored frame from an accepted one. */
export const told = (verdict: string): string => (verdict.includes(':') ? verdict : 'ok')

const PING = Buffer.from('is it so')

/** Returns true if the connection goes on: a PING comes back, acknowledged and with its own octets. */
export function answersPing(peer: FarEnd): boolean {
  peer.take()
  peer.send(frame(6, 0, 0, PING))
  const answers = framesOf(peer.take()).filter((each) => each.type === 6 && each.flags === 1)
  return answers.length === 1 && answers[0].payload.equals(PING)
}
