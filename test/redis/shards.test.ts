// Keys on several servers of Redis: where they are, what is gathered, and what cannot be.

import t, { type Test } from 'tap'
import { SimPollset } from '../../src/pollset/index.js'
import { commandNamed } from '../../src/redis/commands.js'
import { arrayOf } from '../../src/redis/inline.js'
import { keysOf } from '../../src/redis/keys.js'
import { COMMAND, RequestReader } from '../../src/redis/request-reader.js'
import { slotOf } from '../../src/redis/slots.js'
import { KeptBytes, MemoryBudget } from '../../src/transport/index.js'
import { freePort, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { type RedisServer, redisCli, startRedis } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'
import { Plain } from './plain-client.js'
import { sent } from './sim-redis.js'

const skip = unlessInstalled('redis-server', 'redis-cli')

/** A key that is not on the server of `key:1`, if there are three. */
const serverOf = (key: string) => Math.floor((slotOf(Buffer.from(key), 0, key.length) * 3) / 16_384)
const FAR =
  ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'].find((each) => serverOf(each) !== serverOf('key:1')) ?? ''

/** The keys of a command, by the table. */
function keysIn(text: string): string[] {
  const reader = new RequestReader(new KeptBytes(new SimPollset(1), new MemoryBudget()), 1_000, 1_000)
  const bytes = arrayOf(text.split(' '))
  reader.read(bytes, 0, bytes.length)
  if (reader.found !== COMMAND) throw new Error(text)
  const word = (at: number) => reader.buffer.toString('latin1', reader.from[at], reader.to[at])
  const name = Buffer.from(word(0))
  return (keysOf(commandNamed(name, 0, name.length), reader) ?? []).map(word)
}

const COMMANDS = [
  'GET a',
  'MSET a 1 b 2',
  'EVAL x 2 a b c',
  'EVAL x 0 a',
  'ZUNIONSTORE d 2 a b WEIGHTS 1 2',
  'XREAD COUNT 2 STREAMS a b 0 0',
  'XREADGROUP GROUP g c STREAMS a b > >',
  'BLPOP a b 0',
  'GEORADIUS a 1 1 1 m STORE b',
  'BITOP AND d a b',
  'LMPOP 2 a b LEFT',
  'SORT a',
]

/** Three servers, and the proxy before them. */
async function three(t: Test, ...options: string[]) {
  const servers: RedisServer[] = []
  for (let n = 0; n < 3; n++) servers.push(await startRedis())
  const port = await freePort()
  const backends = servers.flatMap(({ port: at }) => ['--backend', `127.0.0.1:${at}`])
  const args = ['dist/src/main.js', 'redis', '--listen', `127.0.0.1:${port}`, ...backends]
  const proxy = await start(process.execPath, [...args, ...options], { port, cwd: root })
  t.teardown(async () => {
    await proxy.stop()
    for (const { program } of servers) await program.stop()
  })
  const cli = (...words: string[]) => redisCli(port, ...words).trim()
  return { servers, port, cli }
}

t.test('Y23: slots and keys are those that the server itself finds', { skip }, async (t) => {
  // By default the bus has a port that the system may have given to a connection.
  const bus = ['--cluster-port', String(await freePort())]
  const redis = await startRedis(['--cluster-enabled', 'yes', ...bus, '--dir', t.testdir()])
  t.teardown(() => redis.program.stop())
  for (const key of [
    '',
    'a',
    'user:1',
    '{user}:1',
    'a{b}c',
    '{}a',
    'a{',
    '{a}{b}',
    '{{a}}',
    'x'.repeat(300),
    'é',
  ]) {
    const bytes = Buffer.from(key)
    t.equal(
      String(slotOf(bytes, 0, bytes.length)),
      redisCli(redis.port, 'CLUSTER', 'KEYSLOT', key).trim(),
      key,
    )
  }
  for (const each of COMMANDS) {
    const own = redisCli(redis.port, 'COMMAND', 'GETKEYS', ...each.split(' '))
      .trim()
      .split('\n')
    // A command without keys is an error, and an empty line.
    t.same(keysIn(each), own[0] === '' || own[0].startsWith('ERR') ? [] : own, each)
  }
})

t.test('Y23, Y24: three servers: each has its keys, and the answers of all are one', { skip }, async (t) => {
  const { servers, port, cli } = await three(t)
  const keys = Array.from({ length: 300 }, (_, n) => `key:${n}`)
  t.equal(cli('MSET', ...keys.flatMap((key) => [key, `v-${key}`])), 'OK')
  const sizes = servers.map((each) => Number(redisCli(each.port, 'DBSIZE')))
  t.ok(
    sizes.every((each) => each > 60),
    `${sizes}`,
  )
  t.equal(cli('DBSIZE'), '300')
  t.equal(cli('MGET', ...keys, 'nothing'), [...keys.map((key) => `v-${key}`), ''].join('\n').trim())
  for (const key of keys.slice(0, 4)) t.equal(cli('GET', key), `v-${key}`)
  t.equal(cli('EXISTS', ...keys, 'nothing', 'key:1'), '301')
  t.equal(cli('TOUCH', 'key:1', 'key:2', 'nothing'), '2')
  t.equal(cli('DEL', 'key:1', 'key:2', 'key:3', 'nothing'), '3')
  t.equal(cli('UNLINK', 'key:4', 'key:5'), '2')
  t.same(cli('KEYS', '*').split('\n').sort(), keys.filter((key) => !/^key:[1-5]$/.test(key)).sort())
  t.match(cli('RANDOMKEY'), /^key:\d+$/)
  const found = new Set<string>()
  const cursors: string[] = []
  for (let cursor = '0'; ; ) {
    const [next, ...some] = cli('SCAN', cursor, 'COUNT', '60').split('\n')
    for (const each of some) found.add(each)
    cursors.push(next)
    cursor = next
    if (cursor === '0') break
  }
  t.equal(found.size, 295)
  t.ok(cursors.length > 3 && cursors.every((each) => /^\d+$/.test(each)))
  t.match(cli('SCAN', 'x'), /invalid-cursor/)
  const sha = cli('SCRIPT', 'LOAD', 'return 1')
  for (const each of servers) t.equal(redisCli(each.port, 'SCRIPT', 'EXISTS', sha).trim(), '1')
  t.equal(cli('SCRIPT', 'EXISTS', sha, '0'.repeat(40)), '1\n0')
  t.match(cli('PING'), /PONG/)
  t.equal(cli('FLUSHALL'), 'OK')
  t.same(
    servers.map((each) => redisCli(each.port, 'DBSIZE').trim()),
    ['0', '0', '0'],
  )
  const plain = new Plain(port)
  t.teardown(() => plain.socket.destroy())
  t.equal(
    await plain.ask(
      sent('SET key:1 a', 'SET key:2 b', 'MGET key:1 key:2 key:1', 'DEL key:1 key:2', 'MGET key:1 key:2'),
      13,
    ),
    '+OK\r\n+OK\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\na\r\n:2\r\n*2\r\n$-1\r\n$-1\r\n',
    'in the order in which they were sent',
  )
})

t.test('Y25: what cannot be gathered is refused, and a transaction is on one server', { skip }, async (t) => {
  const { port, cli } = await three(t)
  for (const each of [
    `MSETNX key:1 a ${FAR} b`,
    `RENAME key:1 ${FAR}`,
    'SORT a STORE b',
    `WATCH key:1 ${FAR}`,
    `BLPOP key:1 ${FAR} 1`,
  ])
    t.match(cli(...each.split(' ')), /^CROSSSLOT/, each)
  t.equal(cli('RENAME', '{a}1', '{a}2').replace(/\n.*/s, ''), 'ERR no such key')
  const plain = new Plain(port)
  t.teardown(() => plain.socket.destroy())
  const ask = (text: string, lines: number) => plain.ask(text, lines)
  t.equal(
    await ask(sent('MULTI', 'SET {a}1 x', 'GET {a}1', 'EXEC'), 6),
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\nx\r\n',
  )
  t.match(
    await ask(sent('MULTI', 'SET key:1 x', `SET ${FAR} x`, 'EXEC'), 4),
    /^\+OK\r\n-CROSSSLOT.*\r\n-CROSSSLOT.*\r\n-EXECABORT/,
  )
  t.equal(cli('EXISTS', 'key:1', `${FAR}`), '0', 'and no half of it has run')
  for (const each of ['MULTI', 'EXEC'])
    t.equal(await ask(sent(each), 1), each === 'MULTI' ? '+OK\r\n' : '*0\r\n')
  for (const [said, answer] of [
    ['MULTI', '+OK'],
    ['MULTI', '-ERR MULTI calls can not be nested'],
    ['SET key:1 y', '+QUEUED'],
    ['INCR {key:1}n', '+QUEUED'],
  ])
    t.equal(await ask(sent(said), 1), `${answer}\r\n`, said)
  t.equal(await ask(sent('EXEC'), 3), '*2\r\n+OK\r\n:1\r\n')
  t.equal(await ask(sent('MULTI'), 1), '+OK\r\n')
  t.equal(await ask(sent('SET key:1 z'), 1), '+QUEUED\r\n')
  t.match(await ask(sent(`SET ${FAR} z`), 1), /^-CROSSSLOT/)
  t.match(await ask(sent('EXEC'), 1), /^-EXECABORT/)
  t.equal(cli('GET', 'key:1'), 'y')
  for (const [said, answer] of [
    ['MULTI', /^\+OK/],
    ['SELECT 1', /^-ERR not-first-in-multi/],
    ['EXEC', /^-EXECABORT/],
  ] as const)
    t.match(await ask(sent(said), 1), answer)
  t.equal(await ask(sent('WATCH key:1'), 1), '+OK\r\n')
  cli('SET', 'key:1', 'changed')
  t.equal(await ask(sent('MULTI', 'SET key:1 w', 'EXEC'), 3), '+OK\r\n+QUEUED\r\n*-1\r\n')
  const blocked = new Plain(port)
  t.teardown(() => blocked.socket.destroy())
  const popped = blocked.ask(sent('BLPOP q 0'), 5)
  t.equal(await ask(sent('RPUSH q x'), 1), ':1\r\n')
  t.equal(await popped, '*2\r\n$1\r\nq\r\n$1\r\nx\r\n')
})

t.test('Y23, Y24: keys by prefix; a server that is gone fails its own keys alone', { skip }, async (t) => {
  const other = await startRedis()
  t.teardown(() => other.program.stop())
  const { servers, cli } = await three(t, '--prefix', `s:=127.0.0.1:${other.port}`)
  t.equal(cli('MSET', 's:1', 'a', 's:2', 'b', 'key:1', 'c'), 'OK')
  t.equal(redisCli(other.port, 'DBSIZE').trim(), '2')
  t.equal(cli('DBSIZE'), '3')
  await other.program.stop()
  t.equal(cli('GET', 'key:1'), 'c')
  t.match(cli('GET', 's:1'), /^ERR backend-/)
  t.match(cli('MGET', 's:1', 'key:1'), /^ERR backend-/)
  t.match(cli('DBSIZE'), /^ERR backend-/)
  t.ok(servers.every(({ program }) => program.exit === null))
})
