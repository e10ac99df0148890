// errorPages: which errors get a page, and in which type.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readText } from '../../src/config/index.js'
import { bestOf } from '../../src/filters/error-pages/accept.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { headers, REQUEST } from '../../tools/testbed/frames.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, valueIn } from './small-proxy.js'

const HTML = '<h1>sorry</h1>'
const PAGES = `pages: [{ status: 500-599, body: "${HTML}" }, { status: 500-599, body: "{}", type: application/json }, { status: 404, body: none, type: text/plain }]`

/** The response to a request, if the backend answers with this status; 0: it cannot be reached. */
function answered(options: string, status: number, request: Lines = [], response: Lines = []) {
  const p = filtered([new Kept().make(`errorPages: { ${options} }`)], [...REQUEST, ...request])
  if (status === 0) {
    p.refuse()
    p.backends[0].end()
  } else p.backends[0].send(headers(1, [[':status', String(status)], ...response], false))
  const read = p.client.read()
  return { head: read.blocks[0] ?? [], body: read.body, proxy: p.proxy, failures: p.failures }
}

t.test('refusals of the proxy get a page, in the type that Accept names', async (t) => {
  const plain = answered(PAGES, 0)
  t.equal(plain.body, HTML)
  t.match(Object.fromEntries(plain.head), {
    ':status': /50\d/,
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(HTML.length),
    'x-fermata': /./,
    vary: 'accept',
  })
  const json = answered(PAGES, 0, [['accept', 'application/json, text/html;q=0.5']])
  t.equal(json.body, '{}')
  const none = answered(PAGES, 0, [['accept', 'image/png']])
  t.match(none.body, /^50\d /, 'it stays as it is')
})

t.test('of: proxy leaves the errors of backends, and backends those of the proxy', async (t) => {
  t.equal(answered(PAGES, 503).body, '')
  t.match(answered(`of: backends, ${PAGES}`, 0).body, /^50\d /)
  const replaced = answered(
    `of: all, ${PAGES}`,
    503,
    [],
    [
      ['content-type', 'text/x'],
      ['content-length', '999'],
      ['content-encoding', 'gzip'],
      ['etag', '"a"'],
      ['retry-after', '7'],
      ['set-cookie', 'a=1'],
    ],
  )
  t.equal(replaced.body, HTML)
  t.match(Object.fromEntries(replaced.head), {
    ':status': '503',
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(HTML.length),
    'retry-after': '7',
    'set-cookie': 'a=1',
  })
  t.equal(valueIn(replaced.head, 'content-encoding'), undefined)
  t.equal(valueIn(replaced.head, 'etag'), undefined)
  t.same(replaced.failures, [])
  t.equal(answered(`of: all, ${PAGES}`, 404).body, 'none')
  t.equal(answered(`of: all, ${PAGES}`, 403).body, '', 'no page is for it')
  t.equal(answered(`of: all, ${PAGES}`, 200).body, '')
})

t.test('HEAD gets the head of the page, and gRPC its own form', async (t) => {
  const head = filtered(
    [new Kept().make(`errorPages: { ${PAGES} }`)],
    [[':method', 'HEAD'], ...REQUEST.slice(1)],
  )
  head.refuse()
  head.backends[0].end()
  const read = head.client.read()
  t.equal(valueIn(read.blocks[0], 'content-length'), String(HTML.length))
  t.equal(read.body, '')
  const grpc = answered(PAGES, 0, [['content-type', 'application/grpc']])
  t.match(Object.fromEntries(grpc.head), { ':status': '200', 'grpc-status': '14' })
})

t.test('the choice by Accept (RFC 9110 §12.5.1)', async (t) => {
  const types = ['text/html; charset=utf-8', 'application/json', 'text/plain']
  const choices: readonly (readonly [string | null, number])[] = [
    [null, 0],
    ['', 0],
    ['*/*', 0],
    ['text/*;q=0.5, application/json;q=0.4', 0],
    ['text/html;q=0, */*', 1],
    ['TEXT/PLAIN, application/*;q=0.9', 2],
    ['text/html;level=1;q=0.2, text/plain;q=0.3', 2],
    ['application/json;q=1.5', -1],
    ['image/*', -1],
    ['text/html;q=0', -1],
    ['nonsense', 0],
  ]
  for (const [accept, best] of choices) t.equal(bestOf(accept, types), best, String(accept))
})

t.test('a page is read from its file with the configuration', async (t) => {
  const folder = t.testdir()
  writeFileSync(join(folder, '5xx.html'), HTML)
  const text = (file: string) =>
    `version: 1\nlisteners: { a: { address: 127.0.0.1:0 } }\nbackends: { app: { endpoints: [127.0.0.1:1] } }\nroutes: [{ backend: app, filters: [{ errorPages: { pages: [{ status: 502, body: { file: ${file} } }] } }] }]`
  const read = readText(text('5xx.html'), join(folder, 'a.yaml'), { ...limitTables(), env: {} })
  t.match(read.configuration?.routes[0].filters[0].options, { pages: [{ body: HTML }] })
  const missing = readText(text('none.html'), join(folder, 'a.yaml'), { ...limitTables(), env: {} })
  t.match(missing.errors[0].message, /the file none.html/)
})

t.test('mistakes have their place and what is right', async (t) => {
  t.match(
    mistakesOf('filters: [{ errorPages: { pages: [{ status: 200, body: x }] } }]'),
    /"200" is no status of an error/,
  )
  t.match(
    mistakesOf('filters: [{ errorPages: { pages: [{ status: 500, body: x, type: html }] } }]'),
    /"html" is not a content type/,
  )
  t.match(mistakesOf('filters: [errorPages]'), /pages.* missing/)
})
