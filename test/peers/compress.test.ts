// curl and Chromium behind compress and cache: what they read is what the origin sent, over both versions.

import type { RequestListener, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { browse, nodeServer } from './page.js'

const SMALL = `<!doctype html><p>${'small '.repeat(500)}</p>`
const LARGE = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, name: `name ${id % 97}` })))

/** Its `load` event waits for the image, which comes when all else has. */
const PAGE = `<!doctype html><title>coded</title><link rel="icon" href="data:,"><p id="told">not yet</p>
<img src="/last">
<script>
const told = []
const fetched = async (path) => {
  const response = await fetch(path)
  const text = await response.text()
  return [response.headers.get('content-encoding'), text.length].join('/')
}
const heard = () => new Promise((resolve) => {
  const source = new EventSource('/events')
  source.onmessage = ({ data }) => { source.close(); resolve(data) }
})
;(async () => {
  const parts = [await fetched('/large'), await fetched('/large'), await fetched('/small'), await heard()]
  document.getElementById('told').textContent = parts.join(' ')
  fetch('/done')
})()
</script>`

async function setting(t: Test, filters: string) {
  const asked: string[] = []
  let last: ServerResponse | null = null
  const origin: RequestListener = (request, response) => {
    const { url = '' } = request
    asked.push(url)
    const send = (type: string, body: string) => {
      response.writeHead(200, {
        'content-type': type,
        'content-length': Buffer.byteLength(body),
        etag: '"e"',
        'cache-control': 'max-age=60',
      })
      response.end(body)
    }
    if (url === '/small') send('text/html', SMALL)
    else if (url === '/large') send('application/json', LARGE)
    else if (url === '/events') {
      // The stream stays open: what has come must be here all the same.
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write('data: hello\n\n')
    } else if (url === '/trailers') {
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' })
      response.write(LARGE)
      response.addTrailers({ 'x-sum': '1' })
      response.end()
    } else if (url === '/last') last = response
    else if (url === '/done') {
      response.end()
      last?.writeHead(204)
      last?.end()
    } else send('text/html', PAGE)
  }
  const port = await nodeServer(t, origin)
  const { portOf } = await serveText(
    t,
    `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
backends: { app: { endpoints: [127.0.0.1:${port}] } }
routes: [{ backend: app, filters: ${filters} }]`,
  )
  return { asked, url: `http://127.0.0.1:${portOf()}` }
}

for (const version of ['--http1.1', '--http2-prior-knowledge']) {
  t.test(`curl ${version}`, { skip: unlessInstalled('curl') }, async (t) => {
    const { asked, url } = await setting(t, '[compress, cache]')
    const curl = (...args: string[]) => run('curl', ['-sS', version, '--max-time', '20', ...args])
    for (const [path, body] of [
      ['/small', SMALL],
      ['/large', LARGE],
      ['/large', LARGE],
    ] as const) {
      const { stdout } = await curl('--compressed', '-D', '-', `${url}${path}`)
      const [head, ...rest] = stdout.split('\r\n\r\n')
      t.match(head.toLowerCase(), /content-encoding: (br|gzip)/)
      t.match(head.toLowerCase(), /etag: w\/"e"/)
      t.equal(rest.join('\r\n\r\n'), body, path)
      if (path === '/large') t.notMatch(head.toLowerCase(), /content-length/)
      else t.match(head.toLowerCase(), /content-length/)
    }
    t.same(asked, ['/small', '/large'], 'the second one was a hit, which was coded too')
    const plain = await curl('-D', '-', `${url}/large`)
    t.match(plain.stdout.toLowerCase(), /vary: accept-encoding/)
    t.ok(plain.stdout.endsWith(LARGE))
    const unchanged = await curl(
      '-D',
      '-',
      '-H',
      'accept-encoding: gzip',
      '-H',
      'if-none-match: W/"e"',
      `${url}/large`,
    )
    t.match(unchanged.stdout.toLowerCase(), /^http\/[\d.]+ 304[\s\S]*etag: w\/"e"/)
    const range = await curl('-D', '-', '-H', 'accept-encoding: gzip', '-r', '0-9', `${url}/large`)
    t.match(range.stdout.toLowerCase(), /^http\/[\d.]+ 206/)
    t.ok(range.stdout.endsWith(LARGE.slice(0, 10)))
    const head = await curl('-I', '-H', 'accept-encoding: gzip', `${url}/large`)
    t.match(head.stdout.toLowerCase(), /content-encoding: gzip/)
  })
}

t.test(
  'a client of HTTP/1.0 gets it coded, until the connection ends',
  { skip: unlessInstalled('curl') },
  async (t) => {
    const { url } = await setting(t, '[compress]')
    const { stdout } = await run('curl', [
      '-sS',
      '--http1.0',
      '--max-time',
      '20',
      '--compressed',
      `${url}/large`,
    ])
    t.equal(stdout, LARGE)
  },
)

t.test('trailers follow a coded body', { skip: unlessInstalled('curl') }, async (t) => {
  const { url } = await setting(t, '[compress]')
  const { stdout } = await run('curl', [
    '-sS',
    '--compressed',
    '-D',
    '-',
    '-H',
    'te: trailers',
    `${url}/trailers`,
  ])
  t.match(stdout.toLowerCase().slice(0, 1_000), /content-encoding/)
  t.ok(/x-sum: 1/i.test(stdout))
  t.ok(stdout.includes(LARGE))
})

t.test(
  'inside a cache nothing is coded: fills ask for the plain body',
  { skip: unlessInstalled('curl') },
  async (t) => {
    const { asked, url } = await setting(t, '[cache, compress]')
    for (let i = 0; i < 2; i++) {
      const { stdout } = await run('curl', ['-sS', '--compressed', '-D', '-', `${url}/small`])
      t.notMatch(stdout.toLowerCase(), /content-encoding/)
      t.ok(stdout.endsWith(SMALL))
    }
    t.same(asked, ['/small'])
  },
)

t.test(
  'Chromium reads coded responses, hits of the cache, and events as they come',
  { skip: unlessInstalled('chromium') },
  async (t) => {
    const { asked, url } = await setting(t, '[compress, cache]')
    const { stdout, stderr } = await browse(t, `${url}/`)
    t.match(
      stdout,
      new RegExp(`<p id="told">(?:(?:br|gzip)/(?:${LARGE.length}|${SMALL.length}) ){3}hello</p>`),
      stderr.slice(-500),
    )
    t.same(
      asked.filter((each) => each !== '/last'),
      ['/', '/large', '/small', '/events', '/done'],
    )
  },
)
