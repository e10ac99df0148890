// Where the time of an exchange goes: the waits of its steps, who blocked it, and its attempts.

import t, { type Test } from 'tap'
import { type Exchange, stepTimeNames } from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { frame, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'

const RESPONSE = [[':status', '200']] as const
const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody')
const HTTP1 = { clients: 'http/1.1', speaks: 'http/1.1' } as const

/** The record of an exchange that has ended. */
interface Ended
  extends Pick<
    Exchange,
    'outcome' | 'status' | 'sessionId' | 'sessionReused' | 'attemptTo' | 'endedAttempts'
  > {
  readonly times: Readonly<Record<string, number>>
}

/** Needs the times of steps. */
const WATCHER = {}

function watched(limits: SomeLimits = {}, options: MemoryProxyOptions = {}) {
  const it = memoryProxy(limits, options)
  const ended: Ended[] = []
  it.proxy.measureSteps(WATCHER)
  it.proxy.watch({
    ended(x) {
      const { outcome, status, sessionId, sessionReused, attemptTo, endedAttempts } = x
      const times = Object.fromEntries(
        stepTimeNames.map((name, at) => [name, x.waitTimes?.at(at) ?? 0] as const).filter(([, ms]) => ms > 0),
      )
      ended.push({ outcome, status, sessionId, sessionReused, attemptTo, endedAttempts, times })
    },
  })
  return { ...it, ended }
}

/** The times are these, but for less than a ms. */
function took(t: Test, { times }: Ended, expected: Readonly<Record<string, number>>): void {
  t.strictSame(Object.keys(times).sort(), Object.keys(expected).sort())
  for (const [name, ms] of Object.entries(expected))
    t.ok(Math.abs((times[name] ?? 0) - ms) < 1, `${name}: ${times[name]}, not ${ms}`)
}

t.test('connect, lease, awaitHead and transfer; the session is used again', async (t) => {
  const it = watched({ engine: { sessionsMax: 1 } }, HTTP1)
  it.hang()
  const client = it.client()
  const other = it.client()
  client.send(GET)
  it.pollset.advance(30)
  t.equal(it.ended.length, 0)
  client.destroy()
  it.pollset.run()
  took(t, it.ended[0], { connect: 30 })
  t.match(it.ended[0], { outcome: 'client-gone', status: 0, sessionId: '', attemptTo: 'h2c://backend' })
  other.destroy()

  const next = watched({ engine: { sessionsMax: 1 } }, HTTP1)
  const [first, second] = [next.client(), next.client()]
  first.send(GET)
  second.send(GET)
  next.pollset.advance(20)
  next.backends[0].send(OK.subarray(0, -4))
  next.pollset.advance(5)
  next.backends[0].send(OK.subarray(-4))
  next.pollset.advance(7)
  next.backends[0].send(OK)
  took(t, next.ended[0], { awaitHead: 20, transfer: 5 })
  t.match(next.ended[0], { outcome: 'ok', status: 200, sessionReused: false, endedAttempts: [] })
  took(t, next.ended[1], { lease: 25, awaitHead: 7 })
  t.match(next.ended[1], { outcome: 'ok', sessionReused: true, sessionId: next.ended[0].sessionId })
  second.send(GET)
  first.send(GET)
  next.pollset.advance(11)
  next.backends[0].send(OK)
  next.pollset.advance(1)
  next.backends[0].send(OK)
  took(t, next.ended[3], { lease: 11, awaitHead: 1 })
})

t.test('blocked by the client: what it does not read; by the backend: what that does not read', async (t) => {
  const it = watched({ http2: { connectionWindow: 1 << 20, streamWindow: 1 << 20 } })
  const client = it.client()
  client.send(
    headers(
      1,
      REQUEST.map(([name, value]) => [name, name === ':method' ? 'POST' : value]),
      false,
    ),
  )
  const [far] = it.backends
  // The backend opens no window for the stream.
  far.send(Buffer.concat([frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])), frame(4, 1, 0)]))
  it.pollset.advance(10)
  client.send(frame(0, 0, 1, Buffer.from('upload')))
  it.pollset.advance(40)
  far.send(frame(8, 0, 1, uint32(1_000)))
  it.pollset.advance(3)
  far.send(Buffer.concat([headers(1, RESPONSE, false), frame(0, 0, 1, Buffer.from('x'))]))
  client.send(frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])))
  it.pollset.advance(2)
  client.send(frame(0, 1, 1, Buffer.from('.')))
  far.send(frame(0, 1, 1, Buffer.alloc(10_000)))
  it.pollset.advance(100)
  client.send(frame(8, 0, 1, uint32(65_536)))
  it.pollset.advance(5)
  t.match(it.ended[0], { outcome: 'ok' })
  const { blockedByClient, blockedByBackend } = it.ended[0].times
  t.ok(Math.abs(blockedByBackend - 40) < 1, `by the backend: ${blockedByBackend}`)
  t.ok(Math.abs(blockedByClient - 100) < 1, `by the client: ${blockedByClient}`)
})

t.test('the attempts before the last: an endpoint that refuses, a stream that is refused', async (t) => {
  const it = watched({}, { endpoints: 2 })
  it.refuse()
  const client = it.client()
  for (const id of [1, 3, 5, 7]) client.send(headers(id, REQUEST))
  it.pollset.advance(1_000)
  for (const far of it.beside) {
    it.greet(far)
    far.send(frame(3, 0, 1, uint32(7)))
    it.pollset.advance(4)
  }
  it.pollset.advance(1_000)
  client.destroy()
  const all = it.ended.flatMap(({ endedAttempts }) => endedAttempts)
  const outcomes = new Set(all.map(({ endpoint, outcome }) => `${endpoint} ${outcome}`))
  t.ok(outcomes.has('h2c://beside refused-stream'), [...outcomes].join())
  t.ok([...outcomes].some((each) => each.startsWith('h2c://backend ') && each !== 'h2c://backend not-sent'))
  t.ok(all.every(({ session, endpoint }) => (session === '') === (endpoint === 'h2c://backend')))
})

t.test('arrays are lent again, and hold nothing of the exchange before', async (t) => {
  const it = watched({}, HTTP1)
  const client = it.client()
  client.send(GET)
  it.pollset.advance(20)
  it.backends[0].send(OK)
  client.send(GET)
  it.pollset.advance(1)
  it.backends[0].send(OK)
  took(t, it.ended[1], { awaitHead: 1 })
})

t.test('nothing is measured that nobody asked for', async (t) => {
  const it = memoryProxy({}, HTTP1)
  let times: unknown
  it.proxy.watch({
    ended: (x) => {
      times = x.waitTimes
    },
  })
  it.client().send(GET)
  it.backends[0].send(OK)
  t.equal(times, null)
})

t.test('steps are measured while somebody needs it', async (t) => {
  const it = watched({}, HTTP1)
  const other = {}
  it.proxy.measureSteps(other)
  const client = it.client()
  const measured = (): boolean => {
    client.send(GET)
    it.pollset.advance(20)
    it.backends[0].send(OK)
    return Object.keys((it.ended.pop() as Ended).times).length > 0
  }
  t.ok(measured())
  it.proxy.ignoreSteps(WATCHER)
  t.ok(measured(), 'the other needs it')
  it.proxy.ignoreSteps(other)
  t.notOk(measured())
  it.proxy.measureSteps(WATCHER)
  t.ok(measured())
})
