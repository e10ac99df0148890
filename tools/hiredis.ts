// The tests of hiredis, the client in C, against a redis-server and through `fermata redis`: over TCP and over a
// Unix-domain socket. They are test.c of Debian's source package, fetched with apt-get into a temporary folder
// and compiled there; nothing of it is kept.
//
//   npm run hiredis [-- --source DIR]

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { fetchSource } from './testbed/debian-source.js'
import { freePort, run, start } from './testbed/programs.js'
import { redisCli, startRedis } from './testbed/redis.js'

const TIMEOUT_MS = 120_000
/** The most runs: some tests expect a reply within 10 ms, which a busy machine does not give. */
const TRIES = 3
/** Files of the source that are no part of the library. */
const OTHERS = new Set(['dict.c'])

const { source } = new Command('hiredis')
  .description('Runs the tests of hiredis against a redis-server and through `fermata redis`.')
  .option('--source <dir>', "the unpacked source of hiredis; Debian's is fetched without it")
  .parse()
  .opts<{ source?: string }>()

const folder = mkdtempSync(join(tmpdir(), 'fermata-hiredis-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const hiredis = source ?? (await fetchSource('hiredis', folder))
const tests = join(folder, 'tests')
const files = readdirSync(hiredis).filter((each) => each.endsWith('.c') && !OTHERS.has(each))
const compiled = await run('cc', ['-w', '-o', tests, ...files], { cwd: hiredis, timeoutMs: TIMEOUT_MS })
if (compiled.code !== 0) throw new Error(`cc ended with ${compiled.code}:\n${compiled.stderr.slice(-2_000)}`)

/**
 * Runs the tests before these places. Returns the titles of those that passed; null if one did not, however
 * often they ran.
 */
async function passedAt(port: number, path: string, tries = TRIES): Promise<string[] | null> {
  const { code, stdout, stderr } = await run(tests, ['-h', '127.0.0.1', '-p', String(port), '-s', path], {
    cwd: folder,
    timeoutMs: TIMEOUT_MS,
  })
  if (code === 0) return stdout.split('\n').filter((each) => /^#.*PASSED/.test(each))
  console.log(
    `${stdout}${stderr}`
      .split('\n')
      .filter((each) => !each.includes('PASSED'))
      .join('\n'),
  )
  // A test that failed leaves its keys behind, and the next run would begin with them.
  redisCli(direct.port, 'FLUSHALL')
  return tries === 1 ? null : passedAt(port, path, tries - 1)
}

let failed = 0
const direct = { path: join(folder, 'redis'), port: await freePort() }
const args = ['--enable-debug-command', 'yes', '--unixsocket', direct.path]
const redis = await startRedis(args, direct.port)
const expected = await passedAt(direct.port, direct.path)
for (const share of ['auto', 'never']) {
  const through = { path: join(folder, share), port: await freePort() }
  const proxy = await start(
    process.execPath,
    [
      ...[
        'dist/src/main.js',
        'redis',
        '--listen',
        `127.0.0.1:${through.port}`,
        '--listen',
        `unix:${through.path}`,
      ],
      ...['--backend', `127.0.0.1:${direct.port}`, '--share', share, '--allow-admin'],
    ],
    { line: /listening on unix/, readyTimeoutMs: TIMEOUT_MS },
  )
  const passed = await passedAt(through.port, through.path)
  await proxy.stop()
  const isRight = passed !== null && passed.length > 0 && passed.length === expected?.length
  if (!isRight) failed++
  console.log(
    `${isRight ? 'ok' : 'not ok'} - hiredis, --share ${share}: ${passed?.length ?? 'not all'} pass, directly ${expected?.length ?? 'not all'}`,
  )
}
await redis.program.stop()
process.exit(failed === 0 ? 0 : 1)
