// The things that the actors of a run with Redis share.

import type { SimPollset } from '../../../src/pollset/index.js'
import type { Plan } from '../plan.js'
import type { Books } from './books.js'
import type { SimCluster } from './cluster.js'
import type { SimShards } from './shards.js'

export interface RedisStage {
  readonly plan: Plan
  readonly pollset: SimPollset
  readonly books: Books
  /** Null: there is none. */
  readonly cluster: SimCluster | null
  /** Null: keys are not divided among servers that do not know of each other. */
  readonly shards: SimShards | null
  /** Keys are at several servers. */
  readonly divides: boolean
  /** True once the proxy knows the slots of all nodes. */
  readonly hasMap: boolean
  /** True once the faults are over. From then on every actor behaves. */
  readonly healed: boolean
  tally(kind: string): void
  /** Notes this in the trace. */
  say(text: () => string): void
  /** Gets all bytes that actors receive. */
  readonly octets: ((bytes: Uint8Array) => void) | null
  /** Returns true if the proxy may end the connection of this client. */
  mayEnd(client: number): boolean
}

export const USERS: Readonly<Record<string, string>> = { ann: 'secret', ben: 'hidden' }
export const DATABASES = 3
export const CHANNELS = ['news', 'noise']
