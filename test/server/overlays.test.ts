// Overlays of endpoints over the admin listener, with real backends: one drains or blocks an endpoint, is
// listed, outlives reloads, and ends.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readText } from '../../src/config/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { type Asked, ask, serve, text } from './admin-server.js'

t.jobs = 4

/** An endpoint that answers with its name; `/slow` is answered when the test does. */
async function endpoint(t: Test, name: string) {
  const slow: ServerResponse[] = []
  const server = createServer((asked, response) => {
    if (asked.url === '/slow') {
      response.writeHead(200)
      response.write('begun ')
      slow.push(response)
    } else response.end(name)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, slow }
}

const configuration = (admin: string, endpoints: readonly string[], weight = 1): string =>
  text(
    `admin: { address: "unix:${admin}" }
backends:
  app:
    balance: { policy: round-robin, slowStart: 0, affinity: { cookie: stay } }
    endpoints: [${endpoints.map((each) => `{ address: "${each}", weight: ${weight} }`).join(', ')}]`,
    'routes: [{ name: api, backend: app }]',
  )

async function running(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const admin = join(folder, 'a')
  const [a, b] = [await endpoint(t, 'a'), await endpoint(t, 'b')]
  const { server, at } = await serve(t, configuration(admin, [a.address, b.address]))
  const get = (headers: Record<string, string> = {}) => ask(at('main'), '/', { headers })
  return {
    a,
    b,
    server,
    main: at('main'),
    get,
    /** Which endpoints answer four requests in a row. */
    async answering() {
      let names = ''
      for (let i = 0; i < 4; i++) names += (await get()).body
      return [...new Set(names)].sort().join('')
    },
    async change(address: string, body: unknown, asked: Asked = {}) {
      const answer = await ask(at('admin'), `/backends/app/endpoints/${address}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...asked,
      })
      return { ...answer, json: JSON.parse(answer.body) as Record<string, unknown> }
    },
    read: async (path: string) => JSON.parse((await ask(at('admin'), path)).body) as never,
    apply: (text: string) =>
      new Promise((resolve) => {
        const { configuration } = readText(text, 'x.yaml', limitTables())
        if (configuration === null) throw new Error('wrong')
        server.apply(configuration, resolve)
      }),
    yaml: (endpoints: readonly string[], weight: number) => configuration(admin, endpoints, weight),
  }
}

t.test(
  'B42: an endpoint that drains keeps its clients and its running requests; a blocked one has the last',
  async (t) => {
    const { a, get, answering, change, main } = await running(t)
    t.equal(await answering(), 'ab')
    let cookie = ''
    while (cookie === '') {
      const answer = await get()
      if (answer.body === 'a') cookie = answer.cookie.split(';')[0]
    }
    const slow = request({ ...main, path: '/slow', headers: { cookie }, agent: false }).end()
    const [response] = (await once(slow, 'response')) as [NodeJS.ReadableStream]
    let body = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    t.match(await change(a.address, { drain: true }), {
      status: 200,
      json: { backend: 'app', overlay: { drain: true, endsInMs: null } },
    })
    t.equal(await answering(), 'b')
    t.equal((await get({ cookie })).body, 'a', 'affinity still names it')
    t.match((await change(a.address, { block: true })).json, { overlay: { drain: true, block: true } })
    t.equal((await get({ cookie })).body, 'b', 'nothing new goes to it')
    for (const each of a.slow) each.end('and whole')
    await once(response, 'end')
    t.equal(body, 'begun and whole')
    t.match((await change(a.address, { block: null, drain: false })).json, { overlay: null })
    t.equal(await answering(), 'ab')
  },
)

t.test(
  'B43, Q8: an overlay is listed, outlives reloads, and ends with its time, by hand or with its endpoint',
  async (t) => {
    const { a, b, server, get, answering, change, read, apply, yaml } = await running(t)
    await change(a.address, { weight: 0, for: '1h' })
    t.match(await read('/config'), {
      overlays: [{ backend: 'app', endpoint: `http://${a.address}`, weight: 0 }],
    })
    t.match(await read('/backends'), [
      { members: [{ weight: 0, overlay: { weight: 0 } }, { overlay: null }] },
    ])
    t.equal(await apply(yaml([a.address, b.address], 5)), null)
    t.equal(await answering(), 'b')
    t.match(server.configuration.backends, [{ endpoints: [{ weight: 5 }, { weight: 5 }] }])
    t.match((await change(a.address, { for: null })).json, { overlay: { weight: 0, endsInMs: null } })
    t.match((await change(`http%3A%2F%2F${a.address}`, null)).json, { overlay: null })
    t.match(await read('/backends'), [{ members: [{ weight: 5, overlay: null }, {}] }])
    await change(a.address, { drain: true, for: '1ms' })
    while (!(await answering()).includes('a'));
    t.strictSame(((await read('/config')) as { overlays: unknown[] }).overlays, [])
    await change(a.address, { block: true })
    t.equal(await apply(yaml([b.address], 5)), null)
    t.match(await change(a.address, { block: true }), { status: 404, json: { error: /has no endpoint/ } })
    t.equal(await apply(yaml([a.address, b.address], 5)), null)
    t.equal(await answering(), 'ab', 'it has come back without')
    await change(b.address, { block: true })
    t.match(await change(b.address, '', { method: 'DELETE', body: '' }), {
      status: 200,
      json: { overlay: null },
    })
    t.equal(await answering(), 'ab')
    await change(a.address, { block: true })
    await change(b.address, { block: true })
    t.equal((await get()).status, 503)
  },
)

t.test('Q5, Q8: a change that is wrong says what is right, and changes nothing', async (t) => {
  const { a, change, read } = await running(t)
  const rows: readonly (readonly [unknown, RegExp, number?])[] = [
    ['', /the body is not an object; write as \{ "drain": true/],
    ['[]', /not an object/],
    ['{', /not JSON/],
    [{}, /nothing to change/],
    [{ wieght: 1 }, /"wieght" is not known; there are weight, drain, block, for/],
    [{ weight: 257 }, /whole number from 0 to 256/],
    [{ weight: '1' }, /whole number/],
    [{ drain: 'yes' }, /drain is true, false or null/],
    [{ for: '5', drain: true }, /for: .* has no unit/],
    [{ for: 5, drain: true }, /text with a unit/],
    [{ for: '5s' }, /name weight, drain or block too/],
  ]
  for (const [body, error] of rows)
    t.match(await change(a.address, body), { status: 400, json: { error } }, JSON.stringify(body))
  t.match(await change('10.9.9.9:1', { drain: true }), { status: 404 })
  t.match(await change(a.address, { drain: true }, { headers: { 'content-type': 'text/plain' } }), {
    status: 415,
  })
  t.strictSame(((await read('/config')) as { overlays: unknown[] }).overlays, [])
})
