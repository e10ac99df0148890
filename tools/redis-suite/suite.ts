// A unit of Redis's own tests against an external port: of a server, or of the proxy before it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Program, run, start } from '../testbed/programs.js'
import { startRedis } from '../testbed/redis.js'

/**
 * The units of tests/test_helper.tcl that need no server of their own. Eight more (printver, auth, info, acl, networking,
 * limits, memefficiency, maxmemory) have no test for a server that runs elsewhere.
 */
export const UNITS = [
  ...['dump', 'protocol', 'keyspace', 'scan', 'info-command'],
  ...['type/string', 'type/incr', 'type/list', 'type/list-2', 'type/list-3', 'type/set', 'type/zset'],
  ...['type/hash', 'type/stream', 'type/stream-cgroups', 'sort', 'expire', 'other', 'multi', 'quit'],
  ...['latency-monitor', 'pubsub', 'slowlog', 'scripting', 'functions', 'introspection', 'introspection-2'],
  ...['bitops', 'bitfield', 'geo', 'hyperloglog', 'lazyfree', 'pause', 'querybuf', 'tracking'],
].map((name) => `unit/${name}`)

/** Units that take few seconds. */
export const SHORT_UNITS = ['keyspace', 'type/incr', 'type/hash', 'multi', 'quit', 'bitfield'].map(
  (name) => `unit/${name}`,
)

/** Units whose tests are all flagged as slow, and are not. */
const SLOW_UNITS: ReadonlySet<string> = new Set(['unit/type/list-2', 'unit/querybuf'])

/** The way of a run: direct, or one of the proxy's ways of sharing. */
export type Way = 'direct' | 'never' | 'auto'

export interface Outcome {
  readonly passed: ReadonlySet<string>
  /** The tests that failed, with their messages. */
  readonly failed: ReadonlyMap<string, string>
  /** The test that did not end, and with which the unit did. */
  readonly hung: string | null
  /** The reason why the unit ended early, if no test hung; null if it did not. */
  readonly broke: string | null
}

export interface UnitOptions {
  /** Tests that are left out. */
  readonly without?: readonly string[]
  /** These tests alone. */
  readonly only?: readonly string[]
  /** The longest time of a test, in s. */
  readonly testSeconds: number
}

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const RESULT = /^\[(ok|err|exception)\]: (.*)$/
const UNIT_TIMEOUT_MS = 1_200_000
/** On a machine that has much to do. */
const READY_TIMEOUT_MS = 60_000

/** The tests in the output of the suite. A test that ran several times has passed if it always did. */
function outcomeOf(text: string): Outcome {
  const passed = new Set<string>()
  const failed = new Map<string, string>()
  let [isDone, broke, hung]: [boolean, string | null, string | null] = [false, null, null]
  const lines = text.replace(COLOURS, '').split('\n')
  for (const [at, line] of lines.entries()) {
    const [, word, rest = ''] = RESULT.exec(line) ?? []
    if (word === 'ok') passed.add(rest.replace(/ \(\d+ ms\)$/, ''))
    else if (word === 'err') {
      const [, name = rest] = /^(.*) in tests\/\S+$/.exec(rest) ?? []
      failed.set(name, lines[at + 1] ?? '')
    } else if (word === 'exception') broke = rest
    else if (/^\[\d+\/\d+ done\]/.test(line)) isDone = true
    hung ??= /=> \(IN PROGRESS\) (.*)$/.exec(line)?.[1] ?? null
  }
  for (const each of failed.keys()) passed.delete(each)
  if (!isDone && hung === null) broke ??= text.slice(-500)
  return { passed, failed, hung, broke }
}

/**
 * Runs a unit before a server of its own: a unit leaves settings behind.
 * @param folder of Redis's sources
 */
export async function runUnit(
  folder: string,
  way: Way,
  unit: string,
  { without = [], only = [], testSeconds }: UnitOptions,
): Promise<Outcome> {
  const data = mkdtempSync(join(tmpdir(), 'redis-suite-'))
  const server = await startRedis([
    ...['--enable-debug-command', 'yes', '--enable-protected-configs', 'yes', '--dir', data],
  ])
  let proxy: Program | null = null
  try {
    let { port } = server
    if (way !== 'direct') {
      port = await freePort()
      const args = [
        ...['dist/src/main.js', 'redis', '--listen', `127.0.0.1:${port}`],
        ...['--backend', `127.0.0.1:${server.port}`, '--share', way, '--allow-admin'],
      ]
      proxy = await start(process.execPath, args, { port, readyTimeoutMs: READY_TIMEOUT_MS })
    }
    const result = await run(
      'tclsh',
      [
        ...['tests/test_helper.tcl', '--host', '127.0.0.1', '--port', String(port), '--single', unit],
        ...['--baseport', String(await freePort()), '--portcount', '36', '--clients', '1', '--durable'],
        ...['--timeout', String(testSeconds)],
        ...['--tags', SLOW_UNITS.has(unit) ? '-needs:repl' : '-slow -needs:repl'],
        ...without.flatMap((each) => ['--skiptest', each]),
        ...only.flatMap((each) => ['--only', each]),
      ],
      { cwd: folder, timeoutMs: UNIT_TIMEOUT_MS, env: { LC_ALL: 'C' } },
    )
    return outcomeOf(result.stdout + result.stderr)
  } finally {
    await proxy?.stop()
    await server.program.stop()
    rmSync(data, { recursive: true, force: true })
  }
}
