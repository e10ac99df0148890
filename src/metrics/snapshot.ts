// The numbers of metrics at one moment, as plain data: they can be sent to another process, added up there,
// and written in the format of Prometheus.

import type { Histogram, HistogramBounds } from './series.js'

const SEPARATOR = '\0'

/** Returns the key of a series: the values of its labels. */
export const keyOf = (values: readonly string[]): string => values.join(SEPARATOR)
/** Returns the values of the labels of a series. */
export const partsOf = (key: string): string[] => key.split(SEPARATOR)

export interface HistogramNumbers {
  readonly bounds: HistogramBounds
  readonly counts: readonly number[]
  readonly sum: number
  readonly count: number
}

export type SeriesNumbers = number | HistogramNumbers

export interface FamilySnapshot {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  /** The series, by {@link keyOf} the values of the labels. */
  readonly series: ReadonlyMap<string, SeriesNumbers>
}

export const numbersOf = ({ bounds, counts, sum, count }: Histogram): HistogramNumbers => ({
  bounds,
  counts: [...counts],
  sum,
  count,
})

/** Returns the sum of both. Histograms of one metric have the same bounds. */
export function added(one: SeriesNumbers, other: SeriesNumbers): SeriesNumbers {
  if (typeof one === 'number' || typeof other === 'number') return Number(one) + Number(other)
  return {
    bounds: one.bounds,
    counts: one.counts.map((count, at) => count + other.counts[at]),
    sum: one.sum + other.sum,
    count: one.count + other.count,
  }
}

/** Returns the text of metrics. */
export function textOf(families: readonly FamilySnapshot[]): string {
  let text = ''
  for (const { name, help, kind, labels, series } of families) {
    text += headOf(name, help, kind)
    for (const [key, numbers] of series) {
      const named = labelsOf(labels, labels.length === 0 ? [] : partsOf(key))
      text += typeof numbers === 'number' ? line(name, named, numbers) : histogramText(name, named, numbers)
    }
  }
  return text
}

const headOf = (name: string, help: string, kind: FamilySnapshot['kind']): string =>
  `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind}\n`

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')

const labelsOf = (names: readonly string[], values: readonly string[]): string =>
  names.map((name, at) => `${name}="${escaped(values[at])}"`).join(',')

const line = (name: string, labels: string, value: number): string =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`

function histogramText(
  name: string,
  labels: string,
  { bounds, counts, sum, count }: HistogramNumbers,
): string {
  const before = labels === '' ? '' : `${labels},`
  let text = ''
  let below = 0
  for (const [at, bound] of bounds.entries()) {
    below += counts[at]
    text += line(`${name}_bucket`, `${before}le="${numberText(bound)}"`, below)
  }
  text += line(`${name}_bucket`, `${before}le="+Inf"`, count)
  return text + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, count)
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
