// What is measured: which way, under which load, and what the aim is.

import { h2load, unsuccessful } from '../testbed/h2load.js'
import { wrk } from '../testbed/wrk.js'
import { H2C, type Way } from './contenders.js'

export interface Aim {
  /** The contender that it is compared with. */
  readonly than: string
  /** At most this ratio of Fermata's CPU a request to that one's. */
  readonly ratio: number
}

export interface Scenario {
  readonly name: string
  readonly way: Way
  readonly file: string
  /** octets of a response's body */
  readonly body: number
  /** A round of them; where wrk makes the load, so many seconds instead. */
  readonly requests: number
  readonly seconds: number
  readonly clients: number
  /** concurrent streams on each connection */
  readonly streams: number
  /** The first is what the table shows ratios to. */
  readonly aims: readonly Aim[]
}

export const scenarioNames = ['small-1', 'small-50', 'large', 'h1', 'h2-h1', 'tls'] as const

export interface ScenarioOptions {
  readonly requests: number
  readonly largeRequests: number
  readonly seconds: number
  readonly body: number
}

/** All of them, in this order. */
export function scenariosOf({
  requests,
  largeRequests,
  seconds,
  body,
}: ScenarioOptions): readonly Scenario[] {
  const small = { way: H2C, file: 'small', body: 12, requests, seconds, clients: 50, streams: 20 }
  const nghttpx = (ratio: number): readonly Aim[] => [{ than: 'nghttpx', ratio }]
  return [
    { ...small, name: 'small-1', clients: 1, streams: 100, aims: nghttpx(0.6) },
    { ...small, name: 'small-50', aims: nghttpx(0.6) },
    {
      ...small,
      name: 'large',
      file: 'large',
      body,
      requests: largeRequests,
      clients: 4,
      streams: 10,
      aims: nghttpx(1),
    },
    {
      ...small,
      name: 'h1',
      way: { client: 'h1', backend: 'h1' },
      clients: 64,
      streams: 1,
      aims: [
        { than: 'relay', ratio: 1.3 },
        { than: 'http-proxy', ratio: 0.333 },
        { than: 'fastify', ratio: 0.333 },
      ],
    },
    { ...small, name: 'h2-h1', way: { client: 'h2c', backend: 'h1' }, clients: 4, aims: nghttpx(1.2) },
    { ...small, name: 'tls', way: { client: 'h2', backend: 'h2c' }, aims: nghttpx(0.8) },
  ]
}

/** How the load is made, as one would type it. */
export const loadText = (scenario: Scenario): string =>
  scenario.way.client === 'h1'
    ? `wrk -c ${scenario.clients} -d ${scenario.seconds}s`
    : `h2load -c ${scenario.clients} -m ${scenario.streams}, ${scenario.requests.toLocaleString('en-US')} requests a round`

export interface Loaded {
  readonly total: number
  readonly requestsPerSecond: number
  readonly errors: number
}

/** Load the proxy on this port; `part` of the whole, 0 to 1. */
export async function load(scenario: Scenario, port: number, part: number): Promise<Loaded> {
  const scheme = scenario.way.client === 'h2' ? 'https' : 'http'
  const url = `${scheme}://127.0.0.1:${port}/${scenario.file}`
  if (scenario.way.client === 'h1') {
    const seconds = Math.max(1, Math.round(scenario.seconds * part))
    const report = await wrk({ url, connections: scenario.clients, seconds })
    return { ...report, total: report.requests }
  }
  const requests = Math.max(Math.round(scenario.requests * part), scenario.clients * scenario.streams)
  const report = await h2load({
    url,
    requests,
    clients: scenario.clients,
    streams: scenario.streams,
    timeoutMs: 600_000,
  })
  return {
    total: report.total,
    requestsPerSecond: report.requestsPerSecond,
    errors: unsuccessful(report),
  }
}
