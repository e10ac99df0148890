// The plugin of Fastify: prefixes with variables, paths that would lead out of them, Location, and closing.

import { once } from 'node:events'
import { type IncomingMessage, request, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { FastifyPluginOptions } from '../../src/server/index.js'
import { ask, asked, http1Backend, proxyFor, until } from './servers.js'

async function listening(t: Test, target: string, ...all: readonly FastifyPluginOptions[]) {
  return listeningOn(t, fastify(), target, ...all)
}

async function listeningOn(
  t: Test,
  app: ReturnType<typeof fastify>,
  target: string,
  ...all: readonly FastifyPluginOptions[]
) {
  const proxy = proxyFor(t, { target })
  for (const each of all) app.register(proxy.fastify as never, each as never)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { app, port: (app.server.address() as AddressInfo).port }
}

/** Opens a WebSocket; returns `open`, or the status of a refusal. */
function opened(t: Test, port: number, path: string, headers: Record<string, string> = {}) {
  return new Promise<string | number>((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers })
    t.teardown(() => socket.terminate())
    socket.on('error', () => {})
    socket.on('unexpected-response', (_asking, answer: IncomingMessage) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    socket.on('open', () => resolve('open'))
  })
}

t.test('V11: a prefix may be spelt otherwise, and may have variables', async (t) => {
  const { port } = await listening(
    t,
    await http1Backend(t),
    { prefix: '/api', rewritePrefix: '/inside/' },
    { prefix: '/of/:tenant', rewritePrefix: '/tenants/:tenant' },
  )
  for (const [path, other] of [
    ['/api/a?b=1', '/inside/a?b=1'],
    ['/%61pi/%61', '/inside/%61'],
    ['/api?b=1', '/inside?b=1'],
    ['/of/x%20y/a', '/tenants/x%20y/a'],
  ] as const)
    t.equal(asked(await ask(port, { path })).url, other, path)
})

t.test(
  'V11: no path leads out of its prefix, neither that of a request nor that of a WebSocket',
  async (t) => {
    const { port } = await listening(
      t,
      await http1Backend(t),
      { prefix: '/api', rewritePrefix: '/inside', websocket: true },
      { prefix: '/of/:tenant', rewritePrefix: '/tenants/:tenant', websocket: true },
    )
    for (const path of [
      '/api/../x',
      '/api/%2E%2e/x',
      '/api/a\\..\\..\\x',
      '/api/..%2F..%2Fx',
      '/of/..%2fx/a',
      '/of/%2e%2e/a',
    ]) {
      t.equal((await ask(port, { path })).status, 400, path)
      const upgrade = request({
        port,
        host: '127.0.0.1',
        path,
        agent: false,
        headers: {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        },
      }).end()
      const [answer] = await once(upgrade, 'response')
      t.equal(answer.statusCode, 400, `a WebSocket to ${path}`)
      answer.resume()
    }
    t.equal((await ask(port, { path: '/api/a%5Cb' })).status, 200)
  },
)

t.test('V11: a Location below the inner prefix gets the outer one back', async (t) => {
  const target = await http1Backend(t, (request, reply) => {
    reply.writeHead(201, { location: request.url?.includes('other') ? '/else' : '/inside/new?a=1' }).end()
  })
  const { port } = await listening(t, target, { prefix: '/api', rewritePrefix: '/inside' })
  t.equal((await ask(port, { path: '/api/a' })).headers.location, '/api/new?a=1')
  t.equal((await ask(port, { path: '/api/other' })).headers.location, '/else')
})

t.test(
  'V11: of two prefixes the longer one takes a WebSocket; a plugin that closes cuts its own',
  async (t) => {
    const { app, port } = await listening(
      t,
      await http1Backend(t),
      { prefix: '/a', rewritePrefix: '/short', websocket: true },
      { prefix: '/a/b', rewritePrefix: '/long', websocket: true },
    )
    const socket = new WebSocket(`ws://127.0.0.1:${port}/a/b/c`)
    socket.on('error', () => {})
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await app.close()
    await closed
    t.pass('Fastify has closed')
  },
)

t.test('V11: a prefix is read as the router reads it: case and double slashes', async (t) => {
  for (const [routerOptions, prefix, path, inside] of [
    [{ caseSensitive: false }, '/api', '/API/a', '/inside/a'],
    [{ caseSensitive: false }, '/of/:tenant', '/OF/X/a', '/inside/a'],
    [{ ignoreDuplicateSlashes: true }, '/api', '//api//a', '/inside//a'],
    [{ ignoreTrailingSlash: true }, '/api/', '/api', '/inside'],
  ] as const) {
    const { port } = await listeningOn(t, fastify({ routerOptions }), await http1Backend(t), {
      prefix,
      rewritePrefix: '/inside',
    })
    t.equal(asked(await ask(port, { path })).url, inside, path)
  }
  const exact = await listening(t, await http1Backend(t), { prefix: '/api', rewritePrefix: '/inside' })
  t.equal((await ask(exact.port, { path: '/API/a' })).status, 404)
})

t.test('V11: preRewrite changes the path first, and knows the variables of the route', async (t) => {
  const { port } = await listening(t, await http1Backend(t), {
    prefix: '/of/:tenant',
    rewritePrefix: '/tenants/:tenant',
    preRewrite: (path, params, prefix) =>
      path === '/of/x/out'
        ? 'elsewhere'
        : path.replace('old', `new-${params['tenant']}-${params['*']}-${prefix}`),
  })
  t.equal(asked(await ask(port, { path: '/of/x/old?b=1' })).url, '/tenants/x/new-x-old-/of/:tenant?b=1')
  t.equal((await ask(port, { path: '/of/x/out' })).status, 400)
  const both = fastify()
  const proxy = proxyFor(t, { target: 'http://127.0.0.1:1' })
  both.register(proxy.fastify as never, { preRewrite: () => '/', pathRewrite: () => '/' } as never)
  await t.rejects(async () => void (await both.ready()), /preRewrite is for rewritePrefix/)
  const misspelt = fastify()
  misspelt.register(proxy.fastify as never, { prefix: '/a', rewriteprefix: '/b' } as never)
  await t.rejects(async () => void (await misspelt.ready()), /there is no option 'rewriteprefix'/)
})

t.test('V11: only its routes and methods are taken; a WebSocket needs no GET among them', async (t) => {
  const { port } = await listening(t, await http1Backend(t), {
    prefix: '/api',
    routes: ['/a', '/b'],
    methods: ['POST'],
    websocket: true,
  })
  t.equal((await ask(port, { path: '/api/a', method: 'POST', body: 'x' })).status, 200)
  t.equal((await ask(port, { path: '/api/c', method: 'POST', body: 'x' })).status, 404)
  t.equal((await ask(port, { path: '/api/a' })).status, 404, 'a request by GET')
  t.equal(await opened(t, port, '/api/b'), 'open')
  t.equal(await opened(t, port, '/api/c'), 404)
})

t.test('V20: hooks and constraints decide on a WebSocket as on a request', async (t) => {
  const app = fastify()
  let open = 0
  app.addHook('onRequest', async ({ headers, url }, reply) => {
    open++
    // It is asked elsewhere first.
    await new Promise(setImmediate)
    if (headers.authorization !== 'yes') await reply.code(401).send('who is it?')
    if (url.endsWith('/thrown')) throw new Error('the hook failed')
  })
  const target = await http1Backend(t)
  const { port } = await listeningOn(
    t,
    app,
    target,
    { prefix: '/api', websocket: true },
    { prefix: '/of-host', websocket: true, constraints: { host: 'one.example' } },
    { prefix: '/api/quiet' },
  )
  const headers = { authorization: 'yes' }
  t.equal(await opened(t, port, '/api/a', headers), 'open')
  t.equal(await opened(t, port, '/api/a'), 401)
  t.equal(await opened(t, port, '/api/thrown', headers), 500)
  t.equal(open, 3)
  t.equal(await opened(t, port, '/of-host/a', { ...headers, host: 'one.example' }), 'open')
  t.equal(await opened(t, port, '/of-host/a', headers), 404)
  t.equal(await opened(t, port, '/api/quiet', headers), 404, 'its route takes no WebSockets')
  t.equal((await ask(port, { path: '/api/a', headers })).status, 200)
})

t.test('V20: a client may leave while a hook waits, and a server may close', async (t) => {
  const app = fastify()
  const waiting: (() => void)[] = []
  app.addHook('onRequest', (_asking, _reply, done) => void waiting.push(done))
  const { port } = await listeningOn(t, app, await http1Backend(t), { websocket: true })
  const opening = (): WebSocket => new WebSocket(`ws://127.0.0.1:${port}/`).on('error', () => {})
  const left = opening()
  await until(() => waiting.length === 1)
  left.terminate()
  waiting[0]?.()
  const open = opening()
  await until(() => waiting.length === 2)
  waiting[1]?.()
  await once(open, 'open')
  const held = opening()
  await until(() => waiting.length === 3)
  const closed = [open, held].map((each) => new Promise((resolve) => each.on('close', resolve)))
  await app.close()
  await Promise.all(closed)
  waiting[2]?.()
  await new Promise(setImmediate)
  t.pass('it has closed')
})

t.test('V20: another plugin that gives WebSockets to the router takes none of ours', async (t) => {
  const app = fastify()
  // As @fastify/websocket does.
  app.server.on('upgrade', (asking, socket) => {
    const reply = new ServerResponse(asking)
    try {
      reply.assignSocket(socket as never)
      reply.on('finish', () => socket.destroy())
      app.routing(asking, reply)
    } catch {
      // It is assigned.
    }
  })
  const { port } = await listeningOn(t, app, await http1Backend(t), { prefix: '/api', websocket: true })
  t.equal(await opened(t, port, '/api/a'), 'open')
  t.equal(await opened(t, port, '/else'), 404)
})
