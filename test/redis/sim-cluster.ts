// A proxy before a cluster on the simulated network, whose nodes say what a test wants.

import type { SimPeerSocket } from '../../src/pollset/index.js'
import { type ClusterOptions, RedisBackend } from '../../src/redis/index.js'
import { over, Peer, type Setting, sent, setUp } from './sim-redis.js'

/** Keys in the slots 15495, 3300 and 7365: with equal shares, those of nodes 2, 0 and 1. */
export const KEYS = { a: 2, b: 0, c: 1 } as const
export const SHARES = [
  [0, 5460, 0],
  [5461, 10_922, 1],
  [10_923, 16_383, 2],
] as const

const QUESTION = sent('CLUSTER SLOTS')
const PING = sent('PING')
const RESET = sent('RESET')
const hostOf = (node: number): string => `192.0.2.${31 + node}`
export const PORT = 7_000
export const addressOf = (node: number): string => `${hostOf(node)}:${PORT}`

/** CLUSTER SLOTS, as a node answers it. */
export function slotsReply(ranges: readonly (readonly [number, number, number])[]): string {
  const each = ([first, last, node]: readonly [number, number, number]) =>
    `*3\r\n:${first}\r\n:${last}\r\n*4\r\n$${hostOf(node).length}\r\n${hostOf(node)}\r\n:${PORT}\r\n$2\r\nid\r\n*0\r\n`
  return `*${ranges.length}\r\n${ranges.map(each).join('')}`
}

/** A node: what it says of the slots ('': nothing; 'close'), when it was asked, and its other connections. */
export class SimNode {
  slots: string = slotsReply(SHARES)
  asked: number[] = []
  /** The number of checks that have come. */
  pings = 0
  readonly peers: Peer[] = []

  /** Its connection with clients. */
  get peer(): Peer {
    const found = this.peers.findLast((each) => !each.closed)
    if (found === undefined) throw new Error('nobody is connected')
    return found
  }

  /** The commands that its connections with clients have been asked. */
  take(): string {
    return this.peers.map((each) => each.take()).join('')
  }
}

/** The edges that only commands and parts of a cluster take. */
export const CLUSTER_EDGES: ReadonlySet<string> = new Set([
  'tell → pause',
  'pause → route',
  'pause → drop',
  'judge → pause',
  'pause → lease',
  'pause → fail',
])

export function setUpCluster(setting: Setting = {}, seeds: readonly number[] = [0], nodes = 4) {
  const it = setUp(setting)
  const all = Array.from({ length: nodes }, () => new SimNode())
  for (const [at, node] of all.entries())
    it.pollset.serve({ host: hostOf(at), port: PORT }, (far: SimPeerSocket) => {
      const peer: Peer = new Peer(far, () => {
        if (peer.text.endsWith(RESET)) {
          peer.text = peer.text.slice(0, -RESET.length)
          peer.say('+RESET\r\n')
        }
        if (peer.text === PING) {
          node.pings++
          node.peers.splice(node.peers.indexOf(peer), 1)
          peer.say('+PONG\r\n')
        }
        if (!peer.text.endsWith(QUESTION)) return
        node.peers.splice(node.peers.indexOf(peer), 1)
        peer.take()
        node.asked.push(it.pollset.now)
        if (node.slots === 'close') far.end()
        else peer.say(node.slots)
      })
      node.peers.push(peer)
    })
  const endpointAt = (host: string, port: number) => ({ name: `${host}:${port}`, target: { host, port } })
  const told: string[] = []
  const cluster: ClusterOptions = {
    seeds: seeds.map((each) => endpointAt(hostOf(each), PORT)),
    nodeAt: endpointAt,
  }
  const options = { name: 'main', shards: [], check: null, cluster }
  const backend = new RedisBackend(it.world, options, {
    unreached: () => {},
    learned: (_name, known, why) => void told.push(known > 0 ? `${known} nodes` : why),
  })
  it.proxy.configure({ ...it.proxy.options, backend })
  it.settle()
  // The clock stands where something happens last.
  let passed = 0
  const pass = (ms: number): void => {
    const { pollset } = it
    passed = Math.max(passed, pollset.now) + ms
    pollset.runUntil(() => pollset.now >= passed, passed - pollset.now)
  }
  /** A node says this on its connection with clients. */
  const reply = (node: number, text: string): void => {
    all[node].peer.say(text)
    it.settle()
  }
  const end = (t: Parameters<typeof over>[0]): void => {
    backend.close()
    over(t, it)
  }
  return { ...it, nodes: all, backend, options, told, pass, reply, end }
}
