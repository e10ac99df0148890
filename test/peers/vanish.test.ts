// Clients that vanish by the thousand, with nghttpd as the backend, which guards itself against rapid resets:
// it ends a connection after some 1,000 (design: Resets). Other requests on the connection lose nothing.

import { createHash, randomBytes } from 'node:crypto'
import type { ClientHttp2Session } from 'node:http2'
import t from 'tap'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { answerOf, get, once } from '../world/proxy-world.js'
import { beforeNghttpd } from './nghttpd.js'

const skip = unlessInstalled('nghttpd')
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
/** Above what the guard lets pass: if each were reset at once, it would trip. */
const VANISHING = 1_500
const CLIENTS = 15

/**
 * nghttpd with a file that is long for the vanishing clients, which read nothing of it; and the count of
 * those that left.
 */
async function before(t: Parameters<typeof beforeNghttpd>[0], options: readonly string[] = []) {
  const large = randomBytes(100_000)
  const setting = await beforeNghttpd(
    t,
    { small: 'steady', large },
    // A small window each: what all of them hold stays far from any bound.
    {
      options: ['-m', '5000', ...options],
      limits: { http2: { streamWindow: 16_384, streamWindowMax: 16_384 } },
    },
  )
  const gone = new Promise<void>((resolve) => {
    let count = 0
    setting.server.proxy.watch({
      ended: (x) => {
        if (x.outcome === 'client-gone' && ++count === VANISHING) resolve()
      },
    })
  })
  const vanishing = Array.from({ length: CLIENTS }, () => setting.client({ initialWindowSize: 0 }))
  const steadily = async (client: ClientHttp2Session, times: number) => {
    for (let i = 0; i < times; i++) {
      const [small, whole] = await Promise.all([get(client, '/small'), get(client, '/large')])
      if (String(small.body) !== 'steady' || sha(whole.body) !== sha(large)) return i
    }
    return times
  }
  return { ...setting, gone, vanishing, steady: setting.client(), steadily, large }
}

t.test('many vanish whose responses are on their way', { skip }, async (t) => {
  const { gone, vanishing, steady, steadily, server, opens } = await before(t)
  const begun = vanishing.flatMap((client) =>
    Array.from({ length: VANISHING / CLIENTS }, () => {
      const stream = client.request({ ':path': '/large' })
      stream.on('error', () => {})
      return once(stream, 'response')
    }),
  )
  await Promise.all(begun)
  for (const client of vanishing) client.destroy()
  t.equal(await steadily(steady, 20), 20, 'while they leave')
  await gone
  t.equal(await steadily(steady, 20), 20, 'when they have left')
  t.equal(opens(), 1, 'on the same backend connection throughout')
  t.ok(server.protocols.http2.counts.discarded > 0, 'not all were reset at once')
})

/** Title, options of nghttpd, connections in the end. */
for (const [title, options, connections] of [
  // To end an unfinished request would forge a whole one: past the reserve the connection takes no new ones.
  ['unanswered', [], 2],
  // nghttpd itself ends these, with RST_STREAM NO_ERROR behind its answer (RFC 9113 §8.1).
  ['answered early', ['--early-response'], 1],
] as const) {
  t.test(`many vanish in the midst of their uploads, ${title}`, { skip }, async (t) => {
    const { gone, vanishing, steady, steadily, server, opens, large } = await before(t, options)
    // A request on the connection that the vanishing clients share. Its client reads only after they have
    // left.
    const slow = steady.request({ ':path': '/large' })
    const whole = answerOf(slow)
    slow.pause()
    await once(slow, 'response')
    const arrived = vanishing.map(async (client) => {
      for (let i = 0; i < VANISHING / CLIENTS; i++) {
        const stream = client.request({ ':path': '/', ':method': 'POST' })
        stream.on('error', () => {})
        stream.write('begun, and never finished')
      }
      await new Promise((resolve) => client.ping(resolve))
    })
    await Promise.all(arrived)
    // These requests come behind the others in the queue, so the others have reached the backend.
    t.equal(await steadily(steady, 1), 1)
    t.equal(server.proxy.begun - server.proxy.logged, VANISHING + 1)
    t.equal(opens(), 1)
    for (const client of vanishing) client.destroy()
    t.equal(await steadily(steady, 20), 20, 'while they leave')
    await gone
    t.equal(await steadily(steady, 20), 20, 'when they have left')
    slow.resume()
    t.equal(sha((await whole).body), sha(large), 'what was under way comes whole')
    t.equal(opens(), connections, 'no more connections than that')
  })
}
