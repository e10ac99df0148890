// Bodies of any length, from every frontend to every backend: a side that reads slowly, or not at all, costs
// a bounded memory and gets the whole body in the end; a body that flows costs none (design: Flow control).

import type { Test } from 'tap'
import { http1Limits } from '../../../src/http1/index.js'
import { http2Limits } from '../../../src/http2/index.js'
import { type Answering, matrix, type Pair, type Request } from '../../world/matrix.js'

/** `FLOW_BYTES` in the environment makes it a whole gibibyte. */
const FLOW_BYTES = Number(process.env['FLOW_BYTES'] ?? 3 * 1024 * 1024)
/** More than the sockets of one connection to either side swallow. */
const STALL_BYTES = 8 * 1024 * 1024
/** The bytes that one stream may hold, with a read of 64 KiB begun at either end. */
const HELD_MAX = Math.max(http1Limits.bodyAheadBytesMax, http2Limits.streamWindowMax) + 2 * 65_536
/** octets by which the process may grow for other reasons: the collector's, the peers' and the pools' */
const GROWTH_MAX = 64 * 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024, 'fermata\n')

interface Sink {
  write(chunk: Buffer): boolean
  end(): unknown
  on(event: 'drain', then: () => void): unknown
}

/** Writes this many octets, as they are taken. */
function pour(sink: Sink, bytes: number): void {
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      const chunk = CHUNK.subarray(0, left)
      left -= chunk.length
      if (!sink.write(chunk)) return
    }
    left = -1
    sink.end()
  }
  sink.on('drain', () => {
    if (left >= 0) more()
  })
  more()
}

function counted(body: Pick<Request, 'on'>): Promise<number> {
  let bytes = 0
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  return new Promise((resolve) => body.on('end', () => resolve(bytes)))
}

/** The upload that is not read yet. */
let stalled: (request: Request) => void = () => {}

const answer: Answering = (request, response) => {
  const [, what, bytes] = (request.url ?? '').split('/')
  if (what === 'bytes') {
    response.writeHead(200, { 'content-length': bytes })
    pour(response as Sink, Number(bytes))
    return
  }
  if (what === 'drip') {
    response.writeHead(200)
    const drip = (left: number): void => {
      if (left === 0) response.end()
      else response.write('x', () => drip(left - 1))
    }
    drip(20)
    return
  }
  // Nothing is read before the reader is there.
  if (what === 'stalled') request.pause()
  else request.resume()
  void counted(request).then((count) => response.end(String(count)))
  if (what === 'stalled') {
    request.pause()
    stalled(request)
  }
}

async function siblings(t: Test, pair: Pair): Promise<void> {
  const client = pair.peer()
  for (let i = 0; i < 3; i++) t.equal((await client.get('/bytes/200000')).body.length, 200_000)
}

const upload = (pair: Pair, path: string, bytes: number) =>
  pair.peer().call({ method: 'POST', path, body: 'open', headers: { 'content-length': String(bytes) } })

matrix(answer, [
  {
    title: 'a slow reader',
    async run(t, pair) {
      const { memory } = pair.server.world
      const call = pair.peer().call({ path: `/bytes/${STALL_BYTES}`, unread: true })
      await call.head
      await siblings(t, pair)
      t.ok(memory.bytes <= HELD_MAX, `${memory.bytes} octets held`)
      const taken = counted(call.response as never)
      t.equal(await taken, STALL_BYTES, 'and then all of it')
    },
  },
  {
    title: 'a backend that reads slowly',
    async run(t, pair) {
      const { memory } = pair.server.world
      const arrived = new Promise<Request>((resolve) => {
        stalled = resolve
      })
      const call = upload(pair, '/stalled', STALL_BYTES)
      pour(call.body, STALL_BYTES)
      const request = await arrived
      await siblings(t, pair)
      t.ok(memory.bytes <= HELD_MAX, `${memory.bytes} octets held`)
      request.resume()
      t.equal((await call.answer).body.toString(), String(STALL_BYTES), 'and then all of it')
    },
  },
  {
    title: 'a slow writer, octet by octet',
    async run(t, pair) {
      const call = pair.peer().call({ method: 'POST', path: '/count', body: 'open' })
      for (let i = 0; i < 20; i++) await new Promise((resolve) => call.body.write('x', resolve))
      call.body.end()
      t.equal((await call.answer).body.toString(), '20')
    },
  },
  {
    title: 'a backend that writes slowly, octet by octet',
    async run(t, pair) {
      const got = await pair.peer().get('/drip')
      t.match(got, { status: 200, whole: true })
      t.equal(got.body.length, 20)
    },
  },
  ...(['down', 'up'] as const).map((way) => ({
    title: `${FLOW_BYTES} octets ${way}`,
    async run(t: Test, pair: Pair) {
      const { memory } = pair.server.world
      const before = process.memoryUsage().rss
      let most = 0
      let mostHeld = 0
      const look = () => {
        most = Math.max(most, process.memoryUsage.rss() - before)
        mostHeld = Math.max(mostHeld, memory.bytes)
      }
      if (way === 'down') {
        const call = pair.peer().call({ path: `/bytes/${FLOW_BYTES}`, unread: true })
        await call.head
        call.response.on('data', look)
        t.equal(await counted(call.response as never), FLOW_BYTES)
      } else {
        const call = upload(pair, '/count', FLOW_BYTES)
        call.body.on('drain', look)
        pour(call.body, FLOW_BYTES)
        t.equal((await call.answer).body.toString(), String(FLOW_BYTES))
      }
      t.ok(most < GROWTH_MAX, `the process grew by ${most}`)
      t.ok(mostHeld <= HELD_MAX, `${mostHeld} octets held at most`)
    },
  })),
])
