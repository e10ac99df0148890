// Connections that a backend has authenticated (NTLM, Negotiate; RFC 4559 §6) are their client connection's own: in memory,
// and with a server of node:http that knows its clients by their connections.

import { once } from 'node:events'
import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { startShortServer } from '../../tools/testbed/short-server.js'
import { answerOf } from '../world/proxy-world.js'

// In memory

const requestOf = (authorization = ''): Buffer =>
  Buffer.from(
    `GET / HTTP/1.1\r\nHost: a\r\n${authorization === '' ? '' : `Authorization: ${authorization}\r\n`}\r\n`,
  )
const responseOf = (status: number, challenge = '', name = 'WWW-Authenticate'): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status} X\r\n${challenge === '' ? '' : `${name}: ${challenge}\r\n`}Content-Length: 2\r\n\r\nok`,
  )

function world(limits: SomeLimits = {}, options: MemoryProxyOptions = {}) {
  const proxy = memoryProxy(limits, { clients: 'http/1.1', speaks: 'http/1.1', ...options })
  /** One request and its answer; which of the connections to the backend it went on. */
  const ask = (client: FarEnd, request: Buffer, answer: Buffer): number => {
    client.send(request)
    const at = proxy.backends.findIndex((each) => each.received.length > 0)
    proxy.backends[at].take()
    proxy.backends[at].send(answer)
    client.take()
    return at
  }
  return { proxy, ask, client: () => proxy.client() }
}

/** Returns true if this exchange binds its connection to its client. */
function binds(request: Buffer, answer: Buffer): boolean {
  const { ask, client } = world()
  ask(client(), request, answer)
  return ask(client(), requestOf(), responseOf(200)) !== 0
}

t.test("E24: what makes a connection its client's", async (t) => {
  for (const scheme of ['NTLM', 'Negotiate', 'ntlm', 'NEGOTIATE']) {
    t.ok(binds(requestOf(), responseOf(401, `${scheme} TlRM`)), `a challenge with a token of ${scheme}`)
    t.ok(binds(requestOf(`${scheme} TlRM`), responseOf(200)), `a 200 that answers ${scheme}`)
    t.ok(binds(requestOf(`${scheme} TlRM`), responseOf(304)), `a 304 that answers ${scheme}`)
    t.ok(binds(requestOf(`${scheme} TlRM`), responseOf(404)), 'a page that is not there is an answer too')
    t.notOk(binds(requestOf(), responseOf(401, scheme)), `a bare offer of ${scheme}`)
    t.notOk(binds(requestOf(scheme), responseOf(200)), 'a scheme without a token')
    t.notOk(binds(requestOf(`${scheme} TlRM`), responseOf(401, scheme)), 'a token that was not good')
  }
  t.ok(binds(requestOf(), responseOf(407, 'NTLM TlRM', 'Proxy-Authenticate')), 'for a proxy behind us')
  t.ok(binds(requestOf(), responseOf(401, 'Basic realm="a, b", Negotiate TlRM==')), 'in a list')
  t.notOk(binds(requestOf(), responseOf(401, 'Negotiate, NTLM')), 'a list of offers')
  t.notOk(binds(requestOf(), responseOf(401, 'Negotiate , Basic realm="a"')), 'with blanks')
  t.notOk(binds(requestOf('Basic YTpi'), responseOf(200)), 'Basic is of the request')
  t.notOk(binds(requestOf('Bearer NTLM'), responseOf(200)), 'and so is Bearer')
  t.notOk(binds(requestOf(), responseOf(200)), 'nothing')
})

t.test("E24: it is the same client's until one of both goes, and the others share theirs", async (t) => {
  const { proxy, ask, client } = world()
  const [alice, bob] = [client(), client()]
  t.equal(ask(alice, requestOf(), responseOf(401, 'NTLM')), 0)
  t.equal(ask(alice, requestOf('NTLM one'), responseOf(401, 'NTLM two')), 0)
  t.equal(ask(bob, requestOf(), responseOf(200)), 1, 'another client has another')
  t.equal(ask(alice, requestOf('NTLM three'), responseOf(200)), 0, 'the handshake goes on where it began')
  t.equal(ask(alice, requestOf(), responseOf(200)), 0, 'and what follows is authenticated')
  t.equal(ask(bob, requestOf(), responseOf(200)), 1)
  t.equal(ask(client(), requestOf(), responseOf(200)), 1)
  t.equal(proxy.backends.length, 2)
  t.notOk(proxy.backends[0].ended)
  alice.end()
  t.ok(proxy.backends[0].ended, 'it closes with its client')
  t.notOk(proxy.backends[1].ended)
})

t.test('E24: once its connection has gone a client is like any other', async (t) => {
  const { proxy, ask, client } = world()
  const [alice, bob] = [client(), client()]
  ask(bob, requestOf('NTLM x'), responseOf(200))
  ask(alice, requestOf('NTLM x'), responseOf(200))
  t.equal(proxy.backends.length, 2)
  proxy.backends[1].end()
  t.equal(ask(alice, requestOf(), responseOf(200)), 2)
  t.equal(ask(client(), requestOf(), responseOf(200)), 2, 'it is shared')
  t.equal(ask(alice, requestOf('NTLM x'), responseOf(200)), 2)
  t.equal(ask(client(), requestOf(), responseOf(200)), 3, 'and is hers once it is authenticated')
})

t.test('boundSessionsMax: one more is closed behind its response', async (t) => {
  const { proxy, ask, client } = world({ engine: { boundSessionsMax: 2 } })
  const clients = [client(), client(), client()]
  for (let i = 0; i < 3; i++) t.equal(ask(clients[i], requestOf('NTLM x'), responseOf(200)), i)
  t.strictSame(
    proxy.backends.map((each) => each.ended),
    [false, false, true],
  )
  clients[0].end()
  t.equal(ask(clients[2], requestOf('NTLM x'), responseOf(200)), 3)
  t.notOk(proxy.backends[3].ended, 'there is room again')
})

t.test('a client that leaves before the answer has nothing left behind', async (t) => {
  const { proxy, client } = world()
  const alice = client()
  alice.send(requestOf('NTLM x'))
  proxy.backends[0].put(responseOf(200))
  alice.destroy()
  proxy.pollset.advance(10)
  t.strictSame(
    proxy.backend.engines().map((each) => each.sessions.length),
    [0],
  )
  t.ok(proxy.backends[0].ended || proxy.backends[0].closed)
})

t.test('a client of HTTP/2 has it for all its streams, in turn', async (t) => {
  const proxy = memoryProxy({}, { clients: 'h2c', speaks: 'http/1.1' })
  const [alice, bob] = [proxy.client(), proxy.client()]
  alice.send(headers(1, [...REQUEST, ['authorization', 'Negotiate x']]))
  const [first] = proxy.backends
  first.take()
  first.send(responseOf(200))
  alice.send(Buffer.concat([headers(3, REQUEST), headers(5, REQUEST)]))
  bob.send(headers(1, REQUEST))
  t.equal(proxy.backends.length, 2)
  t.equal(String(proxy.backends[1].take()).split('GET /').length, 2, "the other client's, elsewhere")
  for (let i = 0; i < 2; i++) {
    t.equal(String(first.take()).split('GET /').length, 2, 'one at a time')
    first.send(responseOf(200))
  }
})

t.test('a backend of HTTP/2 has no connection of one client', async (t) => {
  const proxy = memoryProxy({}, { clients: 'h2c', speaks: 'h2c' })
  const [alice, bob] = [proxy.client(), proxy.client()]
  alice.send(headers(1, [...REQUEST, ['authorization', 'Negotiate x']]))
  const [backend] = proxy.backends
  proxy.greet(backend)
  backend.send(headers(1, [[':status', '200']]))
  bob.send(headers(1, REQUEST))
  t.equal(proxy.backends.length, 1)
  t.ok(framesOf(backend.take()).some((each) => each.type === 1 && each.stream === 3))
  backend.send(frame(6, 1, 0, Buffer.alloc(8)))
})

t.test('E23: the same where each client connection has its own sessions anyhow', async (t) => {
  const { proxy, ask, client } = world({}, { share: 'connection' })
  const alice = client()
  t.equal(ask(alice, requestOf('NTLM one'), responseOf(401, 'NTLM two')), 0)
  t.equal(ask(alice, requestOf('NTLM three'), responseOf(200)), 0)
  t.equal(ask(client(), requestOf(), responseOf(200)), 1)
  alice.end()
  t.ok(proxy.backends[0].ended)
})

// With a server that knows its clients by their connections, as IIS does

type Origin = http.Server | https.Server

/** Each handshake has three legs on one connection; the body of a 200 names who is authenticated there. */
function ntlm(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  users: WeakMap<object, string>,
): void {
  const { socket } = request
  const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ')
  const [leg, user = ''] = token.split('.')
  const known = users.get(socket) ?? ''
  const deny = (challenge: string): void => {
    users.delete(socket)
    response.writeHead(401, { 'www-authenticate': challenge }).end('who are you?')
  }
  if (scheme !== 'NTLM') {
    if (known === '' || known.startsWith('?')) deny('NTLM')
    else response.end(known)
  } else if (leg === 'one') {
    deny(`NTLM two.${user}`)
    users.set(socket, `?${user}`)
  } else if (leg === 'three' && known === `?${user}`) {
    users.set(socket, user)
    response.end(user)
  } else deny('NTLM')
}

async function serve(t: Test, secure: boolean) {
  const users = new WeakMap<object, string>()
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse) =>
    ntlm(request, response, users)
  const origin: Origin = secure ? https.createServer(localhost, onRequest) : http.createServer(onRequest)
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port: behind } = origin.address() as AddressInfo
  const server = startShortServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    routes: [{ host: '', prefix: '/', url: `${secure ? 'https' : 'http'}://127.0.0.1:${behind}` }],
    backendTls: { ca: authority },
  })
  const port = await new Promise<number>((resolve) =>
    server.on('listening', (address) => resolve(address.port)),
  )
  t.teardown(async () => {
    const stopped = once(server as never, 'stopped')
    server.command('drain')
    await stopped
    origin.closeAllConnections()
    origin.close()
  })
  return port
}

/** A client on one connection of HTTP/1.1. */
function browser(t: Test, port: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async (authorization = ''): Promise<{ status: number; challenge: string; body: string }> => {
    const headers = authorization === '' ? {} : { authorization }
    const request = http.get({ port, host: '127.0.0.1', agent, headers })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    let body = ''
    for await (const chunk of response.setEncoding('latin1')) body += chunk
    return { status: response.statusCode ?? 0, challenge: response.headers['www-authenticate'] ?? '', body }
  }
}

for (const secure of [false, true]) {
  t.test(`clients of ${secure ? 'https' : 'http'} that authenticate never share a connection`, async (t) => {
    const port = await serve(t, secure)
    const names = ['alice', 'bob', 'carol']
    const users = names.map((name) => ({ name, get: browser(t, port) }))
    const stranger = browser(t, port)
    t.strictSame((await users[0].get()).status, 401)
    // All legs of all of them are under way at once.
    await Promise.all(
      users.map(async ({ name, get }) => {
        const { status, challenge } = await get(`NTLM one.${name}`)
        t.strictSame([status, challenge], [401, `NTLM two.${name}`])
        t.strictSame(await get(`NTLM three.${name}`), { status: 200, challenge: '', body: name })
      }),
    )
    for (let i = 0; i < 10; i++) {
      const answers = await Promise.all([...users.map(({ get }) => get()), stranger()])
      t.strictSame(
        answers.map((each) => each.body),
        [...names, 'who are you?'],
      )
    }
  })
}

t.test('a stranger over HTTP/2 is not taken for a client that has authenticated', async (t) => {
  const port = await serve(t, false)
  const alice = browser(t, port)
  await alice('NTLM one.alice')
  t.equal((await alice('NTLM three.alice')).body, 'alice')
  const client = http2.connect(`http://127.0.0.1:${port}`)
  t.teardown(() => client.destroy())
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => answerOf(client.request({ ':path': '/' }))),
  )
  t.ok(answers.every((each) => each.status === 401))
  t.equal((await alice()).body, 'alice')
})
