// Tunnels over real sockets, from either HTTP version to either: they pass octets, and end. Backpressure,
// half a close, resets, drain.

import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { once } from '../../world/proxy-world.js'
import { counting, type Kind, openDuplex, proxyTo, rawBackend } from './tunnel-world.js'

const PAIRS: readonly (readonly ['http' | 'h2c', Kind])[] = [
  ['http', 'http'],
  ['http', 'h2c'],
  ['h2c', 'http'],
  ['h2c', 'h2c'],
]

/** Bytes for a slow reader: more than sockets hold, and no two words alike. */
const block = counting(16 * 1024 * 1024)

/** Both ends of an open tunnel. */
async function tunnel(t: Test, front: 'http' | 'h2c', back: Kind, drainTimeoutMs = 5_000) {
  let given: (duplex: Duplex) => void = () => {}
  const far = new Promise<Duplex>((resolve) => {
    given = resolve
  })
  const backend = await rawBackend(back, (duplex) => given(duplex))
  t.teardown(() => backend.close())
  const proxy = await proxyTo(t, backend.url, { more: { drainTimeoutMs } })
  const client = await openDuplex(t, front, proxy)
  const server = await far
  server.on('error', () => {})
  const outcome = new Promise<string>((resolve) => {
    proxy.server.proxy.watch({ ended: (exchange) => resolve(exchange.outcome) })
  })
  return { client, server, proxy, outcome }
}

/** Returns everything that comes until the end. */
async function allOf(duplex: Duplex): Promise<string> {
  const chunks: Buffer[] = []
  duplex.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(duplex, 'end')
  return Buffer.concat(chunks).toString()
}

for (const [front, back] of PAIRS) {
  const name = `${front} to ${back}`

  t.test(`${name}: the client ends its half first`, async (t) => {
    const { client, server, outcome } = await tunnel(t, front, back)
    const heard = allOf(client)
    client.end('last words')
    t.equal(await allOf(server), 'last words')
    server.write('still ')
    server.end('here')
    t.equal(await heard, 'still here')
    t.equal(await outcome, 'ok')
  })

  t.test(`${name}: the backend ends its half first`, async (t) => {
    const { client, server, outcome } = await tunnel(t, front, back)
    const heard = allOf(server)
    server.end('last words')
    t.equal(await allOf(client), 'last words')
    client.write('still ')
    client.end('here')
    t.equal(await heard, 'still here')
    t.equal(await outcome, 'ok')
  })

  t.test(`${name}: the client is gone`, async (t) => {
    const { client, server, outcome } = await tunnel(t, front, back)
    const gone = closed(server)
    reset(client)
    await gone
    t.equal(await outcome, 'client-gone')
  })

  t.test(`${name}: the backend is gone`, async (t) => {
    const { client, server, outcome } = await tunnel(t, front, back)
    const gone = closed(client)
    reset(server)
    await gone
    t.match(await outcome, /^(backend-closed|reset)$/)
  })

  for (const way of ['up', 'down'] as const) {
    t.test(`${name}: a reader that is slow, ${way}`, async (t) => {
      const { client, server, proxy, outcome } = await tunnel(t, front, back)
      const [from, to] = way === 'up' ? [client, server] : [server, client]
      const { memory } = proxy.server.world
      let most = 0
      let got = 0
      to.pause()
      from.end(block)
      let same = true
      to.on('data', (chunk: Buffer) => {
        most = Math.max(most, memory.bytes)
        same &&= chunk.equals(block.subarray(got, got + chunk.length))
        got += chunk.length
        to.pause()
        setImmediate(() => to.resume())
      })
      to.resume()
      await once(to, 'end')
      t.equal(got, block.length)
      t.ok(same, 'unaltered and in order')
      t.ok(most <= 1024 * 1024, `no more than a MiB is held (${most})`)
      to.end()
      from.resume()
      t.equal(await outcome, 'ok')
    })
  }

  t.test(`${name}: drain lets it run`, async (t) => {
    const { client, server, proxy, outcome } = await tunnel(t, front, back)
    const draining = once(proxy.server, 'draining')
    const stopped = once(proxy.server, 'stopped')
    proxy.server.command('drain')
    await draining
    client.write('on')
    const [said] = (await once(server, 'data')) as [Buffer]
    t.equal(said.toString(), 'on')
    client.resume()
    server.end()
    client.end()
    await stopped
    t.equal(await outcome, 'ok')
  })

  t.test(`${name}: drain does not wait for ever`, async (t) => {
    const { client, proxy, outcome } = await tunnel(t, front, back, 50)
    client.resume()
    const stopped = once(proxy.server, 'stopped')
    proxy.server.command('drain')
    await stopped
    t.equal(await outcome, 'client-gone')
  })
}

/** It is gone, in whichever way. */
const closed = (duplex: Duplex) => new Promise<void>((resolve) => void duplex.on('close', () => resolve()))

/** Breaks a connection by TCP RST, or RST_STREAM. */
function reset(duplex: Duplex & { resetAndDestroy?: () => void; close?: (code: number) => void }): void {
  if (duplex.resetAndDestroy !== undefined) duplex.resetAndDestroy()
  else duplex.close?.(8)
}
