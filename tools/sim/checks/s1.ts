// S1: every exchange reaches `log` once, and nothing of it (lease, waiter, deadline, buffer) outlives that.

import type { AdminExchange } from '../../../src/admin/admin-exchange.js'
import type { ExchangeInside, Http1Inside } from '../inside.js'
import { holding, isHttp1, isTcp, receiveBufferInside } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

export function s1(): Checker {
  let logs = 0
  const seen = new WeakSet<object>()
  return {
    turn(scene) {
      for (const exchange of scene.logged) {
        logs++
        if (seen.has(exchange)) fail('S1', `${exchange.id} has logged twice`)
        seen.add(exchange)
        nothingLeft(exchange as unknown as ExchangeInside)
      }
      const wrong = scene.told.check()
      if (wrong !== null) fail('S1', wrong)
      if (scene.proxy.begun !== logs + scene.exchanges.length) {
        fail(
          'S1',
          `${scene.proxy.begun} exchanges have begun, ${logs} logged, ${scene.exchanges.length} live`,
        )
      }
      leasesAreHeld(scene)
      blocksAreHeld(scene)
    },
    end(scene) {
      const { world, proxy } = scene
      if (proxy.begun !== proxy.logged) fail('S1', `${proxy.begun} begun, ${proxy.logged} logged`)
      if (world.memory.bytes !== 0) fail('S1', `${world.memory.bytes} octets are held when all is over`)
      if (world.slabs.lent !== 0) fail('S1', `${world.slabs.lent} slabs are lent when all is over`)
      for (const engine of scene.engines) {
        if (engine.queued !== 0 || engine.sessions.length !== 0) {
          fail(
            'S1',
            `${engine.id} has ${engine.queued} waiters and ${engine.sessions.length} sessions at the end`,
          )
        }
      }
    },
  }
}

function nothingLeft(x: ExchangeInside): void {
  const { lease, frontend, backendStream: backend } = x
  if (lease.session !== null || lease.list !== null) {
    fail('S1', `${x.id} has logged and has its lease`)
  }
  if (x.deadlineArmed) fail('S1', `${x.id} has logged and its deadline is armed`)
  if (x.slot0 !== null || x.slot1 !== null || x.slot2 !== null) fail('S1', `${x.id} has logged and waits`)
  if (frontend.waiter !== null || (backend !== null && backend.waiter !== null) || lease.waiter !== null) {
    fail('S1', `${x.id} has logged and is somebody's waiter`)
  }
  if (frontend.owner === x) fail('S1', `${x.id} has logged and owns its stream`)
  for (const stream of [frontend, backend]) {
    const receiveBuffer = receiveBufferInside(stream?.receiveBuffer as never)
    if (
      stream !== null &&
      receiveBuffer !== null &&
      (receiveBuffer.length > 0 || receiveBuffer.heldBytes > 0)
    ) {
      fail(
        'S1',
        `${x.id} has logged and ${stream.id} holds ${receiveBuffer.length} octets in ${receiveBuffer.heldBytes}`,
      )
    }
    if (stream !== null && !stream.closed && !stream.discarding && !endsWithConnection(stream.connection))
      fail('S1', `${x.id} has logged and ${stream.id} is open`)
  }
}

/**
 * In HTTP/1.1 only closing the connection ends a request that was answered early; the close is under way
 * here.
 */
const endsWithConnection = (carrier: unknown): boolean => {
  const connection = carrier as Http1Inside
  return (isHttp1(connection) || isTcp(connection)) && connection.failure !== null
}

/** The leases of a session are its streams, plus the leases granted and not yet taken. */
function leasesAreHeld(scene: RunView): void {
  for (const session of scene.sessions) {
    let held = session.streams.count + session.output.unopened().length
    for (const x of [...scene.exchanges, ...scene.checks])
      if ((x.lease.session as unknown) === session) held++
    if (session.leased !== held)
      fail('S1', `${session.id} has ${session.leased} leases, and ${held} are held`)
  }
  for (const session of [...scene.http1Sessions, ...scene.tcpSessions]) {
    let held = session.stream === null ? 0 : 1
    for (const x of [...scene.exchanges, ...scene.checks])
      if ((x.lease.session as unknown) === session) held++
    if (session.leased !== held)
      fail('S1', `${session.id} has ${session.leased} leases, and ${held} are held`)
  }
}

/** Blocks belong to receive buffers, and receive buffers to exchanges that live. */
function blocksAreHeld(scene: RunView): void {
  // This runs after every turn, and mostly nothing is held.
  if (scene.world.memory.bytes === 0 && holding(scene.world.memory).next().done === true) return
  let sum = 0
  const live = new Set<unknown>()
  for (const x of scene.exchanges) live.add(x.frontend).add(x.backendStream)
  // The body of a question waits until it is whole.
  for (const each of scene.world.scheduler.alive())
    if (each.kind === 'admin') live.add((each as AdminExchange).stream)
  for (const receiveBuffer of holding(scene.world.memory)) {
    sum += receiveBuffer.heldBytes
    if (!live.has(receiveBuffer.sink))
      fail('S1', `${receiveBuffer.sink.id} holds octets, and its exchange is over`)
  }
  // Of bodies that filters hold no receive buffer has blocks.
  const { bytes, charged } = scene.world.memory
  if (sum + charged !== bytes) fail('S1', `${bytes} octets count as held, ${sum} and ${charged} are`)
}
