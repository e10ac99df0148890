// Runs h2load (of nghttp2) and reads its report.

import { programLimits, run } from './programs.js'

export interface Load {
  readonly url: string
  /** requests in all, over all clients */
  readonly requests: number
  /** connections */
  readonly clients: number
  /** concurrent streams on each connection */
  readonly streams: number
  /** worker threads of h2load */
  readonly threads?: number
  /** The file whose content is sent as the body of a POST. */
  readonly data?: string
  readonly headers?: readonly string[]
  readonly timeoutMs?: number
  /** Further options, as h2load spells them. */
  readonly more?: readonly string[]
}

export interface LoadReport {
  readonly total: number
  readonly done: number
  readonly succeeded: number
  readonly failed: number
  readonly errored: number
  readonly timeout: number
  /** Responses by class of status: h2load does not count 1xx. */
  readonly status2xx: number
  readonly status3xx: number
  readonly status4xx: number
  readonly status5xx: number
  readonly seconds: number
  readonly requestsPerSecond: number
  /** octets of all frames received */
  readonly bytesTotal: number
  /** octets of DATA payload received */
  readonly bytesData: number
  /** mean time of a request */
  readonly requestMeanMs: number
}

/**
 * Returns the time in ms that this part (0 to 1) of the requests took at most, from the file of `--log-file`:
 * a line a request, of which the third column is its microseconds.
 */
export function quantileMsOf(log: string, part: number): number {
  const times = Float64Array.from(log.trimEnd().split('\n'), (line) => Number(line.split('\t')[2])).sort()
  return (times[Math.floor(times.length * part)] ?? Number.NaN) / 1000
}

export const medianMsOf = (log: string): number => quantileMsOf(log, 0.5)

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Reads a duration in h2load's form (`1.23ms`), in milliseconds. */
function milliseconds(text: string): number {
  const parts = /^([0-9.]+)([a-z]+)$/.exec(text)
  const unit = units[parts?.[2] ?? '']
  return parts === null || unit === undefined ? Number.NaN : Number(parts[1]) * unit
}

function find(report: string, pattern: RegExp): readonly string[] {
  const found = pattern.exec(report)
  if (found === null) throw new Error(`h2load's report has no ${pattern}:\n${report.slice(-4000)}`)
  return found.slice(1)
}

/** Reads the report that h2load writes at its end. */
export function parseLoadReport(report: string): LoadReport {
  const [finished, perSecond] = find(report, /finished in ([0-9.]+[a-z]+), ([0-9.]+) req\/s/)
  const counts = find(
    report,
    /requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/,
  ).map(Number)
  const statuses = find(report, /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/).map(Number)
  const bytes = find(report, /traffic: \S+ \((\d+)\) total, .* \((\d+)\) data/).map(Number)
  const [mean] = find(report, /time for request:\s+\S+\s+\S+\s+(\S+)/)
  return {
    total: counts[0] as number,
    done: counts[1] as number,
    succeeded: counts[2] as number,
    failed: counts[3] as number,
    errored: counts[4] as number,
    timeout: counts[5] as number,
    status2xx: statuses[0] as number,
    status3xx: statuses[1] as number,
    status4xx: statuses[2] as number,
    status5xx: statuses[3] as number,
    seconds: milliseconds(finished as string) / 1000,
    requestsPerSecond: Number(perSecond),
    bytesTotal: bytes[0] as number,
    bytesData: bytes[1] as number,
    requestMeanMs: milliseconds(mean as string),
  }
}

/** Returns the number of requests without a response of 2xx. */
export const unsuccessful = (report: LoadReport): number => report.total - report.status2xx

/** Runs h2load to its end. */
export async function h2load(load: Load): Promise<LoadReport> {
  const args = [
    `--requests=${load.requests}`,
    `--clients=${load.clients}`,
    `--max-concurrent-streams=${load.streams}`,
    `--threads=${load.threads ?? 1}`,
    ...(load.data === undefined ? [] : [`--data=${load.data}`]),
    ...(load.headers ?? []).map((each) => `--header=${each}`),
    ...(load.more ?? []),
    load.url,
  ]
  const result = await run('h2load', args, { timeoutMs: load.timeoutMs ?? programLimits.runTimeoutMs })
  if (result.code !== 0) {
    throw new Error(`h2load ended with ${result.code ?? result.signal}:\n${result.stdout}${result.stderr}`)
  }
  return parseLoadReport(result.stdout)
}
