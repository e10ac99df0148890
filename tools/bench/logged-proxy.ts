// Runs Fermata. Its parent switches the access log and the metrics on and off while it serves: the log by
// another configuration, as a reload does; the metrics, which a reload cannot take away, by their watcher.
//
//   logged-proxy.js FILE: a configuration with an access log and probes

import type { NodePollset } from '../../src/pollset/index.js'
import { readFile } from '../../src/server/serve-file.js'
import { Server } from '../../src/server/server.js'
import { setV8Options } from '../../src/server/v8-options.js'

/** The parts that are on. */
export interface Switch {
  readonly log: boolean
  readonly metrics: boolean
}

/** The message that is sent when it serves, and after each switch. */
export interface Switched {
  /** The number of lines dropped so far. */
  readonly dropped: number
}

setV8Options()
const { made } = readFile(process.argv[2] ?? '')
const { configuration } = made
const server = new Server(made)
const { metrics, proxy } = server
if (metrics === null || configuration.accessLog === null) throw new Error('probes or access log are missing')
const pollset = server.world.pollset as NodePollset
const { onTurn } = pollset

const tell = (): void => {
  process.send?.({ dropped: server.accessLog.droppedLines } satisfies Switched)
}

server.on('serving', tell)
server.on('failed', (_address, code) => {
  throw new Error(`it cannot listen: ${code}`)
})
process.on('message', (wanted: Switch) => {
  proxy.unwatch(metrics)
  if (wanted.metrics) {
    proxy.watch(metrics)
    proxy.measureSteps(metrics)
  } else proxy.ignoreSteps(metrics)
  pollset.onTurn = wanted.metrics ? onTurn : null
  const { accessLog } = configuration
  server.apply({ ...configuration, accessLog: wanted.log ? accessLog : null }, (fault) => {
    if (fault !== null) throw fault
    tell()
  })
})
server.begin()
process.on('disconnect', () => process.exit())
