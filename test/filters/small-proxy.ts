// A proxy in memory with filters, one client and one backend of HTTP/2, for tests of filters.

import { type Field, FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/index.js'
import type { Filter, FilterUse } from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'

const HEADERS = 1
const DATA = 0

export type Lines = readonly (readonly [string, string])[]

/** Reads all that one end of a connection has got, message by message. */
export class Reader {
  private readonly far: FarEnd
  private readonly decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })

  constructor(far: FarEnd) {
    this.far = far
  }

  /** Returns the field blocks that have come, as lists of lines. */
  blocks(): [string, string][][] {
    return this.read().blocks
  }

  read(): { blocks: [string, string][][]; body: string; types: number[] } {
    const bytes = this.far.take()
    const frames = framesOf(bytes.toString('latin1', 0, 4) === 'PRI ' ? bytes.subarray(24) : bytes)
    const blocks = frames
      .filter(({ type }) => type === HEADERS)
      .map(({ payload }) => {
        const fields: Field[] = []
        this.decoder.decode(payload, 0, payload.length, fields, 65_536, 200)
        return fields.map(({ name, value }): [string, string] => [name, value])
      })
    const body = Buffer.concat(frames.filter(({ type }) => type === DATA).map(({ payload }) => payload))
    return { blocks, body: body.toString('latin1'), types: frames.map(({ type }) => type) }
  }
}

export const use = (
  name: string,
  filter: Filter<unknown>,
  onFailure: FilterUse['onFailure'] = 'refuse',
): FilterUse => ({
  name,
  filter,
  onFailure,
})

/** A proxy whose client has sent a request. */
export function filtered(
  filters: readonly FilterUse[],
  request: Lines = REQUEST,
  options: MemoryProxyOptions = {},
  limits: SomeLimits = {},
) {
  const failures: string[] = []
  const proxy = memoryProxy(limits, { ...options, filters })
  proxy.proxy.watch({
    filterFailed: (_x, filter, error) =>
      failures.push(`${filter}: ${error instanceof Error ? error.message : String(error)}`),
  })
  const far = proxy.client()
  const client = new Reader(far)
  far.send(headers(1, request))
  if (options.speaks !== 'http/1.1')
    for (const each of proxy.backends) each.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
  return { ...proxy, far, client, failures }
}

export const valueIn = (lines: Lines | undefined, name: string): string | undefined =>
  lines?.find(([each]) => each === name)?.[1]
