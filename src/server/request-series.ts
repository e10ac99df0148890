// The metrics of requests that have ended (spec/metrics.md). The series of a route are looked up once,
// and kept by the values of their labels: building a string from the labels for each request would cost
// more than the count.

import type { Counter, Family, Histogram, Metrics } from '../metrics/index.js'
import type { Exchange, Route } from '../proxy/index.js'

/** The seconds of a request: those of OpenTelemetry's `http.server.request.duration`. */
export const REQUEST_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const

/** Counts the requests with these labels. */
interface Ended {
  readonly listener: string
  readonly backend: string
  readonly outcome: string
  readonly count: Counter
}

/** The series of a route. */
interface RouteSeries {
  readonly route: Route
  readonly seconds: Histogram
  readonly requestBytes: Counter
  readonly responseBytes: Counter
  /** The series by status. Each status has few outcomes, of few listeners. */
  readonly requests: Map<number, Ended[]>
}

export class RequestSeries {
  private readonly requests: Family<Counter>
  private readonly seconds: Family<Histogram>
  private readonly requestBytes: Family<Counter>
  private readonly responseBytes: Family<Counter>
  private byRoute = new WeakMap<Route, RouteSeries>()
  /** The series of the last request. */
  private last: RouteSeries | null = null

  constructor(all: Metrics) {
    this.requests = all.counter(
      'fermata_requests_total',
      'Requests that have ended.',
      'listener',
      'route',
      'backend',
      'code',
      'outcome',
    )
    this.seconds = all.histogram(
      'fermata_request_duration_seconds',
      'Time from the head of a request to the end of its exchange.',
      REQUEST_SECONDS,
      'route',
    )
    this.requestBytes = all.counter('fermata_request_bytes_total', 'Octets of request bodies.', 'route')
    this.responseBytes = all.counter('fermata_response_bytes_total', 'Octets of response bodies.', 'route')
  }

  /** Counts an exchange that has ended. */
  ended(x: Exchange): void {
    const series = this.seriesOf(x.route)
    this.countOf(series, x).add()
    series.seconds.observe((x.now - x.receivedAt) / 1_000)
    series.requestBytes.add(x.backendStream?.sentBytes ?? 0)
    series.responseBytes.add(x.frontend.sentBytes)
  }

  /** Looks everything up again, since series were removed. */
  forget(): void {
    this.byRoute = new WeakMap()
    this.last = null
  }

  private seriesOf(route: Route): RouteSeries {
    if (this.last?.route === route) return this.last
    let series = this.byRoute.get(route)
    if (series === undefined) {
      const { name } = route
      series = {
        route,
        seconds: this.seconds.of(name),
        requestBytes: this.requestBytes.of(name),
        responseBytes: this.responseBytes.of(name),
        requests: new Map(),
      }
      this.byRoute.set(route, series)
    }
    this.last = series
    return series
  }

  private countOf({ requests }: RouteSeries, x: Exchange): Counter {
    const { listener, status, outcome } = x
    const backend = x.backend?.name ?? ''
    let some = requests.get(status)
    if (some === undefined) {
      some = []
      requests.set(status, some)
    }
    for (const each of some)
      if (each.outcome === outcome && each.backend === backend && each.listener === listener)
        return each.count
    const code = status === 0 ? '' : String(status)
    const count = this.requests.of(listener, x.route.name, backend, code, outcome)
    some.push({ listener, backend, outcome, count })
    return count
  }
}
