// Backends, endpoints and routes that a program adds, drains and takes away while its server runs.

import { once } from 'node:events'
import { createServer as createOrigin, type ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { createServer } from '../../src/server/index.js'
import { ask, portOf, until } from '../embedding/servers.js'

/** A backend that says its name; `/slow` waits for `release`. */
async function origin(t: Test, name: string) {
  const slow: ServerResponse[] = []
  const server = createOrigin((request, reply) => {
    if (request.url === '/slow') slow.push(reply)
    else reply.end(name)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `127.0.0.1:${portOf(server)}`, slow }
}

async function served(t: Test, document: object) {
  const server = createServer({
    version: 1,
    listeners: { web: { address: '127.0.0.1:0' } },
    ...document,
  } as never)
  const [{ port }] = await server.listen()
  t.teardown(() => server.close(1))
  return { server, port }
}

t.test('V16: a backend, its endpoints and a route come and go while it runs', async (t) => {
  const [first, second] = [await origin(t, 'first'), await origin(t, 'second')]
  const { server, port } = await served(t, {
    backends: { main: { endpoints: [first.address] } },
    routes: [{ name: 'all', backend: 'main' }],
  })
  const host = 't7.example'
  const app = server.backends.add('app', { protocol: 'http', endpoints: [] })
  await server.routes.set('tenant-7', { match: { hosts: [host] }, backend: 'app' })
  await app.applied
  const of = (path = '/') => ask(port, { path, headers: { host } })
  t.match(await of(), { status: 503, headers: { 'x-fermata': 'no-endpoint' } }, 'one without endpoints')
  await app.endpoints.add(second.address)
  t.equal((await of()).body, 'second')
  t.equal((await ask(port)).body, 'first', 'the others are as before')
  t.throws(() => server.backends.add('app', {}), { message: /there is a backend app already/ })
  t.equal(server.backends.get('none'), null)

  const running = of('/slow')
  await until(() => second.slow.length === 1)
  t.match(server.exchanges(), [{ backend: 'app', path: '/slow', step: 'exchange.awaitHead' }])
  await app.endpoints.add({ address: first.address, weight: 2 })
  let isDrained = false
  const draining = app.endpoints.drain(second.address).then(() => (isDrained = true))
  const bodies = await Promise.all(Array.from({ length: 8 }, async () => (await of()).body))
  t.strictSame([...new Set(bodies)], ['first'], 'one that drains gets no new requests')
  t.notOk(isDrained, 'it has one that runs')
  second.slow[0]?.end('at last')
  t.equal((await running).body, 'at last')
  await draining
  t.strictSame(app.endpoints.list(), [first.address])

  await server.routes.remove('tenant-7')
  await app.remove()
  t.equal((await of()).body, 'first')
  t.equal(server.backends.get('app'), null)
})

t.test('V16: what is wrong changes nothing, and the others of its turn are applied', async (t) => {
  const { address } = await origin(t, 'here')
  const { server, port } = await served(t, {
    backends: { main: { endpoints: [address] } },
    routes: [{ name: 'all', backend: 'main' }],
  })
  const wrong = server.routes.set('bad', { backend: 'none' })
  const right = server.routes.set('good', { match: { path: { prefix: '/good' } }, answer: { body: 'good' } })
  await t.rejects(wrong, { name: 'ConfigError', message: /there is no backend "none"/ })
  await right
  t.equal((await ask(port, { path: '/good' })).body, 'good')
  const main = server.backends.get('main')
  await t.rejects(async () => main?.endpoints.drain('127.0.0.1:1'), {
    name: 'ConfigError',
    message: `backend main has no endpoint 127.0.0.1:1; its endpoints are ${address}`,
  })
  await t.rejects(server.routes.remove('godo'), { name: 'ConfigError', message: 'there is no route godo' })
  const short = createServer({ listen: '127.0.0.1:0', backend: `http://${address}` })
  t.throws(() => short.backends.add('a', {}), { message: /this server has the short form/ })
  await short.close()
  // A document that is applied goes on from there.
  await server.apply({
    listeners: { web: { address: '127.0.0.1:0' } },
    version: 1,
    routes: [{ name: 'all', answer: { body: 'other' } }],
  })
  await server.routes.set('more', { match: { path: '/more' }, answer: { body: 'more' } })
  t.equal((await ask(port, { path: '/good' })).body, 'other')
  t.equal((await ask(port, { path: '/more' })).body, 'more')
})
