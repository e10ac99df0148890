// The built program with workers: ids and log lines by worker, signals, sessions of TLS that resume at any of
// them, reloads, deaths.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, get as httpGet, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { NodePollset } from '../../src/pollset/index.js'
import { PrimaryControl, primaryControlLife } from '../../src/server/primary-control.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { accepts, type Program, start } from '../../tools/testbed/programs.js'
import { declared, Seen } from '../world/seen.js'
import { soon } from '../world/soon.js'
import { ask } from './admin-server.js'

t.jobs = 3

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const certificates = join(import.meta.dirname, '..', '..', '..', 'tools', 'testbed', 'certificates')
const READY = /2 workers serve/
/** ms that three processes may take to start on a machine that is busy. */
const START_MS = 40_000

const answer = (text: string): string => `routes: [{ answer: { status: 200, body: "${text}" } }]\n`

/** The program with two workers, and the port of its first listener. */
async function served(t: Test, text: string, flags: readonly string[] = []) {
  const file = join(mkdtempSync(join(tmpdir(), 'fermata-workers-')), 'fermata.yaml')
  t.teardown(() => rmSync(dirname(file), { recursive: true }))
  writeFileSync(file, `version: 1\nworkers: 2\n${text}`)
  const program = await start(process.execPath, [...flags, main, 'serve', file], {
    line: READY,
    readyTimeoutMs: START_MS,
  })
  t.teardown(() => program.stop())
  const port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(program.stderr)?.[1])
  return { program, port, file }
}

/** The process ids of the workers, w1 first. */
const workersOf = (program: Program): number[] =>
  execFileSync('ps', ['--ppid', String(program.pid), '-o', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^ *(\d+) .* worker w(\d+)$/.exec(line))
    .filter((found) => found !== null)
    .sort((a, b) => Number(a[2]) - Number(b[2]))
    .map(([, pid]) => Number(pid))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Asks on a connection of its own, or on one of this agent. */
const get = (port: number, path = '/', agent: Agent | false = false): Promise<string> =>
  new Promise((resolve, reject) => {
    httpGet({ port, path, agent, host: '127.0.0.1' }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve(text)).on('error', reject)
    }).on('error', reject)
  })

/** ms between a client's requests in a load, which has to last as long as reloads do, and not to be heavy. */
const PAUSE_MS = 20
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS))

/** Has each process signal itself as soon as a handler stands, before anything of the program is loaded. */
const SIGNALS_ITSELF = `
  const on = process.on
  process.on = function (name, ...rest) {
    const result = on.call(this, name, ...rest)
    if (name === 'SIGUSR1') process.kill(process.pid, name)
    return result
  }`

t.test('J1, J10, J11: ids and lines by worker, one file of whole lines, SIGUSR1 to each', async (t) => {
  const log = join(t.testdir(), 'access.log')
  const { program, port } = await served(
    t,
    `listeners: { main: { address: "127.0.0.1:0" } }\n${answer('x')}accessLog: { file: ${log} }\n`,
    [`--import=data:text/javascript,${encodeURIComponent(SIGNALS_ITSELF)}`],
  )
  for (let at = 0; at < 40; at++) await get(port)
  const pids = workersOf(program)
  t.equal(pids.length, 2)
  const opened = (worker: string): number =>
    [...program.stderr.matchAll(new RegExp(` info ${worker}: .*opened again`, 'g'))].length
  await program.until('each had a signal at its start', () => opened('w1') === 1 && opened('w2') === 1)
  program.signal('SIGUSR1')
  await program.until('each has opened it again', () => opened('w1') === 2 && opened('w2') === 2)
  process.kill(pids[0], 'SIGUSR1')
  await program.until('w1 has too', () => opened('w1') === 3)
  t.equal(opened('w2'), 2)
  t.notOk(await accepts(9229), 'no inspector listens')
  const agent = new Agent({ keepAlive: true, maxSockets: 12 })
  t.teardown(() => agent.destroy())
  const long = `/${'x'.repeat(3_000)}`
  await Promise.all(Array.from({ length: 360 }, (_, at) => get(port, `${long}${at}`, agent)))
  t.match(await program.stop(), { code: 0 })
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  const told = lines.map((line) => JSON.parse(line) as { id: string; path: string })
  const ids = told.map(({ id }) => id)
  t.equal(new Set(ids).size, 400, 'each request has a line, and it is whole')
  t.equal(ids.slice(0, 40).filter((id) => /^w1\/m\d+\/\w+$/.test(id)).length, 20, 'as many as the other')
  const paths = told.slice(40).map(({ path }) => path)
  t.ok(paths.every((path) => path.startsWith(long)))
  t.equal(new Set(paths).size, 360)
  t.notMatch(program.output, /inspector|Debugger/)
})

t.test('J5, J6: reloads lose nothing under load, and a worker that dies only its own requests', async (t) => {
  const listeners = 'listeners: { main: { address: "127.0.0.1:0" } }\n'
  const { program, port, file } = await served(t, `${listeners}${answer('0')}`)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  t.teardown(() => agent.destroy())
  let isOver = false
  const failed: string[] = []
  let asked = 0
  const load = Promise.all(
    Array.from({ length: 8 }, async (_, at) => {
      while (!isOver) {
        asked++
        await get(port, '/', at % 2 === 0 ? agent : false).catch((error) => failed.push(error.code))
        await pause()
      }
    }),
  )
  for (let version = 1; version <= 3; version++) {
    writeFileSync(file, `version: 1\nworkers: 2\n${listeners}${answer(String(version))}`)
    program.signal('SIGHUP')
    await program.until(
      'it is read again',
      () => (program.stderr.match(/were? read again|was read again/g) ?? []).length === version,
    )
    t.equal(await get(port), String(version))
    t.equal(await get(port), String(version))
  }
  t.strictSame(failed, [])
  t.notMatch(program.stderr, /workers has changed/)
  writeFileSync(file, `version: 1\nworkers: 2\n${listeners}routes: [{ backend: none }]\n`)
  program.signal('SIGHUP')
  await program.until('it is refused', () => /was not changed/.test(program.stderr))
  process.kill(workersOf(program)[0], 'SIGKILL')
  await program.until('it is replaced', () =>
    /w1 ended by SIGKILL: another starts in 0\.1 s/.test(program.stderr),
  )
  const [two] = await Promise.all([get(port), get(port)])
  t.equal(two, '3', 'the other serves')
  await program.until('both serve', () => /w1 serves again/.test(program.stderr), START_MS)
  isOver = true
  await load
  t.ok(failed.length <= 8, `${failed.length} of ${asked} failed: those of the worker that died`)
  t.match(await program.stop(), { code: 0 })
})

t.test('J17: a reload with another number of workers starts more, or drains the last ones', async (t) => {
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void silent.close())
  const { port: backend } = silent.address() as AddressInfo
  const text = (workers: number, status: number): string => `version: 1
workers: ${workers}
listeners: { main: { address: "127.0.0.1:0" } }
backends: { slow: { protocol: http, endpoints: ["127.0.0.1:${backend}"] } }
routes:
  - { match: { path: /slow }, backend: slow }
  - { answer: { status: ${status}, body: "${status}" } }
`
  const { program, port, file } = await served(t, text(2, 200).replace(/^version: 1\nworkers: 2\n/, ''))
  const reload = async (workers: number, status: number, told: RegExp): Promise<void> => {
    writeFileSync(file, text(workers, status))
    program.signal('SIGHUP')
    await program.until(String(told), () => told.test(program.stderr), START_MS)
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  const failed: string[] = []
  /** Asks all the time, on connections that stay and on others. Returns what ends it. */
  const asking = (): (() => Promise<unknown>) => {
    let isOver = false
    const all = Array.from({ length: 4 }, async (_, at) => {
      while (!isOver) {
        await get(port, '/', at % 2 === 0 ? agent : false).catch((error) => failed.push(error.code))
        await pause()
      }
    })
    return () => {
      isOver = true
      return Promise.all(all)
    }
  }
  const end = asking()
  await reload(3, 201, / info w3 serves\n/)
  t.equal(workersOf(program).length, 3)
  await end()
  // Connections go out in turn: each worker has one of them.
  const responses: ServerResponse[] = []
  silent.on('request', (_request, response) => responses.push(response))
  const slow = [get(port, '/slow'), get(port, '/slow'), get(port, '/slow')]
  while (responses.length < 3) await soon()
  const endAgain = asking()
  await reload(1, 202, /was read again[\s\S]*was read again/)
  while ((await get(port)) !== '202');
  await endAgain()
  t.notMatch(program.stderr, /w[23] ended/, 'they finish what they have')
  for (const each of responses) each.end('late')
  t.strictSame(await Promise.all(slow), ['late', 'late', 'late'])
  for (const worker of ['w2', 'w3'])
    await program.until(`${worker} has ended`, () =>
      new RegExp(` info ${worker} ended: there is 1 worker now`).test(program.stderr),
    )
  t.strictSame(failed, [])
  t.equal(workersOf(program).length, 1)
  t.equal(await get(port), '202')
  t.notMatch(program.stderr, /takes effect when/)
  t.match(await program.stop(), { code: 0 })
})

t.test('J9, J12: a session of TLS resumes at any worker; workers whose primary is killed end', async (t) => {
  const pem = (name: string) => join(certificates, name)
  const { program, port } = await served(
    t,
    `listeners: { main: { address: "127.0.0.1:0", tls: { certificates: [a] } } }
certificates: { a: { cert: { file: ${pem('example.pem')} }, key: { file: ${pem('example.key')} } } }
${answer('x')}`,
  )
  let session: Buffer | undefined
  const resumed: boolean[] = []
  for (let at = 0; at < 5; at++) {
    const socket = tlsConnect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
    })
    socket.once('session', (told) => {
      session ??= told
    })
    await new Promise((resolve, reject) => {
      socket.on('error', reject).on('close', resolve).resume()
      socket.once('secureConnect', () => {
        resumed.push(socket.isSessionReused())
        socket.end('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
      })
    })
    socket.destroy()
  }
  t.strictSame(resumed, [false, true, true, true, true])
  const pids = workersOf(program)
  t.equal(pids.length, 2)
  program.signal('SIGKILL')
  while (pids.some(isAlive)) await soon()
  t.match(program.stderr, /w1: the primary process has ended, so w1 drains and ends/)
})

t.test('J4: a file that no worker can serve ends the program with status 1', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'fermata.yaml')
  writeFileSync(
    file,
    `version: 1\nworkers: 2\nlisteners: { main: { address: "127.0.0.1:0" } }\n${answer('x')}accessLog: { file: ${folder}/no/access.log }
limits: { workers: { startsMax: 1 } }\n`,
  )
  const program = await start(process.execPath, [main, 'serve', file], {
    line: /access log/,
    readyTimeoutMs: START_MS,
  })
  t.match(await program.exited, { code: 1 })
})

t.test('J8: a request that a worker has finishes; the signal may come to the whole group', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-probes-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'probes.sock')
  const { program, port } = await served(
    t,
    `listeners: { main: { address: "127.0.0.1:0" } }\nshutdown: { delay: 500ms }\n${answer('x')}probes: { address: "unix:${socketPath}" }\n`,
  )
  const ready = async () => (await ask({ socketPath }, '/readyz')).status
  t.equal(await ready(), 200)
  for (const pid of [...workersOf(program)]) process.kill(pid, 'SIGTERM')
  program.signal('SIGTERM')
  while ((await ready()) === 200);
  t.equal(await ready(), 503, 'it says at once that it should get no more')
  t.notMatch(program.stderr, /draining: /)
  t.equal(await get(port), 'x', 'it accepts during the delay')
  t.match(await program.exited, { code: 0 })
  t.equal((program.stderr.match(/draining: /g) ?? []).length, 1)
})

t.test('J8: a second signal cuts requests, and the exit status says so', async (t) => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void silent.close())
  const { port: backend } = silent.address() as AddressInfo
  const { program, port } = await served(
    t,
    `listeners: { main: { address: "127.0.0.1:0" } }
backends: { b: { protocol: http, endpoints: ["127.0.0.1:${backend}"] } }
routes: [{ backend: b }]\n`,
  )
  const arrived = new Promise((resolve) => silent.once('request', resolve))
  const cut = get(port).catch((error) => error.code)
  await arrived
  program.signal('SIGTERM')
  await program.until('it drains', () => /draining/.test(program.stderr))
  program.signal('SIGTERM')
  t.match(await program.exited, { code: 3 })
  t.match(program.stderr, / w[12]: .*1 request was cut/)
  t.equal(await cut, 'ECONNRESET')
})

t.test('J13, J14: operators ask the primary for all workers; counters do not fall', async (t) => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void silent.closeAllConnections())
  t.teardown(() => void silent.close())
  const { port: backend } = silent.address() as AddressInfo
  const folder = mkdtempSync(join(tmpdir(), 'fermata-admin-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'admin.sock')
  const { program, port } = await served(
    t,
    `listeners: { main: { address: "127.0.0.1:0" } }
admin: { address: "unix:${socketPath}" }
backends: { b: { protocol: http, endpoints: ["127.0.0.1:${backend}"] } }
limits: { workers: { answer: 700ms } }
routes: [{ match: { path: /quick }, answer: { status: 200, body: x } }, { backend: b }]\n`,
  )
  const told = async (path: string, method = 'GET', body = '') => {
    const headers = body === '' ? {} : { 'content-type': 'application/json' }
    const answer = await ask({ socketPath }, path, { method, body, headers })
    return { status: answer.status, json: JSON.parse(answer.body) }
  }
  const hanging = Array.from({ length: 4 }, () => get(port, '/slow').catch((error) => error.code))
  let list = await told('/exchanges?sort=id')
  while (list.json.total < 4) list = await told('/exchanges?sort=id')
  const ids: string[] = list.json.rows.map(({ id }: { id: string }) => id)
  t.strictSame([...new Set(ids.map((id) => id.slice(0, 3)))], ['w1/', 'w2/'])
  t.match(await told('/exchanges?limit=1&overview=true'), {
    json: { total: 4, matched: 4, inFlight: 4, rows: { length: 1 } },
  })
  t.match(await told('/exchanges?sort=colour'), { status: 400 })
  t.match(await told(`/exchanges/${encodeURIComponent(ids[3])}`), {
    status: 200,
    json: { why: { id: ids[3] } },
  })
  t.match(await told('/exchanges/m1'), { status: 404, json: { error: /begin with a worker/ } })
  t.match(await told('/exchanges/w7%2Fm1'), { status: 404, json: { error: /no worker w7/ } })
  for (const id of ids)
    t.match(await told(`/exchanges/${encodeURIComponent(id)}`, 'DELETE'), { json: { ended: true } })
  await Promise.all(hanging)
  t.match(await told('/config'), { json: { workers: 2, overlays: [] } })
  t.match(await told('/backends'), {
    json: [
      { worker: 'w1', name: 'b' },
      { worker: 'w2', name: 'b' },
    ],
  })
  const sockets = Array.from({ length: 6 }, () => connect(port, '127.0.0.1'))
  let closed = 0
  for (const each of sockets) {
    each.write('GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n')
    each.on('error', () => {}).on('close', () => closed++)
  }
  const inFlight = async () => (await told('/exchanges')).json
  while ((await inFlight()).total < 6);
  const rows: { id: string; clientAddress: string }[] = (await inFlight()).rows
  const portsOf = (worker: string): number[] =>
    rows
      .filter(({ id }) => id.startsWith(`${worker}/`))
      .map(({ clientAddress }) => Number(clientAddress.split(':').at(-1)))
  const ports = new Map(sockets.map((each) => [each.localPort, each]))
  t.strictSame([portsOf('w1').length, portsOf('w2').length], [3, 3])

  const endpoint = `/backends/b/endpoints/127.0.0.1:${backend}`
  t.match(await told(endpoint, 'PATCH', '{ "drain": true }'), { json: { overlay: { drain: true } } })
  t.match(await told('/backends/none/endpoints/x', 'PATCH', '{ "drain": true }'), { status: 404 })

  const metric = async (name: RegExp): Promise<number> => {
    const { body } = await ask({ socketPath }, '/metrics')
    return body
      .split('\n')
      .filter((line) => name.test(line))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }
  for (let at = 0; at < 10; at++) await get(port, '/quick')
  t.equal(await metric(/^fermata_requests_total/), 14, 'the sum of both')
  process.kill(workersOf(program)[0], 'SIGKILL')
  await Promise.all(
    portsOf('w1').map((at) => new Promise((resolve) => ports.get(at)?.once('close', resolve))),
  )
  await program.until('it is replaced', () => /w1 serves again/.test(program.stderr), START_MS)
  t.match(await inFlight(), {
    total: 3,
    rows: rows.filter(({ id }) => id.startsWith('w2/')).map(({ id }) => ({ id })),
  })
  t.equal(closed, 3, 'only its own connections have failed')
  t.equal(await metric(/^fermata_requests_total/), 14, 'what the dead one counted stays')
  // A FIN alone would leave the requests for a while.
  for (const each of sockets) each.resetAndDestroy()
  while ((await inFlight()).total > 0);
  t.equal(await metric(/^fermata_request_duration_seconds_count/), 17)
  for (let at = 0; at < 4; at++) await get(port, '/quick')
  t.equal(await metric(/^fermata_requests_total/), 21)
  const [{ members }] = (await told('/backends')).json
  t.match(members, [{ overlay: { drain: true } }], 'the new one has what operators have set')
  const { body } = await ask({ socketPath }, '/metrics')
  for (const { metric: name } of tableOf(readFileSync('spec/workers.md', 'utf8'), 'Metrics'))
    t.match(body, new RegExp(`^# TYPE ${name} `, 'm'))
  t.equal(new Set(body.match(/^# TYPE .*$/gm)).size, body.match(/^# TYPE .*$/gm)?.length, 'each once')

  const [pid] = workersOf(program)
  process.kill(pid, 'SIGSTOP')
  t.match(await told('/exchanges'), { status: 200, json: { total: 0, silent: ['w1'] } })
  t.equal(await metric(/^fermata_requests_total/), 21, 'what it told last stands for it')
  t.match(await told('/exchanges/w1%2Fm1'), { status: 500, json: { error: /w1 does not answer/ } })
  process.kill(pid, 'SIGCONT')
  program.signal('SIGTERM')
  t.match(await program.exited, { code: 0 })
})

t.test('J13, Q9: a purge is made by all workers, and what they have removed is added up', async (t) => {
  let asked = 0
  const origin = createServer((_, response) => {
    asked++
    response.setHeader('cache-control', 'max-age=600')
    response.end('x')
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    origin.closeAllConnections()
    origin.close()
  })
  const folder = mkdtempSync(join(tmpdir(), 'fermata-purge-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'admin.sock')
  const { port } = await served(
    t,
    `listeners: { main: { address: "127.0.0.1:0" } }
admin: { address: "unix:${path}" }
backends: { app: { endpoints: ["127.0.0.1:${(origin.address() as AddressInfo).port}"] } }
filters: { pages: { cache: {} } }
routes: [{ backend: app, filters: [pages] }]
`,
  )
  /** Asks on connections of their own until both workers have filled. */
  const fill = async (): Promise<void> => {
    asked = 0
    for (let at = 0; asked < 2 && at < 100; at++) await get(port, '/x')
    t.equal(asked, 2)
  }
  await fill()
  const { status, body } = await ask({ socketPath: path }, '/caches/pages/purge', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: `http://127.0.0.1:${port}/x` }),
  })
  t.match({ status, ...JSON.parse(body) }, { status: 200, cache: 'pages', removed: 2 })
  await fill()
  const told = execFileSync(process.execPath, [main, 'purge', `unix:${path}`, 'pages', '--all'])
  t.equal(told.toString(), 'pages: 2 removed\n')
  await fill()
})

t.test('J9: keys are changed in time', async (t) => {
  const seen = new Seen()
  const pollset = new NodePollset()
  const world = createWorld(pollset)
  world.scheduler.tracer = seen
  const done: string[] = []
  await new Promise<void>((resolve) => {
    const orders = {
      world,
      ticketKeysMs: 5,
      follow: (order: string) => {
        done.push(order)
        control.end()
      },
      changeTicketKeys: () => {
        done.push('keys')
        setImmediate(() => pollset.commands.give('reload'))
      },
      stop: resolve,
    }
    const control = new PrimaryControl(orders)
    // The second change would come after the test.
    orders.ticketKeysMs = 60_000
  })
  pollset.close()
  t.strictSame(done, ['keys', 'reload'])
  const { edges } = primaryControlLife
  t.strictSame(seen.taken(edges), declared(edges))
  t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges))
})
