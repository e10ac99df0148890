// Slow, steady readers keep their exchanges, in both roles and both HTTP versions, with the default limits (spec/exchange.md, Bounds):
// on the simulated network, whose kernels hold 4 MiB, and take more only when a good part of that is read.

import t, { type Test } from 'tap'
import { proxyLimits } from '../../src/proxy/limits.js'
import { transitLimits } from '../../src/transport/index.js'
import { REQUEST } from '../../tools/testbed/frames.js'
import { simProxy } from '../world/sim-proxy.js'

const KIB = 1024
const MIB = 1024 * KIB
const HOUR = 3_600_000
const BYTES = 12 * MIB
const RESPONSE = [[':status', '200']] as const
const POST = [...REQUEST.filter(([name]) => name !== ':method'), [':method', 'POST']] as const
/** With a write of ours in flight beside: transitBytesMax. */
const KERNEL = { sendBufferBytes: 4 * MIB - 256 * KIB, roomBytes: 2 * MIB }
const PACES = [16 * KIB, 20 * KIB, 40 * KIB, 60 * KIB]
const { bodyTimeoutMs, headTimeoutMs } = proxyLimits
/** ms: what is on its way to a peer has arrived then, at the latest */
const TRANSIT = (transitLimits.transitBytesMax * 1_000) / transitLimits.slowestBytesPerSecond
/** ms between two looks of an HTTP/2 connection at what it has written */
const LOOK = 5_000

/** A proxy, and the outcomes of its exchanges with their times. */
function watched(...options: Parameters<typeof simProxy>) {
  const it = simProxy(...options)
  const ended: { at: number; outcome: string }[] = []
  it.proxy.watch({ ended: ({ outcome }) => ended.push({ at: it.pollset.clock, outcome }) })
  return { ...it, ended }
}

function endsWithin(
  t: Test,
  it: ReturnType<typeof watched>,
  since: number,
  outcome: string,
  limitMs: number,
) {
  const { at, outcome: how } = it.ended[0] ?? { at: 0, outcome: 'none' }
  t.equal(how, outcome)
  t.ok(at - since >= limitMs, `not before its time: after ${at - since}`)
  t.ok(
    at - since <= TRANSIT + LOOK + 1.1 * limitMs,
    `within what is on its way and its time: after ${at - since}`,
  )
}

for (const bytesPerSecond of PACES) {
  const pace = `${bytesPerSecond / KIB} KiB/s`

  t.test(`HTTP/2: a slow client gets all of a response: ${pace}`, (t) => {
    const it = watched({}, KERNEL)
    it.onBackend((backend) => {
      backend.onHead = (stream) => {
        backend.head(stream, RESPONSE, false)
        backend.body(stream, BYTES)
      }
    })
    const far = it.client({ bytesPerSecond })
    far.head(1, REQUEST, true)
    it.pass(HOUR, () => far.endedStreams.has(1) || far.resets > 0 || far.gone)
    t.equal(far.got, BYTES)
    t.strictSame(
      it.ended.map((each) => each.outcome),
      ['ok'],
    )
    t.end()
  })

  t.test(`HTTP/1.1: a slow client gets all of a response: ${pace}`, (t) => {
    const it = watched({}, KERNEL)
    it.onBackend((backend) => {
      backend.onHead = (stream) => {
        backend.head(stream, [...RESPONSE, ['content-length', String(BYTES)]], false)
        backend.body(stream, BYTES)
      }
    })
    const far = it.client1({ bytesPerSecond })
    far.say('GET / HTTP/1.1', 'Host: a')
    it.pass(HOUR, () => far.got >= BYTES || far.gone)
    t.equal(far.got, BYTES)
    t.strictSame(
      it.ended.map((each) => each.outcome),
      ['ok'],
    )
    t.end()
  })

  t.test(`HTTP/2: a slow backend gets all of a request, and answers: ${pace}`, (t) => {
    const it = watched({}, KERNEL, { bytesPerSecond })
    const far = it.client()
    far.head(1, POST, false)
    far.body(1, BYTES)
    it.pass(HOUR, () => it.backends[0]?.endedStreams.has(1) || it.ended.length > 0)
    const [backend] = it.backends
    t.equal(backend.got, BYTES)
    backend.head(1, RESPONSE, true)
    it.pass(HOUR, () => it.ended.length > 0)
    t.strictSame(
      it.ended.map((each) => each.outcome),
      ['ok'],
    )
    t.end()
  })

  t.test(`HTTP/1.1: a slow backend gets all of a request, and answers: ${pace}`, (t) => {
    const it = watched({}, KERNEL, { bytesPerSecond }, { back: 1 })
    const far = it.client1()
    far.say('POST / HTTP/1.1', 'Host: a', `Content-Length: ${BYTES}`)
    far.body(BYTES)
    it.pass(HOUR, () => (it.backends1[0]?.got ?? 0) >= BYTES || it.ended.length > 0)
    const [backend] = it.backends1
    t.equal(backend.got, BYTES)
    backend.say('HTTP/1.1 200 OK', 'Content-Length: 0')
    it.pass(HOUR, () => it.ended.length > 0)
    t.strictSame(
      it.ended.map((each) => each.outcome),
      ['ok'],
    )
    t.end()
  })
}

t.test('a client that stops reading in the midst of much has what is on its way and bodyTimeoutMs', (t) => {
  for (const version of [1, 2]) {
    const it = watched({ http2: { pingAfterMs: HOUR } }, KERNEL)
    it.onBackend((backend) => {
      backend.onHead = (stream) => {
        backend.head(stream, RESPONSE, false)
        backend.body(stream, BYTES)
      }
    })
    const far = version === 1 ? it.client1({ bytesPerSecond: MIB }) : it.client({ bytesPerSecond: MIB })
    if ('say' in far) far.say('GET / HTTP/1.1', 'Host: a')
    else far.head(1, REQUEST, true)
    it.pass(HOUR, () => far.got > MIB)
    const since = it.pollset.clock
    far.far.read(false)
    it.pass(HOUR, () => it.ended.length > 0)
    endsWithin(t, it, since, 'response-unread', bodyTimeoutMs)
  }
  t.end()
})

t.test('a window held shut: what flows on other streams of its connection prolongs nothing', (t) => {
  const it = watched({}, KERNEL)
  it.onBackend((backend) => {
    backend.onHead = (stream) => {
      backend.head(stream, RESPONSE, false)
      // The first is given no credit: it stands at the window that its client has opened for it.
      backend.body(stream, stream === 1 ? 2 * MIB : 200 * MIB)
    }
  })
  const far = it.client({ bytesPerSecond: 400 * KIB, window: 1 * MIB, credits: (stream) => stream !== 1 })
  far.head(1, REQUEST, true)
  far.head(3, REQUEST, true)
  it.pass(HOUR, () => it.ended.length > 0)
  endsWithin(t, it, 0, 'response-unread', bodyTimeoutMs)
  it.pass(HOUR, () => far.resets > 0)
  t.equal(far.gone, false, 'its sibling goes on')
  const { got } = far
  it.pass(5_000)
  t.ok(far.got > got)
  t.end()
})

t.test(
  'a backend that has all of a request and is silent has headTimeoutMs behind what is on its way',
  (t) => {
    for (const [bytes, most] of [
      [0, 0],
      [1 * MIB, 64_000],
      [8 * MIB, TRANSIT],
    ]) {
      const it = watched({}, {})
      const far = it.client()
      far.head(1, POST, bytes === 0)
      if (bytes > 0) far.body(1, bytes)
      it.pass(HOUR, () => it.ended.length > 0)
      const { at, outcome } = it.ended[0]
      t.equal(outcome, 'head-late')
      t.ok(at >= headTimeoutMs + most - 1_000, `${bytes} bytes: after ${at}`)
      t.ok(at <= most + LOOK + 1.1 * headTimeoutMs, `${bytes} bytes: after ${at}`)
    }
    t.end()
  },
)
