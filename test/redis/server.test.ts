// `fermata redis` before a redis-server of this machine, with plain clients.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { arrayOf } from '../../src/redis/inline.js'
import { freePort, run, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { redisCli, startRedis } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'
import { soon } from '../world/soon.js'
import { beginRedis, connections, Plain } from './plain-client.js'
import { sent } from './sim-redis.js'

const skip = unlessInstalled('redis-server', 'redis-cli')

t.test(
  'Y7: who a client is decides where its commands go; passwords are asked of the server',
  { skip },
  async (t) => {
    const { redis, port } = await beginRedis(t)
    redisCli(redis.port, 'ACL', 'SETUSER', 'ro', 'on', '>secret', '~*', '+@read', '+@connection', '-reset')
    const [a, b, c] = [new Plain(port), new Plain(port), new Plain(port)]
    t.equal(await a.ask(sent('SELECT 3', 'SET k a', 'GET k'), 4), '+OK\r\n+OK\r\n$1\r\na\r\n')
    t.equal(await b.ask(sent('GET k'), 1), '$-1\r\n')
    t.match(await b.ask(sent('AUTH ro secret', 'SET k b', 'GET k'), 3), /^\+OK\r\n-NOPERM .*\r\n\$-1\r\n$/)
    t.match(await c.ask(sent('AUTH ro wrong'), 1), /^-WRONGPASS/, 'while a session of that user is open')
    t.equal(await c.ask(sent('SET k c'), 1), '+OK\r\n', 'and it stays who it was')
    redisCli(redis.port, 'ACL', 'SETUSER', 'ro', '>new', '<secret')
    t.match(await c.ask(sent('AUTH ro secret'), 1), /^-WRONGPASS/, 'a changed password counts at once')
    t.match(await c.ask(sent('HELLO 3', 'HSET h x 1', 'HGETALL h'), 32), /:1\r\n%1\r\n\$1\r\nx/)
    t.equal(await a.ask(sent('SELECT 0', 'HGETALL h'), 6), '+OK\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n')
    for (const each of [a, b, c]) each.socket.destroy()
  },
)

t.test('Y8, Y9: watched keys, and a client that goes while it blocks', { skip }, async (t) => {
  const { redis, port } = await beginRedis(t)
  const [a, b] = [new Plain(port), new Plain(port)]
  t.equal(await a.ask(sent('SET k 1', 'WATCH k'), 2), '+OK\r\n+OK\r\n')
  t.equal(await b.ask(sent('SET k 2'), 1), '+OK\r\n')
  t.equal(await a.ask(sent('MULTI', 'INCR k', 'EXEC'), 3), '+OK\r\n+QUEUED\r\n*-1\r\n')
  t.equal(await a.ask(sent('MULTI', 'INCR k', 'EXEC'), 4), '+OK\r\n+QUEUED\r\n*1\r\n:3\r\n')
  const open = connections(redis.port)
  const blocked = Array.from({ length: 20 }, () => new Plain(port))
  for (const each of blocked) each.socket.write(sent('BLPOP q 0'))
  while (connections(redis.port) < open + 19) await b.ask(sent('PING'), 1)
  for (const each of blocked) each.socket.resetAndDestroy()
  while (connections(redis.port) > open) await b.ask(sent('PING'), 1)
  t.equal(await b.ask(sent('RPUSH q x', 'LLEN q'), 2), ':1\r\n:1\r\n', 'nobody took it')
  for (const each of [a, b]) each.socket.destroy()
})

t.test(
  'Y2: 20 clients, each with pipelines of writes, reads and commands that block',
  { skip },
  async (t) => {
    const { port } = await beginRedis(t, '--limit', 'redis.sharedSessions=4')
    const clients = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const client = new Plain(port)
        let wrong = 0
        for (let n = 0; n < 20; n++) {
          const said = await client.ask(
            sent(`SET k:${at} ${n}`, `GET k:${at}`, `LPUSH q:${at} ${n}`, `BLPOP q:${at} 1`),
            9,
          )
          const [, , value, , , , , , popped] = said.split('\r\n')
          if (value !== String(n) || popped !== String(n)) wrong++
        }
        client.socket.destroy()
        return wrong
      }),
    )
    t.strictSame(new Set(clients), new Set([0]))
  },
)

t.test(
  'the server goes under load and comes back: each command has a reply, and no write runs twice',
  { skip },
  async (t) => {
    const folder = t.testdir()
    const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
    const first = await startRedis(args)
    const port = await freePort()
    const proxy = await start(
      process.execPath,
      ['dist/src/main.js', 'redis', '-l', `127.0.0.1:${port}`, '-b', `127.0.0.1:${first.port}`],
      { port, cwd: root },
    )
    t.teardown(() => proxy.stop())
    const clients = Array.from({ length: 5 }, () => new Plain(port))
    const rounds = clients.map((client) =>
      client.ask(sent(...new Array<string>(1_000).fill('INCR c')), 1_000),
    )
    while (clients.every((each) => each.heard === '')) await once(clients[0].socket, 'data')
    first.program.signal('SIGKILL')
    const lines = (await Promise.all(rounds)).flatMap((said) => said.trim().split('\r\n'))
    await first.program.exited
    const again = await startRedis(args, first.port)
    t.teardown(() => again.program.stop())
    const acknowledged = lines.filter((each) => each.startsWith(':')).length
    const counted = Number(redisCli(again.port, 'GET', 'c'))
    t.equal(lines.length, 5_000, 'a reply for each')
    t.ok(acknowledged <= counted && counted <= 5_000, `${acknowledged} acknowledged, ${counted} counted`)
    t.strictSame(new Set(lines.filter((each) => each.startsWith(':'))).size, acknowledged, 'each number once')
    t.equal(await clients[0].ask(sent('INCR c'), 1), `:${counted + 1}\r\n`, 'and it serves again')
    for (const each of clients) each.socket.destroy()
  },
)

t.test('Y9: a script that runs for ever is killed from any database', { skip }, async (t) => {
  const { redis, port } = await beginRedis(t)
  redisCli(redis.port, 'CONFIG', 'SET', 'lua-time-limit', '10')
  const [script, one] = [new Plain(port), new Plain(port)]
  t.equal(await one.ask(sent('SELECT 9'), 1), '+OK\r\n')
  script.socket.write(arrayOf(['EVAL', 'while true do end', '0']))
  while (!redisCli(redis.port, 'PING').includes('BUSY')) await soon()
  t.equal(await one.ask(sent('SCRIPT KILL'), 1), '+OK\r\n')
  while (redisCli(redis.port, 'PING').includes('BUSY')) await soon()
  t.equal(await one.ask(sent('PING'), 1), '+PONG\r\n')
  for (const each of [script, one]) each.socket.destroy()
})

t.test(
  'Y38: messages of CLIENT TRACKING go to a client of the proxy; another one is unblocked',
  { skip },
  async (t) => {
    const { redis, port } = await beginRedis(t)
    const [messages, one] = [new Plain(port), new Plain(port)]
    const idOf = async (client: Plain) => (await client.ask(sent('CLIENT ID'), 1)).slice(1).trim()
    const id = await idOf(messages)
    await messages.ask(sent('SUBSCRIBE __redis__:invalidate'), 6)
    t.equal(await one.ask(sent(`CLIENT TRACKING on REDIRECT ${id}`, 'GET k'), 2), '+OK\r\n$-1\r\n')
    messages.heard = ''
    redisCli(redis.port, 'SET', 'k', '1')
    t.match(await messages.hears(7), /__redis__:invalidate\r\n\*1\r\n\$1\r\nk\r\n/)
    const waiting = new Plain(port)
    const other = await idOf(waiting)
    waiting.heard = ''
    waiting.socket.write(sent('BLPOP q 0'))
    while (!redisCli(redis.port, 'INFO', 'clients').includes('blocked_clients:1'))
      await new Promise(setImmediate)
    t.equal(await one.ask(sent(`CLIENT UNBLOCK ${other}`), 1), ':1\r\n')
    t.equal(await waiting.hears(1), '*-1\r\n')
    for (const each of [messages, one, waiting]) each.socket.destroy()
  },
)

t.test('TLS and Unix-domain sockets; SIGTERM ends it', { skip }, async (t) => {
  // The path of a socket has few bytes.
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const redis = await startRedis(['--unixsocket', join(folder, 'r')])
  t.teardown(() => redis.program.stop())
  const port = await freePort()
  const certificates = join(root, 'tools/testbed/certificates')
  const args = [
    ...['dist/src/main.js', 'redis', '-l', `rediss://127.0.0.1:${port}`, '-l', `unix:${join(folder, 'p')}`],
    ...['-b', `unix:${join(folder, 'r')}`],
    ...['--cert', join(certificates, 'example.pem'), '--key', join(certificates, 'example.key')],
  ]
  const proxy = await start(process.execPath, args, { line: /listening on unix/, cwd: root })
  const cli = (...words: string[]) => run('redis-cli', words)
  t.match(await cli('-p', String(port), '--tls', '--insecure', 'SET', 'a', '1'), { stdout: 'OK\n', code: 0 })
  t.match(await cli('-s', join(folder, 'p'), 'GET', 'a'), { stdout: '1\n', code: 0 })
  t.match(await cli('-s', join(folder, 'p'), 'INFO', 'server'), { stdout: /redis_version/ })
  const { code } = await proxy.stop()
  t.equal(code, 0)
  t.match(proxy.stderr, /draining/)
})

t.test(
  'Y18: the exit code tells of commands that were cut: by the drain timeout, by a second signal',
  { skip },
  async (t) => {
    for (const timeout of ['100ms', '1m']) {
      const { proxy, port, redis } = await beginRedis(t, '--drain-timeout', timeout)
      const [client, other] = [new Plain(port), new Plain(port)]
      client.socket.write(sent('BLPOP q 0'))
      while (!redisCli(redis.port, 'CLIENT', 'LIST').includes('cmd=blpop')) await other.ask(sent('PING'), 1)
      proxy.signal('SIGTERM')
      if (timeout === '1m') {
        while (!proxy.stderr.includes('draining')) await soon()
        proxy.signal('SIGTERM')
      }
      t.equal((await proxy.exited).code, 3)
      t.match(proxy.stderr, /(--drain-timeout=0.1s is over|ended by a second signal): 1 request was cut/)
      for (const each of [client, other]) each.socket.destroy()
    }
  },
)
