// Limits that depend on each other: the largest head and the largest trailers that they allow do leave, in
// whichever version, and one more is no longer allowed.

import t from 'tap'
import { limitsWith } from '../../src/server/index.js'
import { checkLimits, defaultLimits, setLimit } from '../../src/server/limits.js'
import { frame, framesOf } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const OWN_BYTES = 1024
/** The rest of the smallest slab beside a request line and field lines of the usual bounds. */
const flushBytesMax = 65_536
const { startLineBytesMax, fieldSectionBytesMax, trailerSectionBytesMax } = defaultLimits.http1
const limits = limitsWith(defaultLimits, {
  transport: { flushBytesMax },
  http1: {
    fieldsMax: Math.floor((flushBytesMax - OWN_BYTES - startLineBytesMax - fieldSectionBytesMax) / 32),
    trailersMax: Math.floor((flushBytesMax - OWN_BYTES - trailerSectionBytesMax) / 32),
  },
  http2: {
    fieldsMax: Math.floor((flushBytesMax - OWN_BYTES - startLineBytesMax - fieldSectionBytesMax) / 32),
  },
})

/** This many field lines, of this many octets together. */
function linesOf(count: number, bytes: number): string {
  const lines = Array.from({ length: count }, (_, at) => `x${at}: \r\n`)
  const left = bytes - lines.join('').length
  lines[count - 1] = lines[count - 1].replace('\r\n', `${'v'.repeat(left)}\r\n`)
  return lines.join('')
}

for (const speaks of ['http/1.1', 'h2c'] as const) {
  t.test(`the largest head, and the largest trailers, to ${speaks}`, (t) => {
    checkLimits(limits)
    const proxy = memoryProxy(limits, { clients: 'http/1.1', speaks })
    const client = proxy.client()
    const host = 'Host: a\r\nTransfer-Encoding: chunked\r\nTrailer: x0\r\n'
    const target = `/${'p'.repeat(startLineBytesMax - 'POST / HTTP/1.1\r\n'.length)}`
    const fields = linesOf(limits.http2.fieldsMax - 3, fieldSectionBytesMax - host.length - 2)
    const trailers = linesOf(Math.min(limits.http1.trailersMax, 900), trailerSectionBytesMax - 2)
    client.send(Buffer.from(`POST ${target} HTTP/1.1\r\n${host}${fields}\r\n0\r\n${trailers}\r\n`))
    const [backend] = proxy.backends
    if (speaks === 'h2c') {
      backend.take()
      backend.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
      const heads = framesOf(backend.take()).filter(({ type }) => type === 1)
      t.strictSame(
        heads.map(({ flags }) => flags & 1),
        [0, 1],
        'a head, and trailers that end it',
      )
    } else {
      const got = backend.received.toString()
      t.match(got, `POST ${target} HTTP/1.1\r\nhost: a\r\n`)
      t.ok(got.endsWith('v\r\n\r\n'), 'to the last of its trailers')
    }
    t.end()
  })
}

t.test('one field line more, or one trailer, is none that a slab is sure to take', (t) => {
  const {
    http2: { fieldsMax },
    http1: { trailersMax },
  } = limits
  t.throws(
    () =>
      checkLimits(
        limitsWith(limits, { http1: { fieldsMax: fieldsMax + 1 }, http2: { fieldsMax: fieldsMax + 1 } }),
      ),
    { message: /flushBytesMax=65536/ },
  )
  t.throws(() => checkLimits(limitsWith(limits, { http1: { trailersMax: trailersMax + 1 } })), {
    message: /flushBytesMax=65536/,
  })
  t.end()
})

t.test('a stream may be sent no more than its connection may hold', (t) => {
  const streamWindowMax = limits.transport.connectionHeldBytesMax
  checkLimits(limitsWith(limits, { http2: { streamWindowMax } }))
  t.throws(() => checkLimits(limitsWith(limits, { http2: { streamWindowMax: streamWindowMax + 1 } })), {
    message: /connectionHeldBytesMax/,
  })
  t.end()
})

t.test('a budget of frames that one honest change of windows would spend is none', (t) => {
  t.same(setLimit({}, 'http2.idleFramesBurst=100'), { http2: { idleFramesBurst: 100 } })
  t.throws(() => setLimit({}, 'http2.idleFramesBurst=99'), { message: /idleFramesBurst/ })
  t.end()
})

t.test('units: what they come to', (t) => {
  for (const [text, value] of [
    ['proxy.headTimeoutMs=250', 250],
    ['proxy.headTimeoutMs=250ms', 250],
    ['proxy.headTimeoutMs=1s', 1_000],
    ['proxy.headTimeoutMs=1.5s', 1_500],
    ['proxy.headTimeoutMs=2m', 120_000],
    ['proxy.exchangeTimeoutMs=1h', 3_600_000],
    ['transport.flushBytesMax=512KiB', 524_288],
    ['transport.flushBytesMax=0.5MiB', 524_288],
    ['transport.heldBytesMax=1GiB', 1_073_741_824],
    ['transport.heldBytesSoft=67108864B', 67_108_864],
    ['http2.streamWindow=64KiB', 65_536],
    ['engine.sessionsMax=16', 16],
  ] as const) {
    const [room, name] = text.split(/[.=]/)
    t.strictSame(setLimit({}, text), { [room]: { [name]: value } }, text)
  }
  t.end()
})
