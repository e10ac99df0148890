// Chromium and curl at cors: pages of an origin that is allowed, and of one that is not, ask an API of another
// origin. The browser enforces the protocol; the test sees what pages may read, and what the backend gets.

import t, { type Test } from 'tap'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { browse, nodeServer, Page } from './page.js'

/** An API behind Fermata whose pages come from elsewhere. Notes what the backend gets. */
async function api(t: Test, origin: string) {
  const asked: string[] = []
  const backend = await nodeServer(t, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.cookie ?? '-'}`)
    request.resume()
    response.writeHead(200, {
      'content-type': 'text/plain',
      'set-cookie': 'session=4711',
      'x-total': '7',
      'x-hidden': '8',
      // The backend's own fields about origins are dropped.
      'access-control-allow-origin': '*',
    })
    response.end(`seen ${request.headers.cookie ?? 'nobody'}`)
  })
  const { portOf } = await serveText(
    t,
    `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
filters:
  pages:
    cors: { origins: ["${origin}"], methods: [GET, PUT], headers: [content-type, x-key], expose: [x-total], credentials: true, maxAge: 10m }
backends: { app: { endpoints: [127.0.0.1:${backend}] }, dead: { endpoints: [127.0.0.1:1] } }
routes:
  - { name: down, match: { path: { prefix: /down } }, backend: dead, filters: [pages] }
  - { name: app, backend: app, filters: [pages] }`,
  )
  return { asked, url: `http://127.0.0.1:${portOf()}` }
}

/** A server of pages, whose script is set later: it names a port that is not known yet. */
async function pages(t: Test) {
  let page: Page | null = null
  const port = await nodeServer(t, (request, response) => {
    if (page?.take(request, response) === true) return
    response.writeHead(404)
    response.end()
  })
  const origin = `http://127.0.0.1:${port}`
  return {
    origin,
    /** Runs a script in a page of this origin. Returns what it has told. */
    async told(script: string): Promise<unknown> {
      page = new Page(script)
      const { stderr } = await browse(t, `${origin}/`)
      if (page.told === null) t.fail(`the page has told nothing: ${stderr.slice(-500)}`)
      return page.told
    },
  }
}

/** A script that makes these requests in turn, and tells status, text and two fields of each, or its error. */
const asks = (url: string, requests: readonly (readonly [path: string, options: object])[]) => `
  const told = []
  for (const [path, options] of ${JSON.stringify(requests)}) {
    try {
      const response = await fetch('${url}' + path, { credentials: 'include', ...options })
      const fields = ['x-total', 'x-hidden'].map((name) => response.headers.get(name))
      told.push([response.status, await response.text(), ...fields].join(' '))
    } catch (error) {
      told.push(error.name)
    }
  }
  return told`

const JSON_PUT = {
  method: 'PUT',
  headers: { 'content-type': 'application/json', 'x-key': 'k' },
  body: '{}',
}

t.test(
  'Chromium: pages of an allowed origin, with preflights and credentials',
  { skip: unlessInstalled('chromium') },
  async (t) => {
    const site = await pages(t)
    const { asked, url } = await api(t, site.origin)
    const told = await site.told(
      asks(url, [
        ['/first', {}],
        ['/again', {}],
        ['/put', JSON_PUT],
        ['/put', JSON_PUT],
        ['/bare', { credentials: 'omit' }],
        ['/removed', { method: 'DELETE' }],
        ['/other-field', { headers: { 'x-other': '1' } }],
        ['/down', {}],
      ]),
    )
    t.match(told, [
      '200 seen nobody 7 ',
      '200 seen session=4711 7 ',
      '200 seen session=4711 7 ',
      '200 seen session=4711 7 ',
      '200 seen nobody 7 ',
      'TypeError',
      'TypeError',
      /^50[234] /,
    ])
    t.strictSame(
      asked,
      [
        'GET /first -',
        'GET /again session=4711',
        'PUT /put session=4711',
        'PUT /put session=4711',
        'GET /bare -',
      ],
      'no preflight comes to the backend, and nothing that one has refused',
    )
  },
)

t.test('Chromium: pages of another origin', { skip: unlessInstalled('chromium') }, async (t) => {
  const [site, stranger] = [await pages(t), await pages(t)]
  const { asked, url } = await api(t, site.origin)
  const told = await stranger.told(
    asks(url, [
      ['/read', {}],
      ['/put', JSON_PUT],
      ['/down', {}],
      ['/unread', { mode: 'no-cors' }],
    ]),
  )
  t.strictSame(told, ['TypeError', 'TypeError', 'TypeError', '0   '])
  t.strictSame(asked, ['GET /read -', 'GET /unread session=4711'], 'simple requests come, but are not read')
})

for (const version of ['--http1.1', '--http2-prior-knowledge']) {
  t.test(`curl ${version}`, { skip: unlessInstalled('curl') }, async (t) => {
    const { asked, url } = await api(t, 'https://app.example')
    const curl = async (...args: string[]) =>
      (await run('curl', ['-sS', version, '--max-time', '20', '-D', '-', '-o', '/dev/null', ...args])).stdout
        .toLowerCase()
        .split('\r\n')
    const preflight = (origin: string, method: string) =>
      curl(
        '-X',
        'OPTIONS',
        '-H',
        `origin: ${origin}`,
        '-H',
        `access-control-request-method: ${method}`,
        '-H',
        'access-control-request-headers: x-key',
        `${url}/a`,
      )
    const allowed = await preflight('https://app.example', 'PUT')
    t.match(allowed[0], / 204/)
    for (const line of [
      'access-control-allow-origin: https://app.example',
      'access-control-allow-credentials: true',
      'access-control-allow-methods: get, put',
      'access-control-allow-headers: content-type, x-key',
      'access-control-max-age: 600',
      'vary: origin, access-control-request-method, access-control-request-headers',
    ])
      t.ok(allowed.includes(line), line)
    const refused = await preflight('https://evil.example', 'PUT')
    t.match(refused[0], / 403/)
    t.notOk(refused.some((line) => line.startsWith('access-control-')))
    t.strictSame(asked, [])
    const read = await curl('-H', 'origin: https://app.example', `${url}/a`)
    t.ok(read.includes('access-control-allow-origin: https://app.example'))
    t.ok(read.includes('access-control-expose-headers: x-total'))
    t.ok(read.includes('vary: origin'))
    const other = await curl('-H', 'origin: https://evil.example', `${url}/a`)
    t.notOk(
      other.some((line) => line.startsWith('access-control-')),
      "nor the backend's own",
    )
    t.ok(other.includes('vary: origin'))
    const down = await curl('-H', 'origin: https://app.example', `${url}/down`)
    t.match(down[0], / 50[234]/)
    t.ok(down.includes('access-control-allow-origin: https://app.example'), 'on refusals too')
  })
}
