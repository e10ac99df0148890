// `fermata ps`, `why`, `top` and `debug` of the built program, as the README's tour has them.

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import * as http2 from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePort, run, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { backend } from '../world/http2-backend.js'

t.jobs = 3

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
const readme = readFileSync('README.md', 'utf8')

/** The block of the README behind this mark. */
const block = (mark: string): string => {
  const found = new RegExp(`<!-- ${mark} -->\\n\`\`\`\\w*\\n([\\s\\S]*?)\`\`\``).exec(readme)
  if (found === null) throw new Error(`the README has no block ${mark}`)
  return found[1]
}

t.test("the README's tour works as printed", { skip: unlessInstalled('curl', 'bash') }, async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(cwd, { recursive: true }))
  const [port, backendPort] = [await freePort(), await freePort()]
  const here = (text: string): string =>
    text
      .replaceAll('node dist/src/main.js', `${process.execPath} ${main}`)
      .replaceAll('8080', `${port}`)
      .replaceAll('9000', `${backendPort}`)
  const started = here(block('tour:start'))
    .split('\n')
    .filter((line) => line !== '')
  const [backend, server, curl] = started.map((line) => line.replace(/ &$/, ''))
  const programs = []
  for (const [line, ready] of [
    [backend, { port: backendPort }],
    [server, { port }],
  ] as const) {
    const program = await start('bash', ['-c', `exec ${line}`], { ...ready, cwd })
    t.teardown(() => program.stop())
    programs.push(program)
  }
  const asking = run('bash', ['-c', curl], { cwd, timeoutMs: 30_000 })
  const commands = here(block('tour:commands'))
    .split('\n')
    .filter((line) => line !== '')
  t.equal(commands.length, 5, 'five commands')
  const answers: string[] = []
  for (const [at, command] of commands.entries()) {
    let answer = ''
    // The request of the background may not have come to the backend yet.
    do answer = (await run('bash', ['-c', command], { cwd, timeoutMs: 20_000 })).stdout
    while (at === 0 && !/ b1\[1\//.test(answer))
    answers.push(answer)
  }
  const [top, ps, why, show, late] = answers
  t.match(top, /^e1 +h2c:\/\/127\.0\.0\.1:\d+ +0 +0 +b1\[1\/\d+\]$/m)
  t.match(top, /^m1\/s1 +GET +\/slow/m)
  t.match(ps, /^m1\/s1 +GET +\/slow +127\.0\.0\.1:\d+ +awaitHead +waiting/m)
  t.match(ps, /^1 in flight$/m)
  const likely = here(block('tour:why'))
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\d+\\\.\d s/g, '\\d+\\.\\d s')
  t.match(why, new RegExp(`^${likely}$`.replace(/\n\$$/, '\n$')), 'what the README shows')
  t.match(show, /path = \/slow/)
  t.match(late, /m1\/s1 is late/)
  t.match((await asking).stdout, /^504 head-late/, 'and the client has its answer')
})

t.test('a script, JSON, errors that say what to do', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a.sock')
  const server = await start(
    process.execPath,
    [main, 'serve', '--listen', '127.0.0.1:0', '--debug', `unix:${path}`],
    {
      line: /goes to/,
    },
  )
  t.teardown(() => server.stop())
  const fermata = (line: string, input = '') =>
    run('bash', ['-c', `printf '${input}' | ${process.execPath} ${main} ${line}`], { timeoutMs: 20_000 })
  t.match(await fermata(`ps unix:${path}`), { code: 0, stdout: '0 in flight\n' })
  t.same(JSON.parse((await fermata(`ps unix:${path} --json`)).stdout), { total: 0, matched: 0, rows: [] })
  t.match(await fermata(`ps unix:${path} --filter 'step = 1'`), { code: 1, stderr: /^error: .*character/ })
  t.match(await fermata(`ps unix:${path} --sort size`), {
    code: 1,
    stderr: 'error: sort by age, held, path, step, id\n',
  })
  t.match(await fermata(`why unix:${path} m9/s9`), {
    code: 1,
    stderr: /nothing that lives has the id 'm9\/s9'/,
  })
  t.match(await fermata('ps 127.0.0.1:1'), {
    code: 1,
    stderr: /start the server with --debug 127\.0\.0\.1:1/,
  })
  t.match(await fermata('ps nowhere'), { code: 1, stderr: /write HOST:PORT or unix:PATH/ })
  t.match(await fermata(`debug unix:${path}`, '# a comment\\nlist\\npoints\\n'), {
    code: 0,
    stdout: 'no request is in flight\nno breakpoint is set\n',
  })
  const failed = await fermata(`debug unix:${path}`, 'points\\nlst\\nlist\\n')
  t.equal(failed.stderr, "error: there is no command 'lst': see `help`\n")
  t.equal(failed.stdout, 'no breakpoint is set\n', 'no prompt, and nothing behind what failed')
  t.equal(failed.code, 1)
  const kept = await fermata(`debug --keep-going unix:${path}`, 'lst\\nclear 9\\nlist\\nquit\\npoints\\n')
  t.equal(
    kept.stderr,
    "error: there is no command 'lst': see `help`\nerror: there is no breakpoint 9: see `points`\n",
  )
  t.equal(kept.stdout, 'no request is in flight\n', 'what follows an error is run, up to the end')
  t.equal(kept.code, 1, 'and the status says that one has failed')
  const help = (await fermata('debug --help')).stdout.replace(/\s+/g, ' ')
  t.match(help, 'The first that fails ends it with status 1, unless --keep-going is given.')
  t.match(help, 'When the script or the prompt ends, all that it holds goes on')
  t.match(await fermata(`why m9/s9 unix:${path}`), {
    code: 1,
    stderr: `error: the address comes first: fermata why unix:${path} m9/s9\n`,
  })
  const wrong = await fermata(`ps unix:${path} --limit 0`)
  t.equal(
    wrong.stderr.split('\n')[0],
    "error: option '--limit <rows>' argument '0' is invalid. Write a number from 1 to 10000.",
  )
  t.equal(wrong.code, 2)
  t.match((await fermata('why --help')).stdout, /^Usage: fermata why \[options\] \[ADDRESS\] ID\n/)
  // A whole session: a breakpoint, a request of ours, and its release.
  const url = `http://${/listening on (\S+)/.exec(server.stderr)?.[1]}`
  const debug = await start(
    'bash',
    ['-c', `(echo break exchange.lease; sleep 600) | ${process.execPath} ${main} debug unix:${path}`],
    {
      line: /#1 exchange\.lease/,
    },
  )
  t.teardown(() => debug.stop())
  const client = http2.connect(url)
  t.teardown(() => client.destroy())
  const stream = client.request({ ':path': '/held' })
  const status = new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])))
  while (!/stopped: m1\/s1: breakpoint #1 at exchange\.lease/.test(debug.stdout))
    await fermata(`ps unix:${path}`)
  t.match(await fermata(`ps unix:${path}`), { stdout: /held/ })
  await debug.stop()
  t.equal(await status, 404, 'its debugger has gone, and it goes on')
  stream.close()
})

t.test('a script waits for a stop, acts on it, and ends', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a.sock')
  const args = ['serve', '--listen', '127.0.0.1:0', '--debug', `unix:${path}`]
  const server = await start(process.execPath, [main, ...args], { line: /goes to/ })
  t.teardown(() => server.stop())
  const script = (lines: string) =>
    start('bash', ['-c', `printf '${lines}' | ${process.execPath} ${main} debug unix:${path}`], {
      line: /^(#\d|error)/m,
    })
  const lines = 'break exchange.lease\\nwait 20\\nset path /b\\nstep\\nwait 20\\nanswer 418 tea\\ncontinue\\n'
  const debug = await script(lines)
  t.teardown(() => debug.stop())
  const client = http2.connect(`http://${/listening on (\S+)/.exec(server.stderr)?.[1]}`)
  t.teardown(() => client.destroy())
  const stream = client.request({ ':path': '/a' })
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 418)
  stream.close()
  t.equal((await debug.exited).code, 0)
  t.equal(debug.stdout.match(/^stopped: /gm)?.length, 2)
  const late = await script('break exchange.log\\nwait 0\\n')
  t.equal((await late.exited).code, 1)
  t.equal(late.stderr, 'error: nothing has stopped in 0 s\n')
})

t.test('a held request that loses its bytes to memory pressure: its debugger is told', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a.sock')
  const limits = ['transport.connectionHeldBytesMax=256KiB', 'http2.streamWindow=256KiB'].flatMap((each) => [
    '--limit',
    each,
  ])
  const server = await start(
    process.execPath,
    [
      main,
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--backend',
      await backend(t, (stream) => {
        stream.respond({ ':status': 200 })
        stream.resume()
        stream.end()
      }),
      '--debug',
      `unix:${path}`,
      ...limits,
    ],
    { line: /goes to/ },
  )
  t.teardown(() => server.stop())
  const debug = await start(
    'bash',
    ['-c', `(echo break exchange.lease; sleep 20) | ${process.execPath} ${main} debug unix:${path}`],
    { line: /#1 exchange\.lease/ },
  )
  t.teardown(() => debug.stop())
  const client = http2.connect(`http://${/listening on (\S+)/.exec(server.stderr)?.[1]}`)
  t.teardown(() => client.destroy())
  const statuses = ['/one', '/two'].map((path) => {
    const stream = client.request({ ':method': 'POST', ':path': path })
    stream.on('error', () => {})
    stream.write(Buffer.alloc(200_000))
    return new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])))
  })
  const told =
    /^(m1\/s[13]) has lost the (\d+) bytes that waited for it, since transport\.connectionHeldBytesMax is reached: it fails when it goes on$/m
  while (!told.test(debug.stdout))
    await run(process.execPath, [main, 'ps', `unix:${path}`], { timeoutMs: 20_000 })
  const [, id, bytes] = told.exec(debug.stdout) ?? []
  t.ok(Number(bytes) >= 131_072)
  const listed = await run(process.execPath, [main, 'ps', `unix:${path}`], { timeoutMs: 20_000 })
  t.equal(listed.stdout.match(/lease +held/g)?.length, 2, 'both stay held')
  await debug.stop()
  t.equal(await statuses[id === 'm1/s1' ? 0 : 1], 503)
  t.equal(await statuses[id === 'm1/s1' ? 1 : 0], 200, 'the other goes on')
})
