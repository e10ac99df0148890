// The README's section on leaving http-proxy, run as it stands, with other ports.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePort, run, start } from '../../tools/testbed/programs.js'
import { read } from '../house/source-rules.js'
import { ask, asked, http1Backend } from './servers.js'

const blocks = [...read('README.md').matchAll(/<!-- leave: ([a-z ]+) -->\n\s*```js\n([\s\S]*?)```/g)].map(
  ([, name, text]) => ({ name: name as string, text: text as string }),
)

t.test('each of its programs proxies', async (t) => {
  t.strictSame(
    blocks.map((each) => each.name),
    ['one line', 'new words'],
  )
  const backend = await http1Backend(t)
  for (const { name, text } of blocks) {
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
