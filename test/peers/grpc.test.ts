// gRPC through Fermata, with @grpc/grpc-js on both sides: every kind of call in clear text and over TLS, and
// what a call is told that Fermata itself refuses. The messages are octets: no service here needs a
// description of its own.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import * as grpc from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { GRPC_STATUS } from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { answerOf, get, setUp } from '../world/proxy-world.js'

const same = (message: Buffer): Buffer => message
const call = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Octets/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})
const Octets = {
  echo: call('echo', false, false),
  join: call('join', true, false),
  split: call('split', false, true),
  talk: call('talk', true, true),
  refuse: call('refuse', false, false),
  wait: call('wait', false, true),
  spoil: call('spoil', false, true),
} satisfies grpc.ServiceDefinition

type Unary = grpc.ServerUnaryCall<Buffer, Buffer>
type Reply = grpc.sendUnaryData<Buffer>

/** Calls that the service was told to give up, and their deadlines, as it saw them. */
class Service {
  readonly cancelled: string[] = []
  readonly deadlines: number[] = []
  private readonly watchers: (() => void)[] = []

  note(name: string): void {
    this.cancelled.push(name)
    for (const watcher of this.watchers) watcher()
  }

  async untilCancelled(count: number): Promise<void> {
    while (this.cancelled.length < count) await new Promise<void>((next) => this.watchers.push(next))
  }

  readonly calls: grpc.UntypedServiceImplementation = {
    echo: (unary: Unary, reply: Reply) => {
      const trailers = new grpc.Metadata()
      trailers.set('x-trailer', 'last')
      const first = new grpc.Metadata()
      first.set('x-seen', String(unary.metadata.get('x-sent')[0] ?? ''))
      unary.sendMetadata(first)
      reply(null, unary.request, trailers)
    },
    join: (stream: grpc.ServerReadableStream<Buffer, Buffer>, reply: Reply) => {
      const all: Buffer[] = []
      stream.on('data', (message: Buffer) => all.push(message))
      stream.on('end', () => reply(null, Buffer.concat(all)))
    },
    split: (stream: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (const octet of stream.request) stream.write(Buffer.of(octet))
      stream.end()
    },
    talk: (stream: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      stream.on('data', (message: Buffer) => stream.write(message))
      stream.on('end', () => stream.end())
      stream.on('cancelled', () => this.note('talk'))
    },
    refuse: (_unary: Unary, reply: Reply) =>
      reply({ code: grpc.status.NOT_FOUND, details: 'nothing of that name: 100 %' }),
    wait: (stream: grpc.ServerWritableStream<Buffer, Buffer>) => {
      this.deadlines.push(Number(stream.getDeadline()))
      stream.on('cancelled', () => this.note('wait'))
      if (stream.request.length > 0) stream.write(stream.request)
    },
    spoil: (stream: grpc.ServerWritableStream<Buffer, Buffer>) => {
      stream.write(Buffer.from('one'))
      stream.emit('error', { code: grpc.status.DATA_LOSS, details: 'no more' })
    },
  }
}

type Pair = { readonly client: 'h2c' | 'h2'; readonly backend: 'h2c' | 'h2' }

/** The service, Fermata before it, a client before that. */
async function before(t: Test, pair: Pair, limits: SomeLimits = {}, options: grpc.ServerOptions = {}) {
  const service = new Service()
  const server = new grpc.Server(options)
  server.addService(Octets, service.calls)
  const chain = { private_key: Buffer.from(localhost.key), cert_chain: Buffer.from(localhost.cert) }
  const shown =
    pair.backend === 'h2'
      ? grpc.ServerCredentials.createSsl(null, [chain])
      : grpc.ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', shown, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
  const setting = await setUp(() => t.fail('this backend is not asked'), limits, {
    listen: [{ host: '127.0.0.1', port: 0, secure: pair.client === 'h2' }],
    certificates: () => ({ certificates: [localhost] }),
    backendTls: { ca: authority, serverName: 'localhost' },
    routes: [{ host: '', prefix: '/test.Octets/', url: `${pair.backend}://127.0.0.1:${port}` }],
  })
  t.teardown(setting.close)
  const client = clientOf(t, setting.url, pair.client === 'h2')
  const engine = () => setting.server.proxy.backends.flatMap((each) => each.engines())[0]
  return {
    ...setting,
    plain: setting.client,
    client,
    service,
    grpcServer: server,
    opens: () => engine().opens,
  }
}

const OctetsClient = grpc.makeGenericClientConstructor(Octets, 'Octets')

function clientOf(t: Test, url: string, secure: boolean): grpc.Client {
  const credentials = secure
    ? grpc.credentials.createSsl(Buffer.from(authority))
    : grpc.credentials.createInsecure()
  const name = { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' }
  const client = new OctetsClient(new URL(url).host, credentials, {
    ...name,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
  })
  t.teardown(() => client.close())
  return client
}

interface Outcome {
  readonly error: grpc.ServiceError | null
  readonly message: Buffer | null
  readonly first: grpc.Metadata | null
  readonly status: grpc.StatusObject
}

/** A unary call to its end. */
function unary(
  client: grpc.Client,
  name: keyof typeof Octets,
  message: Buffer,
  options: grpc.CallOptions = {},
  metadata = new grpc.Metadata(),
): Promise<Outcome> {
  return new Promise((resolve) => {
    let first: grpc.Metadata | null = null
    let result: { error: grpc.ServiceError | null; message: Buffer | null } = { error: null, message: null }
    const { path } = Octets[name]
    client
      .makeUnaryRequest(path, same, same, message, metadata, options, (error, value) => {
        result = { error, message: value ?? null }
      })
      .on('metadata', (each) => {
        first = each
      })
      .on('status', (status) => setImmediate(() => resolve({ ...result, first, status })))
  })
}

type Receiving = grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>

/** Returns the messages of a streaming call, and how it ends. */
function received(stream: Receiving): Promise<{ messages: Buffer[]; status: grpc.StatusObject }> {
  const messages: Buffer[] = []
  const readable = stream as grpc.ClientReadableStream<Buffer>
  return new Promise((resolve) => {
    readable.on('data', (message: Buffer) => void messages.push(message))
    readable.on('error', () => {})
    readable.on('status', (status) => resolve({ messages, status }))
  })
}

const nextMessage = (stream: Receiving): Promise<Buffer> =>
  new Promise((resolve) => void (stream as Readable).once('data', resolve))

const split = (client: grpc.Client, name: 'split' | 'wait' | 'spoil', message: Buffer, deadline?: number) =>
  client.makeServerStreamRequest(
    Octets[name].path,
    same,
    same,
    message,
    deadline === undefined ? {} : { deadline },
  )
const talk = (client: grpc.Client) => client.makeBidiStreamRequest(Octets.talk.path, same, same)

const pairs: readonly Pair[] = [
  { client: 'h2c', backend: 'h2c' },
  { client: 'h2c', backend: 'h2' },
  { client: 'h2', backend: 'h2c' },
  { client: 'h2', backend: 'h2' },
]

for (const pair of pairs) {
  t.test(`every kind of call, ${pair.client} to ${pair.backend}`, async (t) => {
    const { client, opens } = await before(t, pair)

    const metadata = new grpc.Metadata()
    metadata.set('x-sent', 'by the client')
    const echo = await unary(client, 'echo', Buffer.from('hello'), {}, metadata)
    t.equal(String(echo.message), 'hello', 'unary')
    t.same(echo.first?.get('x-seen'), ['by the client'], 'metadata both ways')
    t.equal(echo.status.code, grpc.status.OK)
    t.same(echo.status.metadata.get('x-trailer'), ['last'], 'trailers')

    const joined = await new Promise<Buffer | undefined>((resolve) => {
      const stream = client.makeClientStreamRequest(Octets.join.path, same, same, (_error, value?: Buffer) =>
        resolve(value),
      )
      for (const each of ['a', '', 'b', 'c']) stream.write(Buffer.from(each))
      stream.end()
    })
    t.equal(String(joined), 'abc', 'client streaming')

    const parts = await received(split(client, 'split', Buffer.from('xyz')))
    t.equal(parts.messages.join(), 'x,y,z', 'server streaming')
    t.equal(parts.status.code, grpc.status.OK)

    const both = talk(client)
    const end = received(both)
    for (const each of ['first', 'second', 'third']) {
      // The next is said when the answer to this one has come: neither way waits for the other's end.
      const answer = nextMessage(both)
      both.write(Buffer.from(each))
      t.equal(String(await answer), each)
    }
    both.end()
    t.equal((await end).status.code, grpc.status.OK, 'bidirectional streaming')

    const refused = await unary(client, 'refuse', Buffer.alloc(0))
    t.equal(refused.status.code, grpc.status.NOT_FOUND, 'a trailers-only response')
    t.equal(refused.status.details, 'nothing of that name: 100 %')

    const spoiled = await received(split(client, 'spoil', Buffer.alloc(0)))
    t.equal(spoiled.messages.join(), 'one')
    t.equal(spoiled.status.code, grpc.status.DATA_LOSS, 'a failure behind messages')

    const large = randomBytes(3 * 1024 * 1024)
    t.ok((await unary(client, 'echo', large)).message?.equals(large), '3 MiB each way')
    t.equal(opens(), 1, 'all on one backend connection')
  })
}

t.test('cancelled by the client: the server hears of it', async (t) => {
  const { client, service, server } = await before(t, pairs[0])
  const stream = split(client, 'wait', Buffer.from('so far'))
  const end = received(stream)
  await nextMessage(stream)
  stream.cancel()
  t.equal((await end).status.code, grpc.status.CANCELLED)
  const both = talk(client)
  const ended = received(both)
  both.write(Buffer.from('x'))
  await nextMessage(both)
  both.cancel()
  t.equal((await ended).status.code, grpc.status.CANCELLED)
  await service.untilCancelled(2)
  t.same(service.cancelled, ['wait', 'talk'])
  t.equal(server.proxy.outcomes.get('client-gone'), 2)
})

t.test('given up by the server: the client hears of it', async (t) => {
  const { client, grpcServer } = await before(t, pairs[0])
  const stream = split(client, 'wait', Buffer.from('so far'))
  const end = received(stream)
  await nextMessage(stream)
  grpcServer.forceShutdown()
  const { messages, status } = await end
  t.equal(messages.length, 1)
  t.not(status.code, grpc.status.OK, `not shown as complete: ${status.code}`)
})

t.test('a deadline passes on, and ends the call on both sides', async (t) => {
  const { client, service } = await before(t, pairs[0])
  const deadline = Date.now() + 300
  const { status } = await received(split(client, 'wait', Buffer.alloc(0), deadline))
  t.equal(status.code, grpc.status.DEADLINE_EXCEEDED)
  await service.untilCancelled(1)
  t.ok(Math.abs((service.deadlines[0] ?? 0) - deadline) < 5_000, 'grpc-timeout reached the server')
})

t.test('300 calls at once share the one backend connection', async (t) => {
  const { client, opens } = await before(t, pairs[0])
  const outcomes = await Promise.all(
    Array.from({ length: 300 }, (_, i) => unary(client, 'echo', Buffer.from(`call ${i}`))),
  )
  t.same(
    outcomes.map((each) => String(each.message)),
    outcomes.map((_, i) => `call ${i}`),
  )
  t.equal(opens(), 1)
})

// Answers of Fermata's own

t.test('the statuses of refusals are those of the page', (t) => {
  const rows = tableOf(readFileSync('spec/exchange.md', 'utf8'), 'Refusals of gRPC requests')
  t.same(new Map(rows.map((row) => [Number(row.status), Number(row['grpc-status'])])), GRPC_STATUS)
  for (const row of rows) {
    t.equal(grpc.status[row.name as keyof typeof grpc.status], Number(row['grpc-status']), row.name)
  }
  t.end()
})

const refusalOf = ({ status }: Outcome) => [status.code, String(status.metadata.get('x-fermata')[0])]

t.test('no route: UNIMPLEMENTED; others get plain HTTP', async (t) => {
  const setting = await before(t, pairs[0])
  const outcome = await new Promise<grpc.ServiceError | null>((resolve) =>
    setting.client.makeUnaryRequest('/test.Other/echo', same, same, Buffer.alloc(0), (error) =>
      resolve(error),
    ),
  )
  t.equal(outcome?.code, grpc.status.UNIMPLEMENTED)
  t.match(outcome?.details, /^no-route \(m\d+\/s\d+\): no route is configured for this host and path$/)
  const client = setting.plain()
  for (const type of ['application/grpc', 'application/grpc+proto', 'Application/gRPC; a=b']) {
    const { status, headers, body, ended } = await get(client, '/nowhere', { 'content-type': type })
    t.same([status, headers['grpc-status'], body.length, ended], [200, '12', 0, true], type)
    t.equal(headers['content-length'], undefined)
    t.equal(headers['content-type'], 'application/grpc')
  }
  for (const type of ['application/grpc-web', 'application/grpcx', 'text/plain']) {
    const { status, headers } = await get(client, '/nowhere', { 'content-type': type })
    t.same([status, headers['grpc-status']], [404, undefined], type)
  }
})

t.test('no backend: UNAVAILABLE', async (t) => {
  const { client, grpcServer } = await before(t, pairs[0])
  grpcServer.forceShutdown()
  t.same(refusalOf(await unary(client, 'echo', Buffer.alloc(0))), [
    grpc.status.UNAVAILABLE,
    'backend-not-connected',
  ])
})

t.test('no stream in time: UNAVAILABLE, and the call was never sent', async (t) => {
  const limits = { engine: { sessionsMax: 1 }, proxy: { leaseTimeoutMs: 100 } }
  const { client } = await before(t, pairs[0], limits, { 'grpc.max_concurrent_streams': 1 })
  const first = split(client, 'wait', Buffer.from('x'))
  const end = received(first)
  await nextMessage(first)
  t.same(refusalOf(await unary(client, 'echo', Buffer.alloc(0))), [grpc.status.UNAVAILABLE, 'lease-late'])
  first.cancel()
  await end
})

t.test('no answer in time: DEADLINE_EXCEEDED', async (t) => {
  const { client, service } = await before(t, pairs[0], { proxy: { headTimeoutMs: 100 } })
  const { status } = await received(split(client, 'wait', Buffer.alloc(0)))
  t.same([status.code, status.metadata.get('x-fermata')], [grpc.status.DEADLINE_EXCEEDED, ['head-late']])
  await service.untilCancelled(1)
})

t.test('refused while the client still sends', async (t) => {
  const { plain } = await before(t, pairs[0], { proxy: { headTimeoutMs: 100 } })
  const stream = plain().request(
    { ':path': '/nowhere', ':method': 'POST', 'content-type': 'application/grpc' },
    { endStream: false },
  )
  const { status, headers, ended, code } = await answerOf(stream)
  t.same([status, headers['grpc-status'], ended, code], [200, '12', true, 0], 'RST_STREAM NO_ERROR follows')
})
