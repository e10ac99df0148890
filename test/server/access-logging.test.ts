// The lines of exchanges that have ended in a turn which has not settled yet.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { accessLogConfig } from '../../src/config/index.js'
import { type LogFileOwner, NodeLogFile } from '../../src/pollset/node/log-file.js'
import type { NodePollset } from '../../src/pollset/node/pollset.js'
import { AccessLogging } from '../../src/server/access-logging.js'
import { defaultLimits } from '../../src/server/limits.js'
import type { ProcessLog } from '../../src/server/process-log.js'
import type { RedisService } from '../../src/server/redis-service.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

/** Two exchanges end in one turn, and `meanwhile` is called in it behind the first. Returns the file's lines. */
function twoEnd(
  t: Test,
  format: 'json' | 'logfmt',
  meanwhile: (log: AccessLogging, path: string, lines: () => string[]) => void,
): string[] {
  const path = join(t.testdir(), 'access.log')
  const lines = (): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const it = memoryProxy({}, { clients: 'http/1.1', speaks: 'http/1.1' })
  const owner: LogFileOwner = { mark() {}, flushLater() {} }
  const files = {
    logFile: (id: string, name: string, bytes: number) => new NodeLogFile(id, name, bytes, owner),
  }
  const redis = { watch() {}, unwatch() {}, measureSteps() {} }
  const log = new AccessLogging(
    it.world,
    files as NodePollset,
    it.proxy,
    redis as unknown as RedisService,
    { tell() {} } as unknown as ProcessLog,
    defaultLimits.server,
  )
  log.begin(accessLogConfig({ file: path, format, fields: ['id', 'status'] }))
  it.proxy.watch(log)
  let ended = 0
  it.proxy.watch({ ended: () => ++ended === 2 && meanwhile(log, path, lines) })
  for (let at = 0; at < 2; at++) it.client().send(GET)
  for (const each of it.backends) each.put(OK)
  it.pollset.run()
  t.equal(ended, 2)
  log.writeNow()
  return lines()
}

t.test('a process that ends now writes the lines of this turn too', async (t) => {
  let before: string[] = []
  const after = twoEnd(t, 'json', (log, _path, lines) => {
    log.writeNow()
    before = lines()
  })
  t.strictSame(before, ['{"id":"m1/r1","status":200}'])
  t.strictSame(after, ['{"id":"m1/r1","status":200}', '{"id":"m2/r1","status":200}'])
})

t.test('a reload changes the format of those that end behind it', async (t) => {
  const lines = twoEnd(t, 'json', (log, path) =>
    log.configure(accessLogConfig({ file: path, format: 'logfmt', fields: ['id', 'status'] })),
  )
  t.strictSame(lines, ['{"id":"m1/r1","status":200}', 'id=m2/r1 status=200'])
})
