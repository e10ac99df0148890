// nginx refuses a long upload by its head (client_max_body_size): the client gets the 413 through Fermata each time, in both HTTP
// versions on either side. Over HTTP/2 the client is Node's: curl before 8 gives such a response up when RST_STREAM(NO_ERROR) comes
// with it (RFC 9113 §8.1), from nginx itself too.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { nginx } from '../../tools/testbed/nginx.js'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { answerOf, setUp } from '../world/proxy-world.js'

const skip = unlessInstalled('nginx', 'curl')
const TRIES = 8
const BODY = randomBytes(8 * 1024 * 1024)

/** The status that curl tells, and its exit code. */
async function byCurl(t: Test, url: string): Promise<string> {
  const file = join(t.testdir({ body: BODY }), 'body')
  const options = ['--silent', '--show-error', '--http1.1', '--max-time', '60', '-H', 'Expect:']
  const args = ['--data-binary', `@${file}`, '-o', '/dev/null', '-w', '%{http_code}', url]
  const { code, stdout, stderr } = await run('curl', [...options, ...args])
  return `${stdout} ${code} ${stderr}`.trim()
}

async function byNode(_t: Test, url: string): Promise<string> {
  const client = connect(url)
  const stream = client.request({ ':method': 'POST', ':path': '/', 'content-length': BODY.length })
  stream.end(BODY)
  const { status, headers, body } = await answerOf(stream)
  client.destroy()
  return status === 413 ? '413 0' : `${status} ${headers['x-fermata']}: ${body}`
}

for (const [scheme, listen] of [
  ['http', ''],
  ['h2c', 'http2'],
] as const) {
  for (const [version, send] of [
    ['HTTP/1.1', byCurl],
    ['HTTP/2', byNode],
  ] as const) {
    t.test(`nginx's 413 of a long upload over ${version}, ${scheme}: each time`, { skip }, async (t) => {
      const port = await nginx(t, { listen, server: 'client_max_body_size 1k;' })
      const url = `${scheme}://127.0.0.1:${port}`
      const setting = await setUp(() => {}, {}, { routes: [{ host: '', prefix: '/', url }] })
      t.teardown(() => setting.close())
      const statuses: string[] = []
      for (let i = 0; i < TRIES; i++) statuses.push(await send(t, setting.url))
      t.strictSame(statuses, Array(TRIES).fill('413 0'))
    })
  }
}
