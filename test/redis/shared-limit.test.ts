// rateLimit with a store in a redis-server of this machine, behind three processes: the server is stopped, goes
// on, is killed, and starts again (K24, Y41).

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort, type Program, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { redisCli, startRedis } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'

t.setTimeout(120_000)

const skip = unlessInstalled('redis-server', 'redis-cli')
/** Long, so that a busy machine is not taken for a silent Redis. */
const TIMEOUT_MS = 1_500
const PROCESSES = 3
const agent = new Agent({ keepAlive: true })

interface Asked {
  readonly status: number
  readonly ms: number
}

function ask(port: number, key: string): Promise<Asked> {
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', agent, headers: { 'x-key': key } }, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode ?? 0, ms: performance.now() - begun }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Asks each process so often, four at a time. Returns the answers by process. */
const askAll = (ports: readonly number[], key: string, times: number): Promise<Asked[][]> =>
  Promise.all(
    ports.map(async (port) => {
      const answers: Asked[] = []
      let left = times
      const one = async (): Promise<void> => {
        while (left-- > 0) answers.push(await ask(port, key))
      }
      await Promise.all([one(), one(), one(), one()])
      return answers
    }),
  )

const passed = (answers: readonly (readonly Asked[])[]): number =>
  answers.flat().filter(({ status }) => status === 200).length

async function ground(t: Test, store: string, redisArgs: readonly string[] = []) {
  const redis = await startRedis(redisArgs)
  const servers: Program[] = [redis.program]
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  const ports: number[] = []
  const processes: Program[] = []
  t.teardown(async () => {
    for (const each of processes) each.kill()
    for (const each of servers) each.kill()
    await Promise.all([...processes, ...servers].map((each) => each.exited))
    rmSync(folder, { recursive: true })
  })
  for (let at = 0; at < PROCESSES; at++) {
    const port = await freePort()
    const file = join(folder, `${at}.yaml`)
    writeFileSync(
      file,
      `
version: 1
listeners: { main: { address: "127.0.0.1:${port}" } }
backends: { counts: { protocol: redis, endpoints: ["127.0.0.1:${redis.port}"] } }
filters:
  shared: { rateLimit: { limit: 30/1h, key: field.x-key, store: { backend: counts, share: 10%, timeout: ${TIMEOUT_MS}ms${store} } } }
routes: [{ answer: { body: ok }, filters: [shared] }]
`,
    )
    processes.push(await start(process.execPath, ['dist/src/main.js', 'serve', file], { port, cwd: root }))
    ports.push(port)
  }
  /** Waits until each process has said so many lines of this kind. */
  const said = async (line: RegExp, times: number): Promise<void> => {
    const found = (each: Program): string[] => each.output.split('\n').filter((text) => line.test(text))
    for (const each of processes)
      await each.until(`it said ${line}`, () => found(each).length >= times, 60_000)
  }
  return { redis, servers, ports, processes, said }
}

t.test(
  'K24, Y41, scenario 11: Redis stops and comes back under a limit that three processes share',
  { skip },
  async (t) => {
    const { redis, servers, ports, said } = await ground(t, '')
    t.equal(passed(await askAll(ports, 'a', 25)), 30, 'exact')

    t.comment('it is silent')
    const before = passed(await askAll(ports, 'b', 4))
    t.equal(before, 12)
    process.kill(redis.program.pid, 'SIGSTOP')
    const silent = await askAll(ports, 'b', 40)
    t.equal(passed(silent), 9, 'each process lets pass its share, 10% of 30')
    for (const each of silent) {
      const waited = each.filter(({ ms }) => ms >= TIMEOUT_MS).length
      t.ok(waited <= 5, `${waited} requests have waited for the whole timeout`)
    }
    await said(/store counts does not answer/, 1)
    for (const each of await askAll(ports, 'b', 20))
      t.notOk(
        each.some(({ ms }) => ms >= TIMEOUT_MS),
        'then it is as without Redis',
      )
    process.kill(redis.program.pid, 'SIGCONT')
    await said(/store counts: it answers again/, 1)
    t.equal(passed(await askAll(ports, 'c', 25)), 30, 'exact')

    t.comment('it is killed')
    redis.program.kill()
    await redis.program.exited
    const dead = await askAll(ports, 'd', 40)
    t.equal(passed(dead), 9)
    for (const each of dead)
      t.notOk(
        each.some(({ ms }) => ms >= TIMEOUT_MS),
        'a connection that is refused is known at once',
      )
    const restarted = await startRedis([], redis.port)
    servers.push(restarted.program)
    // The log counts what is said again within 10 s.
    await said(/store counts: (it answers again|1 more)/, 2)
    t.equal(passed(await askAll(ports, 'f', 25)), 30, 'exact')
  },
)

t.test(
  'a store asks as a user, in a database, and its keys go when their time has passed',
  { skip },
  async (t) => {
    const { redis, ports, said } = await ground(t, ', user: counter, password: secret, database: 3')
    redisCli(
      redis.port,
      'ACL',
      'SETUSER',
      'counter',
      'on',
      '>secret',
      '~fermata:*',
      '+eval',
      '+evalsha',
      '+get',
      '+set',
      '+time',
      '+select',
    )
    t.equal(passed(await askAll(ports, 'a', 25)), 30)
    const key = redisCli(redis.port, '-n', '3', 'KEYS', '*').trim()
    t.match(key, /^fermata:rateLimit:\["shared","field\.x-key",3600000\]:[\w-]{43}$/)
    const left = Number(redisCli(redis.port, '-n', '3', 'PTTL', key))
    t.ok(left > 3_500_000 && left <= 3_600_001, `${left} ms`)
    t.equal(redisCli(redis.port, '-n', '0', 'DBSIZE').trim(), '0')
    redisCli(redis.port, '-n', '3', 'SET', key, 'nonsense')
    t.equal(passed(await askAll(ports, 'a', 5)), 9, 'an error of the script is no answer')
    await said(/store counts does not answer.*ERR/, 1)
  },
)
