// `ps`, `why`, `end` and `top` ask a debugger or an admin listener, and get the same answers; `drain` asks
// the latter.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Asker, asking } from '../../src/terminal/asker.js'
import { TerminalError } from '../../src/terminal/connecting.js'
import { run, start } from '../../tools/testbed/programs.js'
import { serve, text } from '../server/admin-server.js'
import { soon } from '../world/soon.js'

t.jobs = 2

const TOKEN = 'a-token-of-the-test'
const ALL = { filter: '', sort: 'age', descending: false, limit: undefined, overview: false }

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A backend that never answers. */
async function silent(t: Test) {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** A server with a debugger and an admin listener over TCP, and a request that hangs in it. */
async function running(t: Test) {
  const folder = folderOf(t)
  const backend = await silent(t)
  const debug = join(folder, 'd')
  const { at, server } = await serve(
    t,
    text(
      `admin: { address: "127.0.0.1:0", token: ${TOKEN} }
backends: { app: { endpoints: ["127.0.0.1:${backend.port}"] } }`,
      'routes: [{ name: api, backend: app }]',
    ),
    { address: { host: '', port: 0, path: debug } },
  )
  const main = at('main') as { port: number }
  const admin = at('admin') as { port: number }
  const client = connect(main.port, '127.0.0.1').on('error', () => {})
  t.teardown(() => client.destroy())
  client.write('GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(backend.server, 'request')
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, `${TOKEN}\n`)
  return {
    server,
    tokenFile,
    wrongFile: debug,
    main: `127.0.0.1:${main.port}`,
    admin: `127.0.0.1:${admin.port}`,
    debug: `unix:${debug}`,
  }
}

/** Returns what both answer, without times and what the admin listener alone hides. */
async function told(asker: Asker) {
  const list = await asker.list(ALL)
  const overview = await asker.list({ ...ALL, overview: true, filter: 'step == "awaitHead"', limit: 1 })
  const [{ id, path, step, waits }] = list.rows as [Record<string, string>]
  const { why, text } = await asker.why(id)
  const { total, matched, inFlight, enginesTotal } = overview
  return {
    row: { id, path, step, waits },
    counts: { total, matched, inFlight, enginesTotal },
    names: [Object.keys(list), Object.keys(overview), Object.keys(why as object)],
    text: String(text).replace(/\d+\.\d s/g, 'N s'),
  }
}

t.test('a debugger and an admin listener answer list, why and end alike', async (t) => {
  const { admin, debug, tokenFile, server } = await running(t)
  const answers: unknown[] = []
  for (const address of [debug, admin, `http://${admin}`])
    await asking(address, { tokenFile }, async (asker) => void answers.push(await told(asker)))
  t.match(answers[0], {
    row: { path: '/stuck', step: 'exchange.awaitHead' },
    counts: { total: 1, matched: 1, inFlight: 1, enginesTotal: 1 },
    text: /has sent no response head/,
  })
  t.strictSame(answers[1], answers[0])
  t.strictSame(answers[2], answers[0])
  for (const address of [debug, admin])
    await asking(address, { tokenFile }, async (asker) => {
      const [{ client }] = (await asker.list(ALL)).rows as [{ client: string }]
      await t.rejects(asker.endRequest(client), /and not a request/)
      await t.rejects(asker.why('m9/r9'), /nothing that lives has the id 'm9\/r9'/)
      await t.rejects(asker.list({ ...ALL, sort: 'size' }), /sort by age/)
      await t.rejects(asker.list({ ...ALL, filter: '1 +' }), TerminalError)
    })
  await asking(admin, { tokenFile }, async (asker) => {
    const [{ id }] = (await asker.list(ALL)).rows as [{ id: string }]
    t.strictSame(await asker.endRequest(id), { id, ended: true })
    while (server.proxy.logged === 0) await soon()
    t.match(await asker.list(ALL), { total: 0, rows: [] })
  })
})

t.test('an address without either, and a token that is wrong, say what to do', async (t) => {
  const { admin, main, wrongFile } = await running(t)
  const list = async (asker: Asker): Promise<void> => void (await asker.list(ALL))
  const folder = folderOf(t)
  const tokenFile = join(folder, 'wrong')
  writeFileSync(tokenFile, 'not-the-token')
  await t.rejects(
    asking(admin, {}, list),
    /wants a token: give --token-file FILE, or set FERMATA_ADMIN_TOKEN/,
  )
  await t.rejects(asking(admin, { tokenFile }, list), /the token is wrong/)
  await t.rejects(asking(admin, { tokenFile: wrongFile }, list), /--token-file .* cannot be read/)
  const other = createServer((_, response) => void response.end('hello')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => void other.close())
  const { port } = other.address() as AddressInfo
  await t.rejects(asking(`127.0.0.1:${port}`, {}, list), /is not an admin listener of Fermata: status 200/)
  await t.rejects(asking(`http://${main.replace(/\d+$/, '1')}`, {}, list), /no admin listener answers/)
})

t.test('the commands over an admin listener', async (t) => {
  const folder = folderOf(t)
  const file = join(folder, 'f.yaml')
  const socket = `unix:${join(folder, 'a')}`
  writeFileSync(
    file,
    text(
      `admin: { address: "${socket}" }\nbackends: { app: { endpoints: ["127.0.0.1:1"] } }`,
      'filters: { pages: { cache: {} } }\nroutes: [{ name: api, backend: app, filters: [pages] }]',
    ),
  )
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
  const server = await start(process.execPath, [main, 'serve', file], { line: /1 route to 1 backend/ })
  t.teardown(() => server.stop())
  const fermata = (...line: string[]) => run(process.execPath, [main, ...line], { timeoutMs: 20_000 })
  t.match(await fermata('ps', socket), { code: 0, stdout: '0 in flight\n' })
  t.match(await fermata('drain', socket, 'app', '127.0.0.1:1', '--for', '10m'), {
    code: 0,
    stdout: 'http://127.0.0.1:1 drains for 10 min\n',
  })
  t.match(server.stderr, /backend app: http:\/\/127\.0\.0\.1:1 drains, by an operator, for 600 s/)
  t.match(await fermata('drain', socket, 'app', '127.0.0.1:1', '--undo'), {
    stdout: 'http://127.0.0.1:1 is as configured\n',
  })
  t.match(await fermata('drain', socket, 'app', '10.0.0.1:1', '--block'), {
    code: 1,
    stderr: /^error: backend app has no endpoint 10\.0\.0\.1:1/,
  })
  t.match(await fermata('purge', socket, 'pages', '--url', 'http://a/x'), { stdout: 'pages: 0 removed\n' })
  t.match(server.stderr, /http:\/\/a\/x is purged from pages/)
  t.match(await fermata('purge', socket, 'page', '--all'), {
    code: 1,
    stderr: /there is no cache "page"; there is pages/,
  })
  t.match(await fermata('end', socket, 'm9/r9'), { code: 1, stderr: /nothing that lives has the id/ })
})
