// The bench of the access log: a short run, which shows that it works. Nothing is said of its figures here.

import { join } from 'node:path'
import t from 'tap'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'

const bench = join(import.meta.dirname, '..', '..', 'tools', 'bench', 'logged.js')

t.test(
  'npm run bench:log: off twice, each part alone, and both, without an error',
  { skip: unlessInstalled('h2load', 'nghttpd') },
  async (t) => {
    const args = ['--rounds', '1', '--requests', '1500', '--warm-up', '1500', '--parts']
    const { code, stdout, stderr } = await run(process.execPath, [bench, ...args])
    t.equal(code, 0, stderr)
    const names = ['off', 'off again', 'log and metrics', 'log alone', 'metrics alone']
    for (const name of names) t.match(stdout, new RegExp(`^${name} +[\\d.]+ .* 0$`, 'm'))
    t.match(stdout, /^lines dropped: 0$/m)
    t.match(stdout, /^log and metrics to off: [\d.]+, at most 1\.15 is allowed: (?:reached|missed)$/m)
  },
)

t.test('npm run bench:log -- --help', async (t) => {
  const { code, stdout } = await run(process.execPath, [bench, '--help'])
  t.equal(code, 0)
  t.match(stdout, /--format <name>/)
})
