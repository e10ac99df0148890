// Exchanges from end to end, with node:http2 as client and as backend.

import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:http2'
import t from 'tap'
import { answerOf, get, type OnStream, once, setUp } from '../world/proxy-world.js'

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

let resetNow = () => {}

const origin: OnStream = (stream, headers) => {
  const path = String(headers[':path'])
  if (path === '/echo') {
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' })
    stream.pipe(stream)
  } else if (path === '/headers') {
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify(headers))
  } else if (path === '/trailers') {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': 'abc' }))
    stream.end('body')
  } else if (path === '/request-trailers') {
    stream.on('trailers', (trailers) => {
      stream.respond({ ':status': 200 })
      stream.end(String(trailers['x-sent']))
    })
    stream.resume()
  } else if (path === '/interim') {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' })
    stream.respond({ ':status': 200 })
    stream.end('ok')
  } else if (path.startsWith('/status/'))
    stream.respond({ ':status': Number(path.slice(8)) }, { endStream: true })
  else if (path === '/early') {
    stream.respond({ ':status': 413 })
    stream.end('too much')
  } else if (path === '/reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else if (path === '/reset-after-head') {
    stream.respond({ ':status': 200, 'content-length': '100' })
    stream.write('part')
    resetNow = () => stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  } else if (path === '/die') stream.session?.destroy()
  else if (path === '/silent') stream.resume()
}

t.test('methods and bodies of many lengths pass unaltered', async (t) => {
  const setting = await setUp(origin)
  const client = setting.client()
  for (const size of [0, 1, 65_535, 65_536, 200_000, 1024 * 1024]) {
    for (const method of ['POST', 'PUT']) {
      const body = randomBytes(size)
      const stream = client.request({ ':path': '/echo', ':method': method })
      const answer = answerOf(stream)
      stream.end(body)
      const { status, body: echoed, ended } = await answer
      t.equal(status, 200)
      t.ok(ended)
      t.equal(sha(echoed), sha(body), `${method} of ${size} octets`)
    }
  }
  t.equal((await get(client, '/status/204')).status, 204)
  t.equal((await get(client, '/status/304')).status, 304)
  t.equal((await get(client, '/status/200', { ':method': 'OPTIONS' })).status, 200)
  const head = await get(client, '/headers', { ':method': 'HEAD' })
  t.equal(head.status, 200)
  t.equal(head.body.length, 0)
  t.equal(setting.sessions.length, 1, 'all on one backend connection')
  await setting.close()
})

t.test('the head says that it went through us, and nobody else may say it for the client', async (t) => {
  const setting = await setUp(origin)
  const { body } = await get(setting.client(), '/headers', {
    'x-forwarded-for': '203.0.113.9',
    te: 'trailers',
  })
  const seen = JSON.parse(String(body)) as Record<string, string>
  t.equal(seen.via, '2 fermata')
  t.equal(seen['x-forwarded-for'], '127.0.0.1')
  t.equal(seen['x-forwarded-proto'], 'http')
  t.equal(seen.te, 'trailers')
  await setting.close()
})

t.test('trailers go both ways, and interim responses pass', async (t) => {
  const setting = await setUp(origin)
  const client = setting.client()
  const down = await get(client, '/trailers')
  t.equal(String(down.body), 'body')
  t.equal(down.trailers['x-checksum'], 'abc')
  const stream = client.request(
    { ':path': '/request-trailers', ':method': 'POST' },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sent': 'yes' }))
  const up = answerOf(stream)
  stream.end('body')
  t.equal(String((await up).body), 'yes')
  const interim = await get(client, '/interim')
  t.same(interim.interims, [103])
  t.equal(interim.status, 200)
  await setting.close()
})

t.test('both ways at once, chunk by chunk and unbuffered', async (t) => {
  const setting = await setUp(origin)
  const stream = setting.client().request({ ':path': '/echo', ':method': 'POST' })
  const answer = answerOf(stream)
  for (let i = 0; i < 20; i++) {
    const echoed = new Promise<string>((resolve) =>
      stream.once('data', (chunk: Buffer) => resolve(String(chunk))),
    )
    stream.write(`chunk ${i}`)
    t.equal(await echoed, `chunk ${i}`, 'came back before the next was sent')
  }
  stream.end()
  t.ok((await answer).ended)
  await setting.close()
})

t.test('a response that ends before its request does', async (t) => {
  const gone: number[] = []
  const setting = await setUp((stream, headers) => {
    stream.on('close', () => gone.push(stream.rstCode ?? -1))
    origin(stream, headers)
  })
  const stream = setting.client().request({ ':path': '/early', ':method': 'POST' })
  const answer = answerOf(stream)
  stream.write(Buffer.alloc(10_000))
  const { status, body, code } = await answer
  t.equal(status, 413)
  t.equal(String(body), 'too much')
  t.equal(code, constants.NGHTTP2_NO_ERROR)
  await setting.close()
})

t.test('R2, R3, R4: the backend resets or dies', async (t) => {
  const setting = await setUp(origin)
  const client = setting.client()
  const before = await get(client, '/reset')
  t.equal(before.status, 502)
  t.equal(before.headers['x-fermata'], 'reset')
  const begun = client.request({ ':path': '/reset-after-head' })
  begun.once('data', () => resetNow())
  const after = await answerOf(begun)
  t.equal(after.status, 200)
  t.equal(after.code, constants.NGHTTP2_INTERNAL_ERROR, 'reset, not ended')
  const post = client.request({ ':path': '/die', ':method': 'POST' })
  const died = answerOf(post)
  post.end('x')
  t.equal((await died).status, 502, 'a POST is not sent again')
  t.equal((await get(client, '/die')).status, 502, 'a GET is, and gives up')
  t.equal(setting.server.proxy.outcomes.get('ok'), undefined)
  t.equal((await get(client, '/headers')).status, 200, 'the next finds a new connection')
  await setting.close()
})

t.test('E18: the client resets: the backend hears of it at once, and the lease is free', async (t) => {
  let heard: (code: number) => void = () => {}
  const setting = await setUp((stream) => {
    stream.on('close', () => heard(stream.rstCode ?? -1))
    arrived()
  })
  let arrived: () => void = () => {}
  const atBackend = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const code = new Promise<number>((resolve) => {
    heard = resolve
  })
  const stream = setting.client().request({ ':path': '/silent' })
  stream.on('error', () => {})
  await atBackend
  const ended = new Promise<void>((resolve) => {
    setting.server.proxy.watch({ ended: () => resolve() })
  })
  stream.close(constants.NGHTTP2_CANCEL)
  t.equal(await code, constants.NGHTTP2_CANCEL)
  await ended
  const [engine] = setting.server.describe().engines as { sessions: { leased: number }[] }[]
  t.equal(engine.sessions[0].leased, 0)
  await setting.close()
})

t.test('no backend, late ones, full queues', async (t) => {
  const setting = await setUp(
    origin,
    { proxy: { headTimeoutMs: 400, leaseTimeoutMs: 400 }, engine: { queueMax: 1, sessionsMax: 1 } },
    {
      settings: { maxConcurrentStreams: 1 },
    },
  )
  const client = setting.client()
  t.equal((await get(client, '/headers')).status, 200)
  t.equal((await get(client, '/silent')).status, 504)
  const answers = await Promise.all([get(client, '/silent'), get(client, '/silent'), get(client, '/silent')])
  const codes = answers.map((each) => String(each.headers['x-fermata'])).sort()
  t.same(codes.filter((code) => code === 'queue-full').length, 1)
  t.ok(codes.includes('head-late'))
  await setting.close()
  const nobody = await setUp(origin, {}, { routes: [{ host: '', prefix: '/', url: 'h2c://127.0.0.1:1' }] })
  const told: string[] = []
  nobody.server.on('unreached', (...words) => told.push(words.join(' ')))
  const asking = nobody.client()
  const [refused] = [await get(asking, '/'), await get(asking, '/')]
  t.equal(refused.status, 502)
  t.equal(refused.headers['x-fermata'], 'backend-not-connected')
  t.equal(refused.body.toString(), '502 backend-not-connected (m1/s1)\n', 'what happened, and no more')
  t.notMatch(refused.body.toString(), /127\.0\.0\.1|ECONN/, 'where and how is for the operator')
  t.strictSame(told, ['h2c://127.0.0.1:1 127.0.0.1:1: ECONNREFUSED'], 'once, however many ask')
  await nobody.close()
})

t.test('past what the peer allows, requests wait in order, or a further session opens', async (t) => {
  const waiting: (() => void)[] = []
  const holding: OnStream = (stream) => {
    waiting.push(() => {
      stream.respond({ ':status': 200 }, { endStream: true })
    })
    enough()
  }
  let enough = () => {}
  const two = new Promise<void>((resolve) => {
    enough = () => {
      if (waiting.length === 2) resolve()
    }
  })
  const setting = await setUp(
    holding,
    { engine: { sessionsMax: 2 } },
    { settings: { maxConcurrentStreams: 1 } },
  )
  const client = setting.client()
  const answers = [get(client, '/1'), get(client, '/2')]
  await two
  t.equal(setting.sessions.length, 2)
  for (const go of waiting) go()
  t.same(
    (await Promise.all(answers)).map((each) => each.status),
    [200, 200],
  )
  await setting.close()
})

t.test('GOAWAY: the next request goes to a new connection', async (t) => {
  const setting = await setUp(origin)
  const client = setting.client()
  t.equal((await get(client, '/headers')).status, 200)
  const closed = once(setting.sessions[0], 'close')
  setting.sessions[0].close()
  await closed
  t.equal((await get(client, '/headers')).status, 200)
  t.equal(setting.sessions.length, 2)
  await setting.close()
})

t.test('F2, F3: a client that stops reading costs its window, and its siblings go on', async (t) => {
  const size = 32 * 1024 * 1024
  const setting = await setUp((stream, headers) => {
    if (headers[':path'] !== '/large') {
      stream.respond({ ':status': 200 })
      stream.end(Buffer.alloc(100_000))
      return
    }
    stream.respond({ ':status': 200 })
    const chunk = Buffer.alloc(16_384)
    let left = size
    const more = () => {
      while (left > 0) {
        left -= chunk.length
        if (!stream.write(chunk)) return
      }
      stream.end()
    }
    stream.on('drain', more)
    more()
  })
  const slow = setting.client().request({ ':path': '/large' })
  slow.on('error', () => {})
  slow.pause()
  await once(slow, 'response')
  const client = setting.client()
  for (let i = 0; i < 50; i++) t.equal((await get(client, '/small')).body.length, 100_000)
  t.equal(setting.sessions.length, 1, 'on the same backend connection')
  const held = setting.server.world.memory.bytes
  t.ok(held > 0 && held <= 512 * 1024, `${held} octets held`)
  slow.close(constants.NGHTTP2_CANCEL)
  await once(slow, 'close')
  await setting.close()
})

t.test('at the limit of held bytes the stalled stream pays', async (t) => {
  const setting = await setUp(
    (stream, headers) => {
      stream.respond({ ':status': 200 })
      stream.end(Buffer.alloc(headers[':path'] === '/large' ? 60_000 : 1_000))
    },
    { transport: { heldBytesSoft: 100_000, heldBytesMax: 150_000, stallMs: 1 } },
  )
  const slow = setting.client()
  slow.settings({ initialWindowSize: 0 })
  const answers = Array.from({ length: 6 }, () => answerOf(slow.request({ ':path': '/large' })))
  const first = await Promise.race(answers)
  t.equal(first.code, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.ok(setting.server.world.memory.stalls > 0)
  t.equal((await get(setting.client(), '/small')).body.length, 1_000)
  slow.destroy()
  await Promise.all(answers)
  await setting.close()
})

t.test('a thousand clients that vanish cost a steady one nothing', async (t) => {
  let silent = 0
  let all = () => {}
  const setting = await setUp(
    (stream, headers) => {
      if (headers[':path'] !== '/silent') {
        stream.respond({ ':status': 200 })
        stream.end('steady')
      } else if (++silent === 1_000) all()
    },
    {},
    { settings: { maxConcurrentStreams: 5_000 } },
  )
  const arrived = new Promise<void>((resolve) => {
    all = resolve
  })
  const steady = setting.client()
  const vanishing = Array.from({ length: 10 }, () => setting.client())
  for (const client of vanishing) {
    for (let i = 0; i < 100; i++) client.request({ ':path': '/silent' }).on('error', () => {})
  }
  await arrived
  const ended = new Promise<void>((resolve) => {
    let count = 0
    setting.server.proxy.watch({
      ended: (x) => {
        if (x.outcome === 'client-gone' && ++count === 1_000) resolve()
      },
    })
  })
  for (const client of vanishing) client.destroy()
  for (let i = 0; i < 50; i++) t.equal(String((await get(steady, '/steady')).body), 'steady')
  await ended
  for (let i = 0; i < 50; i++) t.equal(String((await get(steady, '/steady')).body), 'steady')
  t.equal(setting.sessions.length, 1, 'on the same backend connection throughout')
  t.ok(setting.server.protocols.http2.counts.discarded > 0, 'not all were reset at once')
  await setting.close()
})
