// The attackers over real sockets, in a short form: one of each side, and what the command line refuses.

import { join } from 'node:path'
import t from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import type { Attack } from '../../tools/attack/attack.js'
import type { Got } from '../../tools/attack/attacker.js'
import { backendAttacks } from '../../tools/attack/backend-attacks.js'
import { clientAttacks } from '../../tools/attack/client-attacks.js'
import { STAYS } from '../../tools/attack/niceness.js'
import { runOverSockets } from '../../tools/attack.js'
import { run } from '../../tools/testbed/programs.js'

// The test waits for counts and compares counts, never times. It ends when the attacker was told often
// enough.
t.jobs = 3
// The time limit of the file is the only one.
t.setTimeout(110_000)
process.env[STAYS] = 'yes'

const calmedOf = (got: Got): number => got.goaways[ErrorCode.ENHANCE_YOUR_CALM] ?? 0

const tool = join(import.meta.dirname, '..', '..', 'tools', 'attack.js')

for (const [attacks, name] of [
  [clientAttacks, 'rapid-reset'],
  [backendAttacks, 'settings-parameters'],
] as const) {
  t.test(name, { buffered: true, timeout: 110_000 }, async (t) => {
    const attack = attacks.find((each) => each.name === name) as Attack
    const connections = 2
    const { alone, fair, during, failed, got, rssKib } = await runOverSockets(attack, {
      seconds: 0.3,
      connections,
      // Few frames cut it off, and they are remembered for as long as it needs. On a busy machine the
      // attacker may miss a GOAWAY, as it keeps writing: one of two hundred is enough.
      limits: [
        'server.abusesMax=200',
        'http2.resetsBurst=20',
        'server.abuseWindowMs=3600s',
        'server.refusalMs=3600s',
        'http2.prefaceMs=60s',
      ],
      enough: (got) => calmedOf(got) > 0 && (attack.role === 'backend' || got.wordless > 0),
    })
    const calmed = calmedOf(got)
    t.ok(calmed > 0, 'the attacker is told to be calm')
    // Those that were under way may come to their end beside the last.
    if (attack.role === 'client') {
      t.ok(calmed <= 200 + connections, `${calmed} times`)
      t.ok(got.wordless > 0, 'then it is refused')
    }
    t.equal(failed, 0, 'who is calm is served')
    for (const each of [alone, fair, during]) t.ok(each.length > 0, `${each.length} requests`)
    // Far above what it takes here (some 10 MiB), far below what a leak would in half a second of this.
    t.ok(rssKib[2] - rssKib[0] < 150 * 1024, `RSS in KiB: ${rssKib}`)
  })
}

t.test('the command line', { buffered: true }, async (t) => {
  const help = await run(process.execPath, [tool, '--help'])
  t.match(help, { code: 0, stdout: /--seconds/ })
  const wrong = await run(process.execPath, [tool, 'no-such-attack'])
  t.match(wrong, { code: 2, stderr: /unknown attack 'no-such-attack'/ })
})
