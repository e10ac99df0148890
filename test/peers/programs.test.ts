// The start, readiness, output and end of peer programs: every test with a foreign program depends on them.

import t from 'tap'
import { h2load, parseLoadReport, unsuccessful } from '../../tools/testbed/h2load.js'
import {
  accepts,
  findProgram,
  freePort,
  Program,
  run,
  start,
  unlessInstalled,
} from '../../tools/testbed/programs.js'

const node = process.execPath

t.test('find', async (t) => {
  t.ok(findProgram('sh'), 'a program on PATH')
  t.equal(findProgram('no-such-program-anywhere'), null)
  t.equal(unlessInstalled('sh'), false)
  t.equal(unlessInstalled('sh', 'no-such-program-anywhere'), 'no-such-program-anywhere is not installed')
  t.throws(() => new Program('no-such-program-anywhere', []), /is not installed/)
})

t.test('start waits until the port accepts, stop until the program has ended', async (t) => {
  const port = await freePort()
  t.equal(await accepts(port), false)
  const late = `setTimeout(() => require('net').createServer().listen(${port}, '127.0.0.1'), 50)`
  const program = await start(node, ['-e', late], { port })
  t.equal(await accepts(port), true)
  const exit = await program.stop()
  t.equal(exit.signal, 'SIGTERM')
  t.equal(await accepts(port), false)
})

t.test('start waits for a line', async (t) => {
  const program = await start(node, ['-e', `console.log('rea' + 'dy'); setInterval(() => {}, 1000)`], {
    line: /ready/,
  })
  t.equal(program.exit, null)
  await program.stop()
  t.not(program.exit, null)
})

t.test('a program that ends before it is ready is told with its output', async (t) => {
  const port = await freePort()
  const dying = start(node, ['-e', `console.error('no such luck'); process.exit(3)`], { port })
  await t.rejects(dying, /ended \(3\) before it accepted on port \d+:\nno such luck/)
})

t.test('a program that never gets ready is given up', async (t) => {
  const port = await freePort()
  const idle = start(node, ['-e', 'setInterval(() => {}, 1000)'], { port, readyTimeoutMs: 100 })
  await t.rejects(idle, /took 100 ms and more before it accepted/)
})

t.test('a program that ignores SIGTERM is killed, its children too', async (t) => {
  // The child holds the program's output open, so `exited` settles only when it is gone as well.
  const stubborn = `process.on('SIGTERM', () => {})
    require('child_process').spawn(process.execPath, ['-e', 'console.log("born"); setInterval(() => {}, 1000)'],
      { stdio: 'inherit' })`
  const program = await start(node, ['-e', stubborn], { line: /born/ })
  program.kill()
  t.equal((await program.exited).signal, 'SIGKILL')
})

t.test('run gives code and output, and gives up on what takes too long', async (t) => {
  const result = await run(node, ['-e', `console.log('out'); console.error('err'); process.exit(4)`])
  t.match(result, { code: 4, stdout: 'out\n', stderr: 'err\n' })
  await t.rejects(run(node, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 100 }), /more than 100 ms/)
})

const report = `starting benchmark...
finished in 1.02s, 19640.12 req/s, 1.23MB/s
requests: 20000 total, 20000 started, 19999 done, 19990 succeeded, 10 failed, 1 errored, 0 timeout
status codes: 19989 2xx, 0 3xx, 1 4xx, 9 5xx
traffic: 1.26MB (1320123) total, 195.31KB (200000) headers (space savings 95.00%), 234.38KB (240000) data
                     min         max         mean         sd        +/- sd
time for request:      512us     12.34ms      4.50ms      1.10ms    70.00%
time for connect:      100us       100us       100us         0us   100.00%
`

t.test("h2load's report", async (t) => {
  const read = parseLoadReport(report)
  t.strictSame(read, {
    total: 20000,
    done: 19999,
    succeeded: 19990,
    failed: 10,
    errored: 1,
    timeout: 0,
    status2xx: 19989,
    status3xx: 0,
    status4xx: 1,
    status5xx: 9,
    seconds: 1.02,
    requestsPerSecond: 19640.12,
    bytesTotal: 1320123,
    bytesData: 240000,
    requestMeanMs: 4.5,
  })
  t.equal(unsuccessful(read), 11)
  t.throws(() => parseLoadReport('nothing'), /has no/)
})

t.test('h2load against nghttpd', { skip: unlessInstalled('h2load', 'nghttpd') }, async (t) => {
  const htdocs = t.testdir({ 'index.html': 'twelve bytes' })
  const port = await freePort()
  const server = await start('nghttpd', ['--no-tls', '-a', '127.0.0.1', '-d', htdocs, `${port}`], { port })
  t.teardown(() => server.stop())
  const read = await h2load({ url: `http://127.0.0.1:${port}/`, requests: 500, clients: 2, streams: 10 })
  t.match(read, { total: 500, succeeded: 500, status2xx: 500, bytesData: 6000 })
  t.equal(unsuccessful(read), 0)
})
