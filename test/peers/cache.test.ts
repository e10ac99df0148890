// Chromium and curl at the cache: their conditions are answered from what is stored, with 304, and each gets
// the variant that it asks for.

import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { browse, nodeServer, Page } from './page.js'

const BODY = 'stored '.repeat(5_000)
const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT'

/** Fermata in front of an origin that shared caches may store, and browsers may use if it has not changed. */
async function setting(t: Test, page: Page | null) {
  const asked: string[] = []
  const origin: RequestListener = (request, response) => {
    const { url = '' } = request
    if (page?.take(request, response) === true) return
    const language = request.headers['accept-language'] ?? ''
    asked.push(url === '/greeting' ? `${url} ${language}` : url)
    const fields = { 'content-type': 'text/plain', 'cache-control': 's-maxage=60, max-age=0' }
    if (url === '/greeting') {
      response.writeHead(200, { ...fields, vary: 'accept-language' })
      response.end(language.startsWith('de') ? 'Guten Tag' : 'Good day')
    } else if (url === '/checked') {
      // A shared cache has to ask as well: 304, unless it has nothing.
      const isHeld = request.headers['if-none-match'] === '"c"'
      response.writeHead(isHeld ? 304 : 200, { ...fields, 'cache-control': 'no-cache', etag: '"c"' })
      response.end(isHeld ? undefined : BODY)
    } else {
      response.writeHead(200, { ...fields, etag: '"e"', 'last-modified': MODIFIED })
      response.end(BODY)
    }
  }
  const port = await nodeServer(t, origin)
  const { portOf } = await serveText(
    t,
    `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
backends: { app: { endpoints: [127.0.0.1:${port}] } }
routes: [{ backend: app, filters: [cache] }]`,
  )
  return { asked, url: `http://127.0.0.1:${portOf()}` }
}

t.test('Chromium: its conditions are answered with 304', { skip: unlessInstalled('chromium') }, async (t) => {
  const page = new Page(`
    const told = []
    const asks = async (path, options) => {
      const response = await fetch(path, options)
      const text = await response.text()
      const status = response.headers.get('cache-status') ?? ''
      told.push([path, response.status, text.length > 99 ? text.length : text, /hit/.test(status)].join(' '))
    }
    for (const path of ['/stored', '/stored', '/checked', '/checked']) await asks(path)
    for (const language of ['de', 'en', 'de', 'en'])
      await asks('/greeting', { headers: { 'accept-language': language } })
    // Of a 304 the browser gets a head alone.
    const sizes = performance.getEntriesByType('resource').map(({ name, transferSize }) => [
      new URL(name).pathname, transferSize < 2_000,
    ])
    return { told, small: sizes.filter(([name]) => /stored|checked/.test(name)).map(([, small]) => small) }`)
  const { asked, url } = await setting(t, page)
  const { stderr } = await browse(t, `${url}/`)
  t.strictSame(
    page.told,
    {
      told: [
        `/stored 200 ${BODY.length} false`,
        `/stored 200 ${BODY.length} true`,
        `/checked 200 ${BODY.length} false`,
        `/checked 200 ${BODY.length} false`,
        '/greeting 200 Guten Tag false',
        '/greeting 200 Good day false',
        '/greeting 200 Guten Tag true',
        '/greeting 200 Good day true',
      ],
      small: [false, true, false, true],
    },
    stderr.slice(-500),
  )
  t.strictSame(asked, ['/stored', '/checked', '/checked', '/greeting de', '/greeting en'])
})

for (const version of ['--http1.1', '--http2-prior-knowledge']) {
  t.test(`curl ${version}`, { skip: unlessInstalled('curl') }, async (t) => {
    const { asked, url } = await setting(t, null)
    const curl = async (...args: string[]) => {
      const { stdout } = await run('curl', ['-sS', version, '--max-time', '20', '-D', '-', ...args])
      const [head, ...body] = stdout.split('\r\n\r\n')
      return { head: head.toLowerCase(), status: head.split(' ')[1], body: body.join('\r\n\r\n') }
    }
    const file = `${t.testdir({})}/etag`
    const first = await curl('--etag-save', file, `${url}/stored`)
    t.equal(first.body, BODY)
    t.match(first.head, /cache-status: fermata; fwd=uri-miss/)
    const same = await curl('--etag-compare', file, `${url}/stored`)
    t.strictSame([same.status, same.body], ['304', ''])
    t.match(same.head, /etag: "e"/)
    t.strictSame((await curl('-z', MODIFIED, `${url}/stored`)).status, '304')
    t.strictSame((await curl('-z', 'Sat, 05 Nov 1994 08:49:37 GMT', `${url}/stored`)).status, '200')
    const range = await curl('-r', '7-12', `${url}/stored`)
    t.strictSame([range.status, range.body], ['206', 'stored'])
    t.match(range.head, new RegExp(`content-range: bytes 7-12/${BODY.length}`))
    const head = await curl('-I', `${url}/stored`)
    t.ok(head.head.includes(`content-length: ${BODY.length}`))
    t.match(head.head, /cache-status: fermata; hit/)
    t.strictSame(asked, ['/stored'], 'the origin was asked once')
    const greeted = async (language: string) =>
      (await curl('-H', `accept-language: ${language}`, `${url}/greeting`)).body
    t.strictSame(
      [await greeted('de'), await greeted('en'), await greeted('de'), await greeted('en')],
      ['Guten Tag', 'Good day', 'Guten Tag', 'Good day'],
    )
    t.strictSame(asked.slice(1), ['/greeting de', '/greeting en'])
  })
}
