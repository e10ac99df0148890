// The program `fermata redis`: it has what `fermata serve` has, by options of the same names. The server of Redis
// is a script.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import t, { type Test } from 'tap'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { freePort, type Program, run, start } from '../../tools/testbed/programs.js'
import { root } from '../house/source-rules.js'
import { Plain } from '../redis/plain-client.js'
import { sent } from '../redis/sim-redis.js'
import { ask } from './admin-server.js'

t.jobs = 3

/** The time that three processes may take to start on a machine that is busy. */
const START_MS = 40_000
const main = join(root, 'dist/src/main.js')

/** The program before a script that answers all commands but those that block. */
async function served(t: Test, line: RegExp, ...options: string[]) {
  const sessions = new Set<Socket>()
  const redis = createServer((socket) => {
    sessions.add(socket.on('error', () => {}))
    socket.setEncoding('latin1').on('data', (text: string) => {
      const names = [...text.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)].map(([, name]) => name)
      socket.write('+OK\r\n'.repeat(names.filter((name) => name !== 'BLPOP').length))
    })
  }).listen(0, '127.0.0.1')
  await once(redis, 'listening')
  // The path of a socket may not be long.
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  const backend = `127.0.0.1:${(redis.address() as AddressInfo).port}`
  const words = [...options.map((each) => each.replace('DIR', folder)), '--backend', backend]
  const program = await start(process.execPath, [main, 'redis', ...words], { line, readyTimeoutMs: START_MS })
  t.teardown(async () => {
    await program.stop()
    for (const each of sessions) each.destroy()
    redis.close()
    rmSync(folder, { recursive: true })
  })
  return { program, folder, backend }
}

const portOf = (program: Program): number =>
  Number(/listening on 127\.0\.0\.1:(\d+)/.exec(program.stderr)?.[1])

const workersOf = (program: Program): number[] =>
  execFileSync('ps', ['--ppid', String(program.pid), '-o', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => / *(\d+) .* worker w\d+$/.exec(line)?.[1] ?? [])
    .map(Number)

t.test('Y34: operators, probes, debuggers, the trace and the process log', async (t) => {
  const probes = await freePort()
  const operators = [
    '--admin',
    'unix:DIR/admin',
    '--probes',
    `127.0.0.1:${probes}`,
    '--debug',
    'unix:DIR/debug',
  ]
  const logs = ['--log-format', 'json', '--trace', 'DIR/trace', '--drain-timeout', '100ms']
  const { program, folder, backend } = await served(
    t,
    /keys are on/,
    ...['--listen', '127.0.0.1:0', ...operators, ...logs],
  )
  const lines = program.stderr.split('\n').map((line) => line && (JSON.parse(line) as { msg: string }).msg)
  const port = Number(/listening on 127\.0\.0\.1:(\d+) \(Redis\)/.exec(lines.join('\n'))?.[1])
  const client = new Plain(port)
  t.teardown(() => void client.socket.destroy())
  t.equal(await client.ask(sent('SET user:7 x'), 1), '+OK\r\n')
  client.socket.write(sent('BLPOP q 0'))
  const admin = { socketPath: join(folder, 'admin') }
  let list = ''
  while (!list.includes('BLPOP')) list = (await ask(admin, '/exchanges')).body
  t.match(JSON.parse((await ask(admin, '/backends')).body), {}, 'the admin listener answers')
  const probe = { host: '127.0.0.1', port: probes }
  t.equal((await ask(probe, '/readyz')).status, 200)
  const name = `listener="127.0.0.1:0",backend="${backend}",command="set",outcome="ok"`
  t.ok((await ask(probe, '/metrics')).body.includes(`fermata_commands_total{${name}} 1\n`))
  const debug = `unix:${join(folder, 'debug')}`
  t.match(await run(process.execPath, [main, 'ps', debug], { timeoutMs: START_MS }), { stdout: /BLPOP/ })
  program.signal('SIGTERM')
  t.equal((await program.exited).code, 3, 'the command that blocked was cut')
  t.match(program.stderr, /"level":"warn".*--drain-timeout=0.1s is over: 1 request was cut/)
  t.match(readFileSync(join(folder, 'trace'), 'latin1'), / lease suspend send /)
})

t.test('Y34: SIGHUP reads the certificates again, and clients stay', async (t) => {
  const files = t.testdir()
  const [cert, key] = [join(files, 'a.pem'), join(files, 'a.key')]
  const take = (name: string): void => {
    copyFileSync(pathOf(`${name}.pem`), cert)
    copyFileSync(pathOf(`${name}.key`), key)
  }
  take('localhost')
  const tls = ['--listen', 'rediss://127.0.0.1:0', '--cert', cert, '--key', key]
  const { program } = await served(t, /2 workers serve/, ...tls, '--workers', '2')
  const port = portOf(program)
  /** A client, and the name in the certificate that it is shown. */
  const meet = async () => {
    const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    t.teardown(() => void socket.destroy())
    await once(socket, 'secureConnect')
    const ask = async (): Promise<string> => {
      socket.write(sent('SET a 1'))
      return String((await once(socket, 'data'))[0])
    }
    return { ask, names: socket.getPeerCertificate().subjectaltname }
  }
  const first = await meet()
  t.equal(await first.ask(), '+OK\r\n')
  t.match(first.names, /DNS:localhost/)
  take('example')
  program.signal('SIGHUP')
  await program.until('the certificates are read', () =>
    program.stderr.includes('certificates were read again'),
  )
  t.equal(await first.ask(), '+OK\r\n', 'the client has its connection')
  const other = await meet()
  t.match(other.names, /DNS:example/)
  t.equal(await other.ask(), '+OK\r\n')
  t.equal(workersOf(program).length, 2, 'there are as many workers as before')
  writeFileSync(cert, 'no certificate')
  program.signal('SIGHUP')
  await program.until('the mistake is told', () => program.stderr.includes('certificates were not changed'))
  t.match((await meet()).names, /DNS:example/)
})

t.test('Y35, Y36: the access log, with a bound and after SIGUSR1', async (t) => {
  const log = [
    '--access-log',
    'DIR/log',
    '--access-log-slower-than',
    '100ms',
    '--access-log-format',
    'logfmt',
  ]
  const { program, folder } = await served(t, /keys are on/, '--listen', '127.0.0.1:0', ...log)
  const client = new Plain(portOf(program))
  t.teardown(() => void client.socket.destroy())
  t.equal(await client.ask(sent('SET a 1'), 1), '+OK\r\n', 'it is fast')
  const other = new Plain(portOf(program))
  other.socket.write(sent('SUBSCRIBE news'))
  await once(other.socket, 'data')
  const path = join(folder, 'log')
  renameSync(path, `${path}.1`)
  program.signal('SIGUSR1')
  await program.until('it has opened the file again', () => /was opened again/.test(program.stderr))
  other.socket.destroy()
  client.socket.destroy()
  t.match(await program.stop(), { code: 0 })
  t.equal(readFileSync(`${path}.1`, 'latin1'), '')
  t.match(
    readFileSync(path, 'latin1'),
    /^time=\S+Z id=m\d client=127.0.0.1 .* command=subscribe kind=relay outcome=client-left .*\n$/,
  )
})

t.test('Y34, J14: workers count commands together, also those of a worker that has died', async (t) => {
  const { program, folder, backend } = await served(
    t,
    /2 workers serve/,
    ...['--listen', '127.0.0.1:0', '--workers', '2', '--admin', 'unix:DIR/admin', '--drain-timeout', '100ms'],
  )
  const port = portOf(program)
  const clients = Array.from({ length: 4 }, () => new Plain(port))
  t.teardown(() => {
    for (const { socket } of clients) socket.destroy()
  })
  for (const each of clients) t.equal(await each.ask(sent('SET a 1'), 1), '+OK\r\n')
  const admin = { socketPath: join(folder, 'admin') }
  const commands = async (): Promise<number> => {
    const { body } = await ask(admin, '/metrics')
    const name = `backend="${backend}",command="set",outcome="ok"`
    return Number(new RegExp(`fermata_commands_total{[^}]*${name}} (\\d+)`).exec(body)?.[1])
  }
  t.equal(await commands(), 4)
  process.kill(workersOf(program)[0], 'SIGKILL')
  await program.until('another serves', () => /w\d serves again/.test(program.stderr), START_MS)
  t.equal(await commands(), 4, 'the counts of the dead worker stay')
  const blocked = new Plain(port)
  t.teardown(() => void blocked.socket.destroy())
  blocked.socket.write(sent('BLPOP q 0'))
  while (!(await ask(admin, '/exchanges')).body.includes('BLPOP'));
  program.signal('SIGTERM')
  t.equal((await program.exited).code, 3, 'a worker has cut a command')
})
