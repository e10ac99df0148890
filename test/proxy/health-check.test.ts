// Active health checks against spec/balancing.md: on the simulated network with its clock, and with servers of
// node:http, node:http2 and node:net.

import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as net from 'node:net'
import t, { type Test } from 'tap'
import type { ActiveHealthOptions } from '../../src/balancing/index.js'
import { createWorld } from '../../src/continuation/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { NodePollset, type Pollset } from '../../src/pollset/index.js'
import { checkRequest, servingStatus } from '../../src/proxy/grpc-health.js'
import { type CheckedEndpoint, HealthCheck } from '../../src/proxy/index.js'
import { defaultLimits } from '../../src/server/limits.js'
import { Protocols } from '../../src/server/protocols.js'
import { configurationOf } from '../../src/server/short-form.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { type FarEnd, MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { active } from '../balancing/members.js'

const FAR = { host: '192.0.2.9', port: 80 }

type Scheme = 'http' | 'https' | 'h2c' | 'h2'

function endpointOf(pollset: Pollset, scheme: Scheme, host: string, port: number) {
  const world = createHttpWorld(createWorld(pollset))
  const protocols = new Protocols(world, defaultLimits)
  const url = `${scheme}://${host}:${port}`
  const { backends } = configurationOf({
    listen: [],
    routes: [{ host: '', prefix: '/', url }],
    backendTls: { ca: authority, serverName: 'localhost' },
  })
  const endpoint: CheckedEndpoint = protocols.checked(url, backends[0])
  return { world, endpoint }
}

/** Checks an endpoint of the simulated network. */
function checking(options: Partial<ActiveHealthOptions> = {}, scheme: Scheme = 'http', draws = [0.5]) {
  const pollset = new MemoryPollset()
  const fars: FarEnd[] = []
  pollset.serveFar(FAR, (far) => fars.push(far))
  const { world, endpoint } = endpointOf(pollset, scheme, FAR.host, FAR.port)
  const reports: string[] = []
  const state = { isDown: false, draw: 0 }
  const check = new HealthCheck(
    world,
    { ...active, ...options },
    endpoint,
    () => draws[state.draw++ % draws.length],
    (passed, why) => {
      reports.push(`${pollset.clock} ${passed ? 'passed' : 'failed'}: ${why}`)
      return state.isDown
    },
  )
  check.start()
  pollset.run()
  const answer = (status: number, body = '') => {
    const far = fars.at(-1) as FarEnd
    far.send(Buffer.from(`HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\n\r\n${body}`))
    return far
  }
  return { pollset, world, check, fars, reports, state, answer }
}

t.test('B32: the first check begins at once, the next an interval after it began', async (t) => {
  const { pollset, check, fars, reports, answer } = checking({ intervalMs: 10_000 })
  t.equal(fars.length, 1)
  pollset.advance(1500)
  answer(200)
  t.strictSame(reports, ['1500 passed: status 200'])
  pollset.advance(8499)
  t.equal(fars.length, 1)
  pollset.advance(1)
  t.equal(fars.length, 2)
  answer(204)
  t.equal(reports.length, 2)
  check.close()
})

t.test('B32: an interval differs by a tenth, and is three seconds while the endpoint is down', async (t) => {
  const starts = (options: Partial<ActiveHealthOptions>, draws: number[], isDown: boolean) => {
    const { pollset, check, fars, state, answer } = checking(options, 'http', draws)
    state.isDown = isDown
    const at = [pollset.clock]
    for (let seen = 1; at.length < 4; ) {
      answer(200)
      while (fars.length === seen) pollset.advance(100)
      seen = fars.length
      at.push(pollset.clock)
    }
    check.close()
    return at
  }
  t.strictSame(starts({}, [0, 0.5, 1], false), [0, 9000, 19_000, 30_000])
  t.strictSame(starts({}, [0, 0.5, 1], true), [0, 2700, 5700, 9000])
  t.strictSame(starts({ intervalMs: 2000 }, [0.5], true), [0, 2000, 4000, 6000], 'if that is not shorter')
  t.strictSame(starts({ intervalMs: 1000, timeoutMs: 5000 }, [0.5], false), [0, 1000, 2000, 3000])
})

t.test('B33: a check over http is a GET, and its status decides', async (t) => {
  const results = (status: ActiveHealthOptions['status'], answered: number) => {
    const { check, reports, answer } = checking({ status, path: '/healthz?deep=1', host: 'app.example' })
    const far = answer(answered)
    check.close()
    return { result: reports.join(), request: far.received.toString('latin1') }
  }
  const { result, request } = results([[200, 399]], 200)
  t.equal(result, '0 passed: status 200')
  t.match(request, /^GET \/healthz\?deep=1 HTTP\/1\.1\r\nhost: app\.example\r\n/i)
  t.match(request, /user-agent: fermata-check\r\n/i)
  t.notMatch(request, /content-length|transfer-encoding|x-forwarded|via/i)
  t.equal(results([[200, 399]], 399).result, '0 passed: status 399')
  t.equal(results([[200, 399]], 400).result, '0 failed: status 400')
  const two = [
    [200, 200],
    [404, 404],
  ] as const
  t.equal(results(two, 404).result, '0 passed: status 404')
  t.equal(results(two, 201).result, '0 failed: status 201')
})

t.test('B33: interim responses do not decide, and a body is read to its end', async (t) => {
  const { pollset, check, fars, reports } = checking()
  fars[0].send(Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'))
  fars[0].send(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc'))
  t.strictSame(reports, [])
  t.equal(fars[0].ended, false)
  fars[0].send(Buffer.from('def'))
  t.strictSame(reports, ['0 passed: status 200'])
  t.equal(fars[0].wasReset, false)
  pollset.advance(10_000)
  fars[1].send(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc'))
  pollset.advance(2000)
  t.equal(reports.at(-1), '12000 passed: status 200', 'its status has decided')
  pollset.advance(8000)
  fars[2].send(Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n${'x'.repeat(70_000)}`))
  t.equal(reports.at(-1), '20000 passed: status 200', 'a long one is not read')
  t.equal(fars[2].closed || fars[2].ended, true)
  check.close()
})

t.test('B36: no connection, no answer in time, and a connection that breaks fail', async (t) => {
  const { pollset, check, fars, reports } = checking()
  pollset.advance(2000)
  t.strictSame(reports, ['2000 failed: no answer within 2000 ms'])
  t.equal(fars[0].closed || fars[0].ended, true)
  pollset.advance(8000)
  fars[1].destroy()
  t.match(reports[1], /^10000 failed: /)
  pollset.serveFar(FAR, () => {}, 'refuse')
  pollset.advance(10_000)
  t.match(reports[2], /^20000 failed: .*192\.0\.2\.9.*ECONNREFUSED/)
  pollset.serveFar(FAR, () => {}, 'hang')
  pollset.advance(12_000)
  t.equal(reports[3], '32000 failed: no answer within 2000 ms')
  pollset.serveFar(FAR, (far) => fars.push(far))
  pollset.advance(8000)
  fars.at(-1)?.send(Buffer.from('nonsense\r\n\r\n'))
  t.match(reports[4], /^40000 failed: /)
  t.equal(reports.length, 5)
  check.close()
})

t.test('B36: a check that crashes fails, and the next begins', async (t) => {
  const pollset = new MemoryPollset()
  const { world, endpoint } = endpointOf(pollset, 'http', FAR.host, FAR.port)
  world.scheduler.onCrash = () => {}
  const reports: string[] = []
  let opens = 0
  const sessions = () => {
    opens++
    throw new Error('planted')
  }
  const check = new HealthCheck(
    world,
    active,
    { ...endpoint, sessions },
    () => 0.5,
    (_passed, why) => {
      reports.push(why)
      return false
    },
  )
  check.start()
  pollset.run()
  pollset.advance(10_000)
  check.close()
  t.equal(opens, 2)
  t.strictSame(reports, Array(2).fill('a step of the check failed'))
})

t.test('B37: each check has a connection of its own, which closes with it', async (t) => {
  const { pollset, world, check, fars, answer } = checking()
  for (let i = 0; i < 3; i++) {
    const far = answer(200)
    far.end()
    t.equal(far.ended, true)
    pollset.advance(10_000)
    t.equal(fars.length, i + 2)
  }
  check.close()
  pollset.advance(60_000)
  t.strictSame(
    [...world.scheduler.alive()].map((each) => each.id),
    [],
  )
  t.equal(world.memory.bytes, 0)
})

t.test('B38: closed, it reports nothing more, wherever it is', async (t) => {
  for (const kind of ['http', 'tcp', 'grpc'] as const)
    for (const when of ['connecting', 'open', 'pausing', 'reporting'] as const) {
      const pollset = new MemoryPollset()
      const fars: FarEnd[] = []
      pollset.serveFar(FAR, (far) => fars.push(far), when === 'connecting' ? 'hang' : 'accept')
      const { world, endpoint } = endpointOf(pollset, kind === 'grpc' ? 'h2c' : 'http', FAR.host, FAR.port)
      let reports = 0
      const check = new HealthCheck(
        world,
        { ...active, kind },
        endpoint,
        () => 0.5,
        () => {
          reports++
          if (when === 'reporting') check.close()
          return false
        },
      )
      check.start()
      pollset.run()
      if (when === 'pausing' || when === 'reporting') pollset.advance(2000)
      const before = reports
      check.close()
      check.close()
      pollset.advance(60_000)
      t.equal(reports, before, `${kind} ${when}`)
      t.equal([...world.scheduler.alive()].length, 0)
      t.equal(fars.length <= 1, true)
    }
})

t.test('B35: a check over tcp passes with the connection', async (t) => {
  const { pollset, check, fars, reports } = checking({ kind: 'tcp' })
  t.strictSame(reports, ['0 passed: connected'])
  t.equal(fars[0].received.length, 0)
  t.equal(fars[0].closed, true)
  pollset.serveFar(FAR, () => {}, 'refuse')
  pollset.advance(10_000)
  t.match(reports[1], /^10000 failed: .*ECONNREFUSED/)
  pollset.serveFar(FAR, () => {}, 'hang')
  pollset.advance(12_000)
  t.equal(reports[2], '22000 failed: no answer within 2000 ms')
  check.close()
})

t.test('B34: the messages of gRPC health', async (t) => {
  t.equal(checkRequest('').toString('hex'), '0000000000')
  t.equal(checkRequest('a.B').toString('hex'), '00000000050a03612e42')
  const long = checkRequest('x'.repeat(300))
  t.equal(long.subarray(0, 8).toString('hex'), '000000012f0aac02')
  const response = (hex: string) => servingStatus(Buffer.from(hex, 'hex'))
  t.equal(response('00000000020801'), 'SERVING')
  t.equal(response('00000000020802'), 'NOT_SERVING')
  t.equal(response('0000000000'), 'UNKNOWN', 'the default is left out')
  t.equal(response('00000000020803'), 'SERVICE_UNKNOWN')
  t.equal(response('00000000020809'), 'status 9')
  t.equal(response('0000000004' + '08020801'), 'SERVING', 'the last one counts')
  t.equal(
    response('000000001b' + '1203616263' + '190000000000000000' + '2500000000' + '28ff01' + '0881808000'),
    'SERVING',
  )
  for (const bad of [
    '',
    '00000000',
    '0100000002' + '0801',
    '0000000003' + '0801',
    '0000000001' + '0801',
    '0000000001' + '08',
    '0000000002' + '0881',
    '0000000003' + '120561',
    '0000000002' + '0b01',
    '000000000c' + '08ffffffffffffffffffff01',
    '0000000003' + '190000',
  ])
    t.equal(response(bad), null, bad)
})

/** The first report of a check on sockets. */
async function checked(
  t: Test,
  scheme: Scheme,
  port: number,
  options: Partial<ActiveHealthOptions> = {},
): Promise<string> {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const { world, endpoint } = endpointOf(pollset, scheme, '127.0.0.1', port)
  return new Promise((resolve) => {
    const check = new HealthCheck(
      world,
      { ...active, timeoutMs: 20_000, ...options },
      endpoint,
      () => 0.5,
      (passed, why) => {
        check.close()
        resolve(`${passed ? 'passed' : 'failed'}: ${why}`)
        return false
      },
    )
    check.start()
  })
}

async function portOf(t: Test, server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  t.teardown(() => server.close())
  return (server.address() as net.AddressInfo).port
}

t.test('B33: servers of node:http and node:http2', async (t) => {
  const answer = (request: http.IncomingMessage | http2.Http2ServerRequest) =>
    request.url === '/healthz' && request.method === 'GET' ? 200 : 503
  const plain = await portOf(
    t,
    http.createServer((request, response) => response.writeHead(answer(request)).end('x'.repeat(5000))),
  )
  t.equal(await checked(t, 'http', plain, { path: '/healthz' }), 'passed: status 200')
  t.equal(await checked(t, 'http', plain, { path: '/other' }), 'failed: status 503')
  const h2c = await portOf(
    t,
    http2.createServer((request, response) => void response.writeHead(answer(request)).end('x')),
  )
  t.equal(await checked(t, 'h2c', h2c, { path: '/healthz' }), 'passed: status 200')
  t.equal(await checked(t, 'h2c', h2c, { path: '/other' }), 'failed: status 503')
  t.match(await checked(t, 'h2c', plain, { path: '/healthz' }), /^failed: /)
  const secure = await portOf(
    t,
    http2.createSecureServer({ ...localhost, allowHTTP1: true }, (request, response) =>
      response.writeHead(answer(request)).end('x'),
    ),
  )
  t.equal(await checked(t, 'https', secure, { path: '/healthz' }), 'passed: status 200')
})

t.test('B34: a gRPC health server', async (t) => {
  const statuses: Record<string, number> = { '': 1, up: 1, down: 2 }
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    const body: Buffer[] = []
    stream.on('data', (chunk: Buffer) => body.push(chunk))
    stream.on('error', () => {})
    stream.on('end', () => {
      const message = Buffer.concat(body)
      const service = message.subarray(7).toString()
      const status = statuses[service]
      const asGrpc = { ':status': 200, 'content-type': 'application/grpc' }
      if (
        headers[':path'] !== '/grpc.health.v1.Health/Check' ||
        headers[':method'] !== 'POST' ||
        headers.te !== 'trailers' ||
        headers['content-type'] !== 'application/grpc'
      )
        stream.respond({ ...asGrpc, 'grpc-status': '3' }, { endStream: true })
      else if (status === undefined) stream.respond({ ...asGrpc, 'grpc-status': '5' }, { endStream: true })
      else if (service === 'down' && message.length !== 11) stream.close()
      else {
        stream.respond(asGrpc, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]))
      }
    })
  })
  const port = await portOf(t, server)
  const grpc = (service: string) => checked(t, 'h2c', port, { kind: 'grpc', service })
  t.equal(await grpc(''), 'passed: SERVING')
  t.equal(await grpc('up'), 'passed: SERVING')
  t.equal(await grpc('down'), 'failed: NOT_SERVING')
  t.equal(await grpc('other'), 'failed: gRPC status 5')
  const other = await portOf(
    t,
    http2.createServer((_request, response) => void response.end('a page')),
  )
  t.equal(await checked(t, 'h2c', other, { kind: 'grpc' }), 'failed: no gRPC status')
})

t.test('B35: a listener of node:net', async (t) => {
  const port = await portOf(
    t,
    net.createServer((socket) => socket.on('error', () => {}).resume()),
  )
  t.equal(await checked(t, 'http', port, { kind: 'tcp' }), 'passed: connected')
  const closed = net.createServer()
  const free = await portOf(t, closed)
  await new Promise((resolve) => closed.close(resolve))
  t.match(await checked(t, 'http', free, { kind: 'tcp' }), /^failed: .*ECONNREFUSED/)
})
