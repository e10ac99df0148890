// The threads in which passwords are hashed, with the real libraries.

import { lookup } from 'node:dns'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import t from 'tap'
import { NodePollset, type PasswordHash, PasswordThreads, readPasswordHash } from '../../src/pollset/index.js'
import { type PooledTask, TaskPool } from '../../src/proxy/index.js'

function scryptHash(cost: number): PasswordHash {
  const hash = readPasswordHash(`$scrypt$ln=${cost},r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`)
  if (typeof hash === 'string') throw new Error(hash)
  return hash
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function ended(task: PooledTask<boolean> | null): Promise<PooledTask<boolean>> {
  if (task === null) throw new Error('it was not begun')
  while (!task.settled) await turn()
  return task
}

t.test('passwords are hashed in as many threads as hash at once, which are kept', async (t) => {
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: 2, queueMax: 100 })
  const threads = new PasswordThreads()
  t.equal(threads.size, 0, 'none before the first check')
  const hash = scryptHash(4)
  const tasks = Array.from({ length: 6 }, () => pool.start(threads.check(hash, Buffer.from('x'))))
  for (const each of tasks) t.match(await ended(each), { fault: null, value: false })
  t.equal(threads.size, 2)
  threads.end()
  t.equal(threads.size, 0)
  pollset.close()
})

t.test("they are nicer than the loop's thread", { skip: process.platform !== 'linux' }, async (t) => {
  const nices = (): readonly number[] =>
    readdirSync('/proc/self/task').flatMap((each) => {
      try {
        const stat = readFileSync(`/proc/self/task/${each}/stat`, 'latin1')
        // proc(5): nice is field 19, and the name may hold blanks.
        return [Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])]
      } catch {
        return [] // It has ended.
      }
    })
  const own = getPriority(0)
  const expected = Math.min(19, own + 10)
  // Threads of other tests may still be ending.
  while (nices().includes(expected)) await turn()
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: 1, queueMax: 0 })
  const threads = new PasswordThreads()
  await ended(pool.start(threads.check(scryptHash(4), Buffer.from('x'))))
  t.equal(getPriority(0), own, 'the loop keeps its own')
  t.equal(nices().filter((each) => each === expected).length, 1)
  threads.end()
  pollset.close()
})

t.test('names are looked up while passwords are hashed', async (t) => {
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: 4, queueMax: 100 })
  const threads = new PasswordThreads()
  const tasks = Array.from({ length: 8 }, () => pool.start(threads.check(scryptHash(15), Buffer.from('x'))))
  // It takes a thread of Node's pool, which has four.
  await new Promise<void>((resolve) => lookup('localhost', () => resolve()))
  t.equal(pool.running, 4, 'before any hash has ended')
  for (const each of tasks) each?.cancel()
  threads.end()
  while (pool.running > 0) await turn()
  pollset.close()
})

t.test('a check that cannot be made fails; a thread that ends is replaced', async (t) => {
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: 1, queueMax: 1 })
  const threads = new PasswordThreads()
  const odd: PasswordHash = {
    kind: 'scrypt',
    text: '$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA',
  }
  t.ok((await ended(pool.start(threads.check(odd, Buffer.from('x'))))).fault)
  t.equal(threads.size, 1, 'the thread goes on')
  const running = pool.start(threads.check(scryptHash(15), Buffer.from('x')))
  threads.end()
  t.match((await ended(running)).fault?.message, /could not be checked/)
  t.match(await ended(pool.start(threads.check(scryptHash(4), Buffer.from('x')))), { value: false })
  threads.end()
  pollset.close()
})
