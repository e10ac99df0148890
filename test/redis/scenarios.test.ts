// The scenarios of spec/redis.md: a test or a tool is named for each, and those that no other file has are here.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tableOf } from '../../tools/testbed/frames.js'
import { Program, run, unlessInstalled } from '../../tools/testbed/programs.js'
import { redisCli } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'
import { beginCluster } from './behind-cluster.js'
import { beginRedis, connections, Plain } from './plain-client.js'
import { sent } from './sim-redis.js'

/** The rounds in which a sibling is served beside bad neighbours. */
const ROUNDS = 32
const skip = unlessInstalled('redis-server', 'redis-cli', 'redis-benchmark')

t.test('each scenario of the page has a test or a tool', async (t) => {
  const page = readFileSync(join(root, 'spec/redis.md'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const { scenario, 'shown by': cell } of tableOf(page, 'Scenarios') as Record<string, string>[]) {
    const [file, title] = cell.split(' › ')
    const [, tool] = /^npm run (\S+)$/.exec(cell) ?? []
    const path = join(root, 'test', `${file}.test.ts`)
    if (tool !== undefined) t.ok(tool in scripts, `${scenario}: ${tool}`)
    else if (title === undefined || !existsSync(path))
      t.fail(`${scenario}: write FILE › TITLE or npm run TOOL`)
    else t.ok(readFileSync(path, 'utf8').includes(title), `${scenario}: ${cell}`)
  }
})

t.test('redis-cli as people use it', { skip }, async (t) => {
  const { port } = await beginRedis(t)
  const cli = (...words: string[]) => run('redis-cli', ['-p', String(port), ...words])
  t.match(await cli('MSET', 'a', '1', 'b', '2'), { code: 0, stdout: 'OK\n' })
  t.match(await cli('INFO'), { code: 0, stdout: /redis_version/ })
  t.match(await cli('COMMAND', 'DOCS', 'GET'), { code: 0, stdout: /summary/ })
  const scanned = await cli('--scan')
  t.strictSame(scanned.stdout.trim().split('\n').sort(), ['a', 'b'])
})

t.test('two hundred clients of redis-benchmark share a few connections', { skip }, async (t) => {
  const { redis, port } = await beginRedis(t)
  const received = () => Number(/connections_received:(\d+)/.exec(redisCli(redis.port, 'INFO', 'stats'))?.[1])
  const before = received()
  const load = ['-p', String(port), '-c', '200', '-P', '16', '-n', '50000', '-t', 'set,get', '-q']
  const bench = await run('redis-benchmark', load)
  t.equal(bench.code, 0, `${bench.stdout}${bench.stderr}`)
  const opened = received() - before - 1
  t.ok(opened > 0 && opened <= 3, `${opened} connections`)
})

/** A program with clients that wait for an element, to be killed. */
const BLOCKED = `
const { connect } = require('node:net')
for (let n = 0; n < 200; n++) connect(+process.argv[1], '127.0.0.1').write('BLPOP q 0\\r\\n')
`

t.test('two hundred clients block, others are served, and kill -9 loses no element', { skip }, async (t) => {
  const { redis, port } = await beginRedis(t)
  const other = new Plain(port)
  await other.ask(sent('SET k v'), 1)
  const blocked = new Program(process.execPath, ['-e', BLOCKED, String(port)])
  const direct = new Plain(redis.port)
  const waiting = async () => {
    const said = await direct.ask(sent('INFO clients'), 10)
    return Number(/blocked_clients:(\d+)/.exec(said)?.[1])
  }
  while ((await waiting()) < 200) t.equal(await other.ask(sent('GET k'), 2), '$1\r\nv\r\n')
  blocked.kill()
  await blocked.exited
  while ((await waiting()) > 0) await other.ask(sent('PING'), 1)
  t.equal(await other.ask(sent('RPUSH q x', 'LLEN q'), 2), ':1\r\n:1\r\n')
  for (const each of [other, direct]) each.socket.destroy()
})

t.test('transactions that are typed, and others on the shared session', { skip }, async (t) => {
  const { redis, port } = await beginRedis(t)
  const [typing, pieces, reading] = [new Plain(port), new Plain(port), new Plain(port)]
  let isOver = false
  const types = (async () => {
    for (let n = 0; !isOver; n++) {
      t.equal(await typing.ask(sent('MULTI'), 1), '+OK\r\n')
      t.equal(await typing.ask(sent('INCR n'), 1), '+QUEUED\r\n')
      t.equal(await typing.ask(sent('EXEC'), 2), `*1\r\n:${n + 1}\r\n`)
    }
  })()
  const sends = (async () => {
    for (let n = 0; !isOver; n++)
      t.equal(await pieces.ask(sent('MULTI', 'INCR p', 'EXEC'), 4), `+OK\r\n+QUEUED\r\n*1\r\n:${n + 1}\r\n`)
  })()
  await reading.ask(sent('SET k v'), 1)
  for (let n = 0; n < 20; n++)
    t.equal(
      await reading.ask(sent(...new Array<string>(500).fill('GET k')), 1_000),
      '$1\r\nv\r\n'.repeat(500),
    )
  isOver = true
  await Promise.all([types, sends])
  t.ok(connections(redis.port) <= 2, 'the shared session, and that of the typed transactions')
  for (const each of [typing, pieces, reading]) each.socket.destroy()
})

t.test('identities side by side, a thousand times', { skip }, async (t) => {
  const { redis, port } = await beginRedis(t)
  redisCli(redis.port, 'ACL', 'SETUSER', 'ro', 'on', '>secret', '~*', '+@read', '+acl|whoami')
  const [ro, all] = [new Plain(port), new Plain(port)]
  t.equal(await ro.ask(sent('AUTH ro secret'), 1), '+OK\r\n')
  let wrong = 0
  for (let n = 0; n < 1_000; n++) {
    const [one, other] = await Promise.all([
      ro.ask(sent(`SET k ${n}`, 'ACL WHOAMI'), 3),
      all.ask(sent(`SET k ${n}`, 'ACL WHOAMI'), 3),
    ])
    if (!/^-NOPERM [^\r]*\r\n\$2\r\nro\r\n$/.test(one) || other !== '+OK\r\n$7\r\ndefault\r\n') wrong++
  }
  t.equal(wrong, 0)
  for (const each of [ro, all]) each.socket.destroy()
})

t.test('bad neighbours: a sibling is served all the while, and memory is bounded', { skip }, async (t) => {
  const { redis, port, proxy } = await beginRedis(t, '--limit', 'redis.slowReaderMs=1000')
  const sibling = new Plain(port)
  t.equal(await sibling.ask(sent('SET k v'), 1), '+OK\r\n')
  redisCli(redis.port, 'SETRANGE', 'big', String((1 << 20) - 1), 'x')

  // A count that a server takes; it is not allocated.
  const counting = new Plain(port)
  counting.socket.write('*1000000000\r\n')
  const malformed = ['*2147483648\r\n', '*1\r\n$-7\r\n', 'x'.repeat(70 << 10), 'POST / HTTP/1.1\r\n\r\n']
  const ended = malformed.map(async (text) => {
    const one = new Plain(port)
    one.socket.write(text)
    await once(one.socket, 'close')
    t.match(one.heard, /^-ERR /)
  })
  // Asks for 1 GB, and reads nothing.
  const greedy = new Plain(port)
  greedy.socket.pause()
  greedy.socket.write(sent(...new Array<string>(1_000).fill('GET big')))
  // Subscribes, and reads nothing.
  const deaf = new Plain(port)
  await deaf.ask(sent('SUBSCRIBE news'), 6)
  deaf.socket.pause()
  // Sends a large value slowly.
  const slow = new Plain(port)
  const LARGE = 8 << 20
  slow.socket.write(`*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$${LARGE}\r\n`)

  const publisher = new Plain(port)
  const message = 'm'.repeat(1_000)
  let served = 0
  for (let round = 0; round < ROUNDS; round++) {
    slow.socket.write('x'.repeat(LARGE / ROUNDS))
    const published = publisher.ask(sent(...new Array<string>(200).fill(`PUBLISH news ${message}`)), 200)
    const replies = await sibling.ask(sent(...new Array<string>(500).fill('GET k')), 1_000)
    if (replies === '$1\r\nv\r\n'.repeat(500)) served++
    await published
  }
  t.equal(served, ROUNDS, 'each reply to the sibling was right')
  t.equal(await slow.ask('\r\n', 1), '+OK\r\n')
  t.equal(redisCli(redis.port, 'STRLEN', 'slow').trim(), String(LARGE))
  await Promise.all(ended)
  const [, resident] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${proxy.pid}/status`, 'utf8')) ?? []
  t.ok(Number(resident) < 200 << 10, `${resident} KiB at most`)
  for (const each of [sibling, counting, greedy, deaf, slow, publisher]) each.socket.destroy()
})

t.test('a cluster: MGET of a thousand keys, SCAN, and a master that is killed', { skip }, async (t) => {
  const { cluster, port } = await beginCluster(t)
  const keys = Array.from({ length: 1_000 }, (_, n) => `key${n}`)
  const client = new Plain(port)
  t.equal(await client.ask(sent(`MSET ${keys.map((key) => `${key} ${key}`).join(' ')}`), 1), '+OK\r\n')
  const values = await client.ask(sent(`MGET ${keys.join(' ')}`), 2_001)
  t.strictSame(
    values.split('\r\n').filter((each) => each.startsWith('key')),
    keys,
    'in the order of the keys',
  )
  const scanned = await run('redis-cli', ['-p', String(port), '--scan'])
  t.strictSame(scanned.stdout.trim().split('\n').sort(), [...keys].sort())

  const [lost, ...others] = cluster.nodes
  for (const each of others) redisCli(each.port, 'CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
  const gone = new Set(redisCli(lost.port, 'KEYS', '*').trim().split('\n'))
  const kept = keys.filter((key) => !gone.has(key))
  t.ok(gone.size > 100 && kept.length > 100)
  lost.program.kill()
  await lost.program.exited
  for (let round = 0; round < 10; round++) {
    const answers = await client.ask(sent(...kept.map((key) => `GET ${key}`)), 2 * kept.length)
    t.strictSame(
      answers.split('\r\n').filter((each) => each.startsWith('key')),
      kept,
    )
  }
  t.match(await client.ask(sent(`GET ${[...gone][0]}`), 1), /^-ERR backend-/)
  client.socket.destroy()
})
