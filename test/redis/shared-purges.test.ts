// Purges that reach the caches of two processes by a stream in a redis-server of this machine (G20, Y42).

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort, type Program, run, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { redisCli, startRedis } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'

t.setTimeout(120_000)

const skip = unlessInstalled('redis-server', 'redis-cli')
const PROCESSES = 2
const STREAM = 'fermata:purges:pages'

interface Cache {
  readonly name: string
  readonly entries: number
  readonly purges: {
    readonly follows: boolean
    readonly heard: number
    readonly emptied: number
    readonly begun: number
  }
}

function ask(options: { readonly port?: number; readonly socketPath?: string; readonly path: string }) {
  return new Promise<{ readonly body: string; readonly cache: string }>((resolve, reject) => {
    const asked = get({ host: '127.0.0.1', ...options, headers: { host: 'pages.test' } }, (response) => {
      let body = ''
      response.on('data', (part: Buffer) => {
        body += part.toString('latin1')
      })
      response.on('end', () => resolve({ body, cache: String(response.headers['cache-status'] ?? '') }))
    })
    asked.on('error', reject)
  })
}

async function ground(t: Test) {
  const redis = await startRedis()
  const programs: Program[] = [redis.program]
  const backend = createServer((_, response) => {
    response.setHeader('cache-control', 'max-age=3600')
    response.setHeader('cache-tag', 'news')
    response.end('page')
  }).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(async () => {
    for (const each of programs) each.kill()
    await Promise.all(programs.map((each) => each.exited))
    backend.closeAllConnections()
    backend.close()
    rmSync(folder, { recursive: true })
  })
  const all: { readonly port: number; readonly socketPath: string }[] = []
  for (let at = 0; at < PROCESSES; at++) {
    const port = await freePort()
    const file = join(folder, `${at}.yaml`)
    const socketPath = join(folder, `${at}.sock`)
    writeFileSync(
      file,
      `
version: 1
listeners: { main: { address: "127.0.0.1:${port}" } }
backends:
  app: { endpoints: ["127.0.0.1:${(backend.address() as AddressInfo).port}"] }
  keys: { protocol: redis, endpoints: ["127.0.0.1:${redis.port}"] }
admin: { address: "unix:${socketPath}" }
filters: { pages: { cache: { purges: { backend: keys } } } }
routes: [{ backend: app, filters: [pages] }]
`,
    )
    programs.push(await start(process.execPath, ['dist/src/main.js', 'serve', file], { port, cwd: root }))
    all.push({ port, socketPath })
  }
  const cacheOf = async (at: number): Promise<Cache> => {
    const { body } = await ask({ socketPath: all[at].socketPath, path: '/caches' })
    return (JSON.parse(body) as Cache[])[0]
  }
  /** Waits until the caches of all processes are so. */
  const until = async (isSo: (cache: Cache) => boolean): Promise<void> => {
    for (let at = 0; at < PROCESSES; at++)
      for (let now = await cacheOf(at); !isSo(now); ) now = await cacheOf(at)
  }
  /** Has each process store these pages. */
  const fill = async (...paths: string[]): Promise<void> => {
    for (const { port } of all)
      for (const path of paths) {
        await ask({ port, path })
        t.match((await ask({ port, path })).cache, /hit/)
      }
  }
  const isStored = async (path: string): Promise<boolean[]> =>
    Promise.all(all.map(async ({ port }) => /hit/.test((await ask({ port, path })).cache)))
  const purge = (...words: string[]) =>
    run(process.execPath, ['dist/src/main.js', 'purge', `unix:${all[0].socketPath}`, 'pages', ...words], {
      cwd: root,
      timeoutMs: 60_000,
    })
  return { redis, programs, until, fill, isStored, purge }
}

t.test('G20: a purge reaches all processes; what was missed empties a cache', { skip }, async (t) => {
  const { redis, programs, until, fill, isStored, purge } = await ground(t)
  await until(({ purges }) => purges.follows)

  await fill('/a', '/b', '/c')
  const { stdout, code } = await purge('--url', 'http://pages.test/a')
  t.match({ stdout, code }, { stdout: 'pages: 1 removed; other processes are told\n', code: 0 })
  await until(({ purges }) => purges.heard === 1)
  t.strictSame(await isStored('/a'), [false, false])
  t.strictSame(await isStored('/b'), [true, true])
  await purge('--prefix', 'http://pages.test/b')
  await until(({ purges }) => purges.heard === 2)
  t.strictSame([await isStored('/b'), await isStored('/c')].flat(), [false, false, true, true])
  await purge('--tag', 'news')
  await until(({ purges }) => purges.heard === 3)
  t.strictSame(await isStored('/c'), [false, false])

  t.comment('an entry that is not a purge')
  await fill('/a')
  redisCli(redis.port, 'XADD', STREAM, '*', 'after', '0-0', 'entry', 'what')
  await until(({ purges }) => purges.heard === 4)
  t.strictSame(await isStored('/a'), [false, false], 'empties')

  t.comment('the stream is trimmed while nobody reads it')
  await fill('/a')
  await until(({ entries, purges }) => entries > 0 && purges.begun === 1)
  redisCli(redis.port, 'CLIENT', 'KILL', 'TYPE', 'normal')
  redisCli(redis.port, 'XADD', STREAM, '*', 'entry', '{"url":"http://pages.test/a"}')
  redisCli(redis.port, 'XTRIM', STREAM, 'MAXLEN', '0')
  await until(({ purges }) => purges.begun === 2)
  t.strictSame(await isStored('/a'), [false, false])

  t.comment('what was written meanwhile is read')
  await fill('/a', '/b')
  await purge('--url', 'http://pages.test/none')
  await until(({ purges }) => purges.heard === 5)
  redisCli(redis.port, 'CLIENT', 'KILL', 'TYPE', 'normal')
  await purge('--url', 'http://pages.test/b')
  await until(({ purges }) => purges.heard === 6)
  t.strictSame([await isStored('/a'), await isStored('/b')].flat(), [true, true, false, false])

  t.comment('without Redis')
  redis.program.kill()
  await redis.program.exited
  const failed = await purge('--all')
  t.match(failed, { code: 1, stdout: /removed/, stderr: /other processes are not told: .*; repeat it/ })
  programs.push((await startRedis([], redis.port)).program)
  await fill('/a')
  await until(({ purges }) => purges.begun === 4)
  await until(({ purges }) => purges.emptied >= 3)
  t.equal((await purge('--all')).code, 0)
  await until(({ purges }) => purges.heard >= 7)
  t.strictSame(await isStored('/a'), [false, false])
})
