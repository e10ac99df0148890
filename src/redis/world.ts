// A World of Redis connections: the needs of transport, and the limits of this room.

import type { TransportWorld } from '../transport/index.js'
import type { RedisLimits } from './limits.js'

export interface RedisWorld extends TransportWorld {
  readonly redisLimits: RedisLimits
}
