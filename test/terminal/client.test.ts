// The client of the debugger against servers that misbehave: each is a few lines on node:net.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkRequest, DapReader, type DapRequest, dapBytes, MESSAGE } from '../../src/debugger/index.js'
import { Client } from '../../src/terminal/client.js'
import { addressOf, TerminalError } from '../../src/terminal/connecting.js'
import { terminalLimits } from '../../src/terminal/limits.js'
import { run } from '../../tools/testbed/programs.js'

/** Listens for the time of a test. Returns the address. */
async function listening(t: Test, accept: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    accept(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

/** A small debugger: `answer` has the body of a response, or an error. */
const serve =
  (answer: (request: DapRequest, socket: Socket) => Record<string, unknown> | Error | null) =>
  (socket: Socket): void => {
    const reader = new DapReader<DapRequest>(65_536, checkRequest)
    let seq = 0
    socket.on('data', (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        at = reader.read(chunk, at, chunk.length)
        if (reader.found !== MESSAGE) continue
        const request = reader.message as DapRequest
        const body = answer(request, socket)
        if (body === null) continue
        const { seq: request_seq, command } = request
        const base = { seq: ++seq, type: 'response', request_seq, command } as const
        socket.write(
          dapBytes(
            body instanceof Error
              ? { ...base, success: false, message: body.message }
              : { ...base, success: true, body },
          ),
        )
      }
    })
  }

const attach = (address: string, limits = {}): Promise<Client> =>
  Client.attach(address, {}, { ...terminalLimits, ...limits })

const isFor = (text: RegExp) => (error: unknown) => error instanceof TerminalError && text.test(error.message)

/** Asserts that this fails with a message for the person at the terminal. */
async function fails(t: Test, work: Promise<unknown>, text: RegExp): Promise<void> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  t.ok(isFor(text)(error), `${String(error)} is ${text}`)
}

t.test('answers go to their requests, in any order; events between them are told', async (t) => {
  const waiting: (() => void)[] = []
  const address = await listening(
    t,
    serve((request, socket) => {
      if (request.command !== 'late') return { command: request.command }
      waiting.push(() =>
        socket.write(
          Buffer.concat([
            dapBytes({ seq: 90, type: 'event', event: 'output', body: { output: 'noted' } }),
            dapBytes({
              seq: 91,
              type: 'response',
              request_seq: request.seq,
              success: true,
              command: 'late',
              body: { late: true },
            }),
          ]),
        ),
      )
      return null
    }),
  )
  const client = await attach(address)
  const events: string[] = []
  client.onEvent = (event, body) => void events.push(`${event} ${String(body.output)}`)
  const late = client.request('late')
  t.strictSame(await client.request('soon'), { command: 'soon' })
  for (const each of waiting) each()
  t.strictSame(await late, { late: true })
  t.strictSame(events, ['output noted'])
  client.end()
})

t.test('a server that is not one: each error says what to do', async (t) => {
  const silent = await listening(t, () => {})
  await fails(t, attach(silent, { answerMs: 20 }), /has not answered 'initialize' in 0\.02 s/)
  const http = await listening(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await fails(t, attach(http), /is not a debugger of Fermata: a message must begin with 'Content-Length: '/)
  const full = await listening(t, (socket) => socket.end())
  await fails(t, attach(full), /without an answer: it is not a debugger, or debugger\.sessionsMax debuggers/)
  await fails(t, attach('unix:/nowhere/a.sock'), /start the server with --debug unix:\/nowhere\/a\.sock/)
  await fails(t, attach('127.0.0.1:70000'), /port 70000 is out of range/)
  await fails(
    t,
    attach('host.invalid:4711'),
    /no host is known by the name in host\.invalid:4711|start the server/,
  )
})

t.test('a server that leaves fails what was asked, and what is asked then', async (t) => {
  const address = await listening(
    t,
    serve(({ command }, socket) => {
      if (command !== 'leave') return {}
      socket.destroy()
      return null
    }),
  )
  const client = await attach(address)
  const closed = new Promise<TerminalError>((resolve) => {
    client.onClosed = resolve
  })
  await fails(t, client.request('leave'), /^the server has closed the connection$/)
  t.match((await closed).message, 'the server has closed the connection')
  await fails(t, client.request('again'), /^the server has closed the connection$/)
})

t.test('a token comes from the variable or from a file; without one the error says so', async (t) => {
  const given: unknown[] = []
  const address = await listening(
    t,
    serve(({ command, arguments: args }) => {
      if (command !== 'attach') return {}
      given.push(args?.token)
      return args?.token === 'good' ? {} : new Error('the token is wrong')
    }),
  )
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  const before = process.env.FERMATA_DEBUG_TOKEN
  t.teardown(() => {
    rmSync(folder, { recursive: true })
    if (before === undefined) delete process.env.FERMATA_DEBUG_TOKEN
    else process.env.FERMATA_DEBUG_TOKEN = before
  })
  delete process.env.FERMATA_DEBUG_TOKEN
  await fails(t, attach(address), /wants a token: give --token-file FILE, or set FERMATA_DEBUG_TOKEN/)
  process.env.FERMATA_DEBUG_TOKEN = 'bad'
  await fails(t, attach(address), /^the token is wrong$/)
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'good\n')
  const client = await Client.attach(address, { tokenFile })
  client.end()
  t.strictSame(given, [undefined, 'bad', 'good'], 'the file comes first')
  await fails(t, Client.attach(address, { tokenFile: join(folder, 'none') }), /cannot be read \(ENOENT\)/)
})

t.test('top asks once for a picture: its counts and its rows are of one answer', async (t) => {
  const asked: unknown[] = []
  const address = await listening(
    t,
    serve(({ command, arguments: given }) => {
      if (command === 'initialize' || command === 'attach') return {}
      asked.push([command, given])
      const texts = { method: 'GET', host: 'a', path: '/one', waits: '', client: 'm1', lateInMs: null }
      const rows = [
        { id: 'm1/s1', step: 'exchange.lease', state: 'held', sinceMs: 1, heldBytes: 0, ...texts },
      ]
      const counts = { inFlight: 1, held: 1, uptimeMs: 1, clientsTotal: 0, enginesTotal: 0 }
      return { ...counts, clients: [], engines: [], rows, matched: 1 }
    }),
  )
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
  const { stdout } = await run(process.execPath, [main, 'top', address], { timeoutMs: 20_000 })
  t.match(stdout, /1 in flight {2}1 held[\s\S]*^m1\/s1 /m)
  t.strictSame(asked, [['fermata/top', { sort: 'age', descending: false, filter: '', limit: 100 }]])
})

t.test('addresses', async (t) => {
  t.strictSame(addressOf('unix:/run/a'), { path: '/run/a' })
  t.strictSame(addressOf('4711'), { host: '127.0.0.1', port: 4711 })
  t.strictSame(addressOf(':4711'), { host: '127.0.0.1', port: 4711 })
  t.strictSame(addressOf('[::1]:4711'), { host: '::1', port: 4711 })
  for (const text of ['http://a:1', 'unix:', '::1:4711', 'a b:1', 'a', ''])
    t.throws(() => addressOf(text), /write HOST:PORT or unix:PATH/, text)
  for (const text of ['0', 'a:65536']) t.throws(() => addressOf(text), /is out of range/, text)
})
