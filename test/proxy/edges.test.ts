// The edges that are seen when exchanges run are those declared: no dead edge, no undeclared one. The
// scenarios' omissions are added here, in their own grammar, or with a gate that holds the exchange where an
// event is to find it.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import type { Continuation } from '../../src/continuation/index.js'
import { changes } from '../../src/proxy/changes.js'
import { Exchange, exchangeLife, PASS } from '../../src/proxy/index.js'
import { frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { use } from '../filters/small-proxy.js'
import { STORIES as FILTER_STORIES } from '../filters/stories.js'
import { play, stepsOf } from '../world/scenario.js'
import { declared, Seen } from '../world/seen.js'
import { STORIES as ENDPOINT_STORIES } from './choices.js'

const HEADERS = 1
const RST_STREAM = 3

const seen = new Seen()

const GET = 'HEADERS stream=1 flags=ES,EH :method=GET :scheme=http :authority=a :path=/'

const CONNECT =
  'HEADERS stream=3 flags=EH :method=CONNECT :protocol=websocket :scheme=http :authority=a :path=/'
/** The backend's second SETTINGS allow a tunnel (RFC 8441 §3): before them a request has made the connection. */
const ASKED = `client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
backend> SETTINGS ENABLE_CONNECT_PROTOCOL=1
backend> HEADERS stream=1 flags=ES,EH :status=204
client< HEADERS stream=1 flags=ES,EH :status=204
client> ${CONNECT}
backend< HEADERS stream=3 flags=EH :method=CONNECT :protocol=websocket :path=/
`
const TUNNEL = `${ASKED}backend> HEADERS stream=3 flags=EH :status=200
client< HEADERS stream=3 flags=EH :status=200
`

/** Title, story, in the grammar of spec/scenarios/README.md. */
const STORIES: readonly (readonly [string, string])[] = [
  [
    'CONNECT is not served',
    `client> HEADERS stream=1 flags=EH :method=CONNECT :authority=a:1
client< HEADERS stream=1 :status=501 x-fermata=connect-not-served
client< RST_STREAM stream=1 code=NO_ERROR
trace client stream=1 receive, refuse, log`,
  ],
  [
    'a tunnel: each side ends by itself',
    `${TUNNEL}client> DATA stream=3 flags=ES text=bye
backend< DATA stream=3 flags=ES text=bye
client< NOTHING stream=3
backend> DATA stream=3 flags=ES text=later
client< DATA stream=3 flags=ES text=later
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, finish, log`,
  ],
  [
    'a tunnel that stands still',
    `given proxy.tunnelIdleMs=1000
${TUNNEL}after 999
client> DATA stream=3 text=ping
backend< DATA stream=3 text=ping
after 999
client< NOTHING stream=3
after 2001
client< RST_STREAM stream=3 code=CANCEL
backend< RST_STREAM stream=3 code=CANCEL
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, abort, log`,
  ],
  [
    'a tunnel that the client resets',
    `${TUNNEL}client> RST_STREAM stream=3 code=CANCEL
backend< RST_STREAM stream=3 code=CANCEL
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, abort, log`,
  ],
  [
    'a tunnel that the backend resets',
    `${TUNNEL}backend> RST_STREAM stream=3 code=INTERNAL_ERROR
client< RST_STREAM stream=3 code=CONNECT_ERROR
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, abort, log`,
  ],
  [
    'a tunnel whose backend ends and will hear no more',
    `${TUNNEL}backend> DATA stream=3 flags=ES text=bye
client< DATA stream=3 flags=ES text=bye
backend> RST_STREAM stream=3 code=NO_ERROR
client< RST_STREAM stream=3 code=NO_ERROR
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, finish, log`,
  ],
  [
    'a tunnel whose backend ends and then resets',
    `${TUNNEL}backend> DATA stream=3 flags=ES text=bye
client< DATA stream=3 flags=ES text=bye
backend> RST_STREAM stream=3 code=CANCEL
client< RST_STREAM stream=3 code=CONNECT_ERROR
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, abort, log`,
  ],
  [
    'no HEADERS in a tunnel',
    `${TUNNEL}client> HEADERS stream=3 flags=ES,EH x=1
client< RST_STREAM stream=3 code=PROTOCOL_ERROR
backend< RST_STREAM stream=3 code=CANCEL
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, abort, log`,
  ],
  [
    'no HEADERS in a tunnel from the backend either',
    `${TUNNEL}backend> HEADERS stream=3 flags=ES,EH x=1
backend< RST_STREAM stream=3 code=PROTOCOL_ERROR
client< RST_STREAM stream=3 code=CONNECT_ERROR
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, tunnel, abort, log`,
  ],
  [
    'nothing passes before the backend has said yes, and the length it says is none',
    `${ASKED}client> DATA stream=3 text=early
backend< NOTHING stream=3
backend> HEADERS stream=3 flags=EH :status=200 content-length=5
client< HEADERS stream=3 flags=EH :status=200
backend< DATA stream=3 text=early
backend> DATA stream=3 flags=ES text=longer-than-five
client< DATA stream=3 flags=ES text=longer-than-five`,
  ],
  [
    'no tunnel: the answer is a response like any other',
    `${ASKED}client> DATA stream=3 text=early
backend> HEADERS stream=3 flags=EH :status=403
backend> DATA stream=3 flags=ES text=no
client< HEADERS stream=3 flags=EH :status=403
client< DATA stream=3 flags=ES text=no
client< RST_STREAM stream=3 code=NO_ERROR
backend< RST_STREAM stream=3 code=CANCEL
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, filterResponse, transfer, finish, log`,
  ],
  [
    'a backend that does not take extended CONNECT',
    `client> ${CONNECT.replace('stream=3', 'stream=1')}
client< HEADERS stream=1 :status=502 x-fermata=backend-without-tunnels
client< RST_STREAM stream=1 code=NO_ERROR
trace client stream=1 receive, route, balance, lease, sendHead, refuse, log`,
  ],
  [
    'another protocol',
    `client> ${CONNECT.replace('websocket', 'x').replace('stream=3', 'stream=1')}
client< HEADERS stream=1 :status=501 x-fermata=protocol-not-served
client< RST_STREAM stream=1 code=NO_ERROR
trace client stream=1 receive, route, refuse, log`,
  ],
  [
    'too many tunnels',
    `given proxy.tunnelsMax=1
${TUNNEL}client> ${CONNECT.replace('stream=3', 'stream=5')}
client< HEADERS stream=5 :status=503 x-fermata=tunnels-full
client< RST_STREAM stream=5 code=NO_ERROR
trace client stream=5 receive, refuse, log`,
  ],
  [
    'Max-Forwards 0',
    `client> HEADERS stream=1 flags=ES,EH :method=OPTIONS :scheme=http :authority=a :path=* max-forwards=0
client< HEADERS stream=1 flags=ES,EH :status=200 content-length=0
trace client stream=1 receive, route, respond, log`,
  ],
  ...[
    'client> RST_STREAM stream=1 code=CANCEL',
    'after 1001\nclient< RST_STREAM stream=1 code=CANCEL',
  ].flatMap((end): [string, string][] => [
    [
      `an answer of ours that the client does not take: ${end}`,
      `given proxy.bodyTimeoutMs=1000
client> SETTINGS INITIAL_WINDOW_SIZE=0
client> HEADERS stream=1 flags=ES,EH :method=TRACE :scheme=http :authority=a :path=/ max-forwards=0
client< HEADERS stream=1 flags=EH :status=200
${end}
trace client stream=1 receive, route, respond, abort, log`,
    ],
    [
      `a refusal that the client does not take: ${end}`,
      `given backend=refuses
given proxy.bodyTimeoutMs=1000
client> SETTINGS INITIAL_WINDOW_SIZE=0
client> ${GET}
client< HEADERS stream=1 flags=EH :status=502
${end}
trace client stream=1 receive, route, balance, lease, refuse, abort, log`,
    ],
  ]),
  [
    'the client leaves while it waits for a lease, and the lease goes to the next',
    `given streams=1
given engine.sessionsMax=1
client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
client> ${GET.replace('stream=1', 'stream=3')}
client> ${GET.replace('stream=1', 'stream=5')}
client> RST_STREAM stream=3 code=CANCEL
trace client stream=3 receive, route, balance, lease, abort, log
backend> HEADERS stream=1 flags=ES,EH :status=200
client< HEADERS stream=1 flags=ES,EH :status=200
backend< HEADERS stream=3 flags=ES,EH
backend> HEADERS stream=3 flags=ES,EH :status=200
client< HEADERS stream=5 flags=ES,EH :status=200`,
  ],
  ...[
    'after 500\nclient< HEADERS stream=1 :status=503 x-fermata=lease-late\nclient< HEADERS stream=3 :status=504',
    'client> RST_STREAM stream=1 code=CANCEL\nafter 500\nclient< HEADERS stream=3 :status=504',
    `backend> HEADERS stream=3 flags=ES,EH :status=200
client< HEADERS stream=3 flags=ES,EH :status=200
backend< HEADERS stream=5 flags=ES,EH
backend> HEADERS stream=5 flags=ES,EH :status=200
client< HEADERS stream=1 flags=ES,EH :status=200`,
  ].map((end): [string, string] => [
    `sent back to the queue, near the end of its time: ${end}`,
    `given streams=1
given engine.sessionsMax=1
given proxy.exchangeTimeoutMs=1000
client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
client> ${GET.replace('stream=1', 'stream=3')}
after 500
backend> RST_STREAM stream=1 code=REFUSED_STREAM
backend< HEADERS stream=3 flags=ES,EH
${end}${end.startsWith('backend') ? '' : '\nbackend< RST_STREAM stream=3 code=CANCEL'}`,
  ]),
  [
    'a backend that says nothing',
    `given proxy.headTimeoutMs=1000
client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
after 999
client< NOTHING stream=1
after 1
client< HEADERS stream=1 :status=504 x-fermata=head-late
backend< RST_STREAM stream=1 code=CANCEL`,
  ],
  [
    'the client leaves before the head',
    `client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
client> RST_STREAM stream=1 code=CANCEL
backend< RST_STREAM stream=1 code=CANCEL
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, abort, log`,
  ],
  [
    'an upload that does not move',
    `given proxy.headTimeoutMs=1000
client> HEADERS stream=1 flags=EH :method=PUT :scheme=http :authority=a :path=/
backend< HEADERS stream=1 flags=EH
after 1001
client< HEADERS stream=1 :status=408 x-fermata=request-late
client< RST_STREAM stream=1 code=NO_ERROR
backend< RST_STREAM stream=1 code=CANCEL
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, refuse, log`,
  ],
  [
    'the client leaves after an interim response',
    `client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
backend> HEADERS stream=1 flags=EH :status=103
client< HEADERS stream=1 flags=EH :status=103
client> RST_STREAM stream=1 code=CANCEL
backend< RST_STREAM stream=1 code=CANCEL
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, abort, log`,
  ],
  [
    'the body stands still',
    `given proxy.headTimeoutMs=1000
given proxy.bodyTimeoutMs=1000
client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
after 999
backend> HEADERS stream=1 flags=EH :status=200
client< HEADERS stream=1 flags=EH :status=200
after 999
client< NOTHING stream=1
backend> DATA stream=1 text=part
client< DATA stream=1 text=part
after 2001
client< RST_STREAM stream=1 code=INTERNAL_ERROR
backend< RST_STREAM stream=1 code=CANCEL
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, filterResponse, transfer, abort, log`,
  ],
  [
    'an upload that moves puts the time for the head off, 1xx do not',
    `given proxy.headTimeoutMs=1000
client> HEADERS stream=1 flags=EH :method=PUT :scheme=http :authority=a :path=/
backend< HEADERS stream=1 flags=EH
after 900
client> DATA stream=1 flags=ES text=late
backend< DATA stream=1 flags=ES text=late
after 900
client< NOTHING stream=1
backend> HEADERS stream=1 flags=EH :status=103
client< HEADERS stream=1 flags=EH :status=103
after 301
client< HEADERS stream=1 :status=504 x-fermata=head-late
backend< RST_STREAM stream=1 code=CANCEL
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, refuse, log`,
  ],
  [
    'refused each time it was sent',
    `client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
backend> RST_STREAM stream=1 code=REFUSED_STREAM
backend< HEADERS stream=3 flags=ES,EH
backend> RST_STREAM stream=3 code=REFUSED_STREAM
backend< HEADERS stream=5 flags=ES,EH
backend> RST_STREAM stream=5 code=REFUSED_STREAM
client< HEADERS stream=1 :status=503 x-fermata=retries-spent
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, retry, balance, lease, sendHead, awaitHead, retry, balance, lease, sendHead, awaitHead, retry, refuse, log`,
  ],
  [
    'the time for retries is over',
    `given proxy.retryTimeoutMs=1000
client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
after 1000
backend> RST_STREAM stream=1 code=REFUSED_STREAM
client< HEADERS stream=1 :status=504 x-fermata=retry-late
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, retry, refuse, log`,
  ],
  [
    'the connection dies each time',
    `client> ${GET}
backend< HEADERS stream=1 flags=ES,EH
backend> CLOSE
backend2< HEADERS stream=1 flags=ES,EH
backend2> CLOSE
backend3< HEADERS stream=1 flags=ES,EH
backend3> CLOSE
client< HEADERS stream=1 :status=502`,
  ],
]

/** Type and stream of the frames that a backend got. */
const sentTo = (far: FarEnd) =>
  framesOf(far.take()).map(({ type, stream }): [number, number] => [type, stream])

/** Hold the second exchange of a client before `step`, have `event` happen, and let it go on. */
function heldAt(step: string, octets: Buffer, event: (far: FarEnd, backend: FarEnd) => void, prefix = '/') {
  const proxy = memoryProxy({}, { prefix, seen })
  const { scheduler } = proxy.world
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  if (prefix === '/') {
    proxy.greet(proxy.backends[0])
    proxy.backends[0].send(headers(1, [[':status', '204']]))
    proxy.backends[0].take()
  }
  far.take()
  let held: Continuation | null = null
  scheduler.gate = {
    holds(each) {
      if (each.stepName !== step || held !== null) return false
      held = each
      return true
    },
  }
  far.send(octets)
  event(far, proxy.backends[0])
  const [exchange] = [held as Continuation | null]
  if (exchange === null) throw new Error(`nothing came to ${step}`)
  scheduler.release(exchange)
  proxy.pollset.run()
  const backendFrames = proxy.backends.slice(0, 1).flatMap(sentTo)
  return { steps: stepsOf(proxy.lines, 'm1/s3'), backendFrames, proxy }
}

const request = headers(3, REQUEST)
const reset = (far: FarEnd) => far.send(frame(RST_STREAM, 0, 3, uint32(8)))
const refused = frame(RST_STREAM, 0, 3, uint32(7))
const response = headers(3, [[':status', '200']], false)
const TRACE = headers(3, [
  ...REQUEST.map(([name, value]) => [name, name === ':method' ? 'TRACE' : value] as const),
  ['max-forwards', '0'],
])
const PLAIN = 'receive, route, balance, lease, sendHead, awaitHead, filterResponse, transfer, finish, log'

t.test('the scenarios', (t) => {
  for (const name of readdirSync('spec/scenarios').filter((each) => each !== 'README.md'))
    t.strictSame(play(readFileSync(`spec/scenarios/${name}`, 'utf8'), seen), [], name)
  t.end()
})

t.test('what they leave out', (t) => {
  for (const [title, story] of STORIES)
    t.strictSame(play(`\`\`\`scenario\n${story}\n\`\`\`\n`, seen), [], title)
  t.end()
})

/** The events that a held exchange finds when it goes on (spec/exchange.md, `client resets`, `session gone`). */
const HELD: readonly (readonly [string, Buffer, (far: FarEnd, backend: FarEnd) => void, string, string?])[] =
  [
    ['receive', request, reset, 'receive, abort, log'],
    ['route', request, reset, 'receive, route, abort, log'],
    ['balance', request, reset, 'receive, route, balance, abort, log'],
    ['lease', request, reset, 'receive, route, balance, lease, sendHead, abort, log'],
    ['sendHead', request, reset, 'receive, route, balance, lease, sendHead, abort, log'],
    ['awaitHead', request, reset, 'receive, route, balance, lease, sendHead, awaitHead, abort, log'],
    [
      'filterResponse',
      request,
      (far, backend) => {
        backend.send(response)
        reset(far)
      },
      'receive, route, balance, lease, sendHead, awaitHead, filterResponse, abort, log',
    ],
    [
      'filterResponse',
      request,
      (_far, backend) => {
        backend.send(response)
        backend.send(frame(RST_STREAM, 0, 3, uint32(2)))
      },
      'receive, route, balance, lease, sendHead, awaitHead, filterResponse, refuse, log',
    ],
    [
      'filterResponse',
      request,
      (_far, backend) => {
        backend.send(response)
        backend.send(refused)
      },
      'receive, route, balance, lease, sendHead, awaitHead, filterResponse, retry, balance, lease, sendHead, awaitHead',
    ],
    ['refuse', request, reset, 'receive, route, refuse, abort, log', '/elsewhere'],
    ['respond', TRACE, reset, 'receive, route, respond, abort, log'],
    [
      'retry',
      request,
      (far, backend) => {
        backend.send(refused)
        reset(far)
      },
      'receive, route, balance, lease, sendHead, awaitHead, retry, abort, log',
    ],
    ['log', request, (_far, backend) => backend.send(headers(3, [[':status', '200']])), PLAIN],
    [
      'sendHead',
      request,
      (_far, backend) => backend.destroy(),
      'receive, route, balance, lease, sendHead, retry, balance, lease',
    ],
  ]

t.test('what a held exchange finds when it goes on', (t) => {
  for (const [step, octets, event, steps, prefix] of HELD) {
    const { proxy, steps: seen, backendFrames } = heldAt(step, octets, event, prefix)
    t.equal(seen.join(', '), steps, step)
    if (!steps.endsWith('log')) continue
    t.equal(proxy.proxy.logged, proxy.proxy.begun, `${step}: logged once`)
    const sent = backendFrames.filter(([, stream]) => stream === 3).map(([type]) => type)
    const heard =
      step === 'awaitHead' || steps.includes('filterResponse, abort')
        ? [HEADERS, RST_STREAM]
        : ['retry', 'log', 'filterResponse'].includes(step)
          ? [HEADERS]
          : []
    t.strictSame(sent, heard, `${step}: what the backend hears of it`)
  }
  t.end()
})

t.test('the choice of an endpoint', (t) => {
  for (const [, story] of ENDPOINT_STORIES) story(t, seen)
  t.end()
})

t.test('filters', (t) => {
  for (const [, story] of FILTER_STORIES) story(t, seen)
  t.end()
})

t.test('a request and its reset in one batch', (t) => {
  const proxy = memoryProxy({}, { seen })
  const far = proxy.client()
  far.send(Buffer.concat([headers(1, REQUEST), frame(RST_STREAM, 0, 1, uint32(8))]))
  t.strictSame(stepsOf(proxy.lines, 'm1/s1'), ['receive', 'abort', 'log'])
  t.equal(proxy.backends.length, 0)
  t.equal(proxy.proxy.logged, 1)
  t.end()
})

t.test('a debugger answers in the place of the backend, as long as no answer has begun', (t) => {
  for (const step of ['balance', 'filterAttempt', 'lease', 'sendHead', 'awaitHead']) {
    const filters = step === 'filterAttempt' ? [use('signs', { attempt: () => PASS })] : []
    const proxy = memoryProxy({}, { seen, filters })
    const { scheduler } = proxy.world
    const far = proxy.client()
    let held: Exchange | null = null
    // Before the step that follows: the edge begins at `step`.
    scheduler.gate = {
      holds(each, cause, from) {
        if (held !== null || each.program.names[from] !== step || !(each instanceof Exchange)) return false
        if (cause === 'arm' && step !== 'awaitHead') return false
        held = each
        return true
      },
    }
    far.send(headers(1, REQUEST))
    if (step !== 'balance' && step !== 'filterAttempt') {
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(headers(1, [[':status', '204']], false))
    }
    const exchange = held as Exchange | null
    if (exchange === null) throw new Error(`nothing left ${step}`)
    t.match(scheduler.redirect(exchange, 'respond'), /say first what to answer/, step)
    t.equal(changes.setAnswer(exchange, 418, 'short and stout'), null)
    t.equal(scheduler.redirect(exchange, 'respond'), null, step)
    scheduler.release(exchange)
    proxy.pollset.run()
    t.equal(exchange.outcome, 'by-debugger')
    t.equal(proxy.proxy.logged, 1)
    t.equal(
      exchange.engine?.sessions.reduce((all, each) => all + each.leased, 0),
      0,
      'nothing is leased',
    )
  }
  t.end()
})

t.test('the edges seen are the edges declared', (t) => {
  t.strictSame(seen.taken(exchangeLife.edges), declared(exchangeLife.edges))
  const anyEnd = 'cancelled, late, ready'
  t.strictSame(
    seen.waitsEnded(exchangeLife.edges),
    [
      'awaitHead head',
      'awaitHead headLook',
      'balance until',
      'filterAttempt until',
      'filterRequest until',
      'filterResponse until',
      'lease lease',
      'lease until',
      'refuse answer',
      'respond answer',
      'respond until',
      'transfer bodyLook',
      'tunnel tunnelLook',
    ]
      .map((wait) => `${wait}: ${anyEnd}`)
      .concat('retry until: cancelled, late')
      .sort(),
    'and every wait ended in each way: ready, late, cancelled',
  )
  t.strictSame(seen.endedWaiting, [], 'and none ended with a wait noted')
  t.end()
})
