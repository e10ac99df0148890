// The checkers of the proxy for Redis that look inside, after every turn: S1, S4, the second half of S6, Y9.

import {
  Command,
  type Part,
  RedisFrontend,
  type RedisProxy,
  type RedisSession,
} from '../../../src/redis/index.js'
import type { Limits } from '../../../src/server/index.js'
import type { TransportWorld } from '../../../src/transport/index.js'
import { type Checker, fail } from '../checks/check.js'
import type { WaitsView } from '../checks/s5.js'
import { ALONE_MS, type HoldsView } from '../checks/s6.js'
import { askedOf } from './inside.js'

/** A run of Redis, as seen by the checkers. The lists belong to this turn. */
export interface RedisView extends HoldsView, Omit<WaitsView, 'exchanges'> {
  readonly limits: Limits
  readonly world: TransportWorld
  readonly proxy: RedisProxy
  readonly commands: readonly Command[]
  readonly parts: readonly Part[]
  readonly frontends: readonly RedisFrontend[]
  readonly sessions: readonly RedisSession[]
  /** Commands that have ended in this turn, each as often as it did. */
  readonly logged: readonly Command[]
}

/** S1: each command ends once, and nothing of it is left then. */
export function endedOnce(): Checker<RedisView> {
  const seen = new WeakSet<Command>()
  let ended = 0
  return {
    turn(scene) {
      const { proxy, commands, logged } = scene
      for (const each of logged) {
        ended++
        if (seen.has(each)) fail('S1', `${each.id} has ended twice`)
        seen.add(each)
      }
      for (const each of logged) nothingLeft(each)
      let live = 0
      for (const each of commands) {
        if (!each.told) live++
        if (each.frontend.finished && each.suspended !== null && !each.queued && !each.held)
          fail('S1', `${each.id} waits at ${each.stepName}, and its client has gone`)
      }
      if (proxy.begun !== ended + live)
        fail('S1', `${proxy.begun} commands have begun, ${ended} have ended, ${live} live`)
      leasesAreHeld(scene)
    },
    end({ proxy, world, engines }) {
      if (proxy.begun !== ended) fail('S1', `${proxy.begun} commands have begun, ${ended} have ended`)
      if (proxy.size !== 0) fail('S1', `${proxy.size} clients are left when all is over`)
      if (world.memory.bytes !== 0) fail('S1', `${world.memory.bytes} bytes are held when all is over`)
      if (world.slabs.lent !== 0) fail('S1', `${world.slabs.lent} slabs are lent when all is over`)
      for (const { id, queued, sessions } of engines)
        if (queued !== 0 || sessions.length !== 0)
          fail('S1', `${id} has ${queued} waiters and ${sessions.length} sessions at the end`)
    },
  }
}

function nothingLeft(c: Command): void {
  const { lease, answer } = c
  if (lease.session !== null || lease.list !== null) fail('S1', `${c.id} has ended and has its lease`)
  if (c.deadlineArmed) fail('S1', `${c.id} has ended and its deadline is armed`)
  if (lease.waiter !== null || answer.waiter !== null)
    fail('S1', `${c.id} has ended and is somebody's waiter`)
  if (c.frontend.finished && answer.heldBytes > 0)
    fail('S1', `${c.id} has ended, its client has gone, and it holds ${answer.heldBytes} bytes`)
}

/** The leases of a session are the commands that it has, and the grants that are not taken. */
function leasesAreHeld({ sessions, commands, parts, checks }: RedisView): void {
  const own = new Set<unknown>(checks.flatMap(({ engine }) => engine?.sessions ?? []))
  const granted = new Map<RedisSession, number>()
  for (const { lease } of [...commands, ...parts])
    if (lease.session !== null) granted.set(lease.session, (granted.get(lease.session) ?? 0) + 1)
  for (const each of sessions) {
    if (each.state === 'opening' || each.isSurrendered || each.ending || each.isGone || own.has(each))
      continue
    const has = each.owner === null ? askedOf(each).length + (granted.get(each) ?? 0) : 1
    if (each.leased !== has) fail('S1', `${each.id} has ${each.leased} leases, and ${has} have them`)
  }
}

/** S4: what waits and what is kept is within its bounds. */
export function bounded(): Checker<RedisView> {
  return {
    turn({
      limits: { redis, transport, engine: engineLimits },
      world,
      proxy,
      frontends,
      sessions,
      engines,
      plan,
    }) {
      const read = 65_536 + plan.redisLargeBytes
      within('heldBytesMax', world.memory.bytes, transport.heldBytesMax)
      within('slabs lent', world.slabs.lent, frontends.length + sessions.length)
      within('clientsMax', proxy.size, redis.clientsMax)
      for (const each of frontends) {
        within(`commandsMax of ${each.id}`, each.ring.size, redis.commandsMax)
        within(
          `clusterHeldBytes of ${each.id}`,
          each.place.redirects.heldBytes,
          redis.clusterHeldBytes + read,
        )
        within(`clientHeldBytesMax of ${each.id}`, each.output.waiting, redis.clientHeldBytesMax + read)
        within(
          `shareReplyBytesMax of ${each.id}`,
          each.keptBytes,
          redis.shareReplyBytesMax + redis.clientHeldBytesMax + read,
        )
      }
      for (const each of sessions) {
        const { asks, id, owner, output } = each
        if (owner === null) within(`depth of ${id}`, askedOf(each).length, redis.depth)
        if (each.gathering.size > 0 && each.gathering.size >= asks.size && !each.isOver)
          fail('Y44', `${each.gathering.size} commands wait on ${id} for no reply`)
        within(`sessionWaitingBytes of ${id}`, output.waiting, redis.sessionWaitingBytes + read)
        if (owner !== null && asks.size > redis.commandsMax + 2)
          fail('S4', `${id} is asked ${asks.size} things by one client`)
      }
      for (const engine of engines) {
        within(`queueMax of ${engine.id}`, engine.queued, engineLimits.queueMax)
        const { sessionsMax } = engine.limits
        within(`sessionsMax of ${engine.id}`, engine.sessions.length + engine.openings.taken, 2 * sessionsMax)
      }
    },
  }
}

/** S4: all bytes that clients and their commands keep are counted, and for somebody who can give them up. */
export function countedWhole(): Checker<RedisView> {
  return {
    turn({ world: { memory }, frontends, parts }) {
      let held = 0
      for (const each of memory.holders) held += each.heldBytes
      if (held !== memory.bytes)
        fail('S4', `${memory.bytes} bytes are counted, and ${held} of them can be freed`)
      const kept = new Map<RedisFrontend, number>()
      for (const { command, kept: reply } of parts)
        kept.set(command.frontend, (kept.get(command.frontend) ?? 0) + reply.length)
      for (const each of frontends) {
        let bytes = kept.get(each) ?? 0
        for (const { answer, buffer, start, end } of each.ring)
          bytes += answer.heldBytes + (buffer === null ? 0 : end - start)
        if (bytes > each.total.heldBytes)
          fail('S4', `${each.id} keeps ${bytes} bytes, and ${each.total.heldBytes} are counted`)
      }
    },
  }
}

function within(what: string, value: number, most: number): void {
  // Negated, so that NaN and undefined fail too.
  if (!(value >= 0 && value <= most)) fail('S4', `${what}: ${value}, at most ${most}`)
}

/** S6: a hold stops no command but those behind it of the same client. */
export function siblingsGoOn(): Checker<RedisView> {
  return {
    turn({ plan, healed, commands, parts, pollset }) {
      // A command that blocks waits for an element, and others wait behind it.
      if (plan.handOnly === 0 || plan.redisBlockPercent > 0 || healed) return
      const held = new Set<Command>(commands.filter((each) => each.held))
      for (const each of parts) if (each.held) held.add(each.command)
      const first = new Map<RedisFrontend, number>()
      for (const { frontend, number } of held)
        first.set(frontend, Math.min(number, first.get(frontend) ?? number))
      for (const c of commands) {
        if (c.number >= (first.get(c.frontend) ?? Number.POSITIVE_INFINITY)) continue
        const ms = pollset.now - c.receivedAt
        if (ms > ALONE_MS)
          fail('S6', `${c.id} is at ${c.stepName} after ${ms} ms: only holds of other clients can delay it`)
      }
    },
  }
}

/** Y9: a session that its client has alone goes with it. */
export function goesWithItsClient(): Checker<RedisView> {
  return {
    turn({ sessions }) {
      for (const each of sessions) {
        const { owner, id } = each
        if (each.isGone) continue
        if (owner instanceof RedisFrontend && owner.finished)
          fail('Y9', `${id} is that of ${owner.id}, which has gone`)
        for (const asked of askedOf(each))
          if (asked instanceof Command && asked.does === 'blocking' && asked.dropped)
            fail('Y9', `${id} waits for ${asked.id}, whose client has gone`)
      }
    },
  }
}
