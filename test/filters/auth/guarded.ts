// A proxy in memory whose route has filters of the box, as a configuration makes them, for tests of filters
// that let requests in.

import type { FilterConfig } from '../../../src/config/index.js'
import { readText } from '../../../src/config/index.js'
import { type FilterLimits, filterLimits } from '../../../src/filters/index.js'
import { limitTables } from '../../../src/server/check-configuration.js'
import { Filters } from '../../../src/server/filters.js'
import { headers, REQUEST } from '../../../tools/testbed/frames.js'
import type { MemoryProxyOptions } from '../../../tools/testbed/memory-proxy.js'
import { routerTo } from '../../../tools/testbed/short-server.js'
import { filtered, type Lines, Reader } from '../small-proxy.js'

export const configured = (filters: string, more = '') =>
  readText(
    `version: 1\nlisteners: { a: { address: 127.0.0.1:0 } }\nbackends: { app: { endpoints: [127.0.0.1:1] }, auth: { endpoints: [127.0.0.1:2] } }\n${more}routes:\n  - backend: app\n    filters: ${filters}`,
    'a.yaml',
    { ...limitTables(), env: {} },
  )

/** The mistakes of a configuration with these filters, one a line. */
export const mistakesOf = (filters: string): string => {
  const { errors, warnings } = configured(filters)
  return [...errors, ...warnings].map(({ path, message }) => `${path} ${message}`).join('\n')
}

/** A thread that hashes must be started first. */
const LONG_MS = 10_000

export function guarded(
  filters: string,
  options: MemoryProxyOptions = {},
  limits: Partial<FilterLimits> = {},
) {
  const { configuration, errors } = configured(filters)
  if (configuration === null) throw new Error(errors.map((each) => each.message).join('\n'))
  const p = filtered([], REQUEST, options)
  const told: string[] = []
  const log = {
    repeated: (_level: string, _key: string, text: () => string) => {
      told.push(text())
      return true
    },
  }
  const box = new Filters(p.proxy, log as never, { ...filterLimits, ...limits })
  const prepared = box.prepare()
  const uses = configuration.routes[0].filters.map((each) => prepared.use(toBeside(each)))
  prepared.commit()
  p.proxy.routes = routerTo(p.world, [{ host: '', prefix: '/', backend: p.backend }], {}, {}, uses)
  let stream = 1
  const [far] = p.backends
  const backend = new Reader(far)
  backend.read()
  return {
    ...p,
    told,
    box,
    toBackend: backend,
    /** Sends a request with these lines. */
    ask(lines: Lines = [], request: Lines = REQUEST): number {
      stream += 2
      p.far.send(headers(stream, [...request, ...lines]))
      return stream
    },
    /** Runs the loop until the work of others has come in, and this is so. */
    async until(isSo: () => boolean): Promise<void> {
      for (const began = performance.now(); !isSo(); ) {
        if (performance.now() - began > LONG_MS) throw new Error('it never came')
        await new Promise((resolve) => setImmediate(resolve))
        p.pollset.run()
      }
    },
  }
}

/** The backend `auth` of the configuration is the one beside. */
const toBeside = (config: FilterConfig): FilterConfig => ({
  ...config,
  options: JSON.parse(
    JSON.stringify(config.options).replaceAll('"backend":"auth"', '"backend":"h2c://beside"'),
  ),
})

/** Returns what the client got last: its head as an object. */
export const answerOf = (p: ReturnType<typeof guarded>): Record<string, string> =>
  Object.fromEntries(p.client.blocks().at(-1) ?? [])
