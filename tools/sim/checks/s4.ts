// S4: held bytes, queues, tables and counts stay within their named bounds.

import type { Limits } from '../../../src/server/index.js'
import type { ConnectionInside, Http1Inside, StreamInside, TcpInside } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

/** The number of reset streams that a connection remembers (http2/stream-table.ts). */
const RESETS_KEPT = 256
/** The most bytes that one read of a socket returns, given how the actors send (peer1.ts). */
const CHUNK_BYTES = 65_536

export function s4(): Checker {
  const before = new WeakMap<object, { readonly leased: number; readonly capacity: number }>()
  return {
    turn(scene) {
      const { limits, world } = scene
      within('heldBytesMax', world.memory.bytes, limits.transport.heldBytesMax)
      const connections = scene.frontends.length + scene.sessions.length
      const connections1 = scene.http1Frontends.length + scene.http1Sessions.length + scene.tcpSessions.length
      within('slabs lent', world.slabs.lent, connections + connections1)
      for (const each of scene.http1Frontends) http1Connection(each, scene)
      for (const each of scene.http1Sessions) {
        http1Connection(each, scene)
        within(`leases of ${each.id}`, each.leased, each.capacity)
      }
      for (const each of scene.tcpSessions) {
        tunnel(each, limits)
        within(`leases of ${each.id}`, each.leased, each.capacity)
      }
      for (const each of scene.frontends) {
        connection(each, scene)
        within(`concurrentStreamsMax of ${each.id}`, each.streams.count, limits.http2.concurrentStreamsMax)
      }
      for (const each of scene.sessions) {
        connection(each, scene)
        const was = before.get(each) ?? { leased: 0, capacity: each.capacity }
        // A lowered capacity ends no stream but grants no lease (E10). It may have been lowered in this turn.
        if (each.leased > Math.max(each.capacity, was.capacity) && each.leased > was.leased) {
          fail('S4', `${each.id} has ${each.leased} leases, ${each.capacity} allowed`)
        }
        before.set(each, { leased: each.leased, capacity: each.capacity })
      }
      for (const engine of scene.engines) {
        within(`queueMax of ${engine.id}`, engine.queued, limits.engine.queueMax)
        const { sessions, openings, awaitingPeerClose: leavers } = engine
        const taken = sessions.length + openings.taken
        within(`sessionsMax of ${engine.id}`, taken - leavers.size, limits.engine.sessionsMax)
        within(`twice sessionsMax of ${engine.id}`, taken, 2 * limits.engine.sessionsMax)
        within(`openingMax of ${engine.id}`, engine.opening, limits.engine.openingMax)
        let waiting = 0
        for (let each = engine.queue.first; each !== null; each = each.listNext) waiting++
        if (waiting !== engine.queued)
          fail('S4', `${engine.id} counts ${engine.queued} waiters, ${waiting} wait`)
      }
    },
  }
}

function connection(c: ConnectionInside, scene: RunView): void {
  const { limits } = scene
  within(`connectionHeldBytesMax of ${c.id}`, c.intake.heldBytes, limits.transport.connectionHeldBytesMax)
  within(`controlBytesMax of ${c.id}`, c.output.controlBytes, limits.http2.controlBytesMax)
  within(`resets remembered by ${c.id}`, c.streams.resets?.size ?? 0, RESETS_KEPT)
  let count = 0
  for (const each of c.streams.ring) {
    if (each === null) continue
    count++
    interims(each.id, each, limits)
  }
  count += c.streams.stragglers?.size ?? 0
  if (count !== c.streams.count) fail('S4', `${c.id} counts ${c.streams.count} streams, ${count} are there`)
}

function http1Connection(c: Http1Inside, scene: RunView): void {
  const { limits } = scene
  within(`connectionHeldBytesMax of ${c.id}`, c.intake.heldBytes, limits.transport.connectionHeldBytesMax)
  const { stream } = c
  if (stream === null) return
  within(`body ahead of ${stream.id}`, stream.outstanding, limits.http1.bodyAheadBytesMax + CHUNK_BYTES)
  interims(stream.id, stream, limits)
}

function tunnel({ stream }: TcpInside, limits: Limits): void {
  if (stream === null) return
  within(
    `connectionHeldBytesMax of ${stream.id}`,
    stream.receiveBuffer?.heldBytes ?? 0,
    limits.transport.connectionHeldBytesMax,
  )
  within(`bytes ahead of ${stream.id}`, stream.outstanding, limits.http1.bodyAheadBytesMax + CHUNK_BYTES)
}

/** Bounds the interim responses that wait for either side. One alone may be as large as any head. */
function interims(id: string, stream: StreamInside, limits: Limits): void {
  for (const heads of [stream.interims, stream.pendingInterims]) {
    if (heads === null || heads.length === 1) continue
    const bytes = heads.reduce((sum, each) => sum + each.size, 0)
    within(`interimBytesMax of ${id}`, bytes, limits.http2.interimBytesMax)
  }
}

function within(what: string, value: number, most: number): void {
  // Negated, so that NaN and undefined fail too.
  if (!(value >= 0 && value <= most)) fail('S4', `${what}: ${value}, at most ${most}`)
}
