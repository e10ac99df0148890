// The process log of a command that serves: standard error, which a slow reader never holds up.

import { StandardError } from '../pollset/index.js'
import { defaultLimits, limitsWith, type SomeLimits } from './limits.js'

/** Opens the process log. A process that ends at once writes what it can. */
export function openLog(limits: SomeLimits): StandardError {
  const log = new StandardError(limitsWith(defaultLimits, limits).server.processLogBytesMax)
  process.on('exit', () => log.writeNow())
  return log
}
