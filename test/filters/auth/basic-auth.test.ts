// The filter basicAuth. Passwords are hashed by the real libraries, in threads.

import { scryptSync } from 'node:crypto'
import { createRequire } from 'node:module'
import t from 'tap'
import { PasswordChecks } from '../../../src/filters/auth/password-checks.js'
import { type SharedWait, TOLD } from '../../../src/filters/auth/shared-wait.js'
import { NodePollset, PasswordThreads, readPasswordHash } from '../../../src/pollset/index.js'
import { TaskPool } from '../../../src/proxy/index.js'
import { frame } from '../../../tools/testbed/frames.js'
import { valueIn } from '../small-proxy.js'
import { answerOf, configured, guarded, mistakesOf } from './guarded.js'

const load = createRequire(import.meta.url)
const has = (name: string): boolean => {
  try {
    load(name)
    return true
  } catch {
    return false
  }
}

/** scrypt with N = 16: its check takes less than a millisecond. */
function scryptHash(password: string): string {
  const salt = Buffer.from('0123456789abcdef')
  const key = scryptSync(password, salt, 32, { N: 16, r: 8, p: 1 })
  const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
  return `$scrypt$ln=4,r=8,p=1$${text(salt)}$${text(key)}`
}

const filter = (more = '', users = `ann:${scryptHash('secret')}`): string =>
  `[{ basicAuth: { users: ${JSON.stringify(users)}${more} } }]`

const basic = (user: string, password: string): [string, string][] => [
  ['authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`],
]

const CHALLENGE = 'Basic realm="h2c://backend", charset="UTF-8"'

t.test('basicAuth: who has no credentials, or wrong ones, is challenged', async (t) => {
  const p = guarded(filter())
  const wrong: readonly [string, string][][] = [
    [],
    [['authorization', 'Bearer abc']],
    [['authorization', 'Basic']],
    [['authorization', 'Basic ****']],
    [['authorization', `Basic ${Buffer.from('ann').toString('base64')}`]],
    [['authorization', `Basic ${Buffer.from('ann:secret\0').toString('base64')}`]],
    [...basic('ann', 'secret'), ...basic('ann', 'secret')],
  ]
  for (const lines of wrong) {
    p.ask(lines)
    t.match(answerOf(p), { ':status': '401', 'www-authenticate': CHALLENGE, 'x-fermata': 'unauthorized' })
  }
  for (const [user, password] of [
    ['ann', 'Secret'],
    ['nobody', 'secret'],
    ['ann', ''],
  ] as const) {
    const before = p.proxy.logged
    p.ask(basic(user, password))
    await p.until(() => p.proxy.logged > before)
    t.match(answerOf(p), { ':status': '401', 'www-authenticate': CHALLENGE })
  }
  t.equal(p.toBackend.blocks().length, 0)
  t.same(p.told, [], 'the log is left alone')
})

t.test(
  "basicAuth, K7: the backend gets the user, and neither the credentials nor a client's copy",
  async (t) => {
    const p = guarded(filter(', field: x-user'))
    const claims: [string, string][] = [
      ['x-user', 'root'],
      ['x_user', 'root'],
    ]
    p.ask([...basic('ann', 'secret'), ...claims])
    t.match(
      p.lines.at(-1),
      /filterRequest\(basicAuth\) suspend filterRequest m1\/s3\.password:TOLD,until:10000/,
    )
    await p.until(() => p.backends[0].received.length > 0)
    const [sent] = p.toBackend.blocks()
    t.same(
      sent.filter(([name]) => name === 'authorization' || name.startsWith('x-u') || name.startsWith('x_u')),
      [['x-user', 'ann']],
    )
    const passing = guarded(filter(', credentials: pass'))
    passing.ask(basic('ann', 'secret'))
    await passing.until(() => passing.backends[0].received.length > 0)
    t.ok(valueIn(passing.toBackend.blocks()[0], 'authorization'))
  },
)

t.test('basicAuth: equal checks are made once, and remembered', async (t) => {
  const p = guarded(filter(', remember: 2s'))
  for (let i = 0; i < 5; i++) p.ask(basic('ann', 'secret'))
  t.match(p.box.describe().basicAuth, { running: 1 })
  await p.until(() => p.backends[0].received.length > 0)
  t.equal(p.toBackend.blocks().length, 5)
  p.ask(basic('ann', 'secret'))
  t.equal(p.toBackend.blocks().length, 1, 'at once')
  t.match(p.box.describe().basicAuth, { right: 1, remembered: 1, running: 0 })
  p.pollset.advance(2_000)
  p.ask(basic('ann', 'secret'))
  t.match(p.box.describe().basicAuth, { running: 1 }, 'no longer than it says')
  p.ask(basic('ann', 'wrong'))
  await p.until(() => p.proxy.outcomes.get('unauthorized') === 1)
  p.ask(basic('ann', 'wrong'))
  t.equal(p.proxy.outcomes.get('unauthorized'), 2)
  t.match(p.box.describe().basicAuth, { wrong: 1, remembered: 2 }, 'a wrong one too, for a short time')
})

t.test(
  'basicAuth: a client has a few checks at once; the queue is bounded; what is remembered passes',
  async (t) => {
    const p = guarded(filter(), {}, { hashesMax: 1, hashQueueMax: 2, hashesPerClientMax: 2 })
    p.ask(basic('ann', 'secret'))
    await p.until(() => p.backends[0].received.length > 0)
    for (const password of ['a', 'b']) p.ask(basic('ann', password))
    p.ask(basic('ann', 'c'))
    t.match(answerOf(p), { ':status': '429', 'x-fermata': 'rate-limited', 'retry-after': '1' })
    p.ask(basic('ann', 'secret'))
    t.equal(p.toBackend.blocks().length, 2, 'a user who has been here is not kept waiting')

    const full = guarded(filter(), {}, { hashesMax: 1, hashQueueMax: 0 })
    const first = full.ask(basic('ann', 'a'))
    full.ask(basic('ann', 'b'))
    t.match(full.box.describe().basicAuth, { running: 2 })
    // The hash that runs keeps its place.
    full.far.send(frame(3, 0, first, Buffer.from([0, 0, 0, 8])))
    t.match(answerOf(full), { ':status': '503', 'x-fermata': 'checks-full' }, 'one that waited for its turn')
    full.ask(basic('ann', 'c'))
    t.match(answerOf(full), { ':status': '503', 'x-fermata': 'checks-full', 'retry-after': '1' })
    t.match(full.box.describe().basicAuth, { running: 0, refused: 2 })
  },
)

t.test('basicAuth: clients have their turns', async (t) => {
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: 1, queueMax: 2 })
  const threads = new PasswordThreads()
  const checks = new PasswordChecks(pool, threads, pollset)
  checks.perClientMax = 20
  const hash = readPasswordHash(scryptHash('secret'))
  if (typeof hash === 'string') throw new Error(hash)
  const waits: (readonly [string, SharedWait])[] = []
  const check = (clientAddress: string, password: string) => {
    const credentials = { user: 'ann', password: Buffer.from(password) }
    const found = checks.check(checks.nameOf(credentials, hash), credentials, hash, { clientAddress })
    if (typeof found !== 'string') waits.push([password, found.waits.join(password)])
    return found
  }
  const flood = Array.from({ length: 10 }, (_, i) => check('10.0.0.1', `a${i}`))
  t.ok(flood.every((each) => typeof each !== 'string'))
  check('10.0.0.2', 'b0')
  t.ok(check('2001:db8::1', 'c0'))
  t.equal(check('10.0.0.4', 'd0'), 'queue')
  t.match(checks.describe(), { running: 12, waiting: 11, refused: 1 })
  const ended: string[] = []
  while (ended.length < waits.length) {
    await new Promise((resolve) => setImmediate(resolve))
    for (const [name, { readiness }] of waits)
      if (readiness === TOLD && !ended.includes(name)) ended.push(name)
  }
  t.same(ended, ['a0', 'b0', 'c0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9'])
  t.match(checks.describe(), { running: 0, waiting: 0 })
  threads.end()
  pollset.close()
})

t.test('basicAuth, K18: late and cancelled checks leak nothing', async (t) => {
  const p = guarded(filter(), {}, { hashesMax: 1, hashQueueMax: 5, hashesPerClientMax: 5 })
  const first = p.ask(basic('ann', 'a'))
  const second = p.ask(basic('ann', 'b'))
  p.ask(basic('ann', 'b'))
  p.ask(basic('ann', 'c'))
  const counts = () => p.box.describe().basicAuth as { running: number; waiting: number }
  t.match(counts(), { running: 3, waiting: 2 })
  for (const each of [first, second]) p.far.send(frame(3, 0, each, Buffer.from([0, 0, 0, 8])))
  t.match(counts(), { running: 2, waiting: 2 }, 'another one still waits for the second')
  p.pollset.advance(10_000)
  t.match(answerOf(p), { ':status': '503', 'x-fermata': 'checks-full' })
  t.match(counts(), { running: 0, waiting: 0 })
  t.equal(p.proxy.logged, 4)
  t.equal(p.proxy.outcomes.get('checks-full'), 2)
})

t.test('basicAuth: hashes of bcrypt and argon2', async (t) => {
  if (!has('@node-rs/bcrypt') || !has('@node-rs/argon2')) {
    t.pass('@node-rs/bcrypt or @node-rs/argon2 is not installed')
    return
  }
  const bcrypt = load('@node-rs/bcrypt') as { hashSync(text: string, rounds: number): string }
  const argon2 = load('@node-rs/argon2') as { hashSync(text: string, options: object): string }
  const users = [
    `bob:${bcrypt.hashSync('pw1', 4)}`,
    '# a comment',
    `eve:${argon2.hashSync('pw2', { memoryCost: 1024, timeCost: 1 })}`,
    // As Apache's htpasswd wrote it for the password "pw3".
    'sid:$2y$05$abcdefghijklmnopqrstuuBs9VmVvyJuE5T4hyvOFnU5d7UjZ1F0a',
  ].join('\n')
  const p = guarded(filter('', users))
  p.ask(basic('bob', 'pw1'))
  await p.until(() => p.backends[0].received.length > 0)
  p.toBackend.read()
  p.ask(basic('eve', 'pw2'))
  await p.until(() => p.backends[0].received.length > 0)
  t.equal(p.toBackend.blocks().length, 1)
  for (const user of ['eve', 'sid', 'nobody']) {
    const before = p.proxy.outcomes.get('unauthorized') ?? 0
    p.ask(basic(user, 'pw1'))
    await p.until(() => (p.proxy.outcomes.get('unauthorized') ?? 0) > before)
  }
  t.equal(p.toBackend.blocks().length, 0)
})

t.test('basicAuth: mistakes, which show no hash', async (t) => {
  const hash = scryptHash('secret')
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['[basicAuth]', /users missing; write lines NAME:HASH, or \{ file: PATH \}/],
    [filter('', ''), /there is no user; write a line NAME:HASH for each/],
    [filter('', 'ann'), /line 1 is not NAME:HASH/],
    [filter('', `ann:${hash}\nann:${hash}`), /line 2: the user "ann" stands above too; leave out one/],
    [
      filter('', 'ann:$apr1$x$abc'),
      /line 1: the password of "ann": it is not a hash of bcrypt .* htpasswd -nB NAME/,
    ],
    [filter('', 'ann:secret'), /line 1: the password of "ann": it is not a hash/],
    [filter('', `ann:${hash.replace('ln=4', 'ln=30')}`), /scrypt with these parameters takes \d+ MiB/],
    [filter('', `ann:$2y$31$${'a'.repeat(53)}`), /a cost of 31 takes too long/],
    [filter(', realm: "a\\"b"'), /cannot be a realm/],
    [filter(', field: host'), /host is written by the proxy alone/],
    [filter(', field: x-user', `日:${hash}`), /the name "日" cannot be the value of a field/],
    ['[cache, { use: basicAuth, with: { users: "ann:x" } }]', /basicAuth stands inside cache/],
    [
      `[{ use: basicAuth, with: { users: ${JSON.stringify(`ann:${hash}`)} }, onFailure: pass }]`,
      /requests pass unchecked if basicAuth fails/,
    ],
  ]
  for (const [filters, message] of mistakes) {
    const found = mistakesOf(filters)
    t.match(found, message, filters)
    t.notMatch(found, /\$apr1|ann:secret|MDEyMzQ1/, 'no secret is shown')
  }
})

t.test('basicAuth: the admin listener shows no hash', async (t) => {
  const { withoutSecrets } = await import('../../../src/config/index.js')
  const { configuration } = configured(filter(', realm: here'))
  if (configuration === null) throw new Error('it was not read')
  const shown = JSON.stringify(withoutSecrets(configuration, null))
  t.match(shown, /"users":"\*\*\*"/)
  t.match(shown, /"realm":"here"/)
  t.notMatch(shown, /scrypt/)
})

t.test('K19: a filter that cannot check refuses', async (t) => {
  const p = guarded(filter())
  p.pollset.faults = { ...p.pollset.faults, taskFailPercent: 100 }
  p.ask(basic('ann', 'secret'))
  await p.until(() => p.failures.length > 0)
  t.match(answerOf(p), { ':status': '500', 'x-fermata': 'filter-failed' })
  t.equal(p.toBackend.blocks().length, 0)
  t.match(p.box.describe().basicAuth, { running: 0, right: 0, wrong: 0 })
})
