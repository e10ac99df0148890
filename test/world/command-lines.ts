// Command lines of fermata, answered one after the other in one process: to start one for each takes far longer
// than what they do.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { run } from '../../tools/testbed/programs.js'

export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const program = (entry: string): string => `import { run } from ${JSON.stringify(entry)}
const said = []
let about = null
process.stdout.write = (text) => (about.stdout += text, true)
process.stderr.write = (text) => (about.stderr += text, true)
for (const args of JSON.parse(process.argv[1])) {
  said.push((about = { code: 0, stdout: '', stderr: '' }))
  run(['node', 'fermata', ...args])
  about.code = process.exitCode ?? 0
  process.exitCode = 0
}
delete process.stdout.write
process.stdout.write(JSON.stringify(said))`

/** Returns what each command line said, and its exit code. For those that end in the turn that they begin in. */
export async function saidBy(
  lines: readonly (readonly string[])[],
  options: { readonly cwd?: string } = {},
): Promise<Said[]> {
  const entry = pathToFileURL(join(import.meta.dirname, '../../src/server/command-line.js')).href
  const args = ['--input-type=module', '-e', program(entry), JSON.stringify(lines)]
  const { stdout, stderr } = await run(process.execPath, args, { ...options, timeoutMs: 20_000 })
  if (stderr !== '') throw new Error(stderr)
  return JSON.parse(stdout) as Said[]
}
