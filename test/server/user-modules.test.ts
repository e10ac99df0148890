// Filters of users: modules that are loaded, wrong in every way, changed while the server runs; what their
// functions may do, and what it costs when they fail.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer as httpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigReader, diagnosticText, type ReadResult } from '../../src/config/index.js'
import { readOptions } from '../../src/server/check-configuration.js'
import { createServer } from '../../src/server/index.js'
import { checkModules } from '../../src/server/module-checks.js'
import { UserModules } from '../../src/server/user-modules.js'
import { start } from '../../tools/testbed/programs.js'

t.setTimeout(120_000)

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')

const folder = mkdtempSync(join(tmpdir(), 'fermata-modules-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const put = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
put('package.json', '{ "type": "module" }')

/** A backend that answers with the fields that it gets. */
async function echo(t: Test): Promise<number> {
  const server = httpServer((request, response) => {
    response.setHeader('x-from', 'backend')
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () =>
      response.end(JSON.stringify({ ...request.headers, method: request.method, url: request.url, body })),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const TENANT = (version: string): string => `
export default ({ asyncFilter, defineFilter, z }) => defineFilter({
  name: 'tenant',
  description: 'Tells the backend which tenant a key belongs to.',
  options: (types) => z.strictObject({ field: z.string(), wait: types.duration('How long it waits.').optional() }),
  create: ({ field, wait = 1 }, context) =>
    asyncFilter(context, {
      async request(request, { signal }) {
        const { path, fields, body } = request
        await new Promise((resolve) => setTimeout(resolve, wait))
        switch (path) {
          case '/throw': throw new Error('no such tenant')
          case '/odd': throw 'text'
          case '/never': return new Promise(() => {})
          case '/timer': setTimeout(() => { throw new Error('in a timer') }); return new Promise(() => {})
          case '/stray': Promise.reject(new Error('a stray rejection')); break
          case '/later': setTimeout(() => { throw new Error('after its answer') }); break
          case '/bad': return { set: { host: 'x' } }
          case '/nul': return { set: { 'x-a': 'a\\0b' } }
          case '/typo': return { sett: {} }
          case '/type': return { set: { 'x-a': 7 } }
          case '/hosts': return { remove: ['Host'] }
          case '/frozen': fields.x = 1; break
          case '/deep': request.lines[0][0] = 'x'; break
          case '/deny': return { refuse: { text: 'not you' } }
          case '/pay': return { refuse: { status: 402, fields: { 'x-price': '1' } } }
          case '/answer': return { answer: { status: 418, fields: { 'x-y': ['a', 'b'] }, body: 'tea' } }
          case '/none': return null
          case '/body': return { body: body.toString().toUpperCase(), note: { length: body.length } }
          case '/target': return { target: '/other?a=1', authority: 'other.test', identity: 'anna' }
          case '/backend': return { backend: 'nobody' }
        }
        return { remove: ['x-key'], set: { [field]: '${version} ' + fields['x-key'] }, append: { 'x-a': ['1', '2'] } }
      },
      async response({ status, from, request }) {
        if (request.path === '/status') return { status: 202, set: { 'x-was': status + ' ' + from }, remove: ['x-from'] }
      },
    }, { within: 300, requestBody: 1000 }),
})
`

const SYNC = `
export const filter = ({ defineFilter, z, PASS }) => defineFilter({
  name: 'marks', description: 'Marks requests.', options: z.strictObject({}),
  create: () => ({
    request(x) {
      if (x.request.path === '/sync') throw new Error('boom')
      if (x.request.path === '/synctimer') setTimeout(() => { throw new Error('in a timer of a synchronous filter') })
      x.fields.set('x-mark', '1')
      return PASS
    },
  }),
})
`

/** A CommonJS module: JavaScript itself would say nothing of its assignment. */
const SLOPPY = `
module.exports = ({ defineFilter, z, PASS }) => defineFilter({
  name: 'assigns', description: 'Assigns where it should call a method.', options: z.strictObject({}),
  create: () => ({
    request(x) {
      if (x.request.path === '/assigned') x.request.path = '/elsewhere'
      return PASS
    },
  }),
})
`

const document = (backend: number, filters: string, rest = ''): string => `version: 1
listeners: { main: { address: "127.0.0.1:0" } }
backends: { app: { protocol: http, endpoints: ["127.0.0.1:${backend}"] } }
${rest}
routes:
  - name: all
    backend: app
    filters: ${filters}
`

/** To make the schema takes longer than to read with it. */
const reader = new ConfigReader(readOptions('key'))

/** Returns what is wrong with these filters of a route. */
function found(filters: string): Pick<ReadResult, 'errors' | 'warnings'> {
  const result = reader.file(put('f.yaml', document(1, filters)))
  const { configuration } = result
  if (configuration === null) return result
  return checkModules(configuration, new UserModules({ env: {}, secretKey: null }))
}

t.test('mistakes are told with file, line and column of the configuration', async (t) => {
  put('good.js', SYNC)
  put('throws.js', 'const a = 1\nthrow new Error("at the top")\n')
  put('syntax.js', 'export default (\n')
  put('waits.js', 'await 1\nexport default 1\n')
  put('nothing.js', 'export const a = 1\n')
  put('alone.js', "import 'fermata-proxy/filter'\n")
  put('bare.js', 'export default { create() {} }\n')
  put('plain.cjs', 'module.exports = (library) => (' + 'undefined' + ')\n')
  put(
    'checked.js',
    `export default ({ defineFilter, z }) => defineFilter({
    name: 'c', description: 'C.', options: z.strictObject({ to: z.string() }), role: 'authentication',
    check({ to }, checks) { checks.backend(['to'], to); checks.warn(['to'], 'look at it') },
    create: () => { throw new Error('create has failed') },
  })`,
  )
  put('tenant.js', TENANT('v1'))
  const cases: readonly (readonly [string, RegExp | null])[] = [
    ['[{ module: ./good.js }]', null],
    ['[{ module: { file: ./good.js, options: {} } }]', null],
    [
      '[{ module: ./gone.js }]',
      /^.*f\.yaml:8:25 routes\[0\]\.filters\[0\]\.module: \.\/gone\.js cannot be read/,
    ],
    [
      '[{ module: ./good.ts }]',
      /f\.yaml:8:25 .*TypeScript, .*npx tsc --module nodenext --target es2022 \.\/good\.ts`, and write \.\/good\.js/,
    ],
    ['[{ module: ./good.json }]', /is not a module; write a file that ends in \.js/],
    ['[{ module: 7 }]', /got 7; write text or a map/],
    ['[{ module: { fil: a.js } }]', /module\.fil: unknown key; did you mean file\?/],
    [
      '[{ module: ./throws.js }]',
      /f\.yaml:8:\d+ .*throws\.js cannot be loaded: Error: at the top \(.*throws\.js:2\)/,
    ],
    ['[{ module: ./syntax.js }]', /SyntaxError: .*`node --check \.\/syntax\.js` shows where/],
    ['[{ module: ./waits.js }]', /it awaits at its top level/],
    ['[{ module: ./nothing.js }]', /nothing\.js exports no filter; write export default defineFilter/],
    ['[{ module: ./alone.js }]', /install fermata-proxy beside it, or export a function/],
    ['[{ module: ./bare.js }]', /has no schema of its options; write options: z\.strictObject/],
    ['[{ module: ./plain.cjs }]', /plain\.cjs exports no filter/],
    [
      '[{ module: { file: ./tenant.js, options: { feild: x } } }]',
      /f\.yaml:8:\d+ .*module\.options\.feild: unknown key; did you mean field\?/,
    ],
    [
      '[{ module: { file: ./tenant.js, options: { field: x, wait: 5 } } }]',
      /module\.options\.wait: 5 has no unit/,
    ],
    ['[{ module: { file: ./tenant.js, options: { field: 7 } } }]', /options\.field: got 7; write text/],
    ['[{ module: ./tenant.js }]', /options\.field|module\.field: missing; write text/],
    [
      '[{ module: { file: ./checked.js, options: { to: ap } } }]',
      /options\.to: there is no backend "ap"; did you mean app\?/,
    ],
    ['[cache, { module: { file: ./checked.js, options: { to: app } } }]', /checked stands inside cache/],
  ]
  for (const [filters, message] of cases) {
    const text = found(filters).errors.map(diagnosticText).join('\n')
    if (message === null) t.equal(text, '', filters)
    else t.match(text, message, filters)
  }
  const { warnings } = found('[{ module: { file: ./checked.js, options: { to: app } } }]')
  t.match(warnings.map(diagnosticText).join('\n'), /f\.yaml:8:\d+ .*options\.to: look at it/)
  t.throws(
    () =>
      createServer({
        version: 1,
        listeners: { main: { address: '127.0.0.1:0' } },
        backends: { app: { protocol: 'http', endpoints: ['127.0.0.1:1'] } },
        filters: { a: { module: join(folder, 'checked.js') } },
        routes: [{ backend: 'app', filters: [{ use: 'a', with: { options: { to: 'app' } } }] }],
      }),
    /filter a: create has failed/,
  )
})

t.test('the filter of the README runs', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8')
  const [, example = ''] = /<!-- filter -->\n```js\n([\s\S]*?)```/.exec(text) ?? []
  const lines = example.split('\n').filter((line) => line.trim().length > 3 && !line.startsWith('//'))
  t.ok(lines.length <= 11, `${lines.length} lines, and the import`)
  put('readme.js', example)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(join(import.meta.dirname, '../../..'), join(folder, 'node_modules', 'fermata-proxy'))
  const backend = await echo(t)
  const keys = httpServer((request, response) => {
    response.statusCode = request.url === '/keys/good%2Fkey' ? 200 : 404
    response.end('anna')
  })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    keys.closeAllConnections()
    keys.close()
  })
  const url = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`
  const server = createServer({
    version: 1,
    listeners: { main: { address: '127.0.0.1:0' } },
    backends: { app: { protocol: 'http', endpoints: [`127.0.0.1:${backend}`] } },
    filters: { tenant: { module: { file: join(folder, 'readme.js'), options: { keys: url } } } },
    routes: [{ backend: 'app', filters: ['tenant'] }],
  })
  const [address] = await server.listen()
  t.teardown(() => server.close(0))
  const ask = (key: string) => fetch(`http://127.0.0.1:${address.port}/`, { headers: { 'x-key': key } })
  t.match(await (await ask('good/key')).json(), { 'x-tenant': 'anna' })
  const denied = await ask('bad')
  t.match(await denied.text(), /403 denied .*: the key is not known/)
})

t.test('K21, K22, K23: what functions of users do and fail at, in a running program', async (t) => {
  const backend = await echo(t)
  put('tenant.js', TENANT('v1'))
  put('marks.js', SYNC)
  put('assigns.cjs', SLOPPY)
  const file = put(
    'g.yaml',
    document(
      backend,
      '[{ module: ./marks.js }, { module: ./assigns.cjs }, tenant]',
      'filters: { tenant: { module: { file: ./tenant.js, options: { field: x-tenant } } } }\nlimits: { server: { logRepeat: 1ms } }',
    ),
  )
  const program = await start(process.execPath, [main, 'serve', file], { line: /has \d+ route/ })
  t.teardown(() => program.stop())
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(program.output)?.[1])
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-key': 'k' }, ...init })
    const body = await response.text()
    return {
      status: response.status,
      code: response.headers.get('x-fermata'),
      headers: response.headers,
      body,
    }
  }
  const seen = async (path: string, init: RequestInit = {}) => JSON.parse((await ask(path, init)).body)

  const first = await seen('/')
  t.match(first, { 'x-tenant': 'v1 k', 'x-mark': '1', 'x-a': '1, 2' })
  t.notOk('x-key' in first)
  t.notOk('x-tenant' in (await seen('/none')), 'nothing returned: it passes')
  t.match(await seen('/target'), { url: '/other?a=1', host: 'other.test' })
  t.match(await seen('/body', { method: 'POST', body: 'abc' }), { body: 'ABC', 'content-length': '3' })
  const changed = await ask('/status')
  t.equal(changed.status, 202)
  t.equal(changed.headers.get('x-was'), '200 backend')
  t.equal(changed.headers.get('x-from'), null)

  const outcomes: readonly (readonly [string, number, string | null])[] = [
    ['/throw', 500, 'filter-failed'],
    ['/odd', 500, 'filter-failed'],
    ['/never', 504, 'filter-late'],
    ['/timer', 500, 'filter-failed'],
    ['/stray', 200, null],
    ['/later', 200, null],
    ['/bad', 500, 'filter-failed'],
    ['/nul', 500, 'filter-failed'],
    ['/typo', 500, 'filter-failed'],
    ['/type', 500, 'filter-failed'],
    ['/hosts', 500, 'filter-failed'],
    ['/frozen', 500, 'filter-failed'],
    ['/deep', 500, 'filter-failed'],
    ['/backend', 500, 'filter-failed'],
    ['/deny', 403, 'denied'],
    ['/pay', 402, 'denied'],
    ['/sync', 500, 'filter-failed'],
    ['/assigned', 500, 'filter-failed'],
    ['/synctimer', 200, null],
  ]
  for (const [path, status, code] of outcomes) {
    const answer = await ask(path)
    t.equal(answer.status, status, path)
    if (code !== null) t.equal(answer.code, code, path)
  }
  t.match(
    program.output,
    /filter \S*assigns\S* failed on route all: .*x\.request\.path cannot be assigned: call x\.setTarget\(PATH\)/,
  )
  for (const reason of [
    'host is written by the proxy alone: return a patch with authority',
    'Cannot add property x, object is not extensible: the copy is frozen, return a patch',
  ])
    t.match(program.output, `): ${reason}\n`)
  const tea = await ask('/answer')
  t.equal(`${tea.status} ${tea.headers.get('x-y')} ${tea.body}`, '418 a, b tea')
  const large = await ask('/body', { method: 'POST', body: 'x'.repeat(1001) })
  t.equal(large.code, 'body-too-large')

  put('tenant.js', TENANT('v2'))
  program.signal('SIGHUP')
  await program.until('it said so', () => /the configuration was read again/.test(program.output))
  t.match(await seen('/'), { 'x-tenant': 'v2 k' }, 'a changed module is loaded again')
  put('tenant.js', `${TENANT('v3')}(`)
  program.signal('SIGHUP')
  await program.until('it said so', () =>
    /not changed: .*g\.yaml:4:\d+ filters\.tenant\.module|not changed: .*g\.yaml:9:\d+ .*SyntaxError/.test(
      program.output,
    ),
  )
  t.match(await seen('/'), { 'x-tenant': 'v2 k' }, 'one that is wrong changes nothing')
  t.match(program.output, /filter tenant failed on route all: .*no such tenant/)
})
