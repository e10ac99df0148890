// The access log of the built program: lines of aborted requests too, files that are renamed, pipes that
// nobody reads, and a signal that never opens Node's inspector.

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, request } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createServer } from '../../src/server/index.js'
import { accepts, freePort, type Program, start } from '../../tools/testbed/programs.js'
import { soon } from '../world/soon.js'

t.jobs = 4

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const LISTENING = /try {2}curl http:\/\/127\.0\.0\.1:(\d+)/

/** The program with its embedded origin, and its port. */
async function served(t: Test, ...args: string[]): Promise<{ program: Program; port: number }> {
  const program = await start(process.execPath, [main, 'serve', '--listen', '127.0.0.1:0', ...args], {
    line: LISTENING,
  })
  t.teardown(() => program.stop())
  return { program, port: Number(LISTENING.exec(program.stderr)?.[1]) }
}

const get = (port: number, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    request({ port, path, agent: false }, (response: IncomingMessage) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

t.test('SIGUSR1: a renamed file gets the lines before it, a new one those after it', async (t) => {
  const path = join(t.testdir(), 'access.log')
  const { program, port } = await served(t, '--access-log', path)
  await get(port, '/before?secret=1')
  renameSync(path, `${path}.1`)
  program.signal('SIGUSR1')
  await program.until('it has opened the file again', () => /was opened again/.test(program.stderr))
  await get(port, '/after')
  t.match(await program.stop(), { code: 0 })
  t.strictSame(
    [linesOf(`${path}.1`), linesOf(path)].map((lines) => lines.map((each) => each.path)),
    [['/before?secret=***'], ['/after']],
  )
  t.notMatch(program.stderr, /[Dd]ebugger/)
})

t.test('a request that its client leaves has a line', async (t) => {
  const path = join(t.testdir(), 'access.log')
  const silent = createHttpServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const backend = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const listening = /listening on 127\.0\.0\.1:(\d+)/
  const args = ['--listen', '127.0.0.1:0', '--backend', backend, '--access-log', path]
  const program = await start(process.execPath, [main, 'serve', ...args], { line: listening })
  t.teardown(() => program.stop())
  const port = Number(listening.exec(program.stderr)?.[1])
  const arrived = new Promise((resolve) => silent.once('request', resolve))
  const other = connect(port, '127.0.0.1')
  other.on('error', () => {})
  other.write('GET /left HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \xff"\r\n\r\n', 'latin1')
  await arrived
  other.resetAndDestroy()
  t.match(await program.stop(), { code: 0 })
  const [line] = linesOf(path)
  t.match(line, { path: '/left', status: 0, outcome: 'client-gone', side: 'frontend', protocol: 'HTTP/1.1' })
  t.notOk('attempts' in line, 'the only one ended as the request did')
})

t.test('a WebSocket has the method and the status that its client has seen', async (t) => {
  const path = join(t.testdir(), 'access.log')
  const backend = createHttp2Server({ settings: { enableConnectProtocol: true } })
  backend.on('stream', (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('x')
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  t.teardown(() => backend.close())
  const server = createServer({
    listen: '127.0.0.1:0',
    backend: `h2c://127.0.0.1:${(backend.address() as AddressInfo).port}`,
    accessLog: { file: path, fields: ['method', 'status', 'upgrade', 'protocol'] },
  })
  const reports: string[] = []
  server.on('exchange', ({ method, status }) => reports.push(`${method} ${status}`))
  const [{ port }] = await server.listen()
  const upgrade = request({
    port,
    agent: false,
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    },
  }).end()
  await new Promise<void>((resolve) =>
    upgrade.on('upgrade', (_, socket) => socket.on('close', resolve).resume().end()),
  )
  const client = connectHttp2(`http://127.0.0.1:${port}`)
  await new Promise((resolve) => client.once('remoteSettings', resolve))
  const stream = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/' })
  await new Promise<void>((resolve) => stream.on('close', resolve).resume().end())
  client.close()
  await server.close()
  t.strictSame(linesOf(path), [
    { method: 'GET', status: 101, upgrade: 'websocket', protocol: 'HTTP/1.1' },
    { method: 'CONNECT', status: 200, upgrade: 'websocket', protocol: 'HTTP/2' },
  ])
  t.strictSame(reports, ['GET 101', 'CONNECT 200'])
})

t.test(
  'standard output that nobody reads: requests go on, and the log tells how many lines were dropped',
  async (t) => {
    const folder = t.testdir()
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    t.teardown(() => closeSync(reader))
    const { program, port } = await served(
      t,
      ...[
        '--access-log',
        pipe,
        '--limit',
        'server.accessLogBytesMax=64KiB',
        '--limit',
        'server.logRepeatMs=10',
      ],
    )
    // About 800 bytes a line: pipe and buffers take 250 of them.
    for (let batch = 0; batch < 20; batch++) {
      const all = Array.from({ length: 30 }, () => get(port, `/${'x'.repeat(300)}`))
      t.ok((await Promise.all(all)).every((status) => status === 404))
    }
    await program.until('it tells of them', () => /\d+ lines? w(?:as|ere) dropped/.test(program.stderr))
    // The rest of the lines has 2 s. Then it is lost, and the program ends all the same.
    t.match(await program.stop(), { code: 0 })
    const told = [...program.stderr.matchAll(/access log \S+: (\d+) lines? w/g)].map(([, count]) =>
      Number(count),
    )
    const buffer = Buffer.alloc(1 << 20)
    let filled = 0
    for (let size = -1; size !== 0; filled += size)
      size = readSync(reader, buffer, filled, buffer.length - filled, null)
    // Where the pipe was full a line may have been cut: it is lost.
    const whole = buffer.toString('latin1', 0, filled).split('\n').slice(0, -1)
    for (const line of whole) JSON.parse(line)
    t.equal(whole.length + told.reduce((sum, count) => sum + count, 0), 600)
  },
)

t.test('5,000 lines are whole', async (t) => {
  const path = join(t.testdir(), 'access.log')
  const file = join(t.testdirName, 'fermata.yaml')
  writeFileSync(
    file,
    `version: 1
listeners: { main: { address: "127.0.0.1:0" } }
routes: [{ answer: { status: 404 } }]
accessLog: { file: access.log, format: combined }
`,
  )
  const listening = /listening on 127\.0\.0\.1:(\d+)/
  const program = await start(process.execPath, [main, 'serve', file], { line: listening })
  t.teardown(() => program.stop())
  const port = Number(listening.exec(program.stderr)?.[1])
  const client = connect(port, '127.0.0.1')
  let answered = 0
  client.setEncoding('latin1').on('data', (text: string) => {
    answered += text.split('HTTP/1.1 404').length - 1
  })
  const one = 'GET /path HTTP/1.1\r\nHost: a.test\r\nReferer: http://a/?q=1\r\nUser-Agent: "a\tb"\r\n\r\n'
  const part = one.repeat(1_000)
  for (let sent = 0; sent < 5_000; sent += 1_000) {
    client.write(part)
    while (answered < sent + 900) await soon()
  }
  while (answered < 5_000) await soon()
  client.destroy()
  t.match(await program.stop(), { code: 0 })
  const lines = readFileSync(path, 'utf8').split('\n')
  t.equal(lines.pop(), '')
  t.equal(lines.length, 5_000)
  const form =
    /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/path HTTP\/1\.1" 404 \d+ "http:\/\/a\/\?q=\*\*\*" "\\x22a\\x09b\\x22"$/
  t.strictSame(
    lines.filter((each) => !form.test(each)),
    [],
  )
})

t.test('SIGUSR1 at the moment of its handler, and later: the inspector stays closed', async (t) => {
  const port = await freePort()
  // Signals itself as soon as a handler stands, before anything of the program is loaded.
  const early = `
    const on = process.on
    process.on = function (name, ...rest) {
      const result = on.call(this, name, ...rest)
      if (name === 'SIGUSR1') process.kill(process.pid, name)
      return result
    }`
  const program = await start(
    process.execPath,
    [
      `--inspect-port=${port}`,
      `--import=data:text/javascript,${encodeURIComponent(early)}`,
      main,
      'serve',
      '--listen',
      '127.0.0.1:0',
    ],
    { line: LISTENING },
  )
  t.teardown(() => program.stop())
  t.notOk(await accepts(port))
  program.signal('SIGUSR1')
  await get(Number(LISTENING.exec(program.stderr)?.[1]), '/')
  t.notOk(await accepts(port))
  t.match(await program.stop(), { code: 0 })
  t.notMatch(program.output, /inspector|Debugger/)
  t.match(
    readFileSync(join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts'), 'utf8'),
    /^(?:#!.*|\/\/.*|\n|import [^\n]*'node:[^\n]*)*\nprocess\.on\('SIGUSR1'/m,
    'nothing of ours is loaded before',
  )
})

t.test('a file that cannot be opened is an error at start', async (t) => {
  const folder = t.testdir()
  const program = await start(
    process.execPath,
    [main, 'serve', '--listen', '127.0.0.1:0', '--access-log', folder],
    { line: /cannot be opened/ },
  )
  t.match(await program.exited, { code: 2 })
  t.equal(
    program.stderr,
    `error: the access log ${folder} cannot be opened: illegal operation on a directory (EISDIR)\n`,
  )
})

t.test('a reload takes up another file and another format; without the key there is none', async (t) => {
  const folder = t.testdir()
  const [first, second] = ['first', 'second'].map((name) => join(folder, name))
  const document = (
    accessLog: unknown,
  ): { listeners: Record<string, unknown> } & Record<string, unknown> => ({
    version: 1,
    listeners: { main: { address: '127.0.0.1:0' } },
    routes: [{ name: 'all', answer: { status: 200 } }],
    ...(accessLog === null ? {} : { accessLog }),
  })
  const server = createServer(document({ file: first, fields: ['path'] }))
  const [address] = await server.listen()
  await get(address.port, '/1')
  await server.apply(document({ file: first, format: { template: `\${path} \${outcome}` } }))
  await get(address.port, '/2')
  await server.apply(document({ file: second, format: 'logfmt', fields: ['path', 'route'] }))
  await get(address.port, '/3')
  await server.apply(document(null))
  await get(address.port, '/4')
  t.match(server.describe(), { accessLog: { dropped: 0 } })
  await server.close()
  t.equal(readFileSync(first, 'utf8'), '{"path":"/1"}\n/2 answered\n')
  t.equal(readFileSync(second, 'utf8'), 'path=/3 route=all\n')
  writeFileSync(first, '')
  const short = createServer({
    listen: '127.0.0.1:0',
    backend: 'h2c://127.0.0.1:1',
    accessLog: { file: first, fields: ['outcome'] },
  })
  const [at] = await short.listen()
  await get(at.port, '/')
  await short.close()
  t.equal(readFileSync(first, 'utf8'), '{"outcome":"backend-not-connected"}\n')
  for (const [accessLog, message] of [
    [{ file: '' }, /accessLog: write/],
    [{ file: first, fields: ['pat'] }, /accessLog: "pat" is not a field/],
    [{ file: first, format: 'xml' }, /'undefined' is not a format/],
    [{ file: first, redact: { query: 'x' } }, /redact\.query must be/],
  ] as const)
    t.throws(
      () =>
        createServer({ listen: '127.0.0.1:0', backend: 'h2c://127.0.0.1:1', accessLog: accessLog as never }),
      message,
    )
})
