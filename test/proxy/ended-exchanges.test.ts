// Exchanges that have ended in a turn, as watchers are told of them together.

import t from 'tap'
import { type Exchange, type ExchangeWatcher, stepTimeNames } from '../../src/proxy/index.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const HTTP1 = { clients: 'http/1.1', speaks: 'http/1.1' } as const
const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

/** A proxy that has sent this number of requests to backends, and what its watcher is told. */
function waiting(requests: number, ended: (x: Exchange) => void = () => {}) {
  const it = memoryProxy({}, HTTP1)
  const told: string[][] = []
  const waits: (number | undefined)[] = []
  const watcher: ExchangeWatcher = {
    ended,
    endedTogether: (exchanges) => {
      told.push(exchanges.map(({ id, outcome }) => `${id} ${outcome}`))
      waits.push(...exchanges.map(({ waitTimes }) => waitTimes?.at(stepTimeNames.indexOf('awaitHead'))))
    },
  }
  it.proxy.measureSteps(watcher)
  it.proxy.watch(watcher)
  for (let at = 0; at < requests; at++) it.client().send(GET)
  it.pollset.advance(5)
  return { ...it, told, waits, watcher }
}

t.test('those of one turn are told in one call, with their times, and later ones in another', async (t) => {
  const it = waiting(3)
  it.backends[0].put(OK)
  it.backends[1].put(OK)
  it.pollset.run()
  t.strictSame(it.told, [['m1/r1 ok', 'm2/r1 ok']])
  t.strictSame(it.waits, [5, 5])
  it.backends[2].send(OK)
  t.strictSame(it.told, [['m1/r1 ok', 'm2/r1 ok'], ['m3/r1 ok']])
})

t.test('they can be told at once, as for a process that ends, and are not told again', async (t) => {
  const seen: number[] = []
  const it = waiting(2, () => {
    it.proxy.tellEnded()
    seen.push(it.told.length)
  })
  it.backends[0].put(OK)
  it.backends[1].put(OK)
  it.pollset.run()
  t.strictSame(seen, [0, 1], 'the one that is ending is told later')
  t.strictSame(it.told, [['m1/r1 ok'], ['m2/r1 ok']])
})

t.test('a watcher that has gone is told nothing', async (t) => {
  const it = waiting(1)
  it.backends[0].send(OK)
  it.client().send(GET)
  it.pollset.advance(5)
  it.proxy.unwatch(it.watcher)
  it.proxy.ignoreSteps(it.watcher)
  it.backends[0].send(OK)
  t.strictSame(it.told, [['m1/r1 ok']])
})
