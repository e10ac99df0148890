// Commands of Redis among the requests that operators see: in lists, in `ps`, in the debugger, and ended. The
// server of Redis is a script: what it answers is what a test says.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DebugClient } from '@vscode/debugadapter-testsupport'
import t, { type Test } from 'tap'
import type { Row } from '../../src/debugger/index.js'
import type { Address } from '../../src/pollset/index.js'
import { run } from '../../tools/testbed/programs.js'
import { root } from '../house/source-rules.js'
import { Plain } from '../redis/plain-client.js'
import { sent } from '../redis/sim-redis.js'
import { ask, serve } from './admin-server.js'

t.jobs = 4

const TOKEN = 'a-token-of-tests'

/** A server before a scripted server of Redis. */
async function ground(t: Test, more = '') {
  const sessions: Socket[] = []
  const redis = createServer((socket) => void sessions.push(socket.on('error', () => {}))).listen(
    0,
    '127.0.0.1',
  )
  await once(redis, 'listening')
  t.teardown(() => {
    for (const each of sessions) each.destroy()
    redis.close()
  })
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'a.sock')
  const text = `
version: 1
listeners: { main: { address: "127.0.0.1:0", protocol: redis, backend: keys } }
backends: { keys: { protocol: redis, endpoints: ["127.0.0.1:${(redis.address() as AddressInfo).port}"] } }
admin: { address: "unix:${socketPath}" }
shutdown: { timeout: 100ms }
limits: { http1: { drainIdle: 1ms } }
${more}
`
  const debug = { address: { host: '127.0.0.1', port: 0 }, token: TOKEN }
  let debugPort = 0
  const { at, server } = await serve(t, text, debug, (its) =>
    its.on('debugging', ({ port }: Address) => {
      debugPort = port
    }),
  )
  const main = at('main') as { readonly port: number }
  const clients: Plain[] = []
  const client = (words = ''): Plain => {
    const plain = new Plain(main.port)
    t.teardown(() => void plain.socket.destroy())
    plain.socket.write(words)
    clients.push(plain)
    return plain
  }
  /** Lists requests until it is so. */
  const rows = async (isSo: (rows: readonly Row[]) => boolean): Promise<readonly Row[]> => {
    for (;;) {
      const found = JSON.parse((await ask({ socketPath }, '/exchanges')).body) as { rows: Row[] }
      if (isSo(found.rows)) return found.rows
    }
  }
  /** Commands of `fermata`, with the address behind the first word. */
  const fermata = async (command: string, ...args: string[]): Promise<string> => {
    const words = ['dist/src/main.js', command, `unix:${socketPath}`, ...args]
    const { stdout, stderr } = await run(process.execPath, words, { cwd: root, timeoutMs: 60_000 })
    return stdout + stderr
  }
  const debugger_ = async () => {
    const its = new DebugClient('', '', 'fermata')
    its.defaultTimeout = 30_000
    await its.start(debugPort)
    t.teardown(() => (its as unknown as { _socket: Socket })._socket.destroy())
    await its.initializeRequest()
    await its.attachRequest({ token: TOKEN } as never)
    const command = async (expression: string): Promise<string> =>
      (await its.evaluateRequest({ expression, context: 'repl' })).body.result
    const stop = async (): Promise<string> => (await its.waitForEvent('stopped', 30_000)).body.description
    return { command, stop }
  }
  return { sessions, socketPath, client, rows, fermata, debugger_, server }
}

t.test('commands are listed with their keys, which are hidden but for words; relays are too', async (t) => {
  const it = await ground(t)
  it.client(sent('GET user:17:cart', 'DEL a b'))
  it.client(sent('BLPOP q 0'))
  it.client(sent('SUBSCRIBE news'))
  const rows = await it.rows((all) => all.length === 4 && all.every(({ backend }) => backend !== null))
  const shown = rows.map(({ method, path, step, host, state }) => [method, path, step, host, state].join(' '))
  t.strictSame(shown.sort(), [
    'BLPOP *** redis.command.send db0 waiting',
    'DEL *** *** redis.command.send db0 waiting',
    'GET user:***:*** redis.command.send db0 waiting',
    `RELAY subscribe ${rows.find(({ method }) => method === 'RELAY')?.step} db0 waiting`,
  ])
  const relay = rows.find(({ method }) => method === 'RELAY') as Row
  t.match(await it.fermata('ps'), /GET +user:\*\*\*:\*\*\* +db0 +redis\.command\.send +waiting/)
  t.match(await it.fermata('top'), /4 in flight {2}0 held {2}3 clients {2}2 engines/)
  t.match(await it.fermata('ps', '--filter', "command.name == 'del'"), /1 match, 4 in flight/)
  t.match(await it.fermata('ps', '--filter', "command.kind == 'relay'"), /RELAY +subscribe/)
  t.match(
    await it.fermata('ps', '--filter', "command.keys.contains('17')"),
    /0 match/,
    'what is hidden is not found',
  )
  const get = rows.find(({ method }) => method === 'GET') as Row
  t.match(await it.fermata('why', get.id), /has sent nothing of the reply in/)
  t.match(await it.fermata('end', relay.id), /is ended/)
  await it.rows((all) => all.length === 3)
})

t.test('redact.keys: none shows them', async (t) => {
  const it = await ground(t, 'accessLog: { file: "/dev/null", redact: { keys: none } }')
  it.client(sent('GET user:17:cart'))
  t.match(await it.rows(([row]) => row?.backend != null), [{ path: 'user:17:cart' }])
})

t.test('Y30: `fermata end` ends a command, whose client gets an error and stays', async (t) => {
  const it = await ground(t)
  const one = it.client()
  const said = one.ask(sent('BLPOP q 0'), 1)
  const [{ id }] = await it.rows(([row]) => row?.backend != null)
  t.match(await it.fermata('end', id), /is ended/)
  t.match(await said, /^-ERR command-ended /)
  const again = one.ask(sent('GET a'), 1)
  await it.rows(([row]) => row?.method === 'GET' && row.backend !== null)
  it.sessions.at(-1)?.write('+A\r\n')
  t.equal(await again, '+A\r\n')
})

t.test('Y32: one GET is held and others of its session fly; its reply comes when it goes on', async (t) => {
  const it = await ground(t)
  const { command, stop } = await it.debugger_()
  t.match(await command("break redis.command.tell if command.keys == 'a'"), /^#1 /)
  const [one, two] = [it.client(), it.client()]
  const held = one.ask(sent('GET a', 'GET b'), 2)
  const flies = two.ask(sent('GET c'), 1)
  await it.rows((all) => all.length === 3 && all.every(({ backend }) => backend !== null))
  const stopped = stop()
  it.sessions[0].write('+1\r\n+2\r\n+3\r\n')
  t.match(await stopped, /breakpoint #1 at redis\.command\.tell; 1 behind it on m\d+ waits for its reply/)
  t.match(await flies, /^\+[123]\r\n$/)
  t.equal(one.heard, '', 'replies keep their order')
  t.match(await command('show'), /name = get\n {2}keys = a\n/)
  await t.rejects(command('set path /x'), /is of Redis/)
  await t.rejects(command('answer 200'), /has no status/)
  await command('continue')
  t.match(await held, /^\+[123]\r\n\+[123]\r\n$/)
})

t.test("Y32: somebody's MULTI is stepped, from its turn to its reply", async (t) => {
  const it = await ground(t)
  const { command, stop } = await it.debugger_()
  await command("break redis.command.* once if command.name == 'multi'")
  let stopped = stop()
  const one = it.client()
  const said = one.ask(sent('MULTI'), 1)
  t.match(await stopped, /breakpoint #1 at redis\.command\.route/)
  const steps: string[] = []
  while (steps.at(-1) !== 'redis.command.send, about to wait') {
    stopped = stop()
    await command('step')
    steps.push(/ at (.*?)(;|$)/.exec(await stopped)?.[1] ?? '')
  }
  t.strictSame(steps, [
    'redis.command.lease',
    'redis.command.lease, about to wait',
    'redis.command.send',
    'redis.command.send, about to wait',
  ])
  t.match(await command('show'), /name = multi\n/)
  await command('continue')
  it.sessions[0].write('+OK\r\n')
  t.equal(await said, '+OK\r\n')
})

t.test('Y33: commands are counted by name and outcome', async (t) => {
  const it = await ground(t)
  const told = async () => (await ask({ socketPath: it.socketPath }, '/metrics')).body
  const until = async (line: string): Promise<string> => {
    for (;;) {
      const text = await told()
      if (text.includes(`${line}\n`)) return text
    }
  }
  const one = it.client()
  const said = one.ask(sent('GET a', 'GET b', 'CLIENT GETNAME', 'SHUTDOWN', 'SET a 1'), 5)
  await it.rows((all) => all.length === 3 && all.every(({ backend }) => backend !== null))
  t.match(await told(), /^fermata_commands\{step="send"\} 3$/m)
  t.match(await told(), /^fermata_backend_sessions\{engine="127\.0\.0\.1:\d+",state="open"\} 1$/m)
  it.sessions[0].write('+A\r\n-WRONGTYPE no\r\n+OK\r\n')
  await said
  const leaves = it.client(sent('GET c', 'BLPOP q 0'))
  await it.rows((all) => all.length === 2)
  leaves.socket.resetAndDestroy()
  const series = (command: string, outcome: string, count = 1) =>
    `fermata_commands_total{listener="main",backend="keys",command="${command}",outcome="${outcome}"} ${count}`
  const text = await until(series('blpop', 'client-left'))
  for (const line of [
    series('get', 'ok'),
    series('get', 'error'),
    series('get', 'client-left'),
    series('client getname', 'ok'),
    series('shutdown', 'needs-admin'),
    series('set', 'ok'),
    'fermata_command_duration_seconds_count{command="get"} 3',
  ])
    t.ok(text.includes(`${line}\n`), line)
  it.client(sent('NOSUCHCOMMAND a'))
  const relayed = await until('fermata_relays 1')
  t.ok(relayed.includes(series('other', 'ok')))
  t.notMatch(relayed, /nosuch/i)
  it.client('*x\r\n')
  await until(series('other', 'error'))
})
