// The lines of commands of Redis in the access log, on the simulated network.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { type LineFormat, lineText } from '../../src/access-log/index.js'
import { accessLogConfig, commandTimeNames } from '../../src/config/index.js'
import { commandLife, RedisBackend } from '../../src/redis/index.js'
import { CommandLog, type CommandSource, fieldsOf, type RedisEnd } from '../../src/server/command-log.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { BACK, over, Peer, sent, setUp } from '../redis/sim-redis.js'
import { Seen } from '../world/seen.js'

type Options = Parameters<typeof accessLogConfig>
type Line = Readonly<Record<string, unknown>>

const seen = new Seen()

/** A proxy whose commands are logged. */
function logged(
  commands: Options[1] = {},
  redact: Options[0]['redact'] = undefined,
  setting: Parameters<typeof setUp>[0] = {},
) {
  const it = setUp({ seen, ...setting })
  const { proxy } = it
  const source: CommandSource = {
    watch: (watcher) => proxy.watch(watcher),
    unwatch: (watcher) => proxy.unwatch(watcher),
    measureSteps: (measures) => {
      proxy.measuresSteps = measures
    },
    addressOf: ({ socket }) => socket.remote,
  }
  const texts: string[] = []
  const log = new CommandLog(source, (format: LineFormat<RedisEnd>, x) => texts.push(lineText(format, x)))
  log.configure(accessLogConfig({ file: '-', redact }, commands))
  /** Returns the lines since the last call. */
  const lines = (): Line[] => texts.splice(0).map((each) => JSON.parse(each))
  const wait = (ms: number): void => {
    let isOver = false
    it.pollset.at(it.pollset.now + ms, () => {
      isOver = true
    })
    it.pollset.runUntil(() => isOver)
  }
  return { ...it, log, texts, lines, wait }
}

t.test('the page has each field, with its kind', async (t) => {
  const fields = fieldsOf({} as CommandSource, true)
  const { commands } = accessLogConfig({ file: '-' })
  t.strictSame(
    tableOf(readFileSync('spec/access-log.md', 'utf8'), 'Commands of Redis').map(
      ({ field, kind, default: isDefault }) => [field, kind, isDefault],
    ),
    fields.all.map(({ name, kind }) => [
      name,
      kind.replace('clf-', ''),
      commands.fields.includes(name) ? 'yes' : 'no',
    ]),
  )
  t.strictSame(commandTimeNames, Object.keys(commandLife.edges), 'its times are those of the steps')
})

t.test('Y35: a command that was answered', async (t) => {
  const it = logged()
  const one = it.client(sent('AUTH ann secret', 'SET user:7:cart abc'))
  it.answer('+OK\r\n')
  t.match(it.backends[1].take(), /AUTH/, 'the shared session says who it is')
  it.answer('+OK\r\n')
  it.wait(3)
  it.answer('+OK\r\n')
  t.equal(one.take(), '+OK\r\n+OK\r\n')
  it.wait(2)
  it.say(one, sent('GET user:7:cart'))
  it.wait(5)
  it.answer('$3\r\nabc\r\n')
  const [auth, set, get] = it.lines()
  t.match(auth, { id: 'm1/c0', command: 'auth', kind: 'identity', user: 'ann', outcome: 'ok' })
  t.notMatch(JSON.stringify(auth), /secret/)
  t.match(set, {
    id: 'm1/c1',
    command: 'set',
    keys: 'user:***:***',
    bytesIn: sent('SET user:7:cart abc').length,
  })
  const { time, session, ...rest } = get
  t.equal(Date.parse(String(time)), it.pollset.wallTime() - 5)
  t.match(session, /^b\d+$/)
  t.strictSame(rest, {
    id: 'm1/c2',
    client: '192.0.2.7',
    protocol: 'RESP2',
    user: 'ann',
    db: 0,
    command: 'get',
    kind: 'shared',
    keys: 'user:***:***',
    outcome: 'ok',
    backend: 'main',
    endpoint: 'only',
    bytesIn: sent('GET user:7:cart').length,
    bytesOut: 9,
    ms: 5,
    steps: { send: 5 },
  })
  it.answer('+RESET\r\n', 0)
  over(t, it)
})

t.test('Y35: outcomes, steps, and what has no key', async (t) => {
  const it = logged({}, { keys: 'none' }, { limits: { commandMs: 50 } })
  const one = it.client(sent('INCR user:7', 'CLIENT ID', 'DEBUG SLEEP 1', 'MGET a b c d e f g h i j k'))
  it.wait(7)
  it.answer('-ERR value is not an integer\r\n')
  it.wait(1)
  it.answer(`*11\r\n${'$-1\r\n'.repeat(11)}`)
  t.match(it.lines(), [
    { command: 'client id', kind: 'local', outcome: 'ok', bytesOut: Number, endpoint: undefined },
    { command: 'debug', kind: 'admin', outcome: 'needs-admin' },
    { command: 'incr', keys: 'user:7', outcome: 'error', bytesOut: 30, ms: 7, steps: { send: 7 } },
    { command: 'mget', keys: 'a b c d e f g h i j ...', bytesOut: 5 + 55 },
  ])
  one.take()
  it.say(one, sent('GET late', 'BLPOP q 0'))
  it.wait(50)
  it.settle()
  t.match(it.lines(), [{ command: 'get', keys: 'late', outcome: 'command-late', ms: 50 }])
  t.equal(it.backends.at(-1)?.take(), sent('CLIENT ID', 'BLPOP q 0'))
  it.wait(30)
  one.far.reset()
  it.settle()
  t.match(it.lines(), [
    {
      command: 'blpop',
      keys: 'q',
      outcome: 'client-left',
      bytesOut: 0,
      ms: 80,
      steps: { route: 50, send: 30 },
    },
  ])
  it.answer('+late\r\n', 0)
  t.strictSame(it.lines(), [], 'a command has one line')
  over(t, it)
})

t.test('Y35: a transaction in one piece, large commands and long replies', async (t) => {
  const it = logged({}, {}, { limits: { shareBytesMax: 1_000 } })
  const words = sent('MULTI', 'SET user:1 x', 'GET user:2', 'EXEC')
  const one = it.client(words)
  it.answer('+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n')
  t.match(it.lines(), [
    { command: 'multi', kind: 'shared', keys: 'user:*** user:***', bytesIn: words.length, bytesOut: 37 },
  ])
  const large = sent(`SET user:3 ${'x'.repeat(5_000)}`)
  it.say(one, large.slice(0, 2_000))
  it.say(one, large.slice(2_000))
  it.answer('+OK\r\n')
  t.match(it.lines(), [{ command: 'set', keys: 'user:*** ...', bytesIn: large.length, bytesOut: 5 }])
  it.say(one, sent('GET user:3'))
  it.answer(`$5000\r\n${'x'.repeat(2_000)}`, 0)
  it.answer(`${'x'.repeat(3_000)}\r\n`, 0)
  t.match(it.lines(), [{ command: 'get', bytesOut: 5_009 }])
  over(t, it)
})

t.test(
  'Y35: a divided command has the number of its parts, one that was sent again its attempts',
  async (t) => {
    const it = logged()
    const other = { host: '192.0.2.10', port: 6379 }
    const others: Peer[] = []
    it.pollset.serve(other, (far) => others.push(new Peer(far)))
    const shards = [
      { endpoints: [{ name: 'one', target: BACK }] },
      { endpoints: [{ name: 'two', target: other }] },
    ]
    const backend = new RedisBackend(it.world, { name: 'two shards', shards, check: null })
    it.proxy.configure({ ...it.proxy.options, backend })
    const client = it.client(sent('DEL a b'))
    it.answer(':1\r\n')
    others[0].say(':1\r\n')
    it.settle()
    t.equal(client.take(), ':2\r\n')
    t.match(it.lines(), [
      { command: 'del', backend: 'two shards', parts: 2, bytesOut: 4, endpoint: undefined },
    ])
    it.say(client, sent('GET a'))
    const [holder] = [it.backends.at(-1), others.at(-1)].filter((each) => each?.text.includes('GET'))
    holder?.far.reset()
    it.settle()
    for (const each of [it.backends.at(-1), others.at(-1)]) if (each?.text.includes('GET')) each.say('+A\r\n')
    it.settle()
    t.match(it.lines(), [{ command: 'get', attempts: 2, parts: undefined, outcome: 'ok' }])
    backend.close()
    over(t, it)
  },
)

t.test('Y35: a relay has one line, at its end, with the commands that it began with', async (t) => {
  const it = logged()
  const one = it.client(sent('SUBSCRIBE news', 'PING'))
  it.wait(10)
  it.answer('*3\r\n')
  one.far.end()
  it.settle()
  it.backends.at(-1)?.far.end()
  it.settle()
  const [line, ...more] = it.lines()
  t.strictSame(more, [])
  t.match(line, {
    id: 'm1',
    command: 'subscribe',
    kind: 'relay',
    outcome: 'client-left',
    endpoint: 'only',
    bytesIn: sent('SUBSCRIBE news', 'PING').length,
    bytesOut: 4,
    ms: 10,
    steps: undefined,
    keys: undefined,
  })
  it.client(sent('MONITOR'))
  it.backends.at(-1)?.far.reset()
  it.settle()
  t.match(it.lines(), [{ command: 'monitor', outcome: 'backend-closed' }])
  const three = it.client(sent('MONITOR'))
  three.far.reset()
  it.settle()
  t.match(it.lines(), [{ command: 'monitor', outcome: 'client-left' }])
  it.client(sent('MONITOR'))
  for (const { place } of it.proxy) if (place.relay !== null) place.relayed.end(place.relay)
  it.settle()
  t.match(it.lines(), [{ command: 'monitor', outcome: 'command-ended' }])
  over(t, it)
})

t.test(
  'Y36: only commands that take as long as slowerThan; the wait that a command asks for is none',
  async (t) => {
    const it = logged({ slowerThan: 10 })
    const one = it.client(sent('GET a', 'BLPOP q 0', 'GET b'))
    it.wait(9)
    it.answer('+A\r\n')
    it.wait(100)
    it.answer('+Q\r\n')
    it.wait(10)
    t.strictSame(it.lines(), [], 'BLPOP waited for 9 ms itself')
    it.answer('+B\r\n', 0)
    t.equal(one.take(), '+A\r\n+Q\r\n+B\r\n')
    t.match(it.lines(), [{ command: 'get', ms: 119, steps: { route: 109, send: 10 } }])
    it.log.configure(accessLogConfig({ file: '-' }, { slowerThan: 0 }))
    it.say(one, sent('GET a'))
    it.answer('+A\r\n', 0)
    t.equal(it.lines().length, 1, 'a reload changes it')
    it.say(one, sent('GET a'))
    it.log.configure(null)
    it.answer('+A\r\n', 0)
    it.say(one, sent('GET a'))
    it.answer('+A\r\n', 0)
    t.strictSame(it.lines(), [], 'no log any more')
    t.notOk(it.proxy.measuresSteps, 'and nothing is measured')
    over(t, it)
  },
)

t.test('Y35: the other formats', async (t) => {
  const lineOf = (format: NonNullable<Options[1]>['format'], fields?: readonly string[]): string => {
    const it = logged({ format, fields })
    it.client(sent('GET user:7'))
    it.answer('-ERR x\r\n')
    const [text] = it.texts
    over(t, it)
    return text
  }
  t.equal(
    lineOf('logfmt', ['id', 'command', 'keys', 'outcome', 'steps']),
    'id=m1/c0 command=get keys=user:*** outcome=error\n',
  )
  t.match(
    lineOf('combined'),
    /^192\.0\.2\.7 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "get user:\*\*\* RESP2" 400 8 "-" "-"\n$/,
  )
  const it = logged({ format: 'combined' }, { keys: 'none' })
  it.client(sent('GET a"\n\u001b[31m'))
  it.answer('+A\r\n')
  t.match(it.texts[0], /"get a\\x22\\x0a\\x1b\[31m RESP2" 200 4 "-" "-"\n$/, 'a key begins no line')
  over(t, it)
  t.equal(lineOf({ template: '$' + '{command} $' + '{user} $' + '{steps.send}' }), 'get - 0\n')
})
