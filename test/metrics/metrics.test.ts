// Metrics as numbers, and their text.

import t from 'tap'
import { Metrics } from '../../src/metrics/index.js'

t.test('the text: counters, gauges, histograms, those read at a scrape', (t) => {
  const metrics = new Metrics(100)
  const requests = metrics.counter('a_total', 'Requests.', 'route', 'code')
  requests.of('x', '200').add()
  requests.of('x', '200').add(2)
  requests.of('y "\\\n', '503').add()
  metrics.collected('gauge', 'b', 'One\nline, a \\.', [], (add) => add(-1.5))
  const seconds = metrics.histogram('c_seconds', 'Times.', [0.1, 1], 'route')
  for (const each of [0.05, 0.1, 0.2, 5]) seconds.of('x').observe(each)
  metrics.collected('gauge', 'd', 'Read.', ['at'], (add) => {
    add(1, 'p')
    add(Number.POSITIVE_INFINITY, 'q')
  })
  t.equal(
    metrics.text(),
    `# HELP a_total Requests.
# TYPE a_total counter
a_total{route="x",code="200"} 3
a_total{route="y \\"\\\\\\n",code="503"} 1
# HELP b One\\nline, a \\\\.
# TYPE b gauge
b -1.5
# HELP c_seconds Times.
# TYPE c_seconds histogram
c_seconds_bucket{route="x",le="0.1"} 2
c_seconds_bucket{route="x",le="1"} 3
c_seconds_bucket{route="x",le="+Inf"} 4
c_seconds_sum{route="x"} 5.35
c_seconds_count{route="x"} 4
# HELP d Read.
# TYPE d gauge
d{at="p"} 1
d{at="q"} +Inf
`,
  )
  t.end()
})

t.test('series are bounded: past the bound they are one, and that is counted', (t) => {
  const metrics = new Metrics(3)
  const requests = metrics.counter('a_total', 'Requests.', 'route', 'code')
  for (let i = 0; i < 10; i++) requests.of(`r${i}`, '200').add()
  t.equal(metrics.series, 4)
  t.equal(metrics.dropped, 7)
  t.match(metrics.text(), /^a_total\{route="other",code="other"\} 7$/m)
  metrics.counter('b_total', 'Without labels: it is needed.').of().add()
  t.match(metrics.text(), /^b_total 1$/m)
  metrics.collected('gauge', 'c', 'Read.', ['at'], (add) => {
    for (let i = 0; i < 5; i++) add(1, `p${i}`)
  })
  t.equal(metrics.text().match(/^c\{/gm)?.length, 4)
  t.match(metrics.text(), /^c\{at="other"\} 2$/m)
  t.end()
})

t.test('what is gone has no series, and may come back from 0', (t) => {
  const metrics = new Metrics(3)
  const requests = metrics.counter('a_total', 'Requests.', 'backend', 'code')
  const seconds = metrics.histogram('b_seconds', 'Times.', [1], 'backend')
  requests.of('app', '200').add(5)
  requests.of('other', '200').add()
  seconds.of('app').observe(1)
  t.equal(metrics.retain('backend', new Set(['other'])), true)
  t.equal(metrics.retain('backend', new Set(['other'])), false)
  t.equal(metrics.retain('nothing', new Set()), false)
  t.equal(metrics.series, 1)
  t.notMatch(metrics.text(), /backend="app"/)
  requests.of('app', '200').add()
  t.match(metrics.text(), /^a_total\{backend="app",code="200"\} 1$/m)
  t.end()
})

t.test('the series of those past the bound stays when what they name is gone', (t) => {
  const metrics = new Metrics(1)
  const requests = metrics.counter('a_total', 'Requests.', 'backend')
  for (const backend of ['app', 'web', 'api']) requests.of(backend).add()
  t.match(metrics.text(), /^a_total\{backend="other"\} 2$/m)
  t.equal(metrics.retain('backend', new Set(['app'])), false)
  t.equal(metrics.retain('backend', new Set(['new'])), true)
  t.notMatch(metrics.text(), 'app')
  t.match(metrics.text(), /^a_total\{backend="other"\} 2$/m)
  t.end()
})
