// Plain CONNECT over real sockets, from both frontends: to targets that are allowed and to others, and all
// that a tunnel to a raw TCP server must bear.

import type * as http2 from 'node:http2'
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { ConnectPattern } from '../../../src/proxy/index.js'
import type { SomeLimits } from '../../../src/server/index.js'
import { run, unlessInstalled } from '../../../tools/testbed/programs.js'
import { once } from '../../world/proxy-world.js'
import { connectH2, counting, type ProxyPort, proxyTo } from './tunnel-world.js'

type Front = 'http' | 'h2c'
const FRONTS: readonly Front[] = ['http', 'h2c']
/** A port where nothing listens: nothing of CONNECT goes to a backend. */
const BACKEND = 'http://127.0.0.1:9'

/** A TCP server on a free port. */
async function target(t: Test, onSocket: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const open = new Set<Socket>()
  const server: NetServer = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => {
    for (const each of open) each.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function proxyFor(t: Test, allowed: readonly string[] | null, limits: SomeLimits = {}) {
  const more = allowed === null ? {} : { connect: allowed }
  const proxy = await proxyTo(t, BACKEND, { limits, more })
  const outcome = new Promise<string>((resolve) => {
    proxy.server.proxy.watch({ ended: (exchange) => resolve(exchange.outcome) })
  })
  return { ...proxy, outcome }
}

interface Answer {
  readonly status: number
  readonly code: string
  readonly duplex: Duplex
}

/** Ask for a tunnel; `early` is said before the answer. */
async function ask(t: Test, front: Front, { port }: ProxyPort, to: string, early = ''): Promise<Answer> {
  if (front === 'h2c') {
    const client = await connectH2(t, front, port)
    const stream = client.request({ ':method': 'CONNECT', ':authority': to }, { endStream: false })
    stream.on('error', () => {})
    if (early !== '') stream.write(early)
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    return { status: Number(headers[':status']), code: String(headers['x-fermata'] ?? ''), duplex: stream }
  }
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n${early}`)
  let text = ''
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    text += chunk.toString('latin1')
  }
  socket.pause()
  const end = text.indexOf('\r\n\r\n') + 4
  if (end < text.length) socket.unshift(Buffer.from(text.slice(end), 'latin1'))
  const code = /x-fermata: (\S+)/.exec(text.slice(0, end))?.[1] ?? ''
  return { status: Number(text.split(' ')[1]), code, duplex: socket }
}

async function allOf(duplex: Duplex): Promise<string> {
  const chunks: Buffer[] = []
  duplex.on('data', (chunk: Buffer) => chunks.push(chunk))
  duplex.resume()
  await once(duplex, 'end')
  return Buffer.concat(chunks).toString()
}

for (const front of FRONTS) {
  t.test(`${front}: without a list, 501`, async (t) => {
    const proxy = await proxyFor(t, null)
    t.match(await ask(t, front, proxy, '127.0.0.1:1'), { status: 501, code: 'connect-not-served' })
  })

  t.test(`${front}: not in the list, 403, and nobody is called`, async (t) => {
    let calls = 0
    const port = await target(t, () => calls++)
    const proxy = await proxyFor(t, [`127.0.0.2:${port}`, `localhost:${port}`])
    t.match(await ask(t, front, proxy, `127.0.0.1:${port}`), { status: 403, code: 'connect-not-allowed' })
    t.equal(await proxy.outcome, 'connect-not-allowed')
    t.equal(calls, 0)
  })

  t.test(`${front}: there and back, and each half ends by itself`, async (t) => {
    const port = await target(t, (socket) => {
      socket.on('end', () => socket.end('last words'))
      socket.on('data', (chunk) => socket.write(chunk.toString().toUpperCase()))
    })
    const proxy = await proxyFor(t, ['127.0.0.1:*'])
    const { status, duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`, 'early ')
    t.equal(status, 200)
    const heard = allOf(duplex)
    duplex.end('and late ')
    t.equal(await heard, 'EARLY AND LATE last words')
    t.equal(await proxy.outcome, 'ok')
    t.strictSame(proxy.server.proxy.tunnels, 0)
  })

  t.test(`${front}: the target speaks first, and ends its half first`, async (t) => {
    const said = new Promise<string>((resolve) => {
      target(t, (socket) => {
        socket.end('220 ready')
        allOf(socket).then(resolve)
      }).then((port) => opened(port))
    })
    let opened: (port: number) => void = () => {}
    const port = await new Promise<number>((resolve) => {
      opened = resolve
    })
    const proxy = await proxyFor(t, [`*:${port}`])
    const { status, duplex } = await ask(t, front, proxy, `localhost:${port}`)
    t.equal(status, 200, 'a name, looked up')
    t.equal(await allOf(duplex), '220 ready')
    duplex.end('thanks')
    t.equal(await said, 'thanks')
    t.equal(await proxy.outcome, 'ok')
  })

  t.test(`${front}: an IPv6 address`, async (t) => {
    const port = await target(t, (socket) => socket.pipe(socket), '::1').catch(() => 0)
    if (port === 0) return t.comment('no IPv6 here')
    const proxy = await proxyFor(t, [`[0:0::1]:${port}`])
    const { status, duplex } = await ask(t, front, proxy, `[::1]:${port}`)
    t.equal(status, 200)
    duplex.end('six')
    t.equal(await allOf(duplex), 'six')
  })

  t.test(`${front}: 8 MiB there and back by a slow reader`, async (t) => {
    const port = await target(t, (socket) => socket.pipe(socket))
    const proxy = await proxyFor(t, [`127.0.0.1:${port}`])
    const { duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`)
    const block = counting(8 * 1024 * 1024)
    let got = 0
    let most = 0
    let same = true
    duplex.on('data', (chunk: Buffer) => {
      most = Math.max(most, proxy.server.world.memory.bytes)
      same &&= chunk.equals(block.subarray(got, got + chunk.length))
      got += chunk.length
      duplex.pause()
      setImmediate(() => duplex.resume())
    })
    duplex.resume()
    duplex.end(block)
    await once(duplex, 'end')
    t.equal(got, block.length)
    t.ok(same, 'unaltered and in order')
    t.ok(most <= 1024 * 1024, `no more than a MiB is held (${most})`)
    t.equal(await proxy.outcome, 'ok')
  })

  t.test(`${front}: the target resets`, async (t) => {
    const port = await target(t, (socket) => socket.on('data', () => socket.resetAndDestroy()))
    const proxy = await proxyFor(t, [`127.0.0.1:${port}`])
    const { duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`)
    const closed = new Promise((resolve) => duplex.on('close', resolve))
    duplex.resume()
    duplex.write('x')
    await closed
    if (front === 'h2c')
      t.equal((duplex as http2.ClientHttp2Stream).rstCode, 10, 'CONNECT_ERROR (RFC 9113 §8.5)')
    t.equal(await proxy.outcome, 'backend-closed')
  })

  t.test(`${front}: the client is gone`, async (t) => {
    let given: (socket: Socket) => void = () => {}
    const far = new Promise<Socket>((resolve) => {
      given = resolve
    })
    const port = await target(t, (socket) => given(socket))
    const proxy = await proxyFor(t, [`127.0.0.1:${port}`])
    const { duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`)
    const server = await far
    const closed = new Promise((resolve) => server.on('close', resolve))
    server.resume()
    if (front === 'http') (duplex as Socket).resetAndDestroy()
    else (duplex as http2.ClientHttp2Stream).close(8)
    await closed
    t.equal(await proxy.outcome, 'client-gone')
  })

  t.test(`${front}: nothing is said for too long`, async (t) => {
    const port = await target(t, (socket) => socket.resume())
    const proxy = await proxyFor(t, [`127.0.0.1:${port}`], { proxy: { tunnelIdleMs: 50 } })
    const { status, duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`)
    t.equal(status, 200)
    duplex.resume()
    t.equal(await proxy.outcome, 'tunnel-idle')
  })

  t.test(`${front}: targets that are not reached`, async (t) => {
    const closed = createServer()
    closed.listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const proxy = await proxyFor(t, ['*:*'])
    t.match(await ask(t, front, proxy, `127.0.0.1:${port}`), { status: 502, code: 'backend-not-connected' })
    t.match(await ask(t, front, proxy, 'nowhere.invalid:1'), { status: 502, code: 'backend-not-resolved' })
  })

  t.test(`${front}: one tunnel more than tunnelsMax`, async (t) => {
    const port = await target(t, (socket) => socket.pipe(socket))
    const proxy = await proxyFor(t, ['*:*'], { proxy: { tunnelsMax: 1 } })
    const { duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`)
    t.match(await ask(t, front, proxy, `127.0.0.1:${port}`), { status: 503, code: 'tunnels-full' })
    duplex.end()
    await allOf(duplex)
  })

  t.test(`${front}: drain lets it run`, async (t) => {
    const port = await target(t, (socket) => socket.pipe(socket))
    const proxy = await proxyFor(t, ['*:*'])
    const { duplex } = await ask(t, front, proxy, `127.0.0.1:${port}`)
    const [draining, stopped] = [once(proxy.server, 'draining'), once(proxy.server, 'stopped')]
    proxy.server.command('drain')
    await draining
    duplex.end('still')
    t.equal(await allOf(duplex), 'still')
    await stopped
    t.equal(await proxy.outcome, 'ok')
  })
}

t.test('curl --proxytunnel', { skip: unlessInstalled('curl') }, async (t) => {
  const port = await target(t, (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthrough')),
  )
  const proxy = await proxyFor(t, [`127.0.0.1:${port}`])
  const at = ['--proxytunnel', '--proxy', `http://127.0.0.1:${proxy.port}`, `http://127.0.0.1:${port}/`]
  const { code, stdout } = await run('curl', ['--silent', '--noproxy', '', ...at])
  t.match({ code, stdout }, { code: 0, stdout: 'through' })
})

t.test('patterns', async (t) => {
  const cases: [string, string, number, boolean][] = [
    ['a.test:443', 'a.test', 443, true],
    ['A.Test:443', 'a.test', 443, true],
    ['a.test:443', 'a.test', 444, false],
    ['a.test:*', 'a.test', 1, true],
    ['a.test:*', 'b.a.test', 1, false],
    ['*.a.test:443', 'b.a.test', 443, true],
    ['*.a.test:443', 'c.b.a.test', 443, true],
    ['*.a.test:443', 'a.test', 443, false],
    ['*.a.test:443', '.a.test', 443, false],
    ['*.a.test:443', 'ba.test', 443, false],
    ['a.test:443', 'a.test.', 443, true],
    ['a.test.:443', 'a.test', 443, true],
    ['*.a.test:443', 'b.a.test.', 443, true],
    ['*:22', 'a.test', 22, true],
    ['*:22', 'a.test', 23, false],
    ['[0:0::1]:22', '::1', 22, true],
    ['*:*', '::1', 22, true],
  ]
  for (const [pattern, host, port, yes] of cases)
    t.equal(new ConnectPattern(pattern).matches({ host, port }), yes, `${pattern} ${host}:${port}`)
  for (const none of [
    'a.test',
    'a.test:',
    ':1',
    '*',
    'a.*:1',
    '*.:1',
    '*a:1',
    'a:0',
    'a:65536',
    '::1:1',
    '[x]:1',
    'a:1:2',
  ])
    t.throws(() => new ConnectPattern(none), none)
})
