// The README's section on leaving http-proxy, run as it stands, with other ports.

import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { freePort, run, start } from '../../tools/testbed/programs.js'
import { read } from '../house/source-rules.js'
import { ask, asked, http1Backend, http2Backend } from './servers.js'

const blocks = [...read('README.md').matchAll(/<!-- leave: ([a-z ]+) -->\n\s*```js\n([\s\S]*?)```/g)].map(
  ([, name, text]) => ({ name: name as string, text: text as string }),
)

t.test('each of its programs proxies', async (t) => {
  t.strictSame(
    blocks.map((each) => each.name),
    ['one line', 'new words', 'one connection', 'ask it', 'stop it'],
  )
  const backend = await http1Backend(t)
  for (const { name, text } of blocks.slice(0, 2)) {
    const port = await freePort()
    // It lies inside of the package, which may import itself by its name.
    const file = join(import.meta.dirname, `readme-${name.replace(' ', '-')}.mjs`)
    t.teardown(() => rmSync(file, { force: true }))
    writeFileSync(file, text.replace('8080', String(port)).replace('http://127.0.0.1:9000', backend))
    const program = await start(process.execPath, [file], { port })
    const told = asked(await ask(port, { path: '/from-the-readme' }))
    t.equal(told.url, '/from-the-readme', name)
    t.match(told.headers['x-forwarded-for'], /127\.0\.0\.1/)
    if (name === 'one line') t.equal(told.headers['x-from'], 'my program')
    else t.equal(`http://${told.headers['host']}`, backend)
    await program.stop()
  }
})

t.test('steps 3 to 5: one connection, what it tells of requests, and its end', async (t) => {
  const backend = await http2Backend(t)
  const port = await freePort()
  const file = join(import.meta.dirname, 'readme-steps.mjs')
  t.teardown(() => rmSync(file, { force: true }))
  const steps = blocks.slice(2).map((each) => each.text.replace('8080', String(port)))
  const text = ["import http from 'node:http'", "import { createProxy } from 'fermata-proxy'", ...steps].join(
    '\n',
  )
  writeFileSync(file, text.replace('h2c://127.0.0.1:9000', backend.url))
  const program = await start(process.execPath, [file], { port })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`)
  await once(socket, 'open')
  const answers = await Promise.all(['/a', '/b', '/c'].map((path) => ask(port, { path })))
  t.strictSame(
    answers.map((each) => asked(each).headers[':path']),
    ['/a', '/b', '/c'],
  )
  t.equal(backend.sessions(), 1)
  await program.until('it told of a request', () => /GET \/c 200 ok/.test(program.output))
  process.kill(program.pid, 'SIGUSR2')
  await program.until('it told of what runs', () => /step: 'exchange.tunnel'/.test(program.output))
  process.kill(program.pid, 'SIGTERM')
  socket.terminate()
  t.match(await program.exited, { code: 0, signal: null })
  t.match(program.output, /GET \/socket 101/)
})

t.test('its option that is refused is, and require loads it', async (t) => {
  const text = `
    const { createProxy } = require('fermata-proxy')
    const compat = require('fermata-proxy/compat')
    try { createProxy({ changeOrigin: true }) } catch (error) { console.log(error.message) }
    console.log(typeof compat.createProxyServer, typeof compat.default.createProxyServer)`
  const file = join(import.meta.dirname, 'readme-require.cjs')
  t.teardown(() => rmSync(file, { force: true }))
  writeFileSync(file, text)
  const { stdout, stderr } = await run(process.execPath, [file])
  t.match(stdout, "there is no option 'changeOrigin': write host: 'target'\nfunction function\n")
  t.equal(stderr, '')
})
