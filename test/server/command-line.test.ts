// The built program, as its user runs it.

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:http2'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import t from 'tap'
import { answerOf, get, once } from '../world/proxy-world.js'

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const MAIN = 'dist/src/main.js'

function start(args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args])
  const text = { out: '', err: '' }
  child.stdout?.on('data', (chunk: Buffer) => {
    text.out += String(chunk)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    text.err += String(chunk)
  })
  const ended = new Promise<Ran>((resolve) => child.on('close', (code) => resolve({ code, ...text })))
  /** Until it has said this on standard error. */
  const said = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve) => {
      const look = () => {
        const match = pattern.exec(text.err)
        if (match !== null) resolve(match)
      }
      child.stderr?.on('data', look)
      look()
    })
  return { child, ended, said }
}

const run = (...args: string[]) => start(args).ended

t.test('help, version and limits', async (t) => {
  const help = await run('--help')
  t.equal(help.code, 0)
  t.match(help.out, /Usage: fermata/)
  t.match((await run('serve', '--help')).out, /--drain-timeout <duration>/)
  t.match((await run('--version')).out, /^\d+\.\d+\.\d+\n$/)
  t.match((await run('limits')).out, / {2}replayBytesMax +65536\n/)
})

t.test('a mistake names itself and what is right, and exits with 2', async (t) => {
  const mistakes: [string[], RegExp][] = [
    [['serve', '--lisen', ':1'], /unknown option '--lisen'[\s\S]*--listen/],
    [['serve', '--listen', 'nonsense'], /HOST:PORT/],
    [['serve', '--backend', 'http://127.0.0.1:1'], /h2c:\/\//],
    [['serve', '--route', 'x'], /HOST\/PREFIX=URL/],
    [['serve', '--share', 'all'], /'process' or 'connection'/],
    [['serve', '--limit', 'nothing=1'], /fermata limits/],
    [['serve', '--drain-timeout', 'soon'], /10s, 500ms/],
  ]
  for (const [args, says] of mistakes) {
    const { code, err } = await run(...args)
    t.equal(code, 2, args.join(' '))
    t.match(err, says)
  }
})

t.test('an address in use says so, and exits with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { code, err } = await run('serve', '--listen', `127.0.0.1:${port}`, '--backend', 'h2c://127.0.0.1:1')
  t.equal(code, 1)
  t.match(err, /in use/)
  taken.close()
})

t.test('it serves its embedded origin, traces, and drains on SIGTERM', async (t) => {
  const { child, ended, said } = start(['serve', '--listen', '127.0.0.1:0', '--trace', '-'])
  const [, url] = await said(/try {2}curl --http2-prior-knowledge (\S+)/)
  const client = connect(url)
  t.match(String((await get(client, '/')).body), /embedded origin/)
  const slow = client.request({ ':path': '/echo', ':method': 'POST' })
  const answer = answerOf(slow)
  slow.write('before ')
  await once(slow, 'data')
  const goaway = once(client, 'goaway')
  child.kill('SIGTERM')
  await goaway
  slow.end('after')
  t.equal(String((await answer).body), 'before after', 'a running request finishes')
  const { code, out } = await ended
  t.equal(code, 0)
  client.destroy()
  const lines = out.trim().split('\n')
  t.ok(lines.some((line) => / m1\/s1 log done - -$/.test(line)))
  for (const line of lines) {
    t.match(line, /^\d+\.\d{3} \S+ [a-zA-Z]+ (goto|suspend|done|late|cancelled) ([a-zA-Z]+|-) \S+$/)
  }
})

t.test('what does not finish in time is cut, and a second signal ends it at once', async (t) => {
  for (const [timeout, signals, code] of [
    ['50ms', 1, 0],
    ['1m', 2, 1],
  ] as const) {
    const { child, ended, said } = start(['serve', '--listen', '127.0.0.1:0', '--drain-timeout', timeout])
    const [, url] = await said(/try {2}curl --http2-prior-knowledge (\S+)/)
    const client = connect(url)
    client.on('error', () => {})
    const waiting = client.request({ ':path': '/wait' })
    waiting.on('error', () => {})
    await new Promise<void>((resolve) => client.ping(() => resolve()))
    child.kill('SIGINT')
    await said(/draining/)
    if (signals === 2) child.kill('SIGINT')
    t.equal((await ended).code, code)
    client.destroy()
  }
})

t.test('a client that speaks HTTP/1 is told what to do', async (t) => {
  const { child, ended, said } = start(['serve', '--listen', '127.0.0.1:0'])
  const [, port] = await said(/listening on 127\.0\.0\.1:(\d+)/)
  await said(/try/)
  const socket = createConnection(Number(port), '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += String(chunk)
  })
  await once(socket, 'end')
  t.match(answer, /^HTTP\/1\.1 505 [\s\S]*--http2-prior-knowledge/)
  const [, length] = /content-length: (\d+)/.exec(answer) ?? []
  t.equal(answer.split('\r\n\r\n')[1].length, Number(length))
  child.kill('SIGTERM')
  t.equal((await ended).code, 0)
})
