// The contract of filters (spec/filters.md), on the simulated network without faults.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { Signal } from '../../src/pollset/index.js'
import { changes } from '../../src/proxy/changes.js'
import type { FieldChanges } from '../../src/proxy/filter/prepared-change.js'
import {
  ANSWER,
  Exchange,
  type Filter,
  PASS,
  PreparedChange,
  RATE_LIMITED,
  REFUSE,
  type RequestPhase,
  type Verdict,
  WAIT,
} from '../../src/proxy/index.js'
import { frame, headers, REQUEST, tableOf } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { routerTo } from '../../tools/testbed/short-server.js'
import { optionsOf } from '../balancing/members.js'
import { stepsOf } from '../world/scenario.js'
import { filtered, Reader, use, valueIn } from './small-proxy.js'

const OK = headers(1, [[':status', '200']])
const RST_STREAM = 3

/** A filter that writes down which of its phases ran. */
const noted = (name: string, told: string[], more: Filter<unknown> = {}): ReturnType<typeof use> =>
  use(name, {
    begin: () => void told.push(`${name} begin`),
    request(x, state) {
      told.push(`${name} request`)
      return more.request?.(x, state) ?? PASS
    },
    response(x, state) {
      told.push(`${name} response`)
      return more.response?.(x, state) ?? PASS
    },
    log: () => void told.push(`${name} log`),
    release: () => void told.push(`${name} release`),
    ...(more.late === undefined ? {} : { late: more.late }),
  })

t.test('K1: requests go down the list, responses come up', async (t) => {
  const told: string[] = []
  const p = filtered([noted('a', told), noted('b', told), noted('c', told)])
  p.backends[0].send(OK)
  t.same(told, [
    ...['a begin', 'a request', 'b begin', 'b request', 'c begin', 'c request'],
    ...['c response', 'b response', 'a response'],
    ...['a log', 'b log', 'c log', 'c release', 'b release', 'a release'],
  ])
  t.equal(
    stepsOf(p.lines, 'm1/s1').join(' '),
    'receive route filterRequest(a) filterRequest(b) filterRequest(c) balance lease sendHead awaitHead filterResponse(c) filterResponse(b) filterResponse(a) transfer finish log',
  )
})

t.test('K1: when a filter answers, only those outside of it see the response', async (t) => {
  const told: string[] = []
  const answers: Filter<unknown> = {
    request: (x) => x.answer({ status: 404, body: 'none', fields: [['X-Why', 'no']] }),
    response: () => t.fail('its own response') as never,
  }
  const p = filtered([noted('a', told), noted('b', told, answers), noted('c', told)])
  t.same(told.slice(0, 6), ['a begin', 'a request', 'b begin', 'b request', 'a response', 'a log'])
  const { blocks, body } = p.client.read()
  t.match(Object.fromEntries(blocks[0]), { ':status': '404', 'x-why': 'no', 'content-length': '4' })
  t.equal(body, 'none')
  t.equal(p.backends.length, 0, 'no backend is asked')
})

t.test('K2: refusals pass the filters outside of where they arise, without waits', async (t) => {
  const told: string[] = []
  const stamps: Filter<unknown> = {
    response(x) {
      t.equal(x.from, 'refusal')
      x.fields.set('strict-transport-security', 'max-age=1')
      return PASS
    },
  }
  const waits: Filter<unknown> = { response: (x) => x.pause(10) }
  const p = filtered([noted('a', told, stamps), noted('b', told, waits)])
  p.pollset.advance(70_000)
  const [head] = p.client.blocks()
  t.match(valueIn(head, ':status'), /^50[34]$/)
  t.equal(valueIn(head, 'strict-transport-security'), 'max-age=1')
  t.match(p.failures, [/^b: nothing waits where a refusal passes/])
})

t.test('K2: a refusal of a filter too, but not that filter itself', async (t) => {
  const told: string[] = []
  const p = filtered([
    noted('a', told),
    noted('b', told, { request: (x) => x.refuse(RATE_LIMITED, { fields: [['retry-after', '3']] }) }),
  ])
  const [head] = p.client.blocks()
  t.match(Object.fromEntries(head), { ':status': '429', 'x-fermata': 'rate-limited', 'retry-after': '3' })
  t.notOk(told.includes('b response'))
  t.ok(told.includes('a response'))
})

t.test('X2, K3: release comes once, on every path', async (t) => {
  const endings: readonly [string, Filter<unknown>, (p: ReturnType<typeof filtered>) => void][] = [
    ['served', {}, (p) => p.backends[0].send(OK)],
    ['the client leaves', {}, (p) => p.far.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])))],
    ['the connection dies', {}, (p) => p.far.destroy()],
    ['the client leaves a wait', { request: (x) => x.pause(1_000) }, (p) => p.far.destroy()],
    ['it throws', { request: () => boom() }, () => {}],
    ['it answers', { request: (x) => x.answer({ status: 200 }) }, () => {}],
    [
      'it is late',
      { request: (x) => x.waitFor(new Signal('s', 's', ['A']), 1, { within: 5 }) },
      (p) => p.pollset.advance(6),
    ],
    ['the backend is late', {}, (p) => p.pollset.advance(100_000)],
  ]
  for (const [title, filter, event] of endings) {
    const told: string[] = []
    const p = filtered([noted('a', told), noted('b', told, filter)])
    event(p)
    t.equal(p.proxy.logged, 1, title)
    for (const name of ['a', 'b']) {
      t.equal(told.filter((each) => each === `${name} release`).length, 1, `${title}: ${name}`)
      t.equal(told.filter((each) => each === `${name} log`).length, 1, `${title}: ${name}`)
      t.equal(told.filter((each) => each.startsWith(name)).at(-1), `${name} release`, title)
    }
  }
})

const boom = (): never => {
  throw new Error('boom')
}

t.test('K4: a filter waits, is called again, and is late only once its time is over', async (t) => {
  const signal = new Signal('gate', 'signal', ['OPEN'])
  let calls = 0
  const gate: Filter<unknown> = {
    request(x) {
      calls++
      return signal.readiness !== 0 ? PASS : x.waitFor(signal, 1, { within: 1_000 })
    },
  }
  const p = filtered([use('gate', gate)])
  t.equal(p.backends.length, 0)
  t.match(
    p.lines.at(-1),
    /^0\.000 m1\/s1 filterRequest\(gate\) suspend filterRequest gate:OPEN,until:1000\.000$/,
  )
  p.pollset.advance(999)
  signal.raise(1)
  p.pollset.run()
  t.equal(calls, 2)
  t.equal(p.backends.length, 1)
})

t.test(
  'K4: a late one is refused, passes, or decides by itself; a second wait gets no more time',
  async (t) => {
    const told: string[] = []
    const waits = (): Filter<unknown> => {
      const signal = new Signal('gate', 'signal', ['OPEN'])
      let again = false
      return {
        request(x) {
          signal.lower(1)
          if (again) told.push('again')
          again = true
          return x.waitFor(signal, 1, { within: 1_000 })
        },
        begin: () => void (waits.signal = signal),
      }
    }
    waits.signal = null as Signal | null
    const refused = filtered([use('gate', waits())])
    refused.pollset.advance(600)
    waits.signal?.raise(1)
    refused.pollset.run()
    t.same(told, ['again'])
    refused.pollset.advance(399)
    t.same(refused.client.blocks(), [])
    refused.pollset.advance(1)
    t.match(Object.fromEntries(refused.client.blocks()[0]), { ':status': '504', 'x-fermata': 'filter-late' })
    t.same(refused.failures, ['gate: it was late'])

    const passed = filtered([use('gate', waits(), 'pass')])
    passed.pollset.advance(1_000)
    t.equal(passed.backends.length, 1)

    const decides = filtered([use('gate', { ...waits(), late: (x) => x.refuse(RATE_LIMITED) })])
    decides.pollset.advance(1_000)
    t.equal(valueIn(decides.client.blocks()[0], ':status'), '429')
    t.same(decides.failures, [])
  },
)

t.test('K4: a pause that is over is not late', async (t) => {
  let paused = false
  const p = filtered([
    use('slow', {
      request(x) {
        if (paused) return PASS
        paused = true
        return x.pause(250)
      },
    }),
  ])
  p.pollset.advance(249)
  t.equal(p.backends.length, 0)
  p.pollset.advance(1)
  t.equal(p.backends.length, 1)
})

const prepared = (changes: Partial<FieldChanges>): PreparedChange =>
  new PreparedChange({ remove: [], set: [], append: [], ...changes })

/** Writes that a codec would refuse, or that would change what a message is. */
const BAD_WRITES: readonly (readonly [string, (x: RequestPhase) => void])[] = [
  ['a pseudo-field', (x) => x.fields.set(':path', '/x')],
  ['a name with a blank', (x) => x.fields.set('a b', '1')],
  ['an empty name', (x) => x.fields.set('', '1')],
  ['a name with a line', (x) => x.fields.append('a\r\nb', '1')],
  ['Host', (x) => x.fields.set('Host', 'b')],
  ['content-length', (x) => x.fields.set('content-length', '1')],
  ['content_length', (x) => x.fields.set('content_length', '1')],
  ['transfer-encoding', (x) => x.fields.append('transfer-encoding', 'chunked')],
  ['connection', (x) => x.fields.set('connection', 'close')],
  ['te', (x) => x.fields.remove('te')],
  ['upgrade', (x) => x.fields.set('upgrade', 'h2c')],
  ['a value with a line', (x) => x.fields.set('a', '1\nb: 2')],
  ['a value that is no octet', (x) => x.fields.set('a', 'ab\u0100')],
  ['a value that begins with a blank', (x) => x.fields.set('a', ' 1')],
  ['one of several values', (x) => x.fields.set('a', ['1', '\0'])],
  ['a prepared value with a line', (x) => x.fields.change(prepared({ set: [['a', '1\nb: 2']] }))],
  ['a prepared line of framing', (x) => x.fields.change(prepared({ append: [['content-length', '1']] }))],
  ['a prepared removal of Host', (x) => x.fields.change(prepared({ remove: ['host'] }))],
  [
    'a prepared change that is too large',
    (x) => x.fields.change(prepared({ append: [['a', 'x'.repeat(50_000)]] })),
  ],
  ['a path without /', (x) => x.setTarget('x')],
  ['a path with a blank', (x) => x.setTarget('/a b')],
  ['a path with a fragment', (x) => x.setTarget('/a#b')],
  ['* for GET', (x) => x.setTarget('*')],
  ['an authority with user', (x) => x.setAuthority('u@b')],
  ['a Host field', (x) => x.fields.set('Host', 'a')],
  ['an empty authority', (x) => x.setAuthority('')],
  ['a backend that is not there', (x) => x.setBackend('none')],
  ['a head that is too large', (x) => x.fields.set('a', 'x'.repeat(50_000))],
  ['an answer of status 101', (x) => void x.answer({ status: 101 })],
  ['an answer with a bad field', (x) => void x.answer({ status: 200, fields: [['connection', 'close']] })],
  ['a 204 with a body', (x) => void x.answer({ status: 204, body: 'x' })],
  [
    'a wait without an end',
    (x) => void x.waitFor(new Signal('a', 'a', ['A']), 1, { within: Number.POSITIVE_INFINITY }),
  ],
  ['a pause of NaN', (x) => void x.pause(Number.NaN)],
]

t.test('K5: a bad write fails the filter, also if it catches the error', async (t) => {
  for (const [title, write] of BAD_WRITES) {
    for (const catches of [false, true]) {
      const p = filtered([
        use('bad', {
          request(x) {
            try {
              write(x)
            } catch (error) {
              if (!catches) throw error
            }
            return PASS
          },
        }),
      ])
      const [head] = p.client.blocks()
      t.match(Object.fromEntries(head ?? []), { ':status': '500', 'x-fermata': 'filter-failed' }, title)
      t.match(p.failures, [/^bad: ./], title)
      t.equal(p.backends.length, 0, title)
    }
  }
})

/** Where an assignment is made, and what the log says of it. */
const ASSIGNMENTS: readonly (readonly ['request' | 'response', string, RegExp])[] = [
  ['request', 'x.path', /^a: x\.path cannot be assigned: call x\.setTarget\(PATH\)$/],
  ['request', 'x.request.path', /x\.request\.path .* call x\.setTarget\(PATH\)$/],
  ['request', 'x.request.url', /x\.request\.url .* call x\.setTarget\(PATH\)$/],
  ['request', 'x.request.authority', /call x\.setAuthority\(HOST\)$/],
  ['request', 'x.request.method', /x\.request\.method cannot be assigned: filters only read it$/],
  ['request', 'x.headers', /call x\.fields\.set\(NAME, VALUE\)$/],
  ['request', 'x.fields', /call x\.fields\.set\(NAME, VALUE\)$/],
  ['request', 'x.fields["X-A"]', /x\.fields\.X-A cannot be assigned: call x\.fields\.set\("X-A", VALUE\)$/],
  ['request', 'x.request.fields.cookie', /call x\.fields\.set\("cookie", VALUE\)$/],
  ['request', 'x.backend', /call x\.setBackend\(NAME\)$/],
  ['request', 'x.identity', /call x\.identify\(IDENTITY\)$/],
  ['request', 'x.body', /call x\.setBody\(BODY\) after x\.wholeBody$/],
  ['request', 'x.constructed', /x\.constructed cannot be assigned: filters only read it$/],
  ['response', 'x.status', /call x\.setStatus\(STATUS\)$/],
  ['response', 'x.statusCode', /call x\.setStatus\(STATUS\)$/],
  ['response', 'x.fields.server', /call x\.fields\.set\("server", VALUE\)$/],
]

/** Assigns where JavaScript is not strict, as in a CommonJS module: by itself it would say nothing. */
const assign = (place: string): ((x: unknown) => void) => new Function('x', `${place} = '/a'`) as never

t.test('K5: Host is not written as a field; the log names what to use in its place', async (t) => {
  const ALONE = 'host is written by the proxy alone'
  const told = (phase: 'request' | 'response', write: (x: RequestPhase) => void): string[] => {
    const acts = (x: RequestPhase): Verdict => {
      write(x)
      return PASS
    }
    const p = filtered([use('a', { [phase]: acts })])
    if (phase === 'response') p.backends[0].send(OK)
    return p.failures
  }
  for (const write of [
    (x: RequestPhase) => x.fields.set('Host', 'b'),
    (x: RequestPhase) => x.fields.set('host', ['b', 'c']),
    (x: RequestPhase) => x.fields.append('host', 'b'),
    (x: RequestPhase) => x.fields.remove('host'),
  ]) {
    t.same(told('request', write), [`a: ${ALONE}: call x.setAuthority(HOST)`])
    t.same(told('response', write), [`a: ${ALONE}`])
  }
  t.same(
    told('request', (x) => void x.subrequest({ id: 'q', fields: [['Host', 'b']] })),
    [`a: ${ALONE}: give the subrequest an authority`],
  )
})

t.test(
  'K5: an assignment fails the filter, also if it catches the error; the log names the method',
  async (t) => {
    for (const [phase, place, told] of ASSIGNMENTS) {
      for (const catches of [false, true]) {
        const p = filtered([
          use('a', {
            [phase](x: unknown) {
              try {
                assign(place)(x)
              } catch (error) {
                if (!catches) throw error
              }
              return PASS
            },
          }),
        ])
        if (phase === 'response') p.backends[0].send(OK)
        const [head] = p.client.blocks()
        t.match(Object.fromEntries(head ?? []), { ':status': '500', 'x-fermata': 'filter-failed' }, place)
        t.equal(p.failures.length, 1, place)
        t.match(p.failures[0], told, place)
      }
    }
  },
)

t.test('K5: no property of what a filter sees can be assigned', async (t) => {
  let tried = 0
  const p = filtered([
    use('a', {
      request(x) {
        for (const [name, seen] of Object.entries({ x, 'x.request': x.request, 'x.fields': x.fields })) {
          const chain: object[] = []
          for (let at: object | null = seen; at !== null; at = Object.getPrototypeOf(at)) chain.push(at)
          const properties = chain
            .slice(0, -1)
            .flatMap((each) => Object.entries(Object.getOwnPropertyDescriptors(each)))
          for (const [property, { get }] of properties) {
            if (get === undefined || property === '__proto__') continue
            tried++
            t.throws(() => assign(`x.${property}`)(seen), { name: 'FilterUseError' }, `${name}.${property}`)
          }
        }
        return PASS
      },
    }),
  ])
  t.ok(tried > 40, `${tried} properties`)
  t.equal(p.failures.length, 1)
})

t.test('K5: every octet of a value, to both versions: what is taken arrives, the others fail', async (t) => {
  for (const speaks of ['h2c', 'http/1.1'] as const) {
    for (let octet = 0; octet < 256; octet++) {
      const value = `a${String.fromCharCode(octet)}b`
      const write = use('writes', {
        request(x) {
          x.fields.set('x-a', value)
          return PASS
        },
      })
      const p = filtered([write], REQUEST, { speaks })
      const isGood = octet === 9 || (octet >= 0x20 && octet !== 0x7f)
      t.equal(p.failures.length, isGood ? 0 : 1, `${speaks} ${octet}`)
      if (!isGood) continue
      const got = p.backends[0]
      const arrived =
        speaks === 'h2c'
          ? valueIn(new Reader(got).blocks()[0], 'x-a')
          : /^x-a: (.*)\r$/m.exec(got.take().toString('latin1'))?.[1]
      t.equal(arrived, value, `${speaks} ${octet}`)
    }
  }
})

t.test('K6: a filter that fails costs its own exchange, or passes', async (t) => {
  const failing: readonly [string, Filter<unknown>, RegExp][] = [
    ['throws', { request: () => boom() }, /boom/],
    [
      'throws nothing',
      {
        request: () => {
          throw undefined
        },
      },
      /threw nothing/,
    ],
    ['throws in begin', { begin: () => boom(), request: () => PASS }, /boom/],
    ['returns nothing', { request: () => undefined as unknown as Verdict }, /it returned undefined/],
    ['returns WAIT', { request: () => WAIT }, /waits for nothing/],
    ['returns ANSWER', { request: () => ANSWER }, /it returned ANSWER/],
    ['returns REFUSE', { request: () => REFUSE }, /it returned REFUSE/],
    [
      'returns PASS after answer',
      {
        request(x) {
          x.answer({ status: 200 })
          return PASS
        },
      },
      /returned PASS: return what answer/,
    ],
    [
      'waits where another waits',
      { request: (x) => x.waitFor(busy, 1, { within: 5 }) },
      /has a waiter already/,
    ],
    ['throws in response', { response: () => boom() }, /boom/],
  ]
  const busy = new Signal('busy', 'signal', ['A'])
  busy.waiter = { wake() {}, resume() {} }
  for (const [title, filter, message] of failing) {
    const p = filtered([use('bad', filter)])
    if (filter.response !== undefined) p.backends[0].send(OK)
    t.match(
      Object.fromEntries(p.client.blocks()[0]),
      { ':status': '500', 'x-fermata': 'filter-failed' },
      title,
    )
    t.match(p.failures, [message], title)
    t.equal(p.world.scheduler.crashes, 0, title)

    const passes = filtered([use('bad', filter, 'pass')])
    passes.backends[0].send(OK)
    t.equal(valueIn(passes.client.blocks()[0], ':status'), '200', `${title}, and passes`)
  }
})

t.test('K6: what a filter keeps of a phase is dead when it is over', async (t) => {
  let kept: RequestPhase | null = null
  const p = filtered([
    use('keeps', {
      request(x) {
        kept = x
        return PASS
      },
    }),
  ])
  const x = kept as unknown as RequestPhase
  t.throws(() => x.fields.set('a', '1'), /the phase is over/)
  t.throws(() => x.fields.get('a'), /the phase is over/)
  t.throws(() => x.request.path, /the phase is over/)
  t.throws(() => x.answer({ status: 200 }), /the phase is over/)
  p.backends[0].send(OK)
  t.equal(valueIn(p.client.blocks()[0], ':status'), '200')
})

t.test("K7: the client's copies of identity fields are dropped, also if the filter sets none", async (t) => {
  const claims: [string, string][] = [
    ['x-user', 'root'],
    ['X_USER'.toLowerCase(), 'root'],
    ['x-user-id', '7'],
  ]
  for (const sets of [false, true]) {
    const auth: Filter<unknown> = {
      identityFields: ['X-User'],
      request(x) {
        t.equal(x.fields.get('x-user'), null)
        if (sets) x.fields.set('x-user', 'ann')
        return PASS
      },
    }
    const p = filtered([use('auth', auth)], [...REQUEST, ...claims])
    const sent = new Reader(p.backends[0]).blocks()[0]
    t.same(
      sent.filter(([name]) => name.startsWith('x-u') || name.startsWith('x_u')),
      sets
        ? [
            ['x-user-id', '7'],
            ['x-user', 'ann'],
          ]
        : [['x-user-id', '7']],
    )
  }
})

t.test('K7: and from trailers', async (t) => {
  const auth: Filter<unknown> = { identityFields: ['x-user'] }
  const post: [string, string][] = [[':method', 'POST'], ...(REQUEST.slice(1) as [string, string][])]
  const p = filtered([use('auth', auth)], post)
  t.equal(p.proxy.begun, 1)
  const q = filtered([use('auth', auth)], REQUEST)
  q.far.send(
    Buffer.concat([
      headers(3, post, false),
      frame(0, 0, 3, Buffer.from('a')),
      headers(3, [
        ['x_user', 'root'],
        ['x-b', '1'],
      ]),
    ]),
  )
  const blocks = new Reader(q.backends[0]).blocks()
  t.same(blocks.at(-1), [['x-b', '1']])
})

t.test('K8: a change of the request stays in a retry; that of an attempt is made again', async (t) => {
  let attempts = 0
  const p = filtered([
    use('marks', {
      request(x) {
        x.fields.append('x-once', '1')
        return PASS
      },
      attempt(x) {
        attempts++
        t.equal(x.attempt, attempts)
        x.fields.append('x-attempt', String(attempts))
        return PASS
      },
    }),
  ])
  const [backend] = p.backends
  const reader = new Reader(backend)
  t.match(Object.fromEntries(reader.blocks()[0]), { 'x-once': '1', 'x-attempt': '1' })
  backend.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 7])))
  const again = reader.blocks()[0]
  t.same(
    again.filter(([name]) => name === 'x-once' || name === 'x-attempt'),
    [
      ['x-once', '1'],
      ['x-attempt', '2'],
    ],
  )
})

t.test('K8: a response that filters have met is not replaced by another', async (t) => {
  const told: string[] = []
  const p = filtered([noted('a', told), noted('slow', told, { response: (x) => x.pause(1_000) })])
  const [backend] = p.backends
  backend.send(headers(1, [[':status', '200']], false))
  backend.destroy()
  const [head] = p.client.blocks()
  t.equal(valueIn(head, ':status'), '502')
  t.equal(p.backends.length, 1, 'it is not sent again')
  t.equal(told.filter((each) => each === 'slow response').length, 1)
  t.ok(told.includes('a response'))
})

t.test('K9: the body of a request is limited', async (t) => {
  const limit: Filter<unknown> = {
    request(x) {
      x.limitBody(10)
      return PASS
    },
  }
  const post: [string, string][] = [[':method', 'POST'], ...(REQUEST.slice(1) as [string, string][])]
  const p = filtered([use('limit', limit)], REQUEST)
  p.far.send(Buffer.concat([headers(3, post, false), frame(0, 0, 3, Buffer.from('0123456789'))]))
  p.far.send(frame(0, 0, 3, Buffer.from('x')))
  const reader = new Reader(p.backends[0])
  t.equal(reader.read().body, '0123456789')
  t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '413', 'x-fermata': 'body-too-large' })
})

t.test('X5: an exchange keeps its filters when the routes change', async (t) => {
  const told: string[] = []
  const p = filtered([noted('old', told)])
  p.proxy.routes = routerTo(p.world, [{ host: '', prefix: '/', backend: p.backend }], {}, {}, [
    noted('new', told),
  ])
  p.far.send(headers(3, REQUEST))
  p.backends[0].send(OK)
  p.backends[0].send(headers(3, [[':status', '200']]))
  t.same(
    told.filter((each) => each.startsWith('old')),
    ['old begin', 'old request', 'old response', 'old log', 'old release'],
  )
  t.same(
    told.filter((each) => each.startsWith('new')),
    ['new begin', 'new request', 'new response', 'new log', 'new release'],
  )
})

t.test('K10: without filters there is no further step', async (t) => {
  const p = filtered([])
  p.backends[0].send(OK)
  t.equal(
    stepsOf(p.lines, 'm1/s1').join(' '),
    'receive route balance lease sendHead awaitHead filterResponse transfer finish log',
  )
})

t.test('interim responses: a filter drops them or changes their fields', async (t) => {
  const hints: Filter<unknown> = {
    interim(x) {
      if (x.status === 102) return 5
      x.fields.set('link', '</b>')
      return PASS
    },
  }
  const p = filtered([use('hints', hints)])
  const [backend] = p.backends
  backend.send(
    Buffer.concat([
      headers(1, [[':status', '102']], false),
      headers(
        1,
        [
          [':status', '103'],
          ['link', '</a>'],
        ],
        false,
      ),
      OK,
    ]),
  )
  const blocks = p.client.blocks()
  t.equal(valueIn(blocks[0], ':status'), '103')
  t.equal(valueIn(blocks[0], 'link'), '</b>')
  t.equal(valueIn(blocks[1], ':status'), '200')
})

t.test('the phases are those of the page', async (t) => {
  const rows = tableOf(readFileSync('spec/filters.md', 'utf8'), 'Phases')
  t.same(
    rows.map((each) => each.phase),
    ['begin', 'request', 'attempt', 'interim', 'response', 'trailers', 'log', 'release'],
  )
})

t.test('K7: and those of clients and backends of HTTP/1.1, in head and trailers', async (t) => {
  const auth: Filter<unknown> = { identityFields: ['x-user'], request: () => PASS }
  const p = memoryProxy({}, { clients: 'http/1.1', speaks: 'http/1.1', filters: [use('auth', auth)] })
  const far = p.client()
  far.send(
    Buffer.from(
      [
        'POST / HTTP/1.1',
        'host: a',
        'X-User: root',
        'X_USER: root',
        'x-user-id: 7',
        'trailer: x-user',
        'transfer-encoding: chunked',
        '',
        '1',
        'a',
        '0',
        'X_User: root',
        'x-b: 1',
        '',
        '',
      ].join('\r\n'),
    ),
  )
  const got = p.backends.map((each) => each.take().toString('latin1')).join('')
  t.match(got, /^POST \/ HTTP\/1\.1\r\n/)
  t.notMatch(got, /^x[-_]user:/im)
  t.match(got, /^x-user-id: 7\r$/m)
  t.match(got, /^x-b: 1\r$/m)
})

t.test('B18: an answer counts for its endpoint when it comes, even if a filter refuses it', async (t) => {
  const refuses = use('refuses', { response: (x) => (x.from === 'backend' ? x.refuse(RATE_LIMITED) : PASS) })
  const it = filtered([refuses], REQUEST, {
    backendOptions: { balancer: optionsOf({ passive: { consecutive: 3 } }) },
  })
  const [{ member }] = it.backend.endpoints
  const failures: number[] = []
  for (const [stream, status] of [
    [1, '503'],
    [3, '503'],
    [5, '200'],
  ] as const) {
    if (stream > 1) it.far.send(headers(stream, REQUEST))
    it.backends[0].send(headers(stream, [[':status', status]]))
    failures.push(member.failures)
  }
  t.strictSame(failures, [1, 2, 0], 'the 200 begins the count again')
  t.strictSame(
    it.client.blocks().map((each) => valueIn(each, ':status')),
    ['429', '429', '429'],
  )
})

t.test('K1: a filter that a debugger has taken the request from does not meet the answer', async (t) => {
  for (const step of ['refuse', 'respond']) {
    const told: string[] = []
    const inner = noted('inner', told, {
      request: (x) => x.waitFor(new Signal('never', 'never', ['UP']), 1, { within: 60_000 }),
    })
    const waits = use('waits', {
      request: (x) => x.waitFor(new Signal('never', 'never', ['UP']), 1, { within: 60_000 }),
    })
    for (const filter of [inner, waits]) {
      told.length = 0
      const it = filtered([noted('outer', told), filter])
      const [x] = [...it.world.scheduler.alive()].filter((each) => each instanceof Exchange)
      t.ok(it.world.scheduler.hold(x))
      if (step === 'respond') t.equal(changes.setAnswer(x as Exchange, 403, 'no'), null)
      t.equal(it.world.scheduler.redirect(x, step), null)
      it.world.scheduler.release(x)
      it.pollset.run()
      t.strictSame(it.failures, [])
      t.equal(valueIn(it.client.blocks()[0], ':status'), step === 'respond' ? '403' : '503')
      t.ok(told.includes('outer response'))
      t.notOk(told.includes('inner response'))
    }
  }
})
