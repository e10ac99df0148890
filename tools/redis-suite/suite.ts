// Redis's own unit tests against an external port: directly, or through the proxy.

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Program, run, start } from '../testbed/programs.js'
import { startRedis } from '../testbed/redis.js'

/** The units of tests/test_helper.tcl that need no server of their own. */
export const UNITS = [
  ...['printver', 'dump', 'auth', 'protocol', 'keyspace', 'scan', 'info', 'info-command'],
  ...['type/string', 'type/incr', 'type/list', 'type/list-2', 'type/list-3', 'type/set', 'type/zset'],
  ...['type/hash', 'type/stream', 'type/stream-cgroups', 'sort', 'expire', 'other', 'multi', 'quit'],
  ...['acl', 'latency-monitor', 'pubsub', 'slowlog', 'scripting', 'functions', 'maxmemory', 'introspection'],
  ...['introspection-2', 'limits', 'bitops', 'bitfield', 'geo', 'memefficiency', 'hyperloglog', 'lazyfree'],
  ...['pause', 'querybuf', 'tracking', 'networking'],
].map((name) => `unit/${name}`)

/** A few units that take seconds. */
export const SHORT_UNITS = ['protocol', 'type/incr', 'type/hash', 'multi', 'quit', 'bitfield'].map(
  (name) => `unit/${name}`,
)

export interface Outcome {
  readonly passed: ReadonlySet<string>
  /** The tests that failed, with their messages. */
  readonly failed: ReadonlyMap<string, string>
  readonly ignored: number
  /** The reason why the run ended early; null if it did not. */
  readonly broke: string | null
}

/** The way of a run: direct, or one of the proxy's ways of sharing. */
export type Way = 'direct' | 'never' | 'auto'

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

function outcomeOf(text: string): Outcome {
  const passed = new Set<string>()
  const failed = new Map<string, string>()
  let ignored = 0
  let broke: string | null = null
  for (const line of text.replace(COLOURS, '').split('\n')) {
    const [, word, name, rest] =
      /^\[(ok|err|ignore|exception)\]: (.*?)(?: \(\d+ ms\)| in tests\/(.*))?$/.exec(line) ?? []
    if (word === 'ok') passed.add(name)
    else if (word === 'err') failed.set(name, rest ?? '')
    else if (word === 'ignore') ignored++
    else if (word === 'exception') broke = name
  }
  return { passed, failed, ignored, broke }
}

/**
 * Runs units of the suite.
 * @param folder of Redis's sources
 */
export async function runSuite(folder: string, way: Way, units: readonly string[]): Promise<Outcome> {
  const server = await startRedis([
    '--enable-debug-command',
    'yes',
    '--enable-protected-configs',
    'yes',
    '--dir',
    mkdtempSync(join(tmpdir(), 'redis-suite-')),
  ])
  let proxy: Program | null = null
  let port = server.port
  try {
    if (way !== 'direct') {
      port = await freePort()
      proxy = await start(
        process.execPath,
        [
          ...['dist/src/main.js', 'redis', '--listen', `127.0.0.1:${port}`],
          ...['--backend', `127.0.0.1:${server.port}`, '--share', way, '--allow-admin'],
        ],
        { port },
      )
    }
    const result = await run(
      'tclsh',
      [
        ...['tests/test_helper.tcl', '--host', '127.0.0.1', '--port', String(port)],
        ...[
          '--baseport',
          String(await freePort()),
          '--portcount',
          '36',
          '--clients',
          '1',
          '--timeout',
          '300',
        ],
        ...['--tags', '-slow -needs:repl', ...units.flatMap((unit) => ['--single', unit])],
      ],
      { cwd: folder, timeoutMs: 1_800_000, env: { LC_ALL: 'C' } },
    )
    return outcomeOf(result.stdout + result.stderr)
  } finally {
    await proxy?.stop()
    await server.program.stop()
  }
}
