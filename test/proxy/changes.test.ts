// Changes that a debugger may make to an exchange that it holds, and the reasons for refusals; and the
// wait-for graph of exchanges.

import t from 'tap'
import { type Continuation, why, whyText } from '../../src/continuation/index.js'
import { changes } from '../../src/proxy/changes.js'
import { Exchange, type FilterUse, PASS } from '../../src/proxy/index.js'
import { frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { decoded } from '../world/decoded.js'

type Proxy = ReturnType<typeof memoryProxy>

/** Holds the first exchange that reaches this step. */
function holdAt(proxy: Proxy, step: string): () => Exchange {
  let held: Exchange | null = null
  proxy.world.scheduler.gate = {
    holds(each, cause) {
      if (held !== null || cause === 'arm' || each.stepName !== step || !(each instanceof Exchange))
        return false
      held = each
      return true
    },
  }
  return () => {
    if (held === null) throw new Error(`nothing came to ${step}`)
    return held
  }
}

const goOn = (proxy: Proxy, exchange: Continuation): void => {
  proxy.world.scheduler.release(exchange)
  proxy.pollset.run()
}

t.test('the request, before it is sent', (t) => {
  const proxy = memoryProxy()
  const far = proxy.client()
  const held = holdAt(proxy, 'lease')
  far.send(headers(1, REQUEST))
  const x = held()
  t.equal(changes.setRequest(x, 'x-user', 'ann'), null)
  t.equal(changes.setControl(x, 'path', '/other?b=1'), null)
  t.equal(changes.setControl(x, 'authority', 'other.example'), null)
  for (const name of ['content-length', 'transfer-encoding', 'connection', 'host', ':path', 'te', 'upgrade'])
    t.match(changes.setRequest(x, name, '5'), /may be changed|not a field line/, name)
  t.match(changes.setRequest(x, 'x-user', 'a\r\nb: c'), /not a field line/)
  t.match(changes.setRequest(x, 'X User', 'a'), /not a field line/)
  t.match(changes.setControl(x, 'path', '/a b'), /is not a path: it begins with/)
  t.match(changes.setControl(x, 'authority', 'a/b'), /not valid/)
  goOn(proxy, x)
  const [backend] = proxy.backends
  backend.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
  const sent = decoded(backend.take())
  t.match(sent, { ':path': '/other?b=1', ':authority': 'other.example', 'x-user': 'ann' })
  t.match(changes.setRequest(x, 'x-user', 'bob'), /has been sent/)
  t.end()
})

t.test('the response, before any of it is sent', (t) => {
  const proxy = memoryProxy()
  const far = proxy.client()
  const held = holdAt(proxy, 'filterResponse')
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  far.take()
  proxy.backends[0].send(headers(1, [[':status', '200']], false))
  const x = held()
  t.match(changes.setRequest(x, 'x-user', 'bob'), /has been sent/)
  t.equal(changes.setResponse(x, 'x-seen', 'yes'), null)
  t.match(changes.setResponse(x, 'content-length', '3'), /may be changed/)
  goOn(proxy, x)
  t.match(decoded(far.take()), { ':status': '200', 'x-seen': 'yes' })
  t.match(changes.setResponse(x, 'x-seen', 'no'), /has been sent/)
  t.match(changes.mayEnter(x, 'retry'), /has begun/)
  t.end()
})

t.test('K8: what filters have met a response of is not sent again', (t) => {
  const passes = (name: string): FilterUse => ({
    name,
    filter: { response: () => PASS },
    onFailure: 'refuse',
  })
  const filters = [passes('outer'), passes('inner')]
  for (const answer of ['200', null]) {
    const proxy = memoryProxy({}, { filters })
    const { scheduler } = proxy.world
    const far = proxy.client()
    let steps = 0
    let held: Exchange | null = null
    // It is held before the first filter, and behind it.
    proxy.world.scheduler.gate = {
      holds(each) {
        if (!(each instanceof Exchange) || each.stepName !== 'filterResponse') return false
        held = each
        steps++
        return true
      },
    }
    far.send(headers(1, REQUEST))
    proxy.greet(proxy.backends[0])
    if (answer === null) proxy.backends[0].send(frame(3, 0, 1, uint32(8)))
    else proxy.backends[0].send(headers(1, [[':status', answer]], false))
    const x = held as unknown as Exchange
    if (answer !== null) t.equal(changes.mayEnter(x, 'retry'), null, 'no filter has met it')
    goOn(proxy, x)
    t.equal(steps, 2)
    t.match(scheduler.redirect(x, 'retry'), /filters have met the response to/, answer ?? 'a refusal of ours')
    proxy.world.scheduler.gate = null
    goOn(proxy, x)
    t.equal(decoded(far.take())[':status'], answer ?? '502')
  }
  t.end()
})

t.test('steps that it may be sent to', (t) => {
  const proxy = memoryProxy()
  const { scheduler } = proxy.world
  const far = proxy.client()
  const held = holdAt(proxy, 'awaitHead')
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  const x = held()
  t.match(scheduler.redirect(x, 'transfer'), /no edge to transfer/)
  t.match(changes.mayEnter(x, 'lease'), /has been sent: only retry/)
  t.match(scheduler.redirect(x, 'respond'), /say first/)
  t.match(changes.setAnswer(x, 99, ''), /200 to 599/)
  t.match(changes.setAnswer(x, 204, 'text'), /has no body/)
  t.equal(scheduler.redirect(x, 'refuse'), null)
  goOn(proxy, x)
  t.equal(x.outcome, 'by-debugger')
  t.match(decoded(far.take()), { ':status': '503', 'x-fermata': 'by-debugger' })
  t.end()
})

t.test('one that was granted its lease and is sent to lease again has one lease', (t) => {
  const proxy = memoryProxy({ engine: { sessionsMax: 1 } })
  const { scheduler } = proxy.world
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  const held = holdAt(proxy, 'sendHead')
  far.send(headers(3, REQUEST))
  const x = held()
  const { session } = x.lease
  t.not(session, null)
  t.equal(session?.leased, 2)
  t.equal(scheduler.redirect(x, 'lease'), null)
  goOn(proxy, x)
  t.equal(x.stepName, 'awaitHead')
  t.equal(session?.leased, 2)
  t.end()
})

t.test('a body that has left while it was held is not sent again', (t) => {
  for (const left of [false, true]) {
    const proxy = memoryProxy({ proxy: { replayBytesMax: 10 } })
    const { scheduler } = proxy.world
    const far = proxy.client()
    far.send(headers(1, [[':method', 'POST'], ...REQUEST.slice(1)], false))
    const [backend] = proxy.backends
    // SETTINGS_INITIAL_WINDOW_SIZE: 5
    backend.send(Buffer.concat([frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 5])), frame(4, 1, 0)]))
    far.send(frame(0, 0, 1, Buffer.alloc(50)))
    backend.take()
    const [x] = [...scheduler.alive()].filter((each): each is Exchange => each instanceof Exchange)
    scheduler.hold(x)
    t.equal(scheduler.redirect(x, 'retry'), null)
    if (left) backend.send(frame(8, 0, 1, uint32(40)))
    goOn(proxy, x)
    t.equal(x.outcome, left ? 'by-debugger' : 'ok')
    t.equal(x.stepName, left ? 'log' : 'awaitHead')
  }
  t.end()
})

t.test('an answer that a debugger gives: 204 and 304 have no length', (t) => {
  for (const [status, text] of [
    [204, ''],
    [304, ''],
    [403, 'no'],
  ] as const) {
    const proxy = memoryProxy()
    const far = proxy.client()
    const held = holdAt(proxy, 'awaitHead')
    far.send(headers(1, REQUEST))
    proxy.greet(proxy.backends[0])
    far.take()
    const x = held()
    t.equal(changes.setAnswer(x, status, text), null)
    t.equal(proxy.world.scheduler.redirect(x, 'respond'), null)
    goOn(proxy, x)
    const answer = decoded(far.take())
    t.match(answer, { ':status': String(status) })
    t.equal(answer['content-length'], text === '' ? undefined : String(text.length))
    t.equal(x.outcome, 'by-debugger')
  }
  t.end()
})

t.test('a refusal that a debugger makes', (t) => {
  const proxy = memoryProxy({ proxy: { headTimeoutMs: 60_000 } })
  const { scheduler } = proxy.world
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  far.take()
  const [x] = [...scheduler.alive()].filter((each) => each instanceof Exchange)
  t.equal(scheduler.makeLate(x), null, 'late now, and not in a minute')
  proxy.pollset.run()
  t.equal((x as Exchange).outcome, 'head-late')
  t.match(decoded(far.take()), { ':status': '504' })
  t.end()
})

t.test('its clocks stand still while it is held', (t) => {
  const proxy = memoryProxy({ proxy: { headTimeoutMs: 1000, exchangeTimeoutMs: 5000 } })
  const { scheduler } = proxy.world
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  far.take()
  const [x] = [...scheduler.alive()].filter((each): each is Exchange => each instanceof Exchange)
  proxy.pollset.advance(400)
  scheduler.hold(x)
  proxy.pollset.advance(10_000)
  scheduler.release(x)
  proxy.pollset.advance(500)
  t.equal(x.outcome, 'ok')
  proxy.backends[0].send(headers(1, [[':status', '204']]))
  t.match(decoded(far.take()), { ':status': '204' })
  t.equal(x.outcome, 'ok')
  t.end()
})

t.test('E8: a held exchange that waits for a lease is passed over, and is granted when it goes on', (t) => {
  const proxy = memoryProxy({ engine: { sessionsMax: 1 }, http2: { backendStreamsMax: 1 } })
  const { scheduler } = proxy.world
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  far.send(headers(3, REQUEST))
  far.send(headers(5, REQUEST))
  const of = (id: string): Exchange =>
    [...scheduler.alive()].find(
      (each): each is Exchange => each instanceof Exchange && each.id.endsWith(id),
    ) as Exchange
  const [first, held, third] = ['s1', 's3', 's5'].map(of)
  t.equal(scheduler.hold(held), true)
  proxy.backends[0].send(headers(1, [[':status', '204']]))
  t.equal(first.finished, true)
  t.equal(third.stepName, 'awaitHead', 'the one behind it has gone on')
  t.equal(scheduler.redirect(held, 'lease'), null, 'asking again does not cost its place')
  scheduler.release(held)
  proxy.pollset.run()
  t.equal(held.stepName, 'lease')
  proxy.backends[0].send(headers(3, [[':status', '204']]))
  t.equal(held.stepName, 'awaitHead')
  scheduler.hold(held)
  t.equal(scheduler.redirect(held, 'retry'), null)
  scheduler.release(held)
  proxy.pollset.run()
  t.equal(held.stepName, 'awaitHead', 'what nobody waits for is granted at once')
  t.end()
})

t.test(
  'why: a queued exchange, its engine, the session, the exchange that has its place, its backend',
  (t) => {
    const proxy = memoryProxy({ engine: { sessionsMax: 1 }, http2: { backendStreamsMax: 1 } })
    const { scheduler } = proxy.world
    const far = proxy.client()
    far.send(headers(1, REQUEST))
    proxy.greet(proxy.backends[0])
    far.send(headers(3, REQUEST))
    proxy.pollset.advance(8200)
    const waiting = [...scheduler.alive()].find((each) => each.id === 'm1/s3')
    if (waiting === undefined) throw new Error('m1/s3 has ended')
    const answer = why(waiting, proxy.pollset)
    t.match(answer, { id: 'm1/s3', step: 'exchange.lease', state: 'waiting', sinceMs: 8200 })
    const [lease] = answer.waits
    t.match(lease, { on: 'm1/s3.lease', bits: ['LEASED', 'UNLEASED'] })
    const [engine] = lease.holders
    t.match(engine, { id: 'e1', reason: /number 1 of 1 that wait/ })
    const [session] = engine.holders
    t.match(session, { id: 'b1', reason: 'open, with 1 of 1 places taken' })
    const [holder] = session.holders
    t.match(holder, { id: 'm1/s1', reason: 'has a place on b1', why: { step: 'exchange.awaitHead' } })
    const text = whyText(answer)
    t.match(text, /^m1\/s3 at exchange\.lease: waits for 8\.2 s, late in/)
    t.match(text, /m1\/s1 at exchange\.awaitHead/)
    t.match(text, /the backend .* has sent no response head/)
    const ids = JSON.stringify(answer).match(/"id":"[^"]*"/g) ?? []
    t.equal(
      new Set(ids).size,
      ids.length - (text.match(/see elsewhere|a cycle/g) ?? []).length - 1,
      'each once',
    )
    t.end()
  },
)

t.test('why: a slow reader is named, and what waits for it', (t) => {
  const proxy = memoryProxy()
  const { scheduler } = proxy.world
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  proxy.backends[0].send(headers(1, [[':status', '200']], false))
  for (let i = 0; i < 5; i++) proxy.backends[0].send(frame(0, 0, 1, Buffer.alloc(16_000)))
  const [x] = [...scheduler.alive()].filter((each) => each instanceof Exchange)
  const text = whyText(why(x, proxy.pollset))
  t.match(
    text,
    /the window of m1 is shut: \d+ bytes wait here|has shut this stream's window: \d+ bytes wait here/,
  )
  t.ok(framesOf(far.take()).length > 0)
  t.end()
})
