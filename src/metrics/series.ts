// The series of a metric: plain numbers, which are changed where something happens and read at a scrape.

/** A number that only grows. */
export class Counter {
  value = 0

  add(by = 1): void {
    this.value += by
  }
}

/** The upper bounds of buckets, ascending; each includes its bound. One more bucket is above the last. */
export type HistogramBounds = readonly number[]

/** The number of values in each bucket, and their sum. */
export class Histogram {
  readonly bounds: HistogramBounds
  /** The counts of single buckets. Only the text has them added up. */
  readonly counts: Float64Array
  sum = 0
  count = 0

  constructor(bounds: HistogramBounds) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let at = 0
    // There are few buckets, and most values fall into the first.
    while (at < bounds.length && value > bounds[at]) at++
    this.counts[at]++
    this.sum += value
    this.count++
  }
}
