// The table of commands: what the installed server tells, and what becomes of each (spec/redis.md).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { COMMAND_ROWS } from '../../src/redis/command-rows.js'
import { COMMANDS, commandNamed, KINDS, subcommandNamed } from '../../src/redis/index.js'
import { rowsFrom, versionOf } from '../../tools/redis-commands.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { startRedis } from '../../tools/testbed/redis.js'
import { root } from '../house/source-rules.js'

t.test(
  'the table is what the installed server tells',
  { skip: unlessInstalled('redis-server', 'redis-cli') },
  async (t) => {
    const { port, program } = await startRedis()
    t.teardown(() => program.stop())
    if (!versionOf(port).startsWith('7.0.')) {
      t.pass(`Redis ${versionOf(port)} has another table`)
      return
    }
    t.strictSame(COMMAND_ROWS.trim().split('\n'), rowsFrom(port), 'npm run redis-commands writes it again')
  },
)

t.test('what becomes of them is what the page says', async (t) => {
  const page = tableOf(readFileSync(join(root, 'spec/redis.md'), 'utf8'), 'Kinds')
  t.strictSame(
    Object.fromEntries(
      page.map((row) => [
        row.kind,
        row.commands
          .replaceAll('client:', 'client|')
          .replaceAll('script:', 'script|')
          .replaceAll('function:', 'function|'),
      ]),
    ),
    KINDS,
  )
})

const find = (...words: string[]) => {
  const [name, sub] = words.map((each) => Buffer.from(each))
  const info = commandNamed(name, 0, name.length)
  return sub === undefined || !info.contains ? info : subcommandNamed(info, sub, 0, sub.length)
}

t.test('names are found in any case, and only whole', async (t) => {
  for (const info of COMMANDS) {
    const words = info.name.split('|')
    t.equal(find(...words), info, info.name)
    t.equal(find(...words.map((each) => each.toUpperCase())), info)
  }
  for (const unknown of ['', 'ge', 'gett', 'client|id', 'g\u0000t', 'x'.repeat(1_000)])
    t.equal(find(unknown).kind, unknown === 'client|id' ? 'local' : 'pinning', unknown)
  t.equal(find('client', 'nothing').name, 'client')
  t.equal(find('CLIENT', 'x'.repeat(1_000)).name, 'client')
})

t.test('flags and keys', async (t) => {
  t.match(find('get'), { readonly: true, kind: 'shared', keys: [{ index: 1, last: 0, step: 1 }] })
  t.match(find('blpop'), { kind: 'blocking', readonly: false })
  t.match(find('xread'), { kind: 'shared', keys: [{ keyword: 'STREAMS', from: 1, last: -1, limit: 2 }] })
  t.match(find('eval'), { keys: [{ index: 2, counted: true }] })
  t.match(find('mset'), {
    keys: [{ index: 1, last: -1, step: 2 }],
    policies: ['multi_shard', 'all_succeeded'],
  })
})
