// The table of Redis's commands, as reported by COMMAND of the installed redis-server: prints
// src/redis/command-rows.ts, which ships. A test compares the two.

import { redisCli, startRedis } from './testbed/redis.js'

/** A command in the answer to COMMAND, in the form of `redis-cli --json`. */
type Told = readonly [
  name: string,
  arity: number,
  flags: readonly string[],
  first: number,
  last: number,
  step: number,
  categories: readonly string[],
  tips: readonly string[],
  keys: readonly KeySpec[],
  subcommands: readonly Told[],
]

interface Found {
  readonly type: string
  readonly spec: Readonly<Record<string, string | number>>
}

interface KeySpec {
  readonly begin_search: Found
  readonly find_keys: Found
}

/** The flags on which the proxy acts. */
const FLAGS = ['readonly', 'write', 'blocking', 'pubsub', 'admin', 'no_multi']

const text = ({ begin_search: begin, find_keys: find }: KeySpec): string => {
  const words = (found: Found): string =>
    found.type === 'unknown' ? 'unknown' : [found.type, ...Object.values(found.spec)].join(' ')
  return `${words(begin)} ${words(find)}`
}

/** A row: name, flags, key specifications and policies, each as words. */
export function rowsOf(all: readonly Told[]): string[] {
  return all
    .flatMap((each) => [each, ...each[9]])
    .map(([name, arity, flags, , , , , tips, keys]) => {
      const policies = tips.flatMap((tip) => /^(?:request|response)_policy:(.*)$/.exec(tip)?.[1] ?? [])
      const kept = flags.filter((flag) => FLAGS.includes(flag))
      return [
        name,
        String(arity),
        kept.join(' ') || '-',
        keys.map(text).join(', ') || '-',
        policies.join(' ') || '-',
      ]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((cells) => cells.join(' | '))
}

/** The rows of a running server. */
export const rowsFrom = (port: number): string[] =>
  rowsOf(JSON.parse(redisCli(port, '--json', 'COMMAND')) as Told[])

export const versionOf = (port: number): string =>
  /redis_version:(\S+)/.exec(redisCli(port, 'INFO', 'server'))?.[1] ?? '?'

export const commandRowsFile = (rows: readonly string[], version: string): string =>
  `// The commands of Redis ${version}, as COMMAND tells them. Written by 'npm run redis-commands'.
//
// name | arity | flags | where its keys are | what becomes of it with several shards

export const COMMAND_ROWS = \`
${rows.join('\n')}
\`
`

if (process.argv[1]?.endsWith('redis-commands.js')) {
  const { port, program } = await startRedis()
  process.stdout.write(commandRowsFile(rowsFrom(port), versionOf(port)))
  await program.stop()
}
