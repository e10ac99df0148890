// A Redis Cluster of this machine for tests and tools: nodes on ports of their own, without replicas, and
// slots that move from one node to another.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort, run } from './programs.js'
import { type RedisServer, redisCli, startRedis } from './redis.js'

export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  /** The slots that a node says that it has. */
  slotsOf(node: number): number
  /** Moves slots with their keys; settles when they have moved. */
  move(slots: number, from: number, to: number): Promise<void>
  stop(): Promise<void>
}

const idOf = ({ port }: RedisServer): string => redisCli(port, 'CLUSTER', 'MYID').trim()

/** Starts one node, which knows no other. @param directory where it writes what it knows */
export async function startNode(directory: string, args: readonly string[] = []): Promise<RedisServer> {
  mkdirSync(directory, { recursive: true })
  const bus = await freePort()
  const own = ['--cluster-enabled', 'yes', '--cluster-port', String(bus), '--dir', directory]
  return startRedis([...own, '--cluster-node-timeout', '2000', ...args])
}

/** Starts a cluster whose nodes share the slots; settles when all of them say so. */
export async function startCluster(directory: string, nodes = 3): Promise<RedisCluster> {
  const servers: RedisServer[] = []
  for (let n = 0; n < nodes; n++) servers.push(await startNode(join(directory, `node-${n}`)))
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`)
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
  for (const { port } of servers)
    while (!redisCli(port, 'CLUSTER', 'INFO').includes('cluster_state:ok')) await setTimeout(20)
  return {
    nodes: servers,
    slotsOf: (node) => {
      const own = redisCli(servers[node].port, 'CLUSTER', 'NODES')
        .split('\n')
        .find((each) => each.includes('myself'))
      return (own ?? '')
        .split(' ')
        .slice(8)
        .filter((each) => !each.startsWith('['))
        .map((each) => each.split('-').map(Number))
        .reduce((sum, [first, last = first]) => sum + last - first + 1, 0)
    },
    move: async (slots, from, to) => {
      const words = ['--cluster-from', idOf(servers[from]), '--cluster-to', idOf(servers[to])]
      await run('redis-cli', [
        '--cluster',
        'reshard',
        addresses[from],
        ...words,
        '--cluster-slots',
        String(slots),
        '--cluster-yes',
      ])
    },
    stop: async () => {
      for (const { program } of servers) await program.stop()
    },
  }
}
