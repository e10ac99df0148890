// The built program as a user runs it: what it prints and does, and how it ends. Its messages are in
// messages.test.ts.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as http2 from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { exitTexts } from '../../src/server/exit-codes.js'
import { createServer as createFermata, limitsByRoom } from '../../src/server/index.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { freePort, type Program, run, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { saidBy } from '../world/command-lines.js'
import { backend } from '../world/http2-backend.js'
import { answerOf, get, type OnStream, once } from '../world/proxy-world.js'

// Most of the time a program takes here is its start: tests run a few at a time, each with programs of its
// own.
t.jobs = 4

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const fermata = (...args: string[]) => run(process.execPath, [main, ...args], { timeoutMs: 20_000 })

/** `fermata serve` on a free port unless told otherwise, ready; killed at the end of the test if it still runs. */
async function serve(t: Test, ...args: string[]): Promise<{ program: Program; url: string }> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const program = await start(process.execPath, [main, 'serve', ...listen, ...args], { line: /goes to/ })
  t.teardown(() => program.stop())
  return { program, url: `http://${/listening on (\S+)/.exec(program.stderr)?.[1]}` }
}

function clientOf(t: Test, url: string): http2.ClientHttp2Session {
  const client = http2.connect(url)
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  return client
}

const says =
  (text: string): OnStream =>
  (stream) => {
    stream.respond({ ':status': 200 })
    stream.end(text)
  }

t.test('help, version, limits', { buffered: true }, async (t) => {
  const lines = [['--help'], ['serve', '--help'], ['--version'], ['-v'], ['limits'], []]
  const [[help, serveHelp, long, short, limits, nothing], ofProgram] = await Promise.all([
    saidBy(lines),
    fermata('--version'),
  ])
  t.equal(help.code, 0)
  t.match(help.stdout, /serve[\s\S]*limits/)
  t.equal(help.stderr, '')

  t.equal(serveHelp.code, 0)
  const codes = tableOf(readFileSync('spec/process-log.md', 'utf8'), 'Exit codes')
  t.strictSame(
    codes,
    exitTexts.map(([code, meaning]) => ({ code: String(code), meaning })),
  )
  for (const { code, meaning } of codes) t.match(serveHelp.stdout, new RegExp(`^ +${code} +${meaning}$`, 'm'))
  const valued = ['listen', 'backend', 'route', 'share', 'trace', 'drain-timeout', 'limit', 'connect']
  for (const option of [...valued, 'accept-proxy', 'send-proxy', 'backend-ca', 'backend-name'])
    t.match(serveHelp.stdout, `--${option} <`, option)
  t.match(serveHelp.stdout.replace(/\s+/g, ' '), "'*:*' lets clients reach all that this machine reaches")
  t.match(serveHelp.stdout, /Examples:/)

  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  for (const version of [long, short, ofProgram])
    t.match(version, { code: 0, stdout: `${manifest.version}\n`, stderr: '' })

  t.equal(limits.code, 0)
  for (const [room, bounds] of Object.entries(limitsByRoom)) {
    for (const [name, value] of Object.entries(bounds))
      t.match(limits.stdout, new RegExp(`^${room}\\.${name} = ${value}( [a-z ]+)?\n {4}\\S`, 'm'), name)
  }

  t.equal(nothing.code, 2)
  t.match(nothing.stderr, /Usage: fermata/)
})

/** Why it cannot listen: each on one line. */
t.test('what cannot be listened on is told', { buffered: true }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('file'), '')
  const taken = createTcpServer()
  const onPath = createTcpServer().listen(at('taken'))
  taken.listen(0, '127.0.0.1')
  await Promise.all([once(taken, 'listening'), once(onPath, 'listening')])
  t.teardown(() => void [taken, onPath].map((each) => each.close()))
  const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`
  const ofProgram: readonly (readonly [string, string])[] = [
    [address, 'it is in use by another program; choose another with --listen (EADDRINUSE)'],
    [
      `unix:${at('file')}`,
      'a file is there that is not a socket; remove it, or choose another path with --listen (ENOTSOCK)',
    ],
  ]
  const told = await Promise.all(ofProgram.map(([where]) => fermata('serve', '--listen', where)))
  for (const [each, [where, why]] of ofProgram.entries()) {
    t.equal(told[each].code, 1, where)
    t.match(told[each].stderr, `cannot listen on ${where}: ${why}\n`)
    t.notMatch(told[each].stderr, /\n +at /, 'no stack')
  }
  // Other reasons of this machine are told by the same words without a start of the program for each.
  for (const [where, why] of [
    // RFC 5737: of no machine.
    ['192.0.2.1:8080', 'this machine has no such address (EADDRNOTAVAIL)'],
    [`unix:${at('taken')}`, 'it is in use by another program; choose another in listen (EADDRINUSE)'],
    [`unix:${at('no/such')}`, `the folder ${at('no')} does not exist (ENOENT)`],
    [`unix:${at('file/s')}`, `${at('file')} is not a folder (ENOTDIR)`],
  ]) {
    const server = createFermata({ listen: where, backend: 'h2c://127.0.0.1:1' })
    await t.rejects(server.listen(), { message: `cannot listen on ${where}: ${why}` }, where)
  }
  const there = connectTcp(at('taken'))
  await once(there, 'connect')
  there.destroy()
})

t.test(
  'a socket file on which nobody listens is removed, and that is told',
  { buffered: true },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 's')
    const { program: first } = await serve(t, '--listen', `unix:${path}`)
    first.kill()
    await first.exited
    t.ok(existsSync(path), 'it was killed, and left its file')
    const { program } = await serve(t, '--listen', `unix:${path}`)
    t.match(program.stderr, `replaced unix:${path}, a stale socket on which no process listened`)
    t.match(program.stderr, `listening on unix:${path} `)
    await program.until('it says what to try', () => /try .+\n/.test(program.stderr))
    t.match(program.stderr, `try  curl --unix-socket ${path} http://localhost/\n`)
    const there = connectTcp(path)
    await once(there, 'connect')
    there.destroy()
    await program.stop()
    t.notOk(existsSync(path), 'one that ends removes it')
  },
)

t.test('with the embedded origin: what it prints is true', { buffered: true }, async (t) => {
  const { program, url } = await serve(t)
  t.equal(program.stdout, '', 'nothing on standard output')
  t.match(program.stderr, /listening on 127\.0\.0\.1:[1-9]\d* /)
  t.match(program.stderr, /everything goes to h2c:\/\/127\.0\.0\.1:\d+ \(the embedded origin\)/)
  await program.until('it says what to try', () => /try .+\n/.test(program.stderr))
  const command = /try +(.+)\n/.exec(program.stderr)?.[1] ?? ''
  const [name, ...args] = command.split(' ')
  t.equal(name, 'curl')
  t.equal(args.at(-1), `${url}/`)

  const client = clientOf(t, url)
  const hello = await get(client, '/')
  t.equal(hello.status, 200)
  t.match(hello.body.toString(), /via: 2 fermata/)
  t.equal((await get(client, '/bytes/100000')).body.length, 100_000)
  const echo = client.request({ ':path': '/echo', ':method': 'POST' })
  const echoed = answerOf(echo)
  echo.end('there and back')
  t.equal((await echoed).body.toString(), 'there and back')
  t.equal((await get(client, '/nowhere')).status, 404)

  await t.test('the printed command works', { skip: unlessInstalled('curl') }, async (t) => {
    const { code, stdout } = await run('curl', ['--silent', '--show-error', ...args])
    t.equal(code, 0)
    t.match(stdout, /seen through the proxy/)
  })

  await t.test('the same port speaks HTTP/1.1', async (t) => {
    const answer = await fetch(`${url}/`)
    t.equal(answer.status, 200)
    t.match(await answer.text(), /via: 1\.1 fermata/)
  })

  await t.test('curl, in each of its ways', { skip: unlessInstalled('curl') }, async (t) => {
    for (const way of ['--http1.0', '--http1.1', '--http2', '--http2-prior-knowledge']) {
      const { code, stdout } = await run('curl', ['-s', way, '-w', ' %{http_version}', `${url}/`])
      t.equal(code, 0, way)
      t.match(stdout, /seen through the proxy/, way)
      // RFC 9113 §3.1: an upgrade to h2c is not taken, and the request is answered as it came.
      t.match(stdout, way.endsWith('knowledge') ? / 2$/ : / 1\.1$/, way)
    }
  })

  await t.test('a client that asks for nothing does not keep it from ending', async (t) => {
    const closed = once(client, 'close')
    t.strictSame(await program.stop(), { code: 0, signal: null })
    await closed
  })
})

const traceLine = new RegExp(
  [
    /^\d+\.\d{3} [^\s,:]+ [A-Za-z]+/,
    / (?:(?:goto|suspend|late|cancelled) [A-Za-z]+|done -)/,
    / (?:-|WAIT(?:,WAIT)*)$/,
  ]
    .map((part) => part.source)
    .join('')
    .replaceAll('WAIT', String.raw`(?:[^\s,:]+:[A-Z]+(?:\|[A-Z]+)*|within:\d+|until:\d+\.\d{3})`),
)

/** Every line in the grammar; and the steps of this exchange. */
function stepsIn(t: Test, trace: string, id: string): string[] {
  const lines = trace.split('\n')
  t.equal(lines.pop(), '', 'the last line is whole')
  t.strictSame(
    lines.filter((line) => !traceLine.test(line)),
    [],
    'all lines in the grammar',
  )
  const steps = lines
    .map((line) => line.split(' '))
    .filter((words) => words[1] === id)
    .map((words) => words[2])
  return steps.filter((step, at) => step !== steps[at - 1])
}

const plain = [
  'receive',
  'route',
  'balance',
  'lease',
  'sendHead',
  'awaitHead',
  'filterResponse',
  'transfer',
  'finish',
  'log',
]

t.test('--trace FILE', { buffered: true }, async (t) => {
  const file = join(t.testdir(), 'trace.txt')
  const { program, url } = await serve(t, '--trace', file)
  t.equal((await get(clientOf(t, url), '/')).status, 200)
  t.equal((await program.stop()).code, 0)
  t.strictSame(stepsIn(t, readFileSync(file, 'utf8'), 'm1/s1'), plain)
  t.equal(program.stdout, '')
})

t.test('--trace -', { buffered: true }, async (t) => {
  const { program, url } = await serve(t, '--trace', '-')
  t.equal((await get(clientOf(t, url), '/')).status, 200)
  t.equal((await program.stop()).code, 0)
  t.strictSame(stepsIn(t, program.stdout, 'm1/s1'), plain)
})

t.test('--trace to where nothing can be written', { buffered: true }, async (t) => {
  const { code, stderr } = await fermata(
    'serve',
    '--listen',
    '127.0.0.1:0',
    '--trace',
    join(t.testdir(), 'a/b'),
  )
  t.equal(code, 2)
  t.match(stderr, /--trace .*ENOENT/)
  t.notMatch(stderr, 'listening', 'nothing is served without it')
})

t.test('--trace - to a reader that has left', { buffered: true }, async (t) => {
  const command = `"${process.execPath}" "${main}" serve --listen 127.0.0.1:0 --trace - | head -n 1`
  const program = await start('sh', ['-c', command], { line: /goes to/ })
  t.teardown(() => program.kill())
  const address = new URL(`http://${/listening on (\S+)/.exec(program.stderr)?.[1]}`)
  const answered = async (): Promise<string> => {
    const socket = connectTcp(Number(address.port), address.hostname)
    socket.write('GET / HTTP/1.0\r\n\r\n')
    const [head] = (await once(socket.setEncoding('latin1'), 'data')) as [string]
    socket.destroy()
    return head.slice(0, 12)
  }
  // Each connection is traced, so that one of them finds the reader gone.
  while (!program.stderr.includes('the trace cannot be written')) await answered()
  t.match(program.stderr, /error: the trace cannot be written, and ends: .*EPIPE/)
  t.equal(await answered(), 'HTTP/1.1 200', 'requests go on')
  t.notMatch(program.stderr, /\n +at /, 'no stack')
})

t.test('the reader of its log leaves: requests are answered as before', { buffered: true }, async (t) => {
  const port = await freePort()
  // Nothing listens on port 1: each request leaves a line.
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--backend', 'http://127.0.0.1:1']
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stderr, 'data')
  const left = once(child.stderr, 'close')
  child.stderr.destroy()
  await left
  const client = clientOf(t, `http://127.0.0.1:${port}`)
  for (const path of ['/1', '/2', '/3']) t.equal((await get(client, path)).status, 502, path)
  client.close()
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal}: GOAWAY, the running request finishes, exit 0`, { buffered: true }, async (t) => {
    let finish = () => {}
    const begun = new Promise<void>((resolve) => {
      finish = resolve
    })
    let held: http2.ServerHttp2Stream | null = null
    const url = await backend(t, (stream) => {
      held = stream
      stream.respond({ ':status': 200 })
      stream.write('begun, ')
      finish()
    })
    const { program, url: front } = await serve(t, '--backend', url)
    const client = clientOf(t, front)
    const stream = client.request({ ':path': '/' })
    const answer = answerOf(stream)
    await Promise.all([begun, once(stream, 'response')])
    const goaway = once(client, 'goaway')
    program.signal(signal)
    const [code] = await goaway
    t.equal(code, http2.constants.NGHTTP2_NO_ERROR)
    t.equal(program.exit, null, 'a request runs: it has not ended')
    await program.until('it says that it drains', () => /draining/.test(program.stderr))
    const { port, hostname } = new URL(front)
    const late = connectTcp(Number(port), hostname)
    t.match(
      await once(late, 'connect').catch((error: Error) => error),
      { code: 'ECONNREFUSED' },
      'no newcomers',
    )
    ;(held as unknown as http2.ServerHttp2Stream).end('and finished')
    t.match(await answer, { status: 200, ended: true, body: { length: 19 } })
    t.strictSame(await program.exited, { code: 0, signal: null })
  })
}

t.test(
  'a broken invariant that reaches all connections: told, and exit 70',
  { buffered: true },
  async (t) => {
    const broken = pathToFileURL(join(import.meta.dirname, 'broken.js')).href
    const args = [
      '--import',
      broken,
      main,
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--backend',
      'h2c://127.0.0.1:1',
    ]
    const program = await start(process.execPath, args, { line: /goes to/ })
    t.teardown(() => program.stop())
    const client = clientOf(t, `http://${/listening on (\S+)/.exec(program.stderr)?.[1]}`)
    const closed = once(client, 'close')
    t.strictSame(await program.exited, { code: 70, signal: null })
    await closed
    const said = program.stderr.split('\n').filter((line) => / error /.test(line))
    t.equal(said.length, 1)
    t.match(
      said[0],
      /internal error; all connections were closed, since .*: InvariantBroken: this does not hold: a slab has one owner < at /,
    )
  },
)

t.test('--drain-timeout: a request that never ends is ended', { buffered: true }, async (t) => {
  const { program, url } = await serve(t, '--drain-timeout', '1s')
  const client = clientOf(t, url)
  const stream = client.request({ ':path': '/wait' })
  const answer = answerOf(stream)
  // The one behind it has come back: so the first has arrived.
  await get(client, '/')
  const asked = performance.now()
  program.signal('SIGTERM')
  t.strictSame(await program.exited, { code: 3, signal: null })
  t.match(program.stderr, /warn .* is over: 1 request was cut\n/)
  const took = performance.now() - asked
  t.ok(took >= 900, `${took} ms: not before its time`)
  t.ok(took < 10_000, `${took} ms: long before the default of 30 s`)
  t.match(await answer, { status: 0, body: { length: 0 } })
})

t.test('a second signal ends it at once', { buffered: true }, async (t) => {
  const { program, url } = await serve(t)
  const client = clientOf(t, url)
  const answer = answerOf(client.request({ ':path': '/wait' }))
  await get(client, '/')
  program.signal('SIGTERM')
  await program.until('it is draining', () =>
    /draining: running requests may finish; a second signal cuts them/.test(program.stderr),
  )
  program.signal('SIGINT')
  t.strictSame(await program.exited, { code: 3, signal: null })
  t.match(program.stderr, /warn ended by a second signal: 1 request was cut\n/)
  await answer
})

t.test('several listeners, several routes', { buffered: true }, async (t) => {
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => backend(t, says(name))))
  const listen = ['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0']
  const routes = [
    '--route',
    `a.test=${a}`,
    '--route',
    `b.test:81/b=${a}`,
    '--route',
    `/b=${b}`,
    '--backend',
    c,
  ]
  const { program } = await serve(t, ...listen, ...routes)
  await program.until('it says all', () => program.stderr.includes(`everything goes to ${c}`))
  t.match(program.stderr, `a.test/ goes to ${a}\n`)
  t.match(program.stderr, `/b goes to ${b}\n`)
  t.notMatch(program.stderr, /try/, 'nothing to try where there is no embedded origin')
  const urls = [...program.stderr.matchAll(/listening on (\S+)/g)].map(([, address]) => `http://${address}`)
  t.equal(new Set(urls).size, 2)
  for (const url of urls) {
    const client = clientOf(t, url)
    const bodyOf = async (authority: string, path: string) =>
      (await get(client, path, { ':authority': authority })).body.toString()
    t.equal(await bodyOf('a.test', '/'), 'a')
    t.equal(await bodyOf('A.test:80', '/b'), 'a', 'the host before the prefix')
    t.equal(await bodyOf('b.test', '/b?x'), 'b')
    t.equal(await bodyOf('b.test:81', '/b?x'), 'a', 'a port, where the route has one')
    t.equal(await bodyOf('b.test:82', '/b?x'), 'b')
    t.equal(await bodyOf('b.test', '/bb'), 'c')
    t.equal(await bodyOf('b.test', '/'), 'c')
  }
})

t.test('only routes: what none takes is 404', { buffered: true }, async (t) => {
  const { url } = await serve(t, '--route', `a.test/x=${await backend(t, says('x'))}`)
  const client = clientOf(t, url)
  t.equal((await get(client, '/x', { ':authority': 'a.test' })).body.toString(), 'x')
  t.match(await get(client, '/y', { ':authority': 'a.test' }), {
    status: 404,
    headers: { 'x-fermata': 'no-route' },
  })
  t.equal((await get(client, '/x', { ':authority': 'b.test' })).status, 404)
})

t.test('--share connection: backend connections of their own', { buffered: true }, async (t) => {
  for (const [scope, sessions] of [
    ['process', 1],
    ['connection', 2],
  ] as const) {
    const seen = new Set<unknown>()
    const url = await backend(t, (stream) => {
      seen.add(stream.session)
      stream.respond({ ':status': 204 }, { endStream: true })
    })
    const { url: front } = await serve(t, '--share', scope, '--backend', url)
    for (const client of [clientOf(t, front), clientOf(t, front)]) {
      t.equal((await get(client, '/1')).status, 204)
      t.equal((await get(client, '/2')).status, 204)
    }
    t.equal(seen.size, sessions, scope)
  }
})

t.test('--connect, --accept-proxy, --send-proxy: what is right is heeded', { buffered: true }, async (t) => {
  const target = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.end('reached')
  })
  let proxied = target
  const header = new Promise<string>((resolve) => {
    proxied = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (chunk: Buffer) => {
        resolve(chunk.toString('latin1'))
        socket.end('HTTP/1.1 204 No Content\r\n\r\n')
      })
    })
  })
  for (const each of [target, proxied]) {
    each.listen(0, '127.0.0.1')
    await once(each, 'listening')
    t.teardown(() => void each.close())
  }
  const port = (of: typeof target) => (of.address() as AddressInfo).port
  const backendUrl = `http://127.0.0.1:${port(proxied)}`
  const proxy = [
    '--accept-proxy',
    '127.0.0.0/8',
    '--accept-proxy',
    '::1',
    '--send-proxy',
    'v1',
    '--share',
    'connection',
  ]
  const connects = ['--connect', '*.test:443', '--connect', `127.0.0.1:${port(target)}`]
  const { url } = await serve(t, ...connects, ...proxy, '--backend', backendUrl)
  const talk = async (request: string) => {
    const { port, hostname } = new URL(url)
    const socket = connectTcp(Number(port), hostname)
    t.teardown(() => socket.destroy())
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.write(`PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n${request}`)
    await once(socket, 'close')
    return text
  }
  const connect = (to: string) => talk(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`)
  t.match(await connect(`127.0.0.1:${port(target)}`), /^HTTP\/1.1 200 [\s\S]*reached$/)
  t.match(await connect('127.0.0.1:1'), /^HTTP\/1.1 403 [\s\S]*connect-not-allowed/)
  t.match(await talk('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 204 /)
  t.match(await header, /^PROXY TCP4 192\.0\.2\.7 192\.0\.2\.8 4711 80\r\n/)
})

t.test(
  '--backend-ca and --backend-name: who is trusted, and by which name',
  { buffered: true },
  async (t) => {
    const server = http2.createSecureServer(localhost)
    server.on('session', (session) => session.on('error', () => {}))
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 204 }, { endStream: true })
    })
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => void server.close())
    const file = join(t.testdir({ 'ca.pem': authority }), 'ca.pem')
    const to = ['--backend', `h2://127.0.0.1:${(server.address() as AddressInfo).port}`]
    const statusWith = async (...more: string[]) => {
      const { program, url } = await serve(t, ...to, ...more)
      const client = clientOf(t, url)
      const { status } = await get(client, '/')
      client.destroy()
      await program.stop()
      return status
    }
    const statuses = await Promise.all([
      statusWith('--backend-ca', file, '--backend-name', 'localhost'),
      statusWith('--backend-ca', file, '--backend-name', 'elsewhere.test'),
      statusWith('--backend-name', 'localhost'),
    ])
    t.strictSame(statuses, [204, 502, 502])
  },
)

t.test(
  '--limit is heeded, repeated too; a time longer than timers can take is no short one',
  { buffered: true },
  async (t) => {
    const limits = [
      'proxy.headTimeoutMs=0.05s',
      'http2.concurrentStreamsMax=7',
      'server.handshakeMs=9007199254740991',
    ].flatMap((each) => ['--limit', each])
    const { program, url } = await serve(t, ...limits)
    const { port, hostname } = new URL(url)
    // Accepted, and silent: its deadline is of the longest time.
    const silent = connectTcp(Number(port), hostname).resume()
    t.teardown(() => silent.destroy())
    await once(silent, 'connect')
    const client = clientOf(t, url)
    t.match(await get(client, '/wait'), { status: 504, headers: { 'x-fermata': 'head-late' } })
    t.equal(client.remoteSettings.maxConcurrentStreams, 7)
    t.equal((await get(client, '/')).status, 200)
    client.close()
    t.strictSame(await program.stop(), { code: 0, signal: null })
    t.notMatch(program.stderr, /Warning/)
  },
)
