// Runs wrk, a load generator of HTTP/1.1, and reads its report.

import { run } from './programs.js'

export interface WrkLoad {
  readonly url: string
  readonly connections: number
  readonly seconds: number
}

export interface WrkReport {
  readonly requests: number
  readonly requestsPerSecond: number
  /** Responses other than 2xx and 3xx, and errors of sockets. */
  readonly errors: number
  /** the most ms that half of the requests took */
  readonly medianMs: number
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

/** Reads the report that wrk writes at its end. */
export function parseWrkReport(report: string): WrkReport {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? Number.NaN)
  const requests = number(/(\d+) requests in/)
  const requestsPerSecond = number(/Requests\/sec:\s+([0-9.]+)/)
  if (Number.isNaN(requests) || Number.isNaN(requestsPerSecond))
    throw new Error(`wrk's report has no requests:\n${report.slice(-4000)}`)
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report) ?? []
  const other = /Non-2xx or 3xx responses: (\d+)/.exec(report) ?? []
  const errors = [...sockets.slice(1), ...other.slice(1)].reduce((sum, each) => sum + Number(each), 0)
  const [, half, unit] = /\s50%\s+([0-9.]+)([a-z]+)/.exec(report) ?? []
  const medianMs = Number(half ?? Number.NaN) * (unitMs[unit ?? ''] ?? Number.NaN)
  return { requests, requestsPerSecond, errors, medianMs }
}

/** Runs wrk to its end, with one thread. */
export async function wrk({ url, connections, seconds }: WrkLoad): Promise<WrkReport> {
  const args = ['--threads=1', '--latency', `--connections=${connections}`, `--duration=${seconds}s`, url]
  const result = await run('wrk', args, { timeoutMs: seconds * 1000 + 30_000 })
  if (result.code !== 0) throw new Error(`wrk ended with ${result.code ?? result.signal}:\n${result.stderr}`)
  return parseWrkReport(result.stdout)
}
