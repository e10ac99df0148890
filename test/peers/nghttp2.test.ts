// nghttp2's programs on both sides of Fermata: nghttp and h2load in front of it, nghttpd behind it, nghttpx
// before it.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as http2 from 'node:http2'
import { join } from 'node:path'
import t from 'tap'
import { h2load, unsuccessful } from '../../tools/testbed/h2load.js'
import { freePort, run, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { answerOf, type OnStream, setUp } from '../world/proxy-world.js'
import { beforeNghttpd } from './nghttpd.js'

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

t.test('nghttp sees frames of both ways', { skip: unlessInstalled('nghttp', 'nghttpd') }, async (t) => {
  const { url } = await beforeNghttpd(
    t,
    { 'index.html': 'twelve bytes' },
    { options: ['--trailer', 'x-sum: 12'] },
  )
  const { code, stdout } = await run('nghttp', ['-v', '-b', '100', `${url}/index.html`])
  t.equal(code, 0)
  t.match(stdout, /recv SETTINGS frame/)
  t.match(stdout, /:status: 200/)
  t.match(stdout, /server: nghttpd/)
  t.match(stdout, /recv DATA frame <length=12,/)
  t.match(stdout, /x-sum: 12/)
  t.notMatch(stdout, /RST_STREAM/)
})

t.test('nghttp uploads, with trailers', { skip: unlessInstalled('nghttp') }, async (t) => {
  const body = randomBytes(1024 * 1024)
  const seen: { sum: string; trailer: unknown }[] = []
  const origin: OnStream = (stream) => {
    const hash = createHash('sha256')
    let trailer: unknown = null
    stream.on('data', (chunk: Buffer) => hash.update(chunk))
    stream.on('trailers', (trailers) => {
      trailer = trailers['x-sent']
    })
    stream.on('end', () => {
      seen.push({ sum: hash.digest('hex'), trailer })
      stream.respond({ ':status': 201 }, { endStream: true })
    })
  }
  const { url, close } = await setUp(origin)
  t.teardown(close)
  const file = join(t.testdir({ body }), 'body')
  const args = ['-v', '--no-dep', '-d', file, '-H', 'x-field: 1', '--trailer', 'x-sent: all', `${url}/`]
  const { code, stdout } = await run('nghttp', args)
  t.equal(code, 0)
  t.match(stdout, /:status: 201/)
  t.strictSame(seen, [{ sum: sha(body), trailer: 'all' }])
})

t.test('nghttpd as the backend of curl', { skip: unlessInstalled('curl', 'nghttpd') }, async (t) => {
  const large = randomBytes(5 * 1024 * 1024)
  const { url } = await beforeNghttpd(t, { large, small: 'twelve bytes' }, { options: ['--echo-upload'] })
  const curl = (...args: string[]) =>
    run('curl', ['-sS', '--http2-prior-knowledge', '--max-time', '60', ...args])
  const back = join(t.testdirName, 'back')
  t.equal((await curl('-o', back, `${url}/large`)).code, 0)
  t.equal(sha(readFileSync(back)), sha(large))
  t.match(await curl('-I', `${url}/small`), {
    code: 0,
    stdout: /^HTTP\/2 200 \r\n[\s\S]*content-length: 12\r\n/,
  })
  t.match(await curl('-w', '%{http_code}', '-o', back, `${url}/nothing`), { code: 0, stdout: '404' })
  t.match(await curl('--data-binary', 'there and back', `${url}/`), { code: 0, stdout: 'there and back' })
})

t.test(
  'h2load: 20,000 requests of ten clients on one backend connection',
  { skip: unlessInstalled('h2load', 'nghttpd') },
  async (t) => {
    const { url, opens, server } = await beforeNghttpd(
      t,
      { small: 'twelve bytes' },
      { options: ['-m', '1000'] },
    )
    const report = await h2load({ url: `${url}/small`, requests: 20_000, clients: 10, streams: 50 })
    t.equal(unsuccessful(report), 0)
    t.match(report, { done: 20_000, succeeded: 20_000, failed: 0, errored: 0, bytesData: 240_000 })
    t.equal(opens(), 1)
    t.match(server.describe(), { exchanges: { begun: 20_000, ended: 20_000, outcomes: { ok: 20_000 } } })
  },
)

t.test(
  "h2load past the backend's limit: more connections, or waiting, and no failure",
  { skip: unlessInstalled('h2load', 'nghttpd') },
  async (t) => {
    const { url, opens } = await beforeNghttpd(t, { small: 'twelve bytes' }, { options: ['-m', '5'] })
    const report = await h2load({ url: `${url}/small`, requests: 5_000, clients: 10, streams: 50 })
    t.equal(unsuccessful(report), 0)
    t.ok(opens() > 1, `${opens()} connections`)
    t.ok(opens() <= 16, `${opens()} connections`)
  },
)

t.test('h2load uploads', { skip: unlessInstalled('h2load', 'nghttpd') }, async (t) => {
  const { url } = await beforeNghttpd(t, {}, { options: ['-m', '1000', '--echo-upload'] })
  const data = join(t.testdir({ body: randomBytes(100_000) }), 'body')
  const report = await h2load({ url: `${url}/`, requests: 500, clients: 5, streams: 10, data })
  t.equal(unsuccessful(report), 0)
  t.equal(report.bytesData, 50_000_000)
})

t.test('nghttpx before Fermata', { skip: unlessInstalled('nghttpx') }, async (t) => {
  const { url, close } = await setUp((stream, headers) => {
    stream.respond({ ':status': 200, 'x-via': String(headers['via']) })
    stream.pipe(stream)
  })
  t.teardown(close)
  const port = await freePort()
  const nghttpx = await start(
    'nghttpx',
    [
      '--conf=/dev/null',
      `--frontend=127.0.0.1,${port};no-tls`,
      `--backend=127.0.0.1,${new URL(url).port};;proto=h2;no-tls`,
      '--workers=1',
      '--accesslog-file=/dev/null',
      '--errorlog-file=/dev/null',
    ],
    { port },
  )
  t.teardown(() => nghttpx.stop())
  const session = http2.connect(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  const bodies = Array.from({ length: 20 }, () => randomBytes(100_000))
  const answers = await Promise.all(
    bodies.map((body) => {
      const stream = session.request({ ':method': 'POST', ':path': '/' })
      const answer = answerOf(stream)
      stream.end(body)
      return answer
    }),
  )
  for (const [at, answer] of answers.entries()) {
    t.equal(answer.status, 200)
    t.match(answer.headers['x-via'], /nghttpx.*fermata/)
    t.equal(sha(answer.body), sha(bodies[at]))
  }
})
