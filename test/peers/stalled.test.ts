// A peer that stops reading costs one stream window of memory, and its neighbours run at full speed. The peer
// is the client of a response of 1 GiB, or the backend of an upload. A body that flows costs no memory at
// all, however long it is (design: Flow control).

import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from 'node:http2'
import { constants } from 'node:http2'
import t, { type Test } from 'tap'
import { http2Limits } from '../../src/http2/index.js'
import { answerOf, get, type OnStream, once, type Setting, setUp } from '../world/proxy-world.js'

const GIBIBYTE = 1024 * 1024 * 1024
/** The bytes that really flow here; `FLOW_BYTES` in the environment makes it a whole gibibyte. */
const FLOW_BYTES = Number(process.env['FLOW_BYTES'] ?? 64 * 1024 * 1024)
/** The one that stopped had flowed for a window, so it got a wider one, once. A block of 16 KiB is begun at either end. */
const HELD_MAX = 2 * http2Limits.streamWindow + 2 * 16_384
/** octets by which the process may grow for other reasons: the collector's, the peers' and the pools' */
const GROWTH_MAX = 48 * 1024 * 1024
const FLOW_GROWTH_MAX = FLOW_BYTES / 2
const CHUNK = Buffer.alloc(64 * 1024, 'fermata\n')

/** Writes this many octets, as they are taken. */
function pour(stream: ServerHttp2Stream | ClientHttp2Stream, bytes: number): void {
  let left = bytes
  const more = (): void => {
    while (left > 0 && !stream.destroyed) {
      const chunk = CHUNK.subarray(0, left)
      left -= chunk.length
      if (!stream.write(chunk)) return
    }
    stream.end()
  }
  stream.on('drain', more)
  more()
}

/** Returns the number of octets that came until the end. */
function counted(stream: ServerHttp2Stream | ClientHttp2Stream): Promise<number> {
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  return new Promise((resolve) => stream.on('end', () => resolve(bytes)))
}

const rss = () => process.memoryUsage().rss

async function siblings(t: Test, setting: Setting, client: ClientHttp2Session): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const upload = client.request({ ':path': '/count', ':method': 'POST' })
    const answer = answerOf(upload)
    upload.end(Buffer.alloc(500_000))
    const [up, down] = await Promise.all([answer, get(client, '/bytes/500000')])
    if (String(up.body) !== '500000' || down.body.length !== 500_000) t.fail(`sibling ${i}`)
  }
  t.equal(setting.sessions.length, 1, 'on the same backend connection')
}

const stopped: ServerHttp2Stream[] = []
const origin: OnStream = (stream, headers) => {
  const path = String(headers[':path'])
  const bytes = Number(/^\/bytes\/(\d+)$/.exec(path)?.[1] ?? 0)
  if (bytes > 0) {
    stream.respond({ ':status': 200, 'content-length': bytes })
    pour(stream, bytes)
  } else if (path === '/count') {
    void counted(stream).then((count) => {
      stream.respond({ ':status': 200 })
      stream.end(String(count))
    })
  } else if (path === '/stop') {
    // It takes nothing of the body.
    stream.pause()
    stream.respond({ ':status': 200 })
    stopped.push(stream)
  }
}

t.test('F3: a client that stops reading a response of 1 GiB', async (t) => {
  const setting = await setUp(origin)
  const { memory } = setting.server.world
  const client = setting.client()
  await once(client, 'connect')
  // Its own connection window is not what is tested: the stream's is.
  client.setLocalWindowSize(16 * 1024 * 1024)
  const before = rss()
  const slow = client.request({ ':path': `/bytes/${GIBIBYTE}` })
  slow.on('error', () => {})
  slow.pause()
  const [head] = await once(slow, 'response')
  t.equal(head['content-length'], String(GIBIBYTE))
  await siblings(t, setting, client)
  await siblings(t, setting, setting.client())
  t.ok(memory.bytes >= http2Limits.streamWindow, `${memory.bytes} octets held: its window is full`)
  t.ok(memory.bytes <= HELD_MAX, `${memory.bytes} octets held: and no more than that`)
  t.ok(rss() - before < GROWTH_MAX, `the process grew by ${rss() - before}`)
  slow.close(constants.NGHTTP2_CANCEL)
  await once(slow, 'close')
  await setting.close()
})

t.test('F4: a backend that stops reading an upload', async (t) => {
  const setting = await setUp(origin)
  const { memory } = setting.server.world
  const client = setting.client()
  const before = rss()
  const slow = client.request({ ':path': '/stop', ':method': 'POST', 'content-length': GIBIBYTE })
  slow.on('error', () => {})
  await once(slow, 'response')
  pour(slow, GIBIBYTE)
  await siblings(t, setting, client)
  await siblings(t, setting, setting.client())
  t.ok(memory.bytes > 0, `${memory.bytes} octets held: it is on its way`)
  t.ok(memory.bytes <= HELD_MAX, `${memory.bytes} octets held: one window`)
  t.ok(rss() - before < GROWTH_MAX, `the process grew by ${rss() - before}`)
  t.equal(stopped.length, 1)
  const closed = once(stopped[0], 'close')
  slow.close(constants.NGHTTP2_CANCEL)
  await closed
  await setting.close()
})

for (const [way, path] of [
  ['down', `/bytes/${FLOW_BYTES}`],
  ['up', '/count'],
]) {
  t.test(`${FLOW_BYTES / 1024 / 1024} MiB ${way} cost nothing`, async (t) => {
    const setting = await setUp(origin)
    const { memory } = setting.server.world
    const client = setting.client()
    // A first run, so that what is pooled and compiled is there.
    await siblings(t, setting, client)
    const before = rss()
    let most = 0
    let mostHeld = 0
    const stream = client.request({ ':path': path, ':method': way === 'up' ? 'POST' : 'GET' })
    const taken = counted(stream)
    const look = () => {
      most = Math.max(most, rss())
      mostHeld = Math.max(mostHeld, memory.bytes)
    }
    stream.on('data', look)
    stream.on('drain', look)
    if (way === 'up') {
      const answer = answerOf(stream)
      pour(stream, FLOW_BYTES)
      t.equal(String((await answer).body), String(FLOW_BYTES))
    } else t.equal(await taken, FLOW_BYTES)
    t.ok(most - before < FLOW_GROWTH_MAX, `the process grew by ${most - before}`)
    t.ok(mostHeld <= http2Limits.streamWindowMax + 2 * 16_384, `${mostHeld} octets held at most`)
    await setting.close()
  })
}
