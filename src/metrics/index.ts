// The room of metrics: numbers, and their text for Prometheus. It knows no protocol.

export { type Add, Family, Metrics, OTHER } from './metrics.js'
export { Counter, Histogram, type HistogramBounds } from './series.js'
export { added, type FamilySnapshot, keyOf, partsOf, type SeriesNumbers, textOf } from './snapshot.js'
