// When a request is sent again, and what its body has to do with it (spec/exchange.md, R4 to R10).

import t from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { play } from '../world/scenario.js'

const GET = ':method=GET :scheme=http :authority=a :path=/'
const POST = GET.replace('GET', 'POST')
const OK = ':status=200'

const STORIES: Readonly<Record<string, string>> = {
  'R4: nothing is sent again behind the final head, however its connection dies': `client> HEADERS stream=1 flags=ES,EH ${GET}
backend< HEADERS stream=1 flags=ES,EH
backend> HEADERS stream=1 flags=EH ${OK}
client< HEADERS stream=1 flags=EH ${OK}
backend> CLOSE
client< RST_STREAM stream=1 code=INTERNAL_ERROR
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, filterResponse, transfer, abort, log`,
  'R5, R7: a body of which too much has left is not sent again, and its client is told that nothing was begun': `given proxy.replayBytesMax=4
client> HEADERS stream=1 flags=EH ${POST}
client> DATA stream=1 text=five!
backend< HEADERS stream=1 flags=EH
backend< DATA stream=1 text=five!
backend> RST_STREAM stream=1 code=REFUSED_STREAM
client< RST_STREAM stream=1 code=REFUSED_STREAM
trace client stream=1 receive, route, balance, lease, sendHead, awaitHead, abort, log`,
  'R5: a body that is kept is sent again from its beginning': `given proxy.replayBytesMax=5
given engine.reopenDelayMs=10
client> HEADERS stream=1 flags=EH ${POST}
client> DATA stream=1 text=five!
backend< HEADERS stream=1 flags=EH
backend< DATA stream=1 text=five!
backend> GOAWAY last=0 code=NO_ERROR
after 10
backend2< HEADERS stream=1 flags=EH
backend2< DATA stream=1 text=five!
client> DATA stream=1 flags=ES text=more
backend2< DATA stream=1 flags=ES text=more
backend2> HEADERS stream=1 flags=ES,EH ${OK}
client< HEADERS stream=1 flags=ES,EH ${OK}
backend< GOAWAY code=NO_ERROR
backend< CLOSE`,
  'R9, E14: it goes to the end of the queue, and not to the session that refused it by GOAWAY': `given streams=1
given engine.sessionsMax=2
client> HEADERS stream=1 flags=ES,EH ${GET}
backend< HEADERS stream=1 flags=ES,EH
client> HEADERS stream=3 flags=ES,EH ${GET}
backend2< HEADERS stream=1 flags=ES,EH
client> HEADERS stream=5 flags=ES,EH ${GET}
backend2> RST_STREAM stream=1 code=REFUSED_STREAM
backend2< HEADERS stream=3 flags=ES,EH
backend2> HEADERS stream=3 flags=ES,EH ${OK}
client< HEADERS stream=5 flags=ES,EH ${OK}
backend2< HEADERS stream=5 flags=ES,EH
backend2> GOAWAY last=3 code=NO_ERROR
client< NOTHING stream=3
backend2< GOAWAY code=NO_ERROR
backend2< CLOSE
backend3< HEADERS stream=1 flags=ES,EH
backend3> HEADERS stream=1 flags=ES,EH ${OK}
client< HEADERS stream=3 flags=ES,EH ${OK}
trace client stream=3 receive, route, balance, lease, sendHead, awaitHead, retry, balance, lease, sendHead, awaitHead, retry, balance, lease, sendHead, awaitHead, filterResponse, transfer, finish, log`,
  'R10: an interim response that was passed on does not prevent it, and the client may see another': `client> HEADERS stream=1 flags=ES,EH ${GET}
backend< HEADERS stream=1 flags=ES,EH
backend> HEADERS stream=1 flags=EH :status=103
client< HEADERS stream=1 flags=EH :status=103
backend> RST_STREAM stream=1 code=REFUSED_STREAM
backend< HEADERS stream=3 flags=ES,EH
backend> HEADERS stream=3 flags=EH :status=103
client< HEADERS stream=1 flags=EH :status=103
backend> HEADERS stream=3 flags=ES,EH ${OK}
client< HEADERS stream=1 flags=ES,EH ${OK}`,
}

for (const [title, story] of Object.entries(STORIES)) {
  t.test(title, (t) => {
    t.strictSame(play(`\`\`\`scenario\n${story}\n\`\`\`\n`), [])
    t.end()
  })
}

t.test('R7: a client of HTTP/1.1 has no word for that: 503', (t) => {
  const proxy = memoryProxy({ proxy: { replayBytesMax: 4 } }, { clients: 'http/1.1' })
  const client = proxy.client()
  client.send(Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfive!'))
  const [backend] = proxy.backends
  proxy.greet(backend)
  t.equal(REQUEST.length, 4)
  backend.send(frame(3, 0, 1, Buffer.from([0, 0, 0, ErrorCode.REFUSED_STREAM])))
  t.match(client.take().toString(), /^HTTP\/1\.1 503 /)
  t.end()
})

t.test('R5: whatever died, a request whose body is not whole is not sent again', (t) => {
  const proxy = memoryProxy({ proxy: { replayBytesMax: 4 } })
  const client = proxy.client()
  const PUT = REQUEST.map(([name, value]) => [name, name === ':method' ? 'PUT' : value] as const)
  client.send(Buffer.concat([headers(1, PUT, false), frame(0, 0, 1, Buffer.from('five!'))]))
  proxy.greet(proxy.backends[0])
  proxy.backends[0].destroy()
  t.equal(proxy.backends.length, 1)
  t.same([...proxy.proxy.outcomes.values()], [1])
  t.end()
})

t.test('an exchange that was sent again and answered has ended well', (t) => {
  const outcomes: string[] = []
  const { client, greet, backends, proxy } = memoryProxy()
  proxy.watch({ ended: ({ outcome, attempts }) => outcomes.push(`${outcome} after ${attempts}`) })
  const far = client()
  far.send(headers(1, REQUEST))
  greet(backends[0])
  backends[0].send(frame(3, 0, 1, Buffer.from([0, 0, 0, ErrorCode.REFUSED_STREAM])))
  backends[0].send(headers(3, [[':status', '204']]))
  t.strictSame(outcomes, ['ok after 2'])
  t.end()
})
