// The operator's page (spec/operating.md): each command runs as it is printed, in a folder of its own. Only
// the ports are others.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { stepTimeNames } from '../../src/proxy/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { freePort, run, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { soon } from '../world/soon.js'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const page = readFileSync('spec/operating.md', 'utf8')

/** The block of the page behind this mark. */
function block(mark: string): string {
  const found = new RegExp(`<!-- operating:${mark} -->\\n\`\`\`\\w*\\n([\\s\\S]*?)\`\`\``).exec(page)
  if (found === null) throw new Error(`the page has no block ${mark}`)
  return found[1]
}

t.test('each command does what the page says', { skip: unlessInstalled('curl', 'bash') }, async (t) => {
  const cwd = t.testdir()
  const ports = { 8080: await freePort(), 9902: await freePort(), 3000: await freePort() }
  const here = (text: string): string => {
    let own = text.replaceAll('node dist/src/main.js', `${process.execPath} ${main}`)
    for (const [shown, port] of Object.entries(ports)) own = own.replaceAll(shown, String(port))
    return own
  }
  /** The output of the commands of a block, together. */
  const told = async (text: string): Promise<string> => {
    const { stdout, stderr, code } = await run('bash', ['-c', here(text)], { cwd, timeoutMs: 20_000 })
    t.strictSame([stderr, code], ['', 0], text)
    return stdout
  }
  const lines = (mark: string): string[] => block(mark).trimEnd().split('\n')

  writeFileSync(join(cwd, 'fermata.yaml'), here(block('configuration')))
  t.match(await run(process.execPath, [main, 'check', 'fermata.yaml'], { cwd, timeoutMs: 20_000 }), {
    code: 0,
    stderr: '',
  })
  const [backend, server] = lines('start').map(here)
  for (const [line, port] of [
    [backend, ports[3000]],
    [`${server}; wait`, ports[8080]],
  ] as const) {
    const program = await start(
      'bash',
      ['-c', port === ports[3000] ? `exec ${line.replace(/ &$/, '')}` : line],
      {
        port,
        cwd,
      },
    )
    t.teardown(() => program.stop())
  }

  const [health, ready, backends, loud] = lines('healthy')
  t.equal(await told(health), 'ok\n')
  t.equal(await told(ready), 'ready\n')
  t.match(JSON.parse(await told(backends)), [{ name: 'app' }])
  // Lines of the process log are written behind what they tell of.
  while (!/ info operators may ask at unix:/.test(readFileSync(join(cwd, 'process.log'), 'utf8')))
    await new Promise(setImmediate)
  // Nothing is wrong: grep finds nothing, and says so by its status.
  t.match(await run('bash', ['-c', here(loud)], { cwd }), { stdout: '', code: 1 })

  const [ask, counted, words, failed] = lines('outcomes')
  t.equal(await told(ask), 'ok\nok\n')
  // Lines of the access log are written after the answer.
  while (!(await told(counted)).includes('outcome="ok"} 2'));
  while (!/^ *2 outcome:"ok"$/m.test((await run('bash', ['-c', here(words)], { cwd })).stdout));
  t.match(await run('bash', ['-c', here(failed)], { cwd }), { stdout: '', code: 1 })

  const [steps, turns, ...slow] = lines('time')
  t.match(await told(steps), /^fermata_step_seconds_sum\{step="awaitHead"\} 0\.[3-9]/, 'the most is first')
  t.match(await told(turns), /^fermata_turn_seconds_count [1-9]/m)
  t.match(await told(slow.join('\n')), /^\/slow \d+.*awaitHead: (?:29\d|[3-9]\d\d)/)

  const [stuck, inFlight, ps, why, json, end] = lines('stuck')
  const asking = run('bash', ['-c', here(stuck).replace(/ &$/, '; echo "exit $?"')], {
    cwd,
    timeoutMs: 20_000,
  })
  while (
    !/^fermata_exchanges\{step="awaitHead"\} 1$/m.test((await run('bash', ['-c', here(inFlight)])).stdout)
  );
  const [, id] = /^(m\d+\/r\d+) +GET +\/stuck /m.exec(await told(ps)) ?? []
  t.match(id, /^m/)
  t.match(await told(why.replace('ID', `${id}`)), /awaitHead[\s\S]* has sent no response head/)
  t.match(JSON.parse(await told(json)), { total: 1, rows: [{ id }] })
  t.strictSame(JSON.parse(await told(end.replace('ENCODED', encodeURIComponent(`${id}`)))), {
    id,
    ended: true,
  })
  t.match((await asking).stdout, /^exit [1-9]/)

  await told(block('rotate'))
  while (!readFileSync(join(cwd, 'process.log'), 'utf8').includes('was opened again'));
  await told(ask)
  while (readFileSync(join(cwd, 'access.log'), 'utf8').split('\n').length < 3) await soon()
  t.match(readFileSync(join(cwd, 'access.log.1'), 'utf8'), /"path":"\/slow"/)
})

t.test('logrotate takes the stanza, and renames', { skip: unlessInstalled('logrotate') }, async (t) => {
  const log = 'one line\n'
  const cwd = t.testdir({ 'access.log': log })
  const stanza = block('logrotate')
    .replaceAll('/var/log/fermata', cwd)
    .replace(
      'systemctl kill --kill-whom=main --signal=USR1 fermata.service',
      `echo signalled > ${cwd}/signalled`,
    )
  writeFileSync(join(cwd, 'fermata'), stanza, { mode: 0o644 })
  const { code, stderr } = await run('logrotate', ['--force', '--state', `${cwd}/state`, `${cwd}/fermata`])
  t.equal(code, 0, stderr)
  t.equal(readFileSync(join(cwd, 'access.log.1'), 'utf8'), log)
  t.equal(readFileSync(join(cwd, 'signalled'), 'utf8'), 'signalled\n')
})

t.test('promtool takes the scrape configuration', { skip: unlessInstalled('promtool') }, async (t) => {
  const cwd = t.testdir({
    'prometheus.yml': block('prometheus'),
    'fermata.rules.yml': readFileSync('tools/prometheus/fermata.rules.yml', 'utf8'),
  })
  t.match(await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd }), { code: 0 })
})

t.test('the page tells of each alert, and of the steps in which time is spent', async (t) => {
  const rules = readFileSync('tools/prometheus/fermata.rules.yml', 'utf8')
  const alerts = tableOf(page, 'Prometheus, Grafana, alerts').flatMap(({ alert }) => alert.split(', '))
  t.strictSame(
    alerts,
    [...rules.matchAll(/- alert: (\w+)$/gm)].map(([, name]) => name),
  )
  const names: readonly string[] = [...stepTimeNames, 'fermata_turn_seconds']
  const rows = tableOf(page, 'Where does the time go?').map((row) => row['the time is in'])
  // A cell has lost its outer backticks.
  const spent = rows.flatMap((row) => row.split(/`?, `?/))
  t.equal(spent.length, 8)
  for (const name of spent) t.ok(names.includes(name), name)
})
