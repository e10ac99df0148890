// HTTP/2 and gRPC as Go speaks them, with Fermata between: calls at the pace of ordinary load, uploads that are read in small
// pieces. Go's peers send PING and WINDOW_UPDATE with nearly every message.

import t from 'tap'
import { setUp } from '../world/proxy-world.js'
import { runGo, startGo, unlessGo } from './go-peers.js'

t.test('grpc-go on both sides', { skip: unlessGo() }, async (t) => {
  const { program, port } = await startGo('grpc-server')
  t.teardown(() => program.stop())
  const setting = await setUp(
    () => t.fail('this backend is not asked'),
    {},
    { routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }] },
  )
  const tally = await runGo('grpc-client', '-target', new URL(setting.url).host, '-calls', '50')
  t.same([tally.answered, tally.failed], [50, 0], JSON.stringify(tally.errors))
  t.equal(tally.bytesRead, 50 * 100)
  await setting.close()
})
