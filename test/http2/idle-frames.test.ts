// spec/http2/idle-frames.md: frames that carry nothing are accepted in proportion to the work that comes with
// them, and no further. Floods are tried by the attackers of spec/attacks.md. Here ordinary peers send them,
// in both roles, at any speed.

import t, { type Test } from 'tap'
import { FRAME_PRICE, FrameBudget } from '../../src/http2/frame-budget.js'
import { http2Limits } from '../../src/http2/limits.js'
import { data, many, ping, reset, response, settings, wide, widen } from '../../tools/attack/attack.js'
import { framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { faced, type Role, saidIn } from '../world/faced.js'

const NO_ERROR = 0
const CALM = 'connection:ENHANCE_YOUR_CALM'
const ROLES: readonly Role[] = ['server', 'client']
const POST = [...REQUEST.slice(1), [':method', 'POST'] as const]

const purse = (more: Partial<typeof http2Limits> = {}) =>
  new FrameBudget({ ...http2Limits, idleFramesBurst: 10, idleFramesPerSecond: 2, ...more }, 0)

/** Frames that this work pays for, one after the other. */
function frames(pay: () => boolean): number {
  let count = 0
  while (count < 1_000_000 && pay()) count++
  return count
}

t.test('I1, I2: the frame budget is full at first, time fills it again, and no further', async (t) => {
  const its = purse()
  t.equal(
    frames(() => its.pay(0)),
    10,
  )
  t.equal(its.spent(0), 1)
  t.equal(
    frames(() => its.pay(1_000)),
    2,
  )
  t.equal(
    frames(() => its.payFromTime(1_500, 1)),
    1,
  )
  t.equal(its.spent(3_500), 0.6)
  t.equal(
    frames(() => its.pay(100_000)),
    10,
  )
})

t.test('I1: what does not fit is lost, of answers and of octets either way', async (t) => {
  for (const earn of [
    (its: FrameBudget) => its.sent(1 << 30, true),
    (its: FrameBudget) => its.received(1 << 30),
    (its: FrameBudget) => its.answered(),
  ]) {
    const its = purse()
    for (let i = 0; i < 1_000; i++) earn(its)
    t.equal(
      frames(() => its.pay(0)),
      10,
    )
    for (let i = 0; i < 1_000; i++) its.sent(16_384, false)
    t.equal(
      frames(() => its.pay(0)),
      10,
    )
  }
})

t.test('I3, I4, I5: what is earned', async (t) => {
  const its = purse()
  frames(() => its.pay(0))
  const earned = (earn: () => void): number => {
    earn()
    return frames(() => its.pay(0))
  }
  t.equal(
    earned(() => its.answered()),
    4,
  )
  t.equal(
    earned(() => its.received(1_024)),
    4,
  )
  t.equal(
    earned(() => its.sent(1_024, false)),
    4,
  )
  t.equal(
    earned(() => its.sent(1, true)),
    3,
    'a message',
  )
  t.equal(
    earned(() => {
      for (let i = 0; i < 255; i++) its.sent(1, false)
      for (let i = 0; i < 256; i++) its.received(1)
    }),
    1,
    'what a small window lets out, and single octets',
  )
})

t.test('I2, I7: work does not pay for frames that draw on time, and leaves it its place', async (t) => {
  const its = purse()
  t.equal(
    frames(() => its.payFromTime(0, 2)),
    5,
  )
  its.answered()
  its.answered()
  its.answered()
  t.notOk(its.payFromTime(0, 1), 'work is there, and no time')
  t.ok(its.pay(0))
  t.equal(
    frames(() => its.payFromTime(5_000, 1)),
    10,
    'time has taken the place of work',
  )
  t.notOk(its.pay(5_000))
})

t.test('I8: octets that are given back pay for their WINDOW_UPDATE', async (t) => {
  const its = purse({ unreturnedBytesMax: 10 * FRAME_PRICE })
  frames(() => its.pay(0))
  its.sent(2 * FRAME_PRICE, false)
  frames(() => its.pay(0))
  t.equal(
    frames(() => its.payUpdate(0, FRAME_PRICE)),
    4,
    'each for its stream and for the connection',
  )
  for (let i = 0; i < 100; i++) its.sent(FRAME_PRICE, false)
  frames(() => its.pay(0))
  t.equal(
    frames(() => its.payUpdate(0, FRAME_PRICE)),
    10,
    'to a bound',
  )
  its.sent(FRAME_PRICE, false)
  t.equal(
    frames(() => its.payUpdate(0, 1)),
    1,
    'in single octets it takes nearly as much as without',
  )
})

/** Messages for the peer, each in a DATA frame of its own, and what the peer sends with each. */
function conversation(role: Role, messages: number, size: number, withEach: () => Buffer): string {
  const { peer, other } = faced(role)
  if (role === 'server') other.send(response(1))
  peer.take()
  for (let i = 0; i < messages; i++) {
    other.send(data(1, size))
    const came = framesOf(peer.take())
    if (came.filter((each) => each.type === 0).length !== 1) return saidIn(came)
    peer.send(withEach())
  }
  return saidIn(framesOf(peer.take()))
}

for (const role of ROLES) {
  t.test(`I5, I6, I8: a PING and two WINDOW_UPDATEs with every message (${role})`, async (t) => {
    for (const size of [20, 300, 5_000]) {
      const all = () => Buffer.concat([widen(0, size), widen(1, size), ping()])
      t.equal(conversation(role, 2_000, size, all), 'ok', `messages of ${size}`)
    }
    t.equal(
      conversation(role, 2_000, 1, () => many(3, ping)),
      'ok',
      'three frames',
    )
    t.equal(
      conversation(role, 2_000, 1, () => many(4, ping)),
      CALM,
      'and no more',
    )
  })

  t.test(`I8: a window's worth is given back in pieces of 512 octets (${role})`, async (t) => {
    const { peer, other } = faced(role)
    if (role === 'server') other.send(response(1))
    const window = 1 << 20
    peer.send(Buffer.concat([widen(0, window), widen(1, window)]))
    for (let left = window; left > 0; left -= 16_384) other.send(data(1, Math.min(16_384, left)))
    const came = framesOf(peer.take()).filter((each) => each.type === 0)
    t.equal(
      came.reduce((sum, each) => sum + each.payload.length, 0),
      window,
    )
    peer.send(many(window / 512, () => Buffer.concat([widen(0, 512), widen(1, 512)])))
    t.equal(saidIn(framesOf(peer.take())), 'ok')
    peer.send(many(1_100, () => widen(0, 512)))
    t.equal(saidIn(framesOf(peer.take())), CALM, 'once')
  })

  t.test(`I2, I7: SETTINGS have their time behind any amount of work (${role})`, async (t) => {
    for (const [count, verdict] of [
      [900, 'ok'],
      [1_100, CALM],
    ] as const) {
      const { peer, other, proxy } = faced(role)
      if (role === 'server') other.send(response(1))
      peer.send(wide())
      for (let i = 0; i < 500; i++) {
        other.send(data(1, 1_000))
        peer.send(many(3, ping))
        proxy.pollset.advance(10)
      }
      peer.take()
      peer.send(many(count, () => settings()))
      t.equal(saidIn(framesOf(peer.take())), verdict, `${count}`)
    }
  })
}

/** Both sides of exchanges whose answer comes before the upload has ended, or right behind it. */
function earlyAnswers(
  t: Test,
  ended: boolean,
  behind: (client: FarEnd, backend: FarEnd, id: number) => void,
) {
  const proxy = memoryProxy({ http2: { backendResetsBurst: 100_000, resetsBurst: 500 } })
  const client = proxy.client()
  for (let id = 1; id < 3_000; id += 2) {
    client.send(Buffer.concat([headers(id, POST, false), data(id, 1, ended ? 1 : 0)]))
    if (id === 1) proxy.greet(proxy.backends[0])
    const [backend] = proxy.backends
    backend.send(response(id, '200', [], true))
    behind(client, backend, id)
    for (const each of [client, backend]) {
      const said = saidIn(framesOf(each.take()), 0)
      if (said === 'ok') continue
      t.fail(`${said} at ${id}`)
      return
    }
  }
  t.same([proxy.http2.counts.calmed, proxy.backends.length], [0, 1])
}

t.test('I6: a backend ends each upload behind its answer with RST_STREAM(NO_ERROR)', async (t) => {
  for (const ended of [true, false])
    earlyAnswers(t, ended, (_client, backend, id) => backend.send(reset(id, NO_ERROR)))
})

t.test('I6: so does a client, of uploads that are answered', async (t) => {
  for (const end of [(id: number) => reset(id, NO_ERROR), reset, (id: number) => data(id, 0, 1)])
    earlyAnswers(t, false, (client, _backend, id) => client.send(end(id)))
})

t.test('I9: the windows of 1,500 requests are widened as they begin', async (t) => {
  const proxy = memoryProxy()
  const ask = () => {
    const client = proxy.client()
    for (let id = 1; id < 250; id += 2) client.send(headers(id, REQUEST))
  }
  ask()
  const [backend] = proxy.backends
  proxy.greet(backend)
  for (let i = 1; i < 12; i++) ask()
  const asked = framesOf(backend.take()).filter((each) => each.type === 1)
  t.equal(asked.length, 12 * 125 - 125)
  backend.send(many(12 * 125, (i) => widen(2 * i + 1, 1_000)))
  t.equal(saidIn(framesOf(backend.take())), 'ok')
  backend.send(many(12 * 125, (i) => widen(2 * i + 1, 1_000)))
  t.equal(saidIn(framesOf(backend.take())), CALM, 'a second time it takes as much as any other')
})
