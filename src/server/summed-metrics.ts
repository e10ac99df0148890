// The metrics of a server with workers: the sums over all, with the primary's own counts. A counter never
// falls: the last reported numbers of a worker stay after its end. Later counts are lost.

import {
  added,
  type FamilySnapshot,
  keyOf,
  Metrics,
  partsOf,
  type SeriesNumbers,
  textOf,
} from '../metrics/index.js'

import { readProcess } from './process-metrics.js'

/** The metrics whose least value counts: an endpoint is up if all workers say so, and ejected if one does. */
const LEAST: ReadonlySet<string> = new Set(['fermata_backend_endpoint_up', 'process_start_time_seconds'])
const MOST: ReadonlySet<string> = new Set([
  'fermata_backend_endpoint_ejected',
  'fermata_tls_certificate_not_after_seconds',
  'fermata_build_info',
])
/** The metrics that the primary counts for all. */
const PRIMARY_ONLY: ReadonlySet<string> = new Set([
  'fermata_config_reloads_total',
  'fermata_config_last_success_timestamp_seconds',
])
/** The most series of workers that have ended. */
const ENDED_SERIES_MAX = 10_000

/** The primary's counts of its workers. */
export interface WorkerCounts {
  readonly servingCount: number
  readonly ids: readonly string[]
  readonly restarts: number
}

/** The configured names, by label. Series of other names end. */
export type Names = Readonly<Record<string, ReadonlySet<string>>>

export class SummedMetrics {
  /** The metrics of the primary itself. */
  readonly own = new Metrics(100)
  private readonly reloads
  private lastReloadMs = Date.now()
  /** The last reported numbers of each worker. */
  private readonly last = new Map<string, readonly FamilySnapshot[]>()
  /** The counters and histograms of workers that have ended. */
  private ended: readonly FamilySnapshot[] = []

  constructor(workers: WorkerCounts) {
    const { own } = this
    this.reloads = own.counter('fermata_config_reloads_total', 'Configurations that were applied.', 'result')
    for (const result of ['ok', 'refused']) this.reloads.of(result)
    const success = 'fermata_config_last_success_timestamp_seconds'
    own.collected('gauge', success, 'When the configuration was last applied.', [], (add) =>
      add(this.lastReloadMs / 1000),
    )
    own.collected('gauge', 'fermata_workers', 'Workers, by whether they serve.', ['state'], (add) => {
      add(workers.servingCount, 'serving')
      add(workers.ids.length - workers.servingCount, 'starting')
    })
    const restarts = 'Workers that were started in the place of others.'
    own.collected('counter', 'fermata_worker_restarts_total', restarts, [], (add) => add(workers.restarts))
    readProcess(own)
  }

  reloaded(wrong: Error | null): void {
    this.reloads.of(wrong === null ? 'ok' : 'refused').add()
    if (wrong === null) this.lastReloadMs = Date.now()
  }

  /** Notes the numbers that a worker has reported. */
  told(worker: string, families: readonly FamilySnapshot[]): void {
    this.last.set(worker, families)
  }

  /** Notes that a worker has ended: its counts stay. */
  lost(worker: string): void {
    const last = this.last.get(worker)
    this.last.delete(worker)
    if (last !== undefined)
      this.ended = sumOf([this.ended, last.filter(({ kind }) => kind !== 'gauge')], ENDED_SERIES_MAX)
  }

  text(names: Names): string {
    this.ended = this.ended.map((family) => retained(family, names))
    const told = [...this.last.values()].map((all) => all.filter(({ name }) => !PRIMARY_ONLY.has(name)))
    const ended = this.ended.filter(({ name }) => !PRIMARY_ONLY.has(name))
    return textOf(sumOf([...told, ended, this.own.snapshot()], Number.POSITIVE_INFINITY))
  }
}

/** Returns a family without the series of things that are no longer configured. */
function retained(family: FamilySnapshot, names: Names): FamilySnapshot {
  const known = family.labels.map((label) => names[label])
  const series = [...family.series].filter(([key]) =>
    partsOf(key).every((value, at) => known[at]?.has(value) ?? true),
  )
  return { ...family, series: new Map(series) }
}

/** Adds up metrics. @param seriesMax past this number, a series counts as one whose labels are `other` */
function sumOf(all: readonly (readonly FamilySnapshot[])[], seriesMax: number): FamilySnapshot[] {
  const sums = new Map<string, FamilySnapshot & { series: Map<string, SeriesNumbers> }>()
  let count = 0
  for (const family of all.flat()) {
    const sum = sums.get(family.name) ?? { ...family, series: new Map<string, SeriesNumbers>() }
    sums.set(family.name, sum)
    for (const [given, numbers] of family.series) {
      const isKnown = sum.series.has(given)
      const key = isKnown || count < seriesMax ? given : keyOf(family.labels.map(() => 'other'))
      const before = sum.series.get(key)
      if (before === undefined) count++
      sum.series.set(key, before === undefined ? numbers : joined(family.name, before, numbers))
    }
  }
  return [...sums.values()]
}

function joined(name: string, one: SeriesNumbers, other: SeriesNumbers): SeriesNumbers {
  if (LEAST.has(name)) return Math.min(Number(one), Number(other))
  return MOST.has(name) ? Math.max(Number(one), Number(other)) : added(one, other)
}
