// The parts of a message, from every frontend to every backend: heads, bodies, trailers, interim responses.

import { type Answering, isHttp2, isSecure, matrix } from '../../world/matrix.js'

const WHOLE = Buffer.from('0123456789'.repeat(20_000))

const answer: Answering = (request, response) => {
  switch (request.url?.split('?')[0]) {
    case '/plain': {
      const { via, cookie = '', connection = '' } = request.headers
      const { authority } = request as { authority?: string }
      response.writeHead(200, {
        'content-length': 5,
        'x-host': authority || (request.headers.host ?? ''),
        'x-via': String(via),
        'x-proto': String(request.headers['x-forwarded-proto']),
        'x-cookie': cookie,
        'x-connection': isHttp1(request.httpVersion) ? connection : 'keep-alive',
        'set-cookie': ['a=1', 'b=2'],
      })
      response.end(request.method === 'HEAD' ? undefined : 'plain')
      break
    }
    case '/echo': {
      if (request.headers.expect === '100-continue') response.writeContinue()
      const length = request.headers['content-length']
      response.writeHead(200, {
        'x-length': length ?? 'unknown',
        ...(length === undefined ? { trailer: 'x-sum' } : { 'content-length': length }),
      })
      request.on('data', (chunk: Buffer) => response.write(chunk))
      request.on('end', () => {
        const sum = request.trailers['x-sum']
        if (length === undefined && sum !== undefined) response.addTrailers({ 'x-sum': sum })
        response.end()
      })
      break
    }
    case '/refuse':
      response.writeHead(417, { 'content-length': 0 })
      response.end()
      break
    case '/hints':
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { 'content-length': 2 })
      response.end('ok')
      break
    case '/204':
      response.writeHead(204, { 'x-y': 'z' })
      response.end()
      break
    case '/304':
      response.writeHead(304, { etag: '"a"' })
      response.end()
      break
    case '/ranges': {
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
      const [from, to] = [Number(range?.[1]), Number(range?.[2])]
      if (range === null || to >= WHOLE.length) {
        response.writeHead(416, { 'content-range': `bytes */${WHOLE.length}` })
        response.end()
        break
      }
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${WHOLE.length}` })
      response.end(WHOLE.subarray(from, to + 1))
      break
    }
    default:
      response.writeHead(404)
      response.end()
  }
}

const isHttp1 = (version: string): boolean => version.startsWith('1')

matrix(answer, [
  {
    title: 'plain',
    async run(t, { frontend, port, peer }) {
      const client = peer()
      const got = await client.get('/plain?q', { cookie: 'c=d; e=f', 'x-a': 'b' })
      t.match(got, { status: 200, whole: true, body: Buffer.from('plain') })
      t.strictSame(got.headers['set-cookie'], ['a=1', 'b=2'])
      t.equal(got.headers['x-via'], isHttp2(frontend) ? '2 fermata' : '1.1 fermata')
      t.equal(got.headers['x-proto'], isSecure(frontend) ? 'https' : 'http')
      t.equal(got.headers['x-cookie'], 'c=d; e=f')
      t.match(got.headers['x-host'], `:${port}`, 'the authority that the client named')
      t.not(got.headers['x-connection'], 'close', 'the connection is kept')
      t.equal((await client.get('/nowhere')).status, 404)
    },
  },
  {
    title: 'HEAD',
    async run(t, { peer }) {
      const client = peer()
      const got = await client.call({ method: 'HEAD', path: '/plain' }).answer
      t.match(got, { status: 200, whole: true, headers: { 'content-length': '5' } })
      t.equal(got.body.length, 0)
      t.equal((await client.get('/plain')).body.toString(), 'plain', 'and the next is in step')
    },
  },
  {
    title: 'bodies of known length',
    async run(t, { peer }) {
      const client = peer()
      for (const body of [Buffer.alloc(0), Buffer.from('a'), WHOLE]) {
        const got = await client.call({ method: 'POST', path: '/echo', body }).answer
        t.match(got, { status: 200, whole: true })
        t.equal(got.headers['x-length'], String(body.length))
        t.equal(got.headers['content-length'], String(body.length))
        t.ok(got.body.equals(body), `${body.length} octets`)
      }
    },
  },
  {
    title: 'bodies of unknown length, and trailers',
    async run(t, { peer }) {
      const client = peer()
      for (const parts of [[], ['a'], ['b', 'cd', WHOLE.toString()]]) {
        const call = client.call({
          method: 'POST',
          path: '/echo',
          body: 'open',
          headers: { trailer: 'x-sum' },
          trailers: { 'x-sum': '42' },
        })
        for (const part of parts) call.body.write(part)
        call.body.end()
        const got = await call.answer
        t.match(got, { status: 200, whole: true, headers: { 'x-length': 'unknown' } })
        t.equal(got.body.toString(), parts.join(''))
        t.equal(got.trailers['x-sum'], '42', 'the trailers went there and back')
      }
    },
  },
  {
    title: 'Expect: 100-continue',
    async run(t, { peer }) {
      const client = peer()
      const headers = { expect: '100-continue', 'content-length': '5' }
      const call = client.call({ method: 'POST', path: '/echo', body: 'open', headers })
      await call.continued
      call.body.end('hello')
      const got = await call.answer
      t.match(got, { status: 200, whole: true })
      t.equal(got.body.toString(), 'hello')
      t.ok(got.interims.includes(100))
    },
  },
  {
    title: 'Expect, refused',
    async run(t, { peer }) {
      const headers = { expect: '100-continue', 'content-length': '5' }
      const call = peer().call({ method: 'POST', path: '/refuse', body: 'open', headers })
      t.match(await call.head, { status: 417 })
      t.strictSame((await call.answer).interims, [])
      call.cancel()
    },
  },
  {
    title: '103 Early Hints',
    async run(t, { peer }) {
      const got = await peer().get('/hints')
      t.match(got, { status: 200, whole: true })
      t.strictSame(got.interims, [103])
      t.equal(got.body.toString(), 'ok')
    },
  },
  {
    title: '204 and 304',
    async run(t, { peer }) {
      const client = peer()
      const none = await client.get('/204')
      t.match(none, { status: 204, whole: true, headers: { 'x-y': 'z' } })
      t.notOk(none.headers['content-length'] ?? none.headers['transfer-encoding'])
      t.match(await client.get('/304'), { status: 304, whole: true, headers: { etag: '"a"' } })
      t.equal((await client.get('/plain')).body.toString(), 'plain', 'and the next is in step')
    },
  },
  {
    title: 'ranges',
    async run(t, { peer }) {
      const client = peer()
      const got = await client.get('/ranges', { range: 'bytes=7-100006' })
      t.match(got, { status: 206, whole: true, headers: { 'content-range': 'bytes 7-100006/200000' } })
      t.ok(got.body.equals(WHOLE.subarray(7, 100_007)))
      t.match(await client.get('/ranges', { range: 'bytes=0-200000' }), { status: 416, whole: true })
    },
  },
])
