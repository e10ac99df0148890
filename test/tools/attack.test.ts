// The attackers over real sockets, in a short form: one of each side, and what the command line refuses.

import { join } from 'node:path'
import t from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import type { Attack } from '../../tools/attack/attack.js'
import { backendAttacks } from '../../tools/attack/backend-attacks.js'
import { clientAttacks } from '../../tools/attack/client-attacks.js'
import { runOverSockets } from '../../tools/attack.js'
import { run } from '../peers/programs.js'

const tool = join(import.meta.dirname, '..', '..', 'tools', 'attack.js')

for (const [attacks, name] of [
  [clientAttacks, 'rapid-reset'],
  [backendAttacks, 'settings-parameters'],
] as const) {
  t.test(name, async (t) => {
    const attack = attacks.find((each) => each.name === name) as Attack
    const { before, during, failed, got, rssKib } = await runOverSockets(attack, {
      seconds: 1,
      connections: 2,
    })
    t.ok(got.connections > 1, `${got.connections} connections`)
    t.ok((got.goaways[ErrorCode.ENHANCE_YOUR_CALM] ?? 0) > 0, 'the attacker is told to be calm')
    t.equal(failed, 0, 'who is calm is served')
    t.ok(before.length > 5 && during.length > 5, `${before.length} requests before, ${during.length} during`)
    // Far above what it takes here (some 10 MiB), far below what a leak would in a second of this.
    t.ok(rssKib[2] - rssKib[0] < 150 * 1024, `RSS in KiB: ${rssKib}`)
  })
}

t.test('the command line', async (t) => {
  const help = await run(process.execPath, [tool, '--help'])
  t.match(help, { code: 0, stdout: /--seconds/ })
  const wrong = await run(process.execPath, [tool, 'no-such-attack'])
  t.match(wrong, { code: 2, stderr: /no attack 'no-such-attack'/ })
})
