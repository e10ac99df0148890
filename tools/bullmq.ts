// npm run bullmq: BullMQ, as people install it, through `fermata redis`: 1,000 jobs by ten workers, before one
// server and before a cluster of three. Each job must run once, and its result must arrive. BullMQ is
// installed in a folder of its own, which is removed at the end.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Program, run, start } from './testbed/programs.js'
import { startRedis } from './testbed/redis.js'
import { startCluster } from './testbed/redis-cluster.js'

const VERSION = '5.81.5'
const JOBS = 1_000
const WORKERS = 10

/** The program in the folder: it prints the fate of the jobs. */
const JOBS_SCRIPT = `
import { Queue, QueueEvents, Worker } from 'bullmq'
const [port, jobs, workers] = process.argv.slice(2, 5).map(Number)
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
const options = { connection, prefix: process.argv[5] }
const problems = []
const runs = new Map()
const queue = new Queue('work', options)
const events = new QueueEvents('work', options)
for (const each of [queue, events]) each.on('error', (error) => problems.push(error.message))
await events.waitUntilReady()
const all = Array.from({ length: workers }, () => new Worker('work', async ({ data }) => {
  runs.set(data.n, (runs.get(data.n) ?? 0) + 1)
  return data.n * 2
}, options))
for (const each of all) each.on('error', (error) => problems.push(error.message)).on('failed', (_, error) => problems.push(error.message))
const added = await queue.addBulk(Array.from({ length: jobs }, (_, n) => ({ name: 'double', data: { n }, opts: { delay: n % 10 === 0 ? 50 : 0, priority: n % 7 } })))
const results = await Promise.all(added.map((job) => job.waitUntilFinished(events, 100_000)))
await Promise.all([...all, queue, events].map((each) => each.close()))
const twice = [...runs.values()].filter((each) => each !== 1).length
const wrong = results.filter((each, n) => each !== n * 2).length
process.stdout.write(JSON.stringify({ ran: runs.size, twice, wrong, problems: problems.slice(0, 5) }) + '\\n')
process.exit(0)
`

const folder = mkdtempSync(join(tmpdir(), 'fermata-bullmq-'))

/** Runs the jobs through a proxy with these options. Returns whether all of them ran as they are to. */
async function through(title: string, to: readonly string[], prefix: string): Promise<boolean> {
  const port = await freePort()
  const args = ['dist/src/main.js', 'redis', '--listen', `127.0.0.1:${port}`, ...to]
  const proxy: Program = await start(process.execPath, args, { port, readyTimeoutMs: 60_000 })
  const begun = performance.now()
  const { stdout, stderr, code } = await run(
    process.execPath,
    ['jobs.js', String(port), String(JOBS), String(WORKERS), prefix],
    { cwd: folder },
  )
  await proxy.stop()
  const expected = JSON.stringify({ ran: JOBS, twice: 0, wrong: 0, problems: [] })
  const isRight = code === 0 && stdout.trim() === expected
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1)
  const said = isRight ? stdout.trim() : `${stdout}${stderr}`
  console.log(`${isRight ? 'ok' : 'not ok'} - BullMQ ${VERSION} ${title}: ${said} (${seconds} s)`)
  return isRight
}

try {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'jobs.js'), JOBS_SCRIPT)
  const installed = await run('npm', ['install', '--no-audit', '--no-fund', `bullmq@${VERSION}`], {
    cwd: folder,
  })
  if (installed.code !== 0) throw new Error(`npm install bullmq: ${installed.stderr}`)
  const redis = await startRedis()
  const isRight = [await through('before one server', ['--backend', `127.0.0.1:${redis.port}`], 'bull')]
  await redis.program.stop()
  const cluster = await startCluster(join(folder, 'cluster'))
  const [{ port }] = cluster.nodes
  isRight.push(await through('before a cluster of three', ['--cluster', `127.0.0.1:${port}`], '{bull}'))
  await cluster.stop()
  if (!isRight.every((each) => each)) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
