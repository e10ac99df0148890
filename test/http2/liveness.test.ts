// Dead peers are told from slow and quiet ones (spec/engine.md, E26, E41, E42), on the simulated network,
// whose kernels hold 4 MiB.

import t from 'tap'
import { http2Limits } from '../../src/http2/index.js'
import { REQUEST } from '../../tools/testbed/frames.js'
import type { PacedPeer } from '../world/paced-peer.js'
import { simProxy } from '../world/sim-proxy.js'

const KIB = 1024
const MIB = 1024 * KIB
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const RESPONSE = [[':status', '200']] as const
const POST = [...REQUEST.filter(([name]) => name !== ':method'), [':method', 'POST']] as const
const KERNEL = { sendBufferBytes: 4 * MIB }
/** The timing of exchanges is not what is tested here. */
const PATIENT = { proxy: { bodyTimeoutMs: 24 * HOUR, headTimeoutMs: 24 * HOUR } }
/** ms between two looks */
const LOOK = 5_000

const { pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, transitBytesMax, slowestBytesPerSecond } =
  http2Limits
/** ms that may pass until what is on its way has arrived, at most */
const TRANSIT = (transitBytesMax * 1_000) / slowestBytesPerSecond

/** Windows of a peer: as wide as there are, or such that it gives credit now and then. */
const WINDOWS: readonly (readonly [string, number])[] = [
  ['windows without end', 0x3fffffff],
  ['windows as of a browser', 6 * MIB],
]
const PACES = [16 * KIB, 20 * KIB, 100 * KIB, 400 * KIB, 600 * KIB]

for (const [name, window] of WINDOWS) {
  for (const bytesPerSecond of PACES) {
    // An hour at most.
    const bytes = Math.min(32 * MIB, bytesPerSecond * 1_500)
    t.test(`E41: slow and steady, a client gets all of it: ${bytesPerSecond / KIB} KiB/s, ${name}`, (t) => {
      const { client, onBackend, pass } = simProxy(PATIENT, KERNEL)
      onBackend((backend) => {
        backend.onHead = (stream) => {
          backend.head(stream, RESPONSE, false)
          backend.body(stream, bytes)
        }
      })
      const far = client({ bytesPerSecond, window })
      far.head(1, REQUEST, true)
      pass(2 * HOUR, () => far.endedStreams.has(1) || far.gone)
      t.equal(far.got, bytes)
      t.equal(far.goaways, 0)
      // The connection goes on: another request is answered, and waits behind nothing.
      far.head(3, REQUEST, true)
      pass(2 * HOUR, () => far.endedStreams.has(3) || far.gone)
      t.equal(far.got, 2 * bytes)
      t.end()
    })

    t.test(`E41: slow and steady, a backend gets all of it: ${bytesPerSecond / KIB} KiB/s, ${name}`, (t) => {
      const { client, backends, onBackend, pass } = simProxy(PATIENT, KERNEL, { bytesPerSecond, window })
      onBackend((backend) => {
        backend.onHead = (stream) => void stream
      })
      const far = client()
      far.head(1, POST, false)
      far.body(1, bytes)
      pass(2 * HOUR, () => backends[0]?.endedStreams.has(1) || backends[0]?.gone)
      t.equal(backends.length, 1)
      t.equal(backends[0].got, bytes)
      backends[0].head(1, RESPONSE, true)
      pass(MINUTE, () => far.endedStreams.has(1))
      t.ok(far.endedStreams.has(1), 'and it answers')
      t.end()
    })
  }
}

t.test('a peer slower than that is not dead as long as it takes something', (t) => {
  const { client, onBackend, pass } = simProxy(PATIENT, KERNEL)
  onBackend((backend) => {
    backend.onHead = (stream) => {
      backend.head(stream, RESPONSE, false)
      backend.body(stream, 8 * MIB)
    }
  })
  const far = client({ bytesPerSecond: 5 * KIB })
  far.head(1, REQUEST, true)
  pass(2 * HOUR, () => far.got > 4 * MIB)
  t.ok(far.got > 4 * MIB)
  t.equal(far.gone, false)
  t.end()
})

/** Signs of life of a quiet backend: title, what it sends, and the ms in between. */
const QUIET: readonly (readonly [string, (backend: PacedPeer) => void, number])[] = [
  ['nothing', () => {}, HOUR],
  ['a PING now and then', (backend) => backend.ping(), 20_000],
  ['WINDOW_UPDATE now and then', (backend) => backend.credit(), 40_000],
  ['a message a minute', (backend) => backend.message(1), MINUTE],
  ['a message every 16 s', (backend) => backend.message(1), 16_000],
]

for (const [name, act, everyMs] of QUIET) {
  t.test(`E42: a quiet stream lives for hours, and no gRPC server hangs up: ${name}`, (t) => {
    const { client, backends, onBackend, pass, pollset } = simProxy(PATIENT, { latencyMs: 300 })
    onBackend((backend) => {
      backend.onHead = (stream) => backend.head(stream, RESPONSE, false)
    })
    const far = client()
    far.head(1, REQUEST, true)
    pass(1_000)
    const [backend] = backends
    const often = (): void => {
      act(backend)
      pollset.after(everyMs, often)
    }
    pollset.after(everyMs, often)
    pass(3 * HOUR)
    t.notOk(backend.tooManyPings)
    t.equal(backend.gone || far.gone, false)
    t.ok(backend.pings.length > 0, 'it is asked')
    const messages = name.startsWith('a message')
    for (const peer of messages ? [far] : [far, backend]) {
      for (let i = 1; i < peer.pings.length; i++)
        if (peer.pings[i] - peer.pings[i - 1] < 5 * MINUTE - 1_000)
          t.fail(`PINGs at ${peer.pings[i - 1]} and ${peer.pings[i]}`)
      t.ok(peer.pings.length <= 1 + (3 * HOUR) / (5 * MINUTE))
    }
    t.end()
  })
}

t.test('E42: a PING that stands behind our own DATA is not followed by another', (t) => {
  // A window is read in 64 s, and half of it credited every 32 s: each credit ends a silence.
  const pace = { bytesPerSecond: 16 * KIB, window: MIB }
  const often = { ...PATIENT, http2: { pingAfterMs: 5_000, pingIntervalMs: 20_000 } }
  const { client, backends, onBackend, pass } = simProxy(often, KERNEL, pace)
  onBackend((backend) => {
    backend.onHead = (stream) => void stream
  })
  const far = client()
  far.head(1, POST, false)
  far.body(1, 16 * MIB)
  pass(HOUR, () => backends[0]?.endedStreams.has(1))
  pass(5 * MINUTE)
  const pings = backends[0]?.pings ?? []
  t.ok(pings.length > 2, 'it is asked more than twice')
  const gaps = pings.slice(1).map((at, index) => at - (pings[index] ?? 0))
  t.ok(Math.min(...gaps) >= often.http2.pingIntervalMs, 'none comes sooner than the interval allows')
  t.equal(backends.length, 1)
  t.end()
})

t.test('E25: a backend connection without streams closes after backendIdleMs, with GOAWAY', (t) => {
  const { client, backends, onBackend, pass, pollset } = simProxy({
    ...PATIENT,
    http2: { backendIdleMs: 60_000 },
  })
  onBackend((backend) => {
    backend.onHead = (stream) => backend.head(stream, RESPONSE, true)
  })
  const far = client()
  far.head(1, REQUEST, true)
  pass(1_000, () => far.endedStreams.has(1))
  const since = pollset.clock
  const [backend] = backends
  pass(59_000)
  t.equal(backend.goaways, 0)
  pass(HOUR, () => backend.goaways > 0)
  t.ok(backend.goaways > 0)
  t.ok(pollset.clock - since >= 60_000)
  t.ok(pollset.clock - since <= 60_000 + 2 * LOOK)
  t.end()
})

t.test('E26: a silent backend that is gone is found by one PING', (t) => {
  const { client, backends, onBackend, pass, pollset } = simProxy(PATIENT)
  onBackend((backend) => {
    backend.onHead = (stream) => backend.head(stream, RESPONSE, false)
  })
  const far = client()
  far.head(1, REQUEST, true)
  pass(1_000)
  const since = pollset.clock
  backends[0].far.near.lose()
  pass(HOUR, () => far.gone || far.resets > 0)
  t.equal(far.resets, 1, 'its stream is reset, the client is there')
  t.ok(pollset.clock - since >= pingAfterMs + backendPingTimeoutMs - 1_000)
  t.ok(pollset.clock - since <= pingAfterMs + backendPingTimeoutMs + 2 * LOOK)
  t.end()
})

t.test('a silent client that is gone is found likewise, in its own time', (t) => {
  const { client, backends, onBackend, pass, pollset, proxy } = simProxy(PATIENT)
  onBackend((backend) => {
    backend.onHead = (stream) => backend.head(stream, RESPONSE, false)
  })
  const far = client()
  far.head(1, REQUEST, true)
  pass(1_000)
  const since = pollset.clock
  far.far.near.lose()
  pass(HOUR, () => proxy.logged === 1)
  t.ok(pollset.clock - since >= pingAfterMs + frontendPingTimeoutMs - 1_000)
  t.ok(pollset.clock - since <= pingAfterMs + frontendPingTimeoutMs + 2 * LOOK)
  pass(MINUTE)
  t.equal(backends[0].resets, 1)
  t.end()
})

for (const [name, bytesPerSecond] of [
  ['a fast', 0],
  ['a slow', 100 * KIB],
] as const) {
  t.test(
    `gone in the middle of an upload, a backend is found when all might have arrived: ${name} one`,
    (t) => {
      const { client, backends, pass, pollset } = simProxy(PATIENT, KERNEL, { bytesPerSecond })
      const far = client()
      far.head(1, POST, false)
      far.body(1, 64 * MIB)
      pass(HOUR, () => backends[0]?.got > 8 * MIB)
      const since = pollset.clock
      backends[0].far.near.lose()
      pass(HOUR, () => far.gone || far.endedStreams.has(1))
      t.ok(far.endedStreams.has(1), 'the client is told')
      t.ok(pollset.clock - since > TRANSIT / 2)
      t.ok(pollset.clock - since <= TRANSIT + pingAfterMs + backendPingTimeoutMs + 2 * LOOK)
      t.end()
    },
  )
}

t.test('a backend that is gone while requests go on to come is found all the same', (t) => {
  const { client, backends, pass, pollset, onBackend } = simProxy(PATIENT, KERNEL)
  onBackend((backend) => {
    backend.onHead = (stream) => backend.head(stream, RESPONSE, true)
  })
  const far = client()
  far.head(1, REQUEST, true)
  pass(1_000)
  const since = pollset.clock
  backends[0].far.near.lose()
  for (let id = 3; backends.length === 1 && pollset.clock - since < HOUR; id += 2) {
    far.head(id, REQUEST, true)
    pass(100)
  }
  t.ok(pollset.clock - since <= pingAfterMs + backendPingTimeoutMs + 2 * LOOK)
  pass(1_000)
  t.equal(backends.length, 2)
  t.ok(far.endedStreams.size > 10, 'those that were sent to it are sent to another')
  t.end()
})

t.test(
  'an answer tells that what was sent before its request has arrived: the next silence is a short one',
  (t) => {
    const { client, backends, pass, pollset, onBackend } = simProxy(PATIENT, KERNEL)
    let answers = true
    onBackend((backend) => {
      backend.onHead = (stream, ended) => {
        if (answers && ended) backend.head(stream, RESPONSE, true)
      }
    })
    const far = client()
    far.head(1, POST, false)
    far.body(1, 16 * MIB)
    pass(MINUTE, () => backends[0]?.endedStreams.has(1))
    far.head(3, REQUEST, true)
    pass(1_000)
    t.ok(far.endedStreams.has(3))
    answers = false
    far.head(5, REQUEST, true)
    pass(1_000)
    const since = pollset.clock
    backends[0].far.near.lose()
    pass(HOUR, () => backends.length === 2)
    t.ok(pollset.clock - since <= pingAfterMs + backendPingTimeoutMs + 2 * LOOK)
    t.end()
  },
)
