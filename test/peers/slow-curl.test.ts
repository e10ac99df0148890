// A slow, steady curl: what waits in the kernels is slow, not dead (spec/engine.md). The limits are scaled down, so that
// a PING falls due, and its time passes, while curl still reads what was written before it.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { setUp } from '../world/proxy-world.js'

const limits = {
  http2: { pingAfterMs: 100, frontendPingTimeoutMs: 200, backendPingTimeoutMs: 200 },
  proxy: { bodyTimeoutMs: 500, headTimeoutMs: 500 },
}
const BYTES = 16_000_000

t.test('16 MB at 5 MB a second', { skip: unlessInstalled('curl') }, async (t) => {
  const body = randomBytes(BYTES)
  const { url, close } = await setUp((stream) => {
    stream.respond({ ':status': 200 })
    stream.end(body)
  }, limits)
  t.teardown(close)
  const file = join(t.testdir(), 'body')
  const rate = ['--http2-prior-knowledge', '--limit-rate', '5M']
  const result = await run('curl', ['--silent', '--show-error', ...rate, '-o', file, `${url}/`])
  t.equal(result.code, 0, result.stderr)
  t.ok(readFileSync(file).equals(body), 'whole')
})
