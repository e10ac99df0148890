// spec/attacks.md, row by row: each attack runs in memory beside a well-behaved client, which must notice
// nothing.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import { limitsByRoom } from '../../src/server/limits.js'
import type { Attack } from '../../tools/attack/attack.js'
import { backendAttacks } from '../../tools/attack/backend-attacks.js'
import { clientAttacks } from '../../tools/attack/client-attacks.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { type Held, type Outcome, runAttack } from './run-attack.js'

const page = readFileSync('spec/attacks.md', 'utf8')
const sides = [
  { section: 'Clients', attacks: clientAttacks },
  { section: 'Backends', attacks: backendAttacks },
]
/** Attacks that need a listener: connections.test.ts and server/client-addresses.test.ts have them. */
const AT_A_LISTENER = ['connections-too-many', 'comes-back', 'connections-of-one-address']
/** Bounds of HTTP/1.1 that http1/half-closed.test.ts and http1/connection-edges.test.ts test. */
const OF_HTTP1 = ['half-closed-clients', 'drain-idlers']
const ELSEWHERE = [...AT_A_LISTENER, ...OF_HTTP1]

/** `http2.fieldsMax`. */
function defaultOf(full: string): number | undefined {
  const [room, name] = full.split('.')
  return limitsByRoom[room]?.[name]
}

const codeNamed = (name: string) => ErrorCode[name as keyof typeof ErrorCode]

function check(t: Test, got: string, outcome: Outcome): void {
  const [what, name] = got.split(':')
  if (what === 'connection') {
    t.ok(outcome.goaways.includes(codeNamed(name)), `GOAWAY ${name} among ${outcome.goaways}`)
    t.ok(outcome.gone, 'and the connection has ended')
    if (name === 'ENHANCE_YOUR_CALM') t.ok(outcome.counts.calmed > 0, 'counted')
    else if (name !== 'NO_ERROR') t.ok(outcome.counts.connectionErrors > 0, 'counted')
  } else if (what === 'stream') {
    t.ok(outcome.resets.includes(codeNamed(name)), `RST_STREAM ${name} among ${outcome.resets.slice(0, 9)}`)
  } else if (what === 'status') {
    t.ok(outcome.statuses.includes(Number(name)), `${name} among ${outcome.statuses.slice(0, 9)}`)
  } else {
    t.equal(got, 'closed')
    t.ok(outcome.gone)
    t.notOk(
      outcome.goaways.some((code) => code !== 0),
      'without an error that it could read',
    )
  }
}

/** The bounds of what is held, by name. */
function bounded(t: Test, half: Held, { limits, waves }: Outcome): void {
  const most = (name: keyof Held, bound: number) =>
    t.ok(half[name] <= bound, `${name} ${half[name]}, at most ${bound}`)
  const streams = limits.http2.concurrentStreamsMax
  // A window's worth a stream, in whole blocks; one victim a wave.
  most(
    'heldBytes',
    Math.min(
      limits.transport.connectionHeldBytesMax,
      (streams + waves) * (limits.http2.streamWindowMax + 16_384),
    ),
  )
  most('controlBytes', limits.http2.controlBytesMax)
  most('bufferedBytes', 3 * (16_384 + limits.http2.headerBlockBytesMax))
  most('streams', streams)
  most('slabs', 2 * limits.engine.sessionsMax + 3)
  most('queued', limits.engine.queueMax)
  // The same number may also wait until their backend ends (E36).
  most('sessions', 2 * limits.engine.sessionsMax)
  most('interimBytes', limits.http2.interimBytesMax)
  // A victim, its connection, its exchange; the attacker's exchanges; sessions; the steady ones.
  most('living', 2 * waves + streams + 2 * limits.engine.sessionsMax + 10)
  // One chunk is read whole: 65,536 octets are 7,281 frames of nothing.
  most('frames', limits.http2.turnFramesMax + 7_282)
}

for (const { section, attacks } of sides) {
  const rows = tableOf(page, section)
  t.test(
    `${section}: each row has its attack, each attack its row, each default is the default`,
    async (t) => {
      const names = rows.map((row) => row.attack).filter((name) => !ELSEWHERE.includes(name))
      t.strictSame(names.toSorted(), attacks.map((each) => each.name).toSorted())
      for (const { attack, limits, default: defaults } of rows) {
        const now = limits.split(', ').map((name) => (name === '-' ? '-' : defaultOf(name)))
        t.equal(now.join(', '), defaults, attack)
      }
    },
  )
  for (const row of rows) {
    const attack = attacks.find((each) => each.name === row.attack) as Attack
    if (attack === undefined) continue
    t.test(`${section}: ${row.attack}`, async (t) => {
      const outcome = runAttack(attack)
      for (const got of row.gets.split(', ')) check(t, got, outcome)
      t.equal(outcome.turnsDuring, outcome.turnsBefore, 'turns of a request beside it')
      t.equal(outcome.turnsBefore, 2, 'one in, one out')
      for (const half of [outcome.first, outcome.second]) bounded(t, half, outcome)
      // A backend has a new victim in each wave. The counts that a client alone causes must not grow at all.
      const { first, second } = outcome
      if (attack.role === 'client' && first.living > 0)
        for (const name of ['heldBytes', 'bufferedBytes', 'streams', 'slabs', 'living'] as const)
          t.ok(second[name] <= first[name], `${name} stays: ${first[name]}, then ${second[name]}`)
      // A backend is not tried more often than requests ask for it, however quickly it fails.
      if (attack.lastWords !== undefined) t.ok(outcome.opens <= outcome.waves + 2, `${outcome.opens} opened`)
      t.strictSame(outcome.left, { heldBytes: 0, slabs: 0, frontends: 1, exchanges: 0 }, 'nothing is left')
    })
  }
}
