// All metrics of a server, and their text in the format of Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Names and labels are ours, never a
// client's. The number of series is bounded: past the bound, series of a metric become one, whose labels are
// `other`.

import { Counter, Histogram, type HistogramBounds } from './series.js'
import { type FamilySnapshot, keyOf, numbersOf, partsOf, type SeriesNumbers, textOf } from './snapshot.js'

/** The label value of a series that stands for all those past the bound. */
export const OTHER = 'other'

type Kind = 'counter' | 'gauge' | 'histogram'
type Series = Counter | Histogram

/** Adds the value of a series whose labels have these values. */
export type Add = (value: number, ...values: readonly string[]) => void

/** A metric: series that differ in the values of their labels. */
export class Family<S extends Series> {
  readonly name: string
  readonly help: string
  readonly kind: Kind
  readonly labels: readonly string[]
  private readonly owner: Metrics
  private readonly made: () => S
  private readonly byValues = new Map<string, S>()

  constructor(
    owner: Metrics,
    name: string,
    help: string,
    kind: Kind,
    labels: readonly string[],
    made: () => S,
  ) {
    this.owner = owner
    this.name = name
    this.help = help
    this.kind = kind
    this.labels = labels
    this.made = made
  }

  /**
   * Returns the series with these label values: a new one, if there is none yet. Callers keep it if they can.
   */
  of(...values: readonly string[]): S {
    const key = keyOf(values)
    return this.byValues.get(key) ?? this.add(key, values.length)
  }

  private add(key: string, labels: number): S {
    let own = key
    if (labels > 0 && this.owner.isFull) {
      this.owner.dropped++
      own = keyOf(Array.from({ length: labels }, () => OTHER))
      const other = this.byValues.get(own)
      if (other !== undefined) return other
    }
    const series = this.made()
    this.byValues.set(own, series)
    this.owner.series++
    return series
  }

  /**
   * Removes the series whose label has a value outside this set: the things they name are gone. Returns true
   * if it removed any.
   */
  retain(label: string, values: ReadonlySet<string>): boolean {
    const at = this.labels.indexOf(label)
    if (at < 0) return false
    const { size } = this.byValues
    for (const key of this.byValues.keys()) {
      const value = partsOf(key)[at]
      if (value !== OTHER && !values.has(value)) this.byValues.delete(key)
    }
    this.owner.series -= size - this.byValues.size
    return this.byValues.size < size
  }

  /** Returns its numbers as they are now. */
  snapshot(): FamilySnapshot {
    const { name, help, kind, labels } = this
    const series = new Map<string, SeriesNumbers>()
    for (const [key, each] of this.byValues)
      series.set(key, each instanceof Histogram ? numbersOf(each) : each.value)
    return { name, help, kind, labels, series }
  }
}

/** A metric whose values are read at a scrape. */
interface Collected {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge'
  readonly labels: readonly string[]
  read(add: Add): void
}

export class Metrics {
  /** The number of series, without those that are read at a scrape. */
  series = 0
  /** The number of times that a series past the bound was asked for. */
  dropped = 0
  private readonly seriesMax: number
  private readonly families: (Family<Series> | Collected)[] = []

  /** @param seriesMax the most series of a metric, and the most lines of a metric that is read at a scrape */
  constructor(seriesMax: number) {
    this.seriesMax = seriesMax
  }

  get isFull(): boolean {
    return this.series >= this.seriesMax
  }

  counter(name: string, help: string, ...labels: readonly string[]): Family<Counter> {
    return this.keep(new Family(this, name, help, 'counter', labels, () => new Counter()))
  }

  histogram(
    name: string,
    help: string,
    bounds: HistogramBounds,
    ...labels: readonly string[]
  ): Family<Histogram> {
    return this.keep(new Family(this, name, help, 'histogram', labels, () => new Histogram(bounds)))
  }

  /** Adds a metric whose values are read at a scrape, by a function that must not change anything. */
  collected(
    kind: 'counter' | 'gauge',
    name: string,
    help: string,
    labels: readonly string[],
    read: (add: Add) => void,
  ): void {
    this.families.push({ kind, name, help, labels, read })
  }

  /**
   * Removes the series of all metrics whose label has a value outside this set. Returns true
   * if it removed any.
   */
  retain(label: string, values: ReadonlySet<string>): boolean {
    let removed = false
    for (const each of this.families) if (each instanceof Family && each.retain(label, values)) removed = true
    return removed
  }

  /** Returns all numbers as they are now. */
  snapshot(): FamilySnapshot[] {
    return this.families.map((each) => (each instanceof Family ? each.snapshot() : this.read(each)))
  }

  /** Returns all of them as text. */
  text(): string {
    return textOf(this.snapshot())
  }

  private keep<S extends Series>(family: Family<S>): Family<S> {
    this.families.push(family as unknown as Family<Series>)
    return family
  }

  private read({ name, help, kind, labels, read }: Collected): FamilySnapshot {
    const series = new Map<string, number>()
    let left = this.seriesMax
    read((value, ...values) => {
      const key = left-- > 0 ? keyOf(values) : keyOf(labels.map(() => OTHER))
      series.set(key, (series.get(key) ?? 0) + value)
    })
    return { name, help, kind, labels, series }
  }
}
