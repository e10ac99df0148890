// The short form of tools/password-flood.ts: a flood of wrong passwords over real sockets.

import { lookup } from 'node:dns'
import t from 'tap'
import { filterLimits } from '../../src/filters/index.js'
import { NodePollset, passwordCheck, readPasswordHash } from '../../src/pollset/index.js'
import { TaskPool } from '../../src/proxy/index.js'
import { floodTable, runFlood } from '../../tools/password-flood.js'

t.test('a flood of wrong passwords: others are served, and the log is left alone', async (t) => {
  const figures = await runFlood({ seconds: 1, addresses: 3, cost: 12 })
  for (const { name, failed, logLines } of figures.phases) {
    t.equal(failed, 0, name)
    t.equal(logLines, 0, name)
  }
  const statuses = Object.keys(figures.got).filter((each) => each !== '0')
  t.ok(statuses.includes('401'))
  t.ok(statuses.includes('429'), 'an address has 16 checks at once')
  t.same(
    statuses.filter((each) => !['401', '429', '503'].includes(each)),
    [],
  )
  t.match(floodTable(figures), /^flood /m)
})

t.test('names are looked up while passwords are hashed', async (t) => {
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: filterLimits.hashesMax, queueMax: 100 })
  const salt = 'A'.repeat(22)
  const hash = readPasswordHash(`$scrypt$ln=15,r=8,p=1$${salt}$${'A'.repeat(43)}`)
  if (typeof hash === 'string') throw new Error(hash)
  const tasks = Array.from({ length: 8 }, () => pool.start(passwordCheck(hash, Buffer.from('x'))))
  t.equal(pool.running, 2)
  // It takes one of Node's threads, as hashing does.
  await new Promise<void>((resolve) => lookup('localhost', () => resolve()))
  t.ok(pool.waiting > 0, 'before the queue has come to its end')
  for (const each of tasks) each?.cancel()
  while (pool.running > 0) await new Promise((resolve) => setImmediate(resolve))
  pollset.close()
})
