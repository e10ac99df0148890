// The scenarios: protocols, load and aims.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { h2load, medianMsOf, unsuccessful } from '../testbed/h2load.js'
import { run } from '../testbed/programs.js'
import { wrk } from '../testbed/wrk.js'
import { CACHE, CACHE_COPY, FILE, FILE_COPY, FILTERED, FILTERLESS } from './configured.js'
import type { ConnectReport } from './connect-client.js'
import { H2C, type Way } from './contenders.js'
import { NGINX_CACHE } from './nginx-cache.js'

/** ms that one load may take */
const TIMEOUT_MS = 600_000

export interface Aim {
  /** The contender that has the aim; Fermata by default. */
  readonly of?: string
  /** The contender that it is compared with. */
  readonly than: string
  /**
   * The largest ratio of its CPU a request to the other's; or the name of a contender, a copy of the other,
   * whose largest ratio in any round is the bound.
   */
  readonly ratio: number | string
}

export interface Scenario {
  readonly name: string
  readonly way: Way
  readonly file: string
  /** bytes of a response's body */
  readonly body: number
  /** The requests of a round; if wrk makes the load, this number of seconds instead. */
  readonly requests: number
  readonly seconds: number
  readonly clients: number
  /** concurrent streams on each connection */
  readonly streams: number
  /** streams that a backend of HTTP/2 allows on a connection */
  readonly backendStreams: number
  /** True: each request comes on a connection of its own. */
  readonly connects: boolean
  /** Fields of each request, beside those of the load generator. */
  readonly fields: readonly string[]
  /** The contenders, unless others are asked for; null for the usual ones. */
  readonly contenders: readonly string[] | null
  /**
   * True: the backend must not be asked. A run in which it is asked for more than one in a thousand fails.
   */
  readonly isCached: boolean
  /** The aims. The table shows ratios to the first. */
  readonly aims: readonly Aim[]
}

export interface ScenarioOptions {
  readonly requests: number
  readonly largeRequests: number
  readonly connections: number
  readonly seconds: number
  readonly body: number
}

/**
 * The streams that nghttpd, nginx (128), Node and Envoy allow, approximately, and what an operator's own
 * backend may be set to.
 */
const USUAL_STREAMS = 100
const MANY_STREAMS = 1000

const toNghttpx = (ratio: number): readonly Aim[] => [{ than: 'nghttpx', ratio }]

/** The differences from `small-50`. A name that ends in a number has a backend with that many streams. */
const differences = {
  'small-1': () => ({ clients: 1, streams: 100, aims: toNghttpx(0.55) }),
  'small-50': () => ({ aims: toNghttpx(0.7) }),
  'small-1-1000': () => ({ clients: 1, streams: 100, backendStreams: MANY_STREAMS, aims: toNghttpx(0.55) }),
  'small-50-1000': () => ({ backendStreams: MANY_STREAMS, aims: toNghttpx(0.6) }),
  large: ({ body, largeRequests }: ScenarioOptions) => ({
    file: 'large',
    body,
    requests: largeRequests,
    clients: 4,
    streams: 10,
    aims: toNghttpx(1),
  }),
  h1: () => ({
    way: { client: 'h1', backend: 'h1' },
    clients: 64,
    streams: 1,
    aims: [
      { than: 'relay', ratio: 1 },
      { than: 'http-proxy', ratio: 0.333 },
      { than: 'fastify', ratio: 0.333 },
    ],
  }),
  'h2-h1': () => ({ way: { client: 'h2c', backend: 'h1' }, clients: 4, aims: toNghttpx(1.2) }),
  tls: () => ({ way: { client: 'h2', backend: 'h2c' }, aims: toNghttpx(0.8) }),
  'connect-h1': ({ connections }: ScenarioOptions) => ({
    way: { client: 'h1', backend: 'h1' },
    connects: true,
    requests: connections,
    aims: toNghttpx(1.7),
  }),
  'connect-h2': ({ connections }: ScenarioOptions) => ({
    connects: true,
    requests: connections,
    aims: toNghttpx(1.7),
  }),
  filters: () => ({
    // The filters look for it: compress has a body that is too small.
    fields: ['accept-encoding: gzip, br'],
    contenders: [FILE, FILE_COPY, FILTERLESS, FILTERED],
    aims: [
      { of: FILTERLESS, than: FILE, ratio: FILE_COPY },
      { of: FILTERED, than: FILE, ratio: 1.5 },
    ],
  }),
  'cache-hit': () => ({
    way: { client: 'h2c', backend: 'h1' },
    file: 'cached',
    contenders: [CACHE, CACHE_COPY, NGINX_CACHE],
    isCached: true,
    aims: [{ of: CACHE, than: NGINX_CACHE, ratio: 0.5 }],
  }),
} satisfies Record<string, (options: ScenarioOptions) => Partial<Scenario>>

export const scenarioNames = Object.keys(differences) as (keyof typeof differences)[]

/** All of them, in this order. */
export function scenariosOf(options: ScenarioOptions): readonly Scenario[] {
  const { requests, seconds } = options
  return scenarioNames.map((name) => ({
    name,
    way: H2C,
    file: 'small',
    body: 12,
    requests,
    seconds,
    clients: 50,
    streams: 20,
    backendStreams: USUAL_STREAMS,
    connects: false,
    fields: [],
    contenders: null,
    isCached: false,
    ...differences[name](options),
  }))
}

/** Returns the command line of the load, as one would type it. */
export function loadText(scenario: Scenario): string {
  const { clients, streams, seconds } = scenario
  const requests = scenario.requests.toLocaleString('en-US')
  if (scenario.connects) return `a connection, one request, close: ${requests} a round`
  if (scenario.way.client === 'h1') return `wrk -c ${clients} -d ${seconds}s`
  return `h2load -c ${clients} -m ${streams}, ${requests} requests a round`
}

export interface Loaded {
  readonly total: number
  readonly requestsPerSecond: number
  readonly errors: number
  /** ms that half of the requests took at most */
  readonly medianMs: number
}

async function connectLoad(scenario: Scenario, port: number, part: number): Promise<Loaded> {
  const file = join(import.meta.dirname, 'connect-client.js')
  const total = Math.max(100, Math.round(scenario.requests * part))
  const args = [file, String(port), scenario.way.client, String(total)]
  const result = await run(process.execPath, args, { timeoutMs: TIMEOUT_MS })
  if (result.code !== 0) throw new Error(`the client ended with ${result.code}:\n${result.stderr}`)
  return JSON.parse(result.stdout) as ConnectReport
}

/**
 * Load the proxy on this port.
 * @param part of the whole, 0 to 1
 * @param log a file for the load generator's notes
 */
export async function load(scenario: Scenario, port: number, part: number, log: string): Promise<Loaded> {
  const scheme = scenario.way.client === 'h2' ? 'https' : 'http'
  const url = `${scheme}://127.0.0.1:${port}/${scenario.file}`
  if (scenario.connects) return connectLoad(scenario, port, part)
  if (scenario.way.client === 'h1') {
    const seconds = Math.max(1, Math.round(scenario.seconds * part))
    const report = await wrk({ url, connections: scenario.clients, seconds })
    return { ...report, total: report.requests }
  }
  const { clients, streams, fields: headers } = scenario
  const requests = Math.max(Math.round(scenario.requests * part), clients * streams)
  // h2load appends to its log.
  rmSync(log, { force: true })
  const more = [`--log-file=${log}`]
  const report = await h2load({ url, requests, clients, streams, headers, timeoutMs: TIMEOUT_MS, more })
  return {
    total: report.total,
    requestsPerSecond: report.requestsPerSecond,
    errors: unsuccessful(report),
    medianMs: medianMsOf(readFileSync(log, 'latin1')),
  }
}
