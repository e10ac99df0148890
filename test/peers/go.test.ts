// HTTP/2 and gRPC as Go speaks them, with Fermata between: calls at the pace of ordinary load, uploads that are read in small
// pieces. Go's peers send PING and WINDOW_UPDATE with nearly every message.

import { connect } from 'node:http2'
import t, { type Test } from 'tap'
import { nginx } from '../../tools/testbed/nginx.js'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { setUp } from '../world/proxy-world.js'
import { soon } from '../world/soon.js'
import { runGo, startGo, unlessGo } from './go-peers.js'

const skip = unlessGo()

/** A proxy before this backend. */
const before = (t: Test, port: number) =>
  setUp(
    () => t.fail('this backend is not asked'),
    {},
    {
      routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
      // So that no pace of a test's is slow enough for an absolute rate to bear it.
      limits: { http2: { idleFramesPerSecond: 1 } },
    },
  )

t.test(
  'grpc-go on both sides: a PING and a WINDOW_UPDATE with each call are no flood',
  { skip },
  async (t) => {
    const { program, port } = await startGo('grpc-server')
    t.teardown(() => program.stop())
    const setting = await before(t, port)
    const calls = 3_000
    const flags = ['-target', new URL(setting.url).host, '-calls', `${calls}`, '-calls-per-second', '3000']
    const tally = await runGo('grpc-client', ...flags)
    t.same([tally.answered, tally.failed], [calls, 0], JSON.stringify(tally.errors))
    t.equal(tally.bytesRead, calls * 100)
    await setting.close()
  },
)

t.test("uploads to Go's server, which reads 512 bytes at a time", { skip }, async (t) => {
  const { program, port } = await startGo('h2-server', '-read', '512')
  t.teardown(() => program.stop())
  const setting = await before(t, port)
  const tally = await runGo('h2-client', '-url', `${setting.url}/`, '-requests', '12')
  t.same([tally.answered, tally.failed], [12, 0], JSON.stringify(tally.errors))
  await setting.close()
})

t.test('nginx ends each upload that it does not read', { skip: unlessInstalled('nginx') }, async (t) => {
  const port = await nginx(t, { listen: 'http2', server: 'location / { return 200; }' })
  const setting = await before(t, port)
  const client = connect(setting.url)
  const uploads = 1_500
  const post = () =>
    new Promise<number>((resolve) => {
      const stream = client.request({ ':method': 'POST', ':path': '/' })
      stream.on('response', (head) => resolve(Number(head[':status'])))
      stream.on('error', () => resolve(0))
      stream.end(Buffer.alloc(3_000))
    })
  const statuses = new Map<number, number>()
  let left = uploads
  const worker = async () => {
    while (left-- > 0) {
      const status = await post()
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  t.strictSame([...statuses], [[200, uploads]])
  client.destroy()
  await setting.close()
})

t.test('B34: the health service of grpc-go decides who gets calls', { skip }, async (t) => {
  const servers = await Promise.all([startGo('grpc-server'), startGo('grpc-server')])
  for (const { program } of servers) t.teardown(() => program.stop())
  const [first, second] = servers
  const { server, portOf } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
backends:
  calls:
    protocol: h2c
    endpoints: ["127.0.0.1:${first.port}", "127.0.0.1:${second.port}"]
    health: { active: { grpc: { service: test.Octets }, interval: 50ms, healthy: 1, unhealthy: 1 }, passive: false, panic: 0% }
routes: [{ name: all, backend: calls }]
`,
  )
  const [backend] = server.proxy.backends
  const states = () => backend.endpoints.map((each) => each.member.active)
  const until = async (...wanted: string[]) => {
    while (states().join() !== wanted.join()) await soon()
  }
  const call = () =>
    runGo('grpc-client', '-target', `127.0.0.1:${portOf()}`, '-calls', '20', '-calls-per-second', '1000')
  // The service is not known to the health servers yet.
  await until('down', 'down')
  first.program.type('test.Octets SERVING\n')
  await until('up', 'down')
  const { answered, failed, errors } = await call()
  t.same([answered, failed], [20, 0], JSON.stringify(errors))
  second.program.type('test.Octets SERVING\n')
  first.program.type('test.Octets NOT_SERVING\n')
  await until('down', 'up')
  t.equal((await call()).answered, 20)
})
