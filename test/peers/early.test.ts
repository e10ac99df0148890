// nginx refuses a long upload by its head (client_max_body_size): curl gets the 413 through Fermata each time, in both HTTP
// versions on either side.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { setUp } from '../world/proxy-world.js'
import { nginx } from './nginx.js'
import { run, unlessInstalled } from './programs.js'

const skip = unlessInstalled('nginx', 'curl')
const TRIES = 8
const BYTES = 8 * 1024 * 1024

for (const [scheme, listen] of [
  ['http', ''],
  ['h2c', 'http2'],
] as const) {
  for (const version of ['--http1.1', '--http2-prior-knowledge']) {
    t.test(`curl ${version} gets nginx's 413 of a long upload, ${scheme}: each time`, { skip }, async (t) => {
      const port = await nginx(t, { listen, server: 'client_max_body_size 1k;' })
      const url = `${scheme}://127.0.0.1:${port}`
      const setting = await setUp(() => {}, {}, { routes: [{ host: '', prefix: '/', url }] })
      t.teardown(() => setting.close())
      const file = join(t.testdir({ body: randomBytes(BYTES) }), 'body')
      const statuses: string[] = []
      for (let i = 0; i < TRIES; i++) {
        const options = ['--silent', '--show-error', version, '--max-time', '60', '-H', 'Expect:']
        const args = ['--data-binary', `@${file}`, '-o', '/dev/null', '-w', '%{http_code}', `${setting.url}/`]
        const { code, stdout, stderr } = await run('curl', [...options, ...args])
        statuses.push(`${stdout} ${code} ${stderr}`.trim())
      }
      t.strictSame(statuses, Array(TRIES).fill('413 0'))
    })
  }
}
