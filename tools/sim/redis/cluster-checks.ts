// Y26: a cluster is asked where its slots are often enough, and not more often than that.

import type { RedisBackend, RedisProxy, ShardMap } from '../../../src/redis/index.js'
import type { Limits } from '../../../src/server/index.js'
import type { Checker } from '../checks/check.js'
import { fail } from '../checks/check.js'
import type { SimCluster } from './cluster.js'

interface ClusterView {
  readonly limits: Limits
  readonly proxy: RedisProxy
}

interface ClusterInside {
  /** When its last question began. */
  readonly begunAt: number
}

/** Rounds of questions do not follow each other too closely. */
export function questionsArePaced(): Checker<ClusterView> {
  let last = Number.NEGATIVE_INFINITY
  return {
    turn({ limits, proxy }) {
      const { cluster } = proxy.options.backend
      if (cluster === null) return
      const { begunAt } = cluster as unknown as ClusterInside
      const { clusterLeastMs } = limits.redis
      if (begunAt !== last && begunAt - last < clusterLeastMs - 0.001)
        fail('Y26', `the nodes are asked again after ${begunAt - last} ms, at least ${clusterLeastMs}`)
      last = begunAt
    },
  }
}

/** The map comes to be true. @param until goes on with the run until this is so, or for as long as that may take */
export function mapIsTrue(
  cluster: SimCluster,
  backend: RedisBackend,
  until: (over: () => boolean) => void,
): void {
  let looked: ShardMap | null = null
  let found: number | null = null
  const wrong = (): number | null => {
    const { map } = backend
    if (map !== looked)
      found = map.isKnown ? cluster.differsFrom((slot) => map.shardAt(slot).current.name) : -1
    looked = map
    return found
  }
  until(() => wrong() === null)
  const slot = wrong()
  if (slot !== null) fail('Y26', `the owner of slot ${slot} is not known`)
}
