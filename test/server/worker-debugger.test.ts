// The debugger of the built program with workers: the primary asks all of them, and passes a debugger to the
// one that it names.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get as httpGet } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { DapObject } from '../../src/debugger/index.js'
import { Client } from '../../src/terminal/client.js'
import { start } from '../../tools/testbed/programs.js'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const TOKEN = 'a-token-of-tests'

const get = (port: number, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    httpGet({ port, path, agent: false, host: '127.0.0.1' }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve(text)).on('error', reject)
    }).on('error', reject)
  })

t.test('J15: a debugger asks all workers, or holds and steps the requests of one', async (t) => {
  const backend = createServer((request, response) => void response.end(`got ${request.url}`))
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void backend.close())
  t.teardown(() => backend.closeAllConnections())
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, TOKEN)
  const args = [
    '--workers',
    '2',
    '--listen',
    '127.0.0.1:0',
    '--debug',
    '127.0.0.1:0',
    '--debug-token-file',
    tokenFile,
  ]
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const program = await start(process.execPath, [main, 'serve', ...args, '--backend', url], {
    line: /2 workers serve/,
    readyTimeoutMs: 40_000,
    env: { TMPDIR: folder },
  })
  t.teardown(() => program.stop())
  const port = Number(/listening on \S+:(\d+)/.exec(program.stderr)?.[1])
  const address = /attach at (\S+)/.exec(program.stderr)?.[1] as string
  const attach = (worker?: string, file = tokenFile) =>
    Client.attach(address, { tokenFile: file, ...(worker === undefined ? {} : { worker }) })

  await t.rejects(attach(), /this server has workers: attach to w1 or w2, as by fermata debug --worker w1/)
  await t.rejects(attach('w3'), /there is no worker w3/)

  const all = await attach('all')
  const two = await attach('w2')
  const stops: string[] = []
  let stopped: (() => void) | null = null
  two.onEvent = (event: string, body: DapObject) => {
    if (event !== 'stopped') return
    stops.push(String(body.description))
    stopped?.()
  }
  const stop = () =>
    new Promise<void>((resolve) => {
      stopped = resolve
    })
  t.match(await two.run('break exchange.lease'), /exchange\.lease/)
  const held = stop()
  const answers = Promise.all([get(port, '/a'), get(port, '/b')])
  await held
  t.match(stops, [/^w2\/m\d+\/\w+: breakpoint #1 at exchange\.lease$/])
  const id = (stops[0] as string).split(':')[0] as string
  const { rows } = (await all.request('fermata/list')) as { rows: DapObject[] }
  t.match(
    rows.find((row) => row.id === id),
    { state: 'held', step: 'exchange.lease' },
  )
  t.match(await all.request('fermata/why', { id }), { text: /is held|held for/ })
  t.match(await all.request('fermata/top'), { held: 1 })
  const step = stop()
  await two.run('step')
  await step
  await two.run('set path /changed')
  await two.run('continue')
  t.strictSame((await answers).filter((text) => text === 'got /changed').length, 1)

  await t.rejects(all.run('break exchange.lease'), /is for a debugger of one worker: attach to w1 or w2/)
  await t.rejects(all.request('fermata/why', { id: 'm1/r1' }), /ids begin with a worker/)
  await t.rejects(all.request('fermata/end', { id }), /nothing that lives/)
  await t.rejects(two.run('why w1/m1/r1'), /nothing that lives/, 'it sees its worker alone')
  t.match(await all.request('threads'), { threads: [] })

  writeFileSync(join(folder, 'wrong'), 'a-token-of-nobody')
  await t.rejects(attach('w2', join(folder, 'wrong')), /the token is wrong/, 'also for a worker')

  const closed = new Promise((resolve) => {
    two.onClosed = resolve
  })
  program.signal('SIGTERM')
  await closed
  t.match(await program.exited, { code: 0 })
  t.strictSame(readdirSync(folder).sort(), ['token', 'wrong'], 'the sockets of its workers are gone')
})
