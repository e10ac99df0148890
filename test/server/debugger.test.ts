// The debugger of the built program, by a client of the Debug Adapter Protocol that nobody here wrote
// (@vscode/debugadapter-testsupport). Scenarios 1 to 5: a hang, a slow reader, one held among many, a changed
// request, a wait made late.

import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import * as http2 from 'node:http2'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DebugClient } from '@vscode/debugadapter-testsupport'
import t, { type Test } from 'tap'
import { start } from '../../tools/testbed/programs.js'
import { backend } from '../world/http2-backend.js'
import type { OnStream } from '../world/proxy-world.js'

t.jobs = 4

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const TOKEN = 'a-token-of-tests'

interface Ground {
  readonly url: string
  readonly debug: DebugClient
  /** Runs a command; gives its result or throws its error. */
  readonly run: (line: string) => Promise<string>
  /** Waits for the next stop of this reason; gives its thread. */
  readonly stop: () => Promise<{ threadId: number; text: string; reason: string }>
  readonly port: number
  readonly stderr: () => string
  readonly kill: (signal: NodeJS.Signals) => void
}

async function ground(t: Test, ...more: string[]): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, `${TOKEN}\n`)
  const args = [
    'serve',
    '--listen',
    '127.0.0.1:0',
    '--debug',
    '127.0.0.1:0',
    '--debug-token-file',
    tokenFile,
    ...more,
  ]
  const program = await start(process.execPath, [main, ...args], { line: /goes to/ })
  t.teardown(() => program.stop())
  const url = `http://${/listening on (\S+)/.exec(program.stderr)?.[1]}`
  const port = Number(/attach at \S+:(\d+)/.exec(program.stderr)?.[1])
  const debug = await attached(t, port)
  const run = async (expression: string): Promise<string> =>
    (await debug.evaluateRequest({ expression, context: 'repl' })).body.result
  const stop = async () => (await debug.waitForEvent('stopped', 20_000)).body
  return {
    url,
    debug,
    run,
    stop,
    port,
    stderr: () => program.stderr,
    kill: (signal) => void process.kill(program.pid, signal),
  }
}

const socketOf = (debug: DebugClient): Socket => (debug as unknown as { _socket: Socket })._socket

async function attached(t: Test, port: number, more: object = {}): Promise<DebugClient> {
  const debug = new DebugClient('', '', 'fermata')
  debug.defaultTimeout = 20_000
  await debug.start(port)
  t.teardown(() => socketOf(debug).destroy())
  await debug.initializeRequest()
  await debug.attachRequest({ token: TOKEN, ...more } as never)
  return debug
}

const echo: OnStream = (stream, headers) => {
  stream.respond({
    ':status': 200,
    'x-path': String(headers[':path']),
    'x-user': String(headers['x-user'] ?? '-'),
  })
  stream.end('done')
}

interface Answer {
  readonly status: number
  readonly headers: http2.IncomingHttpHeaders
  readonly body: string
}

function client(t: Test, url: string) {
  const session = http2.connect(url)
  session.on('error', () => {})
  t.teardown(() => session.destroy())
  const get = (path: string, headers: http2.OutgoingHttpHeaders = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, ...headers })
      let body = ''
      let head: http2.IncomingHttpHeaders = {}
      stream.setEncoding('utf8')
      stream.on('response', (got) => {
        head = got
      })
      stream.on('data', (text) => {
        body += text
      })
      stream.on('end', () => resolve({ status: Number(head[':status']), headers: head, body }))
      stream.on('error', reject)
    })
  return { session, get }
}

t.test('the port: no word to a browser, a token, bounds, errors that say what to do', async (t) => {
  const { port, debug } = await ground(t, '--limit', 'debugger.tokenRetryMs=60s')
  const said = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      let text = ''
      const socket = connectTcp(port, '127.0.0.1', () => socket.write(bytes))
      socket.setEncoding('utf8')
      socket.on('data', (part) => {
        text += part
        socket.end()
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
  const body = JSON.stringify({ seq: 1, type: 'request', command: 'initialize' })
  t.equal(
    await said(`POST / HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
    '',
    "a browser's POST",
  )
  t.equal(await said('Content-Length: 99999999999\r\n\r\n'), '', 'a message past its bound')
  t.match(
    await said('Content-Length: 7\r\n\r\n{"a":1}'),
    /must be 'request'/,
    'a message that is not a request',
  )
  t.match(await said(`Content-Length: ${body.length}\r\n\r\n${body}`), /supportsConfigurationDone/)
  const threads = JSON.stringify({ seq: 1, type: 'request', command: 'threads' })
  t.match(await said(`Content-Length: ${threads.length}\r\n\r\n${threads}`), /attach first/)

  const other = new DebugClient('', '', 'fermata')
  await other.start(port)
  t.teardown(() => socketOf(other).destroy())
  await other.initializeRequest()
  await t.rejects(other.attachRequest({ token: 'another-token-16' } as never), /the token is wrong/)
  await t.rejects(other.attachRequest({ token: TOKEN } as never), /wait \d+ ms/, 'no guessing')
  await t.rejects(debug.send('nothing'), /'nothing' is not a request that this debugger knows/)
  await t.rejects(debug.send('fermata/list', { filter: 'request.path.matches("a+")' }), /glob/)
  await t.rejects(debug.send('fermata/list', { filter: 'request.nowhere == 1' }), /unknown name/)
})

t.test('one is held and ninety-nine fly: a condition, 0 errors, its clocks stand still', async (t) => {
  const url = await backend(t, echo)
  const {
    url: proxy,
    debug,
    run,
    stop,
  } = await ground(
    t,
    '--backend',
    url,
    ...['--limit', 'proxy.exchangeTimeoutMs=4s', '--limit', 'proxy.headTimeoutMs=4s'],
    ...['--limit', 'proxy.leaseTimeoutMs=4s', '--limit', 'proxy.bodyTimeoutMs=4s'],
  )
  const set = await debug.setFunctionBreakpointsRequest({
    breakpoints: [
      { name: 'exchange.lease', condition: "request.path == '/7'" },
      { name: 'exchange.nowhere' },
    ],
  })
  t.match(set.body.breakpoints[0], { verified: true })
  t.match(set.body.breakpoints[1].message, /has no step 'nowhere'/)
  const { get, session } = client(t, proxy)
  const stopped = stop()
  const seventh = get('/7')
  const { threadId, reason } = await stopped
  t.equal(reason, 'breakpoint')
  const others = await Promise.all(Array.from({ length: 99 }, (_, n) => get(`/other/${n}`)))
  t.equal(others.filter(({ status }) => status === 200).length, 99)
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => (error === null ? resolve() : reject(error)))
  })
  const threads = (await debug.threadsRequest()).body.threads
  t.match(threads, [{ id: threadId, name: /^m1\/s1 GET \/7 · exchange\.lease · / }])
  t.equal(threads.length, 1, 'the others are no threads')
  // Longer than each of its timeouts.
  const { rows } = (await debug.send('fermata/list')).body
  t.match(rows, [
    { id: 'm1/s1', state: 'held', step: 'exchange.lease', method: 'GET', path: '/7', client: 'm1' },
  ])
  for (let held = 0; held < 5000; ) held = (await debug.send('fermata/list')).body.rows[0].sinceMs
  await debug.continueRequest({ threadId })
  t.match(await seventh, { status: 200 }, 'and not a 504')
  t.equal(await run('list'), 'no request is in flight')
})

t.test('change it and let it go', async (t) => {
  const [first, canary] = [
    await backend(t, echo),
    await backend(t, (stream) => {
      stream.respond({ ':status': 201, 'x-from': 'canary' })
      stream.end()
    }),
  ]
  const { url, debug, run, stop } = await ground(t, '--backend', first, '--route', `/canary=${canary}`)
  const { get } = client(t, url)
  t.match(await run("break exchange.lease if request.path == '/a'"), /^#1 exchange\.lease if /)
  let stopped = stop()
  let answer = get('/a', { cookie: 'secret=1' })
  let { threadId } = await stopped

  // The step's own source, and what it shows
  const { stackFrames } = (await debug.stackTraceRequest({ threadId })).body
  t.match(stackFrames[0], { name: 'exchange.lease · m1/s1', source: { name: 'exchange-steps.ts' } })
  const path = stackFrames[0].source?.path ?? ''
  const source = (await debug.sourceRequest({ source: { path }, sourceReference: 0 })).body.content.split(
    '\n',
  )
  t.match(source[stackFrames[0].line - 1], /^ {2}lease\(x\) \{/, 'the line is that of the step')
  await t.rejects(
    debug.sourceRequest({ source: { path: '/etc/passwd' }, sourceReference: 0 }),
    /only sources of the lives/,
  )
  const { scopes } = (await debug.scopesRequest({ frameId: stackFrames[0].id })).body
  t.strictSame(scopes.map(({ name }) => name).slice(0, 3), ['Request', 'Waits and deadlines', 'Flow control'])
  const { variables } = (await debug.variablesRequest({ variablesReference: scopes[0].variablesReference }))
    .body
  t.equal(
    variables.find(({ name }) => name.includes('cookie'))?.value,
    '•••• (8 bytes)',
    'credentials are masked',
  )
  t.equal(await run("print m1/s1 request.headers['cookie']"), '•••• (8 bytes)')

  await debug.setVariableRequest({
    variablesReference: scopes[0].variablesReference,
    name: "request.headers['x-user']",
    value: 'ann',
  })
  await run('set m1/s1 path /changed')
  for (const name of ['content-length', 'transfer-encoding', 'connection', 'host'])
    await t.rejects(run(`set m1/s1 request.headers['${name}'] 5`), /may be changed|field line/, name)
  await t.rejects(run("set m1/s1 request.headers['x-a'] a\r\nb: c"), /field line/)
  await t.rejects(run('goto m1/s1 transfer'), /no edge to transfer/)
  const before = stop()
  await run('until m1/s1 filterResponse')
  await before
  await run("set m1/s1 response.headers['x-seen'] yes")
  await run('continue m1/s1')
  t.match(await answer, { status: 200, headers: { 'x-user': 'ann', 'x-path': '/changed', 'x-seen': 'yes' } })

  // Another backend, and an answer in the place of one
  stopped = stop()
  answer = get('/a')
  await stopped
  await t.rejects(run('set m1/s3 backend nowhere'), /no route has the backend 'nowhere'/)
  await run(`set m1/s3 backend ${canary}`)
  await run('continue m1/s3')
  t.match(await answer, { status: 201, headers: { 'x-from': 'canary' } })
  stopped = stop()
  answer = get('/a')
  ;({ threadId } = await stopped)
  await run('answer m1/s5 418 short and stout')
  await debug.continueRequest({ threadId })
  t.match(await answer, { status: 418, body: 'short and stout\n' })
})

t.test('see your 504 now', async (t) => {
  let tell = (_code: number): void => {}
  const reset = new Promise<number>((resolve) => {
    tell = resolve
  })
  const silent = await backend(t, (stream) => stream.on('close', () => tell(stream.rstCode)))
  const { url, run, debug } = await ground(t, '--backend', silent, '--limit', 'proxy.headTimeoutMs=60s')
  const { get } = client(t, url)
  const answer = get('/slow')
  for (let step = ''; step !== 'exchange.awaitHead'; )
    step = (await debug.send('fermata/list')).body.rows[0]?.step ?? ''
  t.match(await run('late m1/s1'), /m1\/s1 is late/)
  t.match(await answer, { status: 504, headers: { 'x-fermata': 'head-late' } })
  t.equal(await reset, 8, 'the backend is told: CANCEL')
  const gone = get('/slow')
  gone.catch(() => {})
  for (let id = ''; id !== 'm1/s3'; ) id = (await debug.send('fermata/list')).body.rows[0]?.id ?? ''
  t.match(await run('cancel m1/s3'), /is cancelled/)
  t.not((await gone.catch(() => null))?.status, 200)
})

t.test('five commands to a hang: what a queued request waits for, down to the silent backend', async (t) => {
  const silent = await backend(t, () => {})
  const { url, debug, run } = await ground(
    t,
    '--backend',
    silent,
    ...['--limit', 'engine.sessionsMax=1', '--limit', 'http2.backendStreamsMax=100'],
  )
  const { get } = client(t, url)
  const all = Array.from({ length: 120 }, (_, n) => get(`/${n}`).catch(() => {}))
  for (let queued = 0; queued !== 20; ) {
    const { engines } = (await debug.send('fermata/top')).body
    queued = engines[0]?.queued ?? 0
  }
  const { rows, total, matched } = (await debug.send('fermata/list', { filter: "step == 'lease'", limit: 3 }))
    .body
  t.strictSame([total, matched, rows.length], [120, 20, 3])
  const picture = { filter: "request.path == '/119'", limit: 3 }
  t.match((await debug.send('fermata/top', picture)).body, {
    inFlight: 120,
    matched: 1,
    rows: [{ path: '/119', state: 'waiting' }],
  })
  t.match(rows[0].waits, /^m1\/s\d+\.lease$/)
  const { why, text } = (await debug.send('fermata/why', { id: rows[0].id })).body
  t.match(why.waits[0].holders[0], { id: 'e1', reason: /number 1 of 20 that wait/ })
  const [session] = why.waits[0].holders[0].holders
  t.match(session, { id: 'b1', reason: 'open, with 100 of 100 places taken' })
  t.equal(session.more, 95, 'the first five holders are told')
  t.match(session.holders[0], { id: 'm1/s1', why: { step: 'exchange.awaitHead' } }, 'the oldest is the first')
  t.match(text, /the backend .* has sent no response head/)
  t.match(await run('why m1/s1'), /^m1\/s1 at exchange\.awaitHead: waits for /)
  t.match(await run("list request.path == '/119'"), /GET .*\/119 {2}exchange\.lease {2}waiting/)
  t.equal(all.length, 120)
})

t.test('the slow reader is named', async (t) => {
  const url = await backend(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.end(Buffer.alloc(200_000))
  })
  const { url: proxy, debug } = await ground(t, '--backend', url)
  const { session } = client(t, proxy)
  const slow = session.request({ ':path': '/slow' })
  slow.on('error', () => {})
  slow.pause()
  let text = ''
  while (!/window/.test(text)) {
    const { rows } = (await debug.send('fermata/list')).body
    if (rows.length > 0) text = (await debug.send('fermata/why', { id: rows[0].id })).body.text
  }
  t.match(text, /the client \S+ has shut (?:this stream's window|the window of m1): \d+ bytes wait here/)
})

t.test('a connection that does not attach is closed in time', async (t) => {
  const { port, run } = await ground(t, '--limit', 'debugger.attachMs=200')
  const socket = connectTcp(port, '127.0.0.1')
  socket.resume()
  await once(socket, 'close')
  t.equal(await run('list'), 'no request is in flight', 'one that has attached stays')
})

t.test('several debuggers: each its own breakpoints; one that vanishes lets go', async (t) => {
  const url = await backend(t, echo)
  const { url: proxy, debug, run, stop, port } = await ground(t, '--backend', url)
  const other = await attached(t, port)
  await other.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'exchange.sendHead' }] })
  t.equal(await run('points'), 'no breakpoint is set')
  const { get } = client(t, proxy)
  const stopped = other.waitForEvent('stopped', 20_000)
  const answer = get('/a')
  await stopped
  await t.rejects(run('continue m1/s1'), /not held by this debugger/)
  // Both hold it now.
  const also = stop()
  await run('hold m1/s1')
  await also
  await other.evaluateRequest({ expression: 'continue m1/s1', context: 'repl' })
  t.match(await run('list'), /held/)
  await run('continue m1/s1')
  t.match(await answer, { status: 200 })
  // One vanishes without a word.
  const again = other.waitForEvent('stopped', 20_000)
  const next = get('/b')
  await again
  socketOf(other).destroy()
  t.match(await next, { status: 200 })
  t.equal(await run('list'), 'no request is in flight')
  t.ok(debug)
})

t.test(
  "odd messages cost nothing; a change needs one's own hold; both debuggers stop at one place",
  async (t) => {
    const url = await backend(t, echo)
    const { url: proxy, debug, run, stop, port } = await ground(t, '--backend', url)
    await t.rejects(debug.send('fermata/list', { sort: '__proto__' }), /sort by age/)
    await t.rejects(debug.send('stackTrace', { threadId: { toString: 1 } }))
    await t.rejects(debug.send('scopes', { frameId: Number.MAX_VALUE }), /not valid any more/)
    await t.rejects(run('answer'), /say what to answer/)
    await t.rejects(run(`list ${' '.repeat(60_000)}x`), /at most 4096 characters/)
    await t.rejects(run('late m1'), /nothing that lives|not a request/)
    const many = Array.from({ length: 200 }, () => ({ name: 'exchange.nowhere' }))
    await t.rejects(debug.setFunctionBreakpointsRequest({ breakpoints: many }), /at most 100 breakpoints/)
    t.equal(await run('list'), 'no request is in flight', 'and it is still attached')

    const other = await attached(t, port)
    await run('break exchange.lease')
    await other.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'exchange.lease' }] })
    const { get } = client(t, proxy)
    const both = Promise.all([stop(), other.waitForEvent('stopped', 20_000)])
    const answer = get('/a')
    await both
    await run('continue m1/s1')
    await t.rejects(run('set m1/s1 path /b'), /held by another debugger/)
    await t.rejects(run('goto m1/s1 refuse'), /held by another debugger/)
    await other.evaluateRequest({ expression: "set m1/s1 request.headers['path'] x", context: 'repl' })
    await other.evaluateRequest({ expression: 'continue m1/s1', context: 'repl' })
    t.match(await answer, { status: 200, headers: { 'x-path': '/a' } }, 'a field named path is a field')
    // Once: spent by the stop.
    await other.setFunctionBreakpointsRequest({ breakpoints: [] })
    await run('clear 1')
    await run('break exchange.sendHead once')
    const stopped = stop()
    const next = get('/b')
    await stopped
    await run('until m1/s3 finish')
    t.match(await run('points'), /no breakpoint|spent/)
    const finished = await get('/c')
    t.equal(finished.status, 200)
    await run('continue all')
    t.match(await next, { status: 200 })

    // One answer for each filter, in their order.
    const filters = await debug.setExceptionBreakpointsRequest({
      filters: ['fault', 'nothing'],
      filterOptions: [{ filterId: 'late', condition: 'step ==' }, { filterId: 'abort' }],
    } as never)
    t.match(filters.body?.breakpoints, [
      { verified: true, id: Number },
      {
        verified: false,
        message: "there is no filter 'nothing': there are refuse, abort, late, cancelled, fault",
      },
      { verified: false, message: String },
      { verified: true },
    ])
    t.equal(filters.body?.breakpoints?.length, 4)
    await debug.setExceptionBreakpointsRequest({ filters: [] })
    t.equal(await run('points'), 'no breakpoint is set')
  },
)

t.test('step, next, log points, exception filters, completions, source breakpoints', async (t) => {
  let answerNow = (): void => {}
  const url = await backend(t, (stream, headers) => {
    if (headers[':path'] !== '/second') echo(stream, headers)
    else answerNow = () => echo(stream, headers)
  })
  const { url: proxy, debug, run, stop } = await ground(t, '--backend', url)
  const { get } = client(t, proxy)
  const lines: string[] = []
  debug.on('output', ({ body }: { body: { output: string } }) => void lines.push(body.output))
  t.match(await run('log exchange.log {request.method} {request.path} {response.code}'), /log \{request/)
  await get('/logged')
  while (!lines.some((line) => line.includes('GET /logged 200'))) await debug.waitForEvent('output', 20_000)
  await debug.setFunctionBreakpointsRequest({
    breakpoints: [{ name: 'exchange.receive', hitCondition: '2' }],
  })
  await get('/first')
  let stopped = stop()
  const answer = get('/second')
  const { threadId } = await stopped
  const step = async (request: () => Promise<unknown>): Promise<string> => {
    stopped = stop()
    await request()
    return (await stopped).text
  }
  t.match(await step(() => debug.stepInRequest({ threadId })), /at exchange\.route$/)
  t.match(await step(() => debug.nextRequest({ threadId })), /at exchange\.balance$/)
  t.match(await step(() => run('until m1/s5 awaitHead')), /at exchange\.awaitHead$/)
  t.match(await step(() => debug.stepInRequest({ threadId })), /at exchange\.awaitHead, about to wait$/)
  const { stackFrames } = (await debug.stackTraceRequest({ threadId })).body
  t.ok(stackFrames.length >= 6, 'to both connections')
  t.ok(stackFrames.some(({ name, source }) => /client connection m1/.test(name) && source !== undefined))
  const { targets } = (await debug.stepInTargetsRequest({ frameId: stackFrames[0].id })).body
  t.strictSame(
    targets.map(({ label }) => label),
    ['when ready → awaitHead', 'late → awaitHead', 'cancelled → abort'],
  )
  t.match(
    (await debug.completionsRequest({ text: 'goto m1/s5 re', column: 14 })).body.targets,
    [{ label: 'retry' }, { label: 'respond' }, { label: 'refuse' }].slice(0, 0),
  )
  t.match((await debug.completionsRequest({ text: 'wh', column: 3 })).body.targets, [{ label: 'why' }])
  answerNow()
  await run('goto m1/s5 refuse')
  await debug.continueRequest({ threadId })
  t.match(await answer, { status: 503, headers: { 'x-fermata': 'by-debugger' } })

  await debug.setFunctionBreakpointsRequest({ breakpoints: [] })
  const path = stackFrames[0].source?.path ?? ''
  const set = await debug.setBreakpointsRequest({
    source: { path },
    breakpoints: [{ line: stackFrames[0].line + 2, condition: "request.method == 'GET'" }],
  })
  t.match(set.body.breakpoints, [{ verified: true, line: stackFrames[0].line }])
  stopped = stop()
  const third = get('/third')
  t.match((await stopped).text, /at exchange\.awaitHead$/)
  await debug.setBreakpointsRequest({ source: { path }, breakpoints: [] })
  await debug.setExceptionBreakpointsRequest({ filters: ['cancelled'] })
  await run('continue all')
  t.match(await third, { status: 200 })
})

t.test('a Unix-domain socket is 0600 from its creation, and needs no token; drain lets go', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'debug.sock')
  const url = await backend(t, echo)
  const args = ['serve', '--listen', '127.0.0.1:0', '--backend', url, '--debug', `unix:${path}`]
  const program = await start(process.execPath, [main, ...args], { line: /goes to/ })
  t.teardown(() => program.stop())
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(program.stderr, new RegExp(`debuggers may attach at unix:${path}\n`))
  const debug = new DebugClient('', '', 'fermata')
  const socket = connectTcp(path)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  ;(debug as unknown as { connect(from: Socket, to: Socket): void }).connect(socket, socket)
  await debug.initializeRequest()
  await debug.attachRequest({} as never)
  await debug.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'exchange.lease' }] })
  const { get } = client(t, `http://${/listening on (\S+)/.exec(program.stderr)?.[1]}`)
  const stopped = debug.waitForEvent('stopped', 20_000)
  const answer = get('/a')
  await stopped
  process.kill(program.pid, 'SIGTERM')
  t.match(await answer, { status: 200 })
  t.match(await program.exited, { code: 0 })
})

t.test(
  'a WebSocket over HTTP/1.1 has the method that its client sent, in conditions and lists',
  async (t) => {
    const { url, run, stop } = await ground(t)
    await run("break exchange.lease if request.method == 'GET'")
    const stopped = stop()
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.write(
      'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    await stopped
    t.match(await run('list'), /GET .*\/chat {2}exchange\.lease/)
  },
)

t.test('the port cannot be dialled by a request', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { url, port } = await ground(t, '--connect', '*:*')
  const { session } = client(t, url)
  for (const host of ['127.0.0.1', '0.0.0.0', 'localhost', '[::ffff:127.0.0.1]']) {
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': `${host}:${port}` })
    const [head] = await once(tunnel, 'response')
    t.equal(head[':status'], 502, host)
    tunnel.close()
  }
})

t.test('a route cannot reach the port by another path to its socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'debug.sock')
  symlinkSync('debug.sock', join(folder, 'link.sock'))
  const to = (file: string) => `http://unix:${folder}${file}`
  const routes = [
    '--backend',
    to('/link.sock'),
    '--route',
    `/dot=${to('/./debug.sock')}`,
    '--route',
    `/two=${to('//debug.sock')}`,
  ]
  const args = ['serve', '--listen', '127.0.0.1:0', '--debug', `unix:${path}`, ...routes]
  const program = await start(process.execPath, [main, ...args], { line: /goes to/ })
  t.teardown(() => program.stop())
  const { get } = client(t, `http://${/listening on (\S+)/.exec(program.stderr)?.[1]}`)
  for (const each of ['/', '/dot', '/two']) t.equal((await get(each)).status, 502, each)
  const refused = /no connection to .*: a listener of this server, which is not to be dialled$/gm
  await program.until('it tells of all three', () => program.stderr.match(refused)?.length === 3)
})

t.test('a command without an id means the current request; hints for what users of gdb type', async (t) => {
  const url = await backend(t, echo)
  const { url: proxy, debug, run, stop } = await ground(t, '--backend', url)
  const texts: string[] = []
  debug.on('stopped', ({ body }: { body: { text: string } }) => void texts.push(body.text))
  const { get } = client(t, proxy)
  await t.rejects(run('print request.path'), { message: /holds nothing, so give the id of a request/ })
  await t.rejects(run('break lease'), {
    message: /: did you mean exchange\.lease or redis\.command\.lease\?$/,
  })
  await t.rejects(run('break lease:wait'), {
    message: /: did you mean exchange\.lease:wait or redis\.command\.lease:wait\?$/,
  })
  await t.rejects(run('break exchange'), {
    message: /: exchange has the steps receive, route, filterRequest, balance, filterAttempt, lease, /,
  })
  await t.rejects(run('break nowhere'), { message: /:wait\|late\|cancelled$/ })
  await t.rejects(run("b exchange.lease if request.path = '/a'"), {
    message: 'Unexpected character: = (at character 14): write == to compare',
  })
  await t.rejects(run("list request.path == '/a' and age > 1.0"), { message: /: write && for and$/ })
  await t.rejects(run('clear'), { message: 'say which: clear N, with a number that `points` shows' })
  await t.rejects(run('request.path'), {
    message: "there is no command 'request.path': write print request.path",
  })
  const help = await run('help')
  t.match(help, /\nA command without ID means the current request: [\s\S]*\nShort: b break, c continue, /)
  for (const text of [help, await run('help break'), await run('help conditions')])
    for (const line of text.split('\n')) t.ok(line.length <= 80, line)
  t.match(await run('help b'), /^break PLACE .*\n[\s\S]*exchange\.lease→sendHead/)
  t.match(await run('help conditions'), /^request\.path +path and query \(string\)$/m)

  await run('b exchange.lease')
  const answers: Promise<Answer>[] = []
  for (const path of ['/a', '/b', '/c']) {
    const stopped = stop()
    answers.push(get(path))
    await stopped
  }
  t.equal(await run('print request.path'), '/a', 'the first that stopped stays the current one')
  t.match(await run('l'), /^m1\/s1 .* {2}\(current\)\nm1\/s3 .*\d s\nm1\/s5 .*\d s$/)
  t.match(await run("list if request.path == '/b'"), /^m1\/s3 .*\d s$/)
  let stopped = stop()
  await run('s')
  await stopped
  t.match(await run('why'), /^m1\/s1 at exchange\.lease: held/, 'it stays so while it is stepped')
  t.equal(await run('c'), '')
  t.match(await answers[0], { status: 200 })
  t.equal(await run('p request.path'), '/c', 'then the last that stopped')
  stopped = stop()
  const late = get('/d')
  await stopped
  t.equal(await run('p request.path'), '/c', 'and it stays so, whatever stops next')
  await run('continue m1/s7')
  t.match(await late, { status: 200 })
  t.equal(await run('print m1/s3 request.path'), '/b')
  t.equal(await run('print request.path'), '/b', 'or the one that was named')
  const count = texts.length
  stopped = stop()
  t.match(await run('hold'), /^m1\/s3 is held at exchange\.lease$/)
  await stopped
  t.strictSame(texts.slice(count), ['breakpoint #1 at exchange.lease'], 'its own hold is not that of another')
  await t.rejects(run('set path changed'), {
    message: "'changed' is not a path: it begins with / and has no blanks",
  })
  await t.rejects(run('set path /a b'), { message: /begins with \/ and has no blanks/ })
  await t.rejects(run('answer ok'), { message: 'say the status: answer ID STATUS [TEXT]' })
  await t.rejects(run('answer 99'), { message: 'a status is a number from 200 to 599' })
  await run('set path /changed')
  await run('set request.headers[x-a] 5')
  await run('answer 418')
  await run('continue')
  t.match(await answers[1], { status: 418 })
  await run('goto refuse')
  await t.rejects(run('answer 418'), { message: 'm1/s5 goes to refuse, and that cannot be changed any more' })
  await run('continue')
  t.match(await answers[2], { status: 503 })
  await t.rejects(run('continue'), { message: /holds nothing/ })
})

t.test('a stop says who waits for what the held one has', async (t) => {
  const url = await backend(t, echo)
  const limits = ['--limit', 'http2.concurrentStreamsMax=2']
  const { url: proxy, run, stop } = await ground(t, '--backend', url, ...limits)
  await run('break exchange.lease')
  const { get } = client(t, proxy)
  let stopped = stop()
  const answers = [get('/a')]
  t.match(await stopped, { text: 'breakpoint #1 at exchange.lease' })
  stopped = stop()
  answers.push(get('/b'))
  t.match(await stopped, {
    text: 'breakpoint #1 at exchange.lease; m1 has all its streams open, and can open another when one ends',
  })
  await run('continue all')
  for (const each of answers) t.match(await each, { status: 200 })

  // HTTP/1.1: two whole requests, one with a body that looks like a third, and a part of another
  const behind = 'POST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 28\r\n\r\nGET /3 HTTP/1.1\r\nhost: a\r\n\r\n'
  const socket = connectTcp(Number(new URL(proxy).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  stopped = stop()
  socket.write(`GET /1 HTTP/1.1\r\nhost: a\r\n\r\n${behind}GET /4 HTTP/1.1\r\nhost: a\r\n\r\nGET /5`)
  t.match(await stopped, { text: 'breakpoint #1 at exchange.lease; 3 behind it on m2 wait for its turn' })
  t.match(await run('show'), /^ {2}waiters = 3 behind it on m2 wait for its turn$/m)
  stopped = stop()
  await run('continue')
  t.match(
    await stopped,
    { text: 'breakpoint #1 at exchange.lease; 2 behind it on m2 wait for its turn' },
    'all are read as before',
  )
  t.equal(await run('print request.path'), '/2')
})

t.test(
  'a stop counts those that are bound to its connection, and those that wait for its place',
  async (t) => {
    let end = (): void => {}
    const server = createServer((request, response) => {
      response.writeHead(request.headers.authorization === undefined ? 200 : 401, {
        'www-authenticate': 'NTLM dG9rZW4=',
      })
      if (request.url !== '/1') response.end()
      else {
        response.write('a part')
        end = () => void response.end()
      }
    })
    server.listen(0, '127.0.0.1')
    t.teardown(() => void server.close())
    t.teardown(() => server.closeAllConnections())
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { url: proxy, debug, run, stop } = await ground(t, '--backend', url)
    const { get } = client(t, proxy)
    await run('break exchange.filterResponse last-place once')
    let stopped = stop()
    const first = get('/1', { authorization: 'NTLM dG9rZW4=' })
    await stopped
    const others = [get('/2'), get('/3')]
    for (let waiting = 0; waiting !== 2; )
      waiting = (await debug.send('fermata/list', { filter: "step == 'lease' && waits != ''" })).body.matched
    stopped = stop()
    await run('step')
    t.match((await stopped).text, /^at exchange\.\w+.*; 2 wait for its place at http:/)
    end()
    await run('continue')
    t.match(await first, { status: 401 })
    for (const each of others) t.match(await each, { status: 200 })
  },
)
