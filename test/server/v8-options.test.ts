// The options that the program sets for V8, and takes back.

import { join } from 'node:path'
import t from 'tap'
import { run } from '../../tools/testbed/programs.js'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.js')
/** The bit of %GetOptimizationStatus that says that V8 compiles nothing for speed. */
const NEVER = 2
const ASK = `data:text/javascript,${encodeURIComponent(`process.on('exit', () => {
  const asked = () => 0
  asked()
  console.error(%GetOptimizationStatus(asked))
})`)}`

t.test('V8 compiles for speed once the modules are loaded', async (t) => {
  const natives = ['--allow-natives-syntax', '--import', ASK]
  const { code, stderr } = await run(process.execPath, [...natives, main, '--version'])
  t.equal(code, 0)
  t.equal(Number(stderr) & NEVER, 0, stderr)
  const never = await run(process.execPath, ['--no-opt', ...natives, '-e', ''])
  t.equal(Number(never.stderr) & NEVER, NEVER, 'the bit is what it is taken for')
})
