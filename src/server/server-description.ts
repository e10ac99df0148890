// Describes a server and its work so far, for people.

import type { Backends } from './backends.js'
import type { Server } from './server.js'

export const describeServer = (
  { world, proxy, accessLog, protocols }: Server,
  backends: Backends,
): Readonly<Record<string, unknown>> => ({
  internalErrors: world.scheduler.crashes,
  exchanges: { begun: proxy.begun, ended: proxy.logged, outcomes: Object.fromEntries(proxy.outcomes) },
  engines: backends.engines().map((engine) => engine.describe()),
  accessLog: { dropped: accessLog.droppedLines },
  held: { bytes: world.memory.bytes, stalls: world.memory.stalls },
  http1: { ...protocols.http1.counts },
  http2: { ...protocols.http2.counts },
})
