// A proxy for Redis on the simulated network, with backends and clients whose bytes a test chooses.

import type { Test } from 'tap'
import { type Continuation, createWorld } from '../../src/continuation/index.js'
import { noFaults, type SimFaults, type SimPeerSocket, SimPollset } from '../../src/pollset/index.js'
import {
  RedisBackend,
  type RedisLimits,
  type RedisOptions,
  RedisProxy,
  redisLimits,
} from '../../src/redis/index.js'
import { arrayOf } from '../../src/redis/inline.js'
import { createTransportWorld, type TransportLimits } from '../../src/transport/index.js'
import { Peer } from '../world/text-peer.js'

export { Peer }

export const FRONT = { host: '192.0.2.1', port: 6380 }
export const BACK = { host: '192.0.2.9', port: 6379 }

/** Commands as a client sends them: `SET a 1`. */
export const sent = (...commands: string[]): string =>
  commands.map((each) => arrayOf(each.split(' ')).toString('latin1')).join('')

export interface Setting {
  readonly options?: Partial<RedisOptions>
  readonly limits?: Partial<RedisLimits>
  readonly transport?: Partial<TransportLimits>
  readonly faults?: Partial<SimFaults>
  readonly heard?: (peer: Peer) => void
  readonly seen?: import('../../src/continuation/index.js').Tracer
}

export function setUp(setting: Setting = {}) {
  const { options = {}, limits = {}, transport = {}, faults = {}, heard = () => {}, seen } = setting
  const pollset = new SimPollset(1, { ...noFaults, ...faults })
  const world = {
    ...createTransportWorld(createWorld(pollset), transport),
    redisLimits: { ...redisLimits, ...limits },
  }
  if (seen !== undefined) world.scheduler.tracer = seen
  const backends: Peer[] = []
  pollset.serve(BACK, (far) => backends.push(new Peer(far, heard)))
  const only = { name: 'main', shards: [{ endpoints: [{ name: 'only', target: BACK }] }], check: null }
  const backend = new RedisBackend(world, only)
  const proxy = new RedisProxy(world, { backend, share: 'auto', allowAdmin: false, ...options })
  proxy.listen(FRONT, null)
  const settle = () => pollset.runUntil(() => false, 0)
  settle()
  let ports = 40_000
  const client = (text = '') => {
    const peer = new Peer(pollset.dial(FRONT, { host: '192.0.2.7', port: ports++ }) as SimPeerSocket)
    peer.say(text)
    settle()
    return peer
  }
  /** The backend's session with this number says this. */
  const answer = (text: string, at = backends.length - 1) => {
    backends[at].say(text)
    settle()
  }
  const say = (peer: Peer, text: string) => {
    peer.say(text)
    settle()
  }
  return { pollset, world, proxy, backends, client, settle, answer, say }
}

/** Gives the proxy a second server, for keys that begin with `o:`. Returns the sessions that reach it. */
export function withOther(it: Pick<ReturnType<typeof setUp>, 'pollset' | 'world' | 'proxy'>) {
  const other = { host: '192.0.2.10', port: 6379 }
  const others: Peer[] = []
  it.pollset.serve(other, (far) => others.push(new Peer(far)))
  const shards = [
    { endpoints: [{ name: 'first', target: BACK }] },
    { endpoints: [{ name: 'other', target: other }], prefixes: ['o:'] },
  ]
  const backend = new RedisBackend(it.world, { name: 'two', shards, check: null })
  it.proxy.configure({ ...it.proxy.options, backend })
  return { others, backend }
}

/** Holds what `picks` picks, before its next step; the result lets it go. */
export function holdOne(
  t: Test,
  it: Pick<ReturnType<typeof setUp>, 'world' | 'settle'>,
  picks: (c: Continuation) => boolean,
): () => void {
  const held: Continuation[] = []
  const { scheduler } = it.world
  scheduler.gate = {
    holds(c) {
      if (held.length > 0 || !picks(c)) return false
      held.push(c)
      return true
    },
  }
  return () => {
    scheduler.gate = null
    t.equal(held.length, 1, 'one was held')
    for (const each of held) scheduler.release(each)
    it.settle()
  }
}

/** Lets this much time pass. */
export function pass(
  { pollset, settle }: Pick<ReturnType<typeof setUp>, 'pollset' | 'settle'>,
  ms: number,
): void {
  let isOver = false
  pollset.after(ms, () => {
    isOver = true
  })
  pollset.runUntil(() => isOver)
  settle()
}

/** Drained, and nothing is left. */
export function over(t: Test, { pollset, world, proxy }: ReturnType<typeof setUp>): void {
  proxy.drain()
  pollset.runUntil(() => world.scheduler.living === 0, 300_000)
  t.strictSame(
    [...world.scheduler.alive()].map((each) => `${each.id} ${each.stepName}`),
    [],
  )
  t.strictSame([world.memory.bytes, world.slabs.lent, proxy.clients.size], [0, 0, 0])
}
