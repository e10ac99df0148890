// Limits that depend on each other: the largest head and the largest trailers that they allow do leave, in whichever
// version, and one more is no longer allowed.

import t from 'tap'
import { checkLimits, defaultLimits, setLimit } from '../../src/server/limits.js'
import { frame, framesOf } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const OWN_BYTES = 1024
/** All that is left of the smallest slab beside a request line and field lines of the usual bounds. */
const flushBytesMax = 65_536
const { startLineBytesMax, fieldSectionBytesMax, trailerSectionBytesMax } = defaultLimits
const limits = {
  ...defaultLimits,
  flushBytesMax,
  fieldsMax: Math.floor((flushBytesMax - OWN_BYTES - startLineBytesMax - fieldSectionBytesMax) / 32),
  trailersMax: Math.floor((flushBytesMax - OWN_BYTES - trailerSectionBytesMax) / 32),
}

/** So many field lines, of so many octets together. */
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
    const fields = linesOf(limits.fieldsMax - 3, fieldSectionBytesMax - host.length - 2)
    const trailers = linesOf(Math.min(limits.trailersMax, 900), trailerSectionBytesMax - 2)
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
  const { fieldsMax, trailersMax } = limits
  t.throws(() => checkLimits({ ...limits, fieldsMax: fieldsMax + 1 }), { message: /flushBytesMax=65536/ })
  t.throws(() => checkLimits({ ...limits, trailersMax: trailersMax + 1 }), { message: /flushBytesMax=65536/ })
  t.end()
})

t.test('a stream may be sent no more than its connection may hold', (t) => {
  const streamWindowMax = limits.connectionHeldBytesMax
  checkLimits({ ...limits, streamWindowMax })
  t.throws(() => checkLimits({ ...limits, streamWindowMax: streamWindowMax + 1 }), {
    message: /connectionHeldBytesMax/,
  })
  t.end()
})

t.test('a budget of frames that one honest change of windows would spend is none', (t) => {
  t.same(setLimit({}, 'idleFramesBurst=100'), { idleFramesBurst: 100 })
  t.throws(() => setLimit({}, 'idleFramesBurst=99'), { message: /idleFramesBurst/ })
  t.end()
})

t.test('units: what they come to', (t) => {
  for (const [text, value] of [
    ['headTimeoutMs=250', 250],
    ['headTimeoutMs=250ms', 250],
    ['headTimeoutMs=1s', 1_000],
    ['headTimeoutMs=1.5s', 1_500],
    ['headTimeoutMs=2m', 120_000],
    ['exchangeTimeoutMs=1h', 3_600_000],
    ['flushBytesMax=512KiB', 524_288],
    ['flushBytesMax=0.5MiB', 524_288],
    ['heldBytesMax=1GiB', 1_073_741_824],
    ['heldBytesSoft=67108864B', 67_108_864],
    ['streamWindow=64KiB', 65_536],
    ['sessionsMax=16', 16],
  ] as const)
    t.strictSame(setLimit({}, text), { [text.split('=')[0]]: value }, text)
  t.end()
})
