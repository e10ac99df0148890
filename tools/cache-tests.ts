// Runs http-cache-tests (https://cache-tests.fyi) against the filter `cache` of the built server. npm
// installs them into a separate folder, never into this project, since they bring an old npm along. The table
// of spec/cache.md names the required tests that fail, with the reason.
//
//   npm run cache-tests [-- --folder DIR]

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { tableOf } from './testbed/frames.js'
import { freePort, run, start } from './testbed/programs.js'

const PACKAGE = 'http-cache-tests@0.4.5'
const PASSED_MIN = 150
const TIMEOUT_MS = 300_000
const READY_MS = 60_000

interface SuiteTest {
  readonly id: string
  readonly kind?: string
  readonly browser_only?: boolean
}
interface Suite {
  readonly tests: readonly SuiteTest[]
}
type Results = Readonly<Record<string, true | readonly string[]>>

async function requiredIn(root: string): Promise<string[]> {
  const read = async (file: string): Promise<unknown> =>
    ((await import(pathToFileURL(join(root, 'tests', file)).href)) as { default: unknown }).default
  const suites = [...((await read('index.mjs')) as Suite[]), (await read('surrogate-control.mjs')) as Suite]
  return suites
    .flatMap(({ tests }) => tests)
    .filter(({ kind = 'required', browser_only = false }) => kind === 'required' && !browser_only)
    .map(({ id }) => id)
}

/** Runs all tests against a server in front of theirs. */
async function resultsOf(root: string, folder: string): Promise<Results> {
  const main = join(import.meta.dirname, '..', 'src', 'main.js')
  const port = await freePort()
  const file = join(folder, 'fermata.yaml')
  writeFileSync(
    file,
    `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
backends: { origin: { endpoints: [127.0.0.1:${port}] } }
routes: [{ backend: origin, filters: [{ cache: { setCookie: store, targeted: [surrogate-control] } }] }]
`,
  )
  const env = {
    ...process.env,
    npm_config_protocol: 'http',
    npm_config_port: String(port),
    npm_config_pidfile: join(folder, 'server.pid'),
    npm_config_id: '',
    npm_package_config_id: '',
  }
  const origin = await start(process.execPath, [join(root, 'server', 'server.mjs')], {
    cwd: root,
    env,
    port,
    readyTimeoutMs: READY_MS,
  })
  const server = await start(process.execPath, [main, 'serve', file], {
    line: /listening on 127\.0\.0\.1:\d+/,
    readyTimeoutMs: READY_MS,
  })
  try {
    const own = /listening on 127\.0\.0\.1:(\d+)/.exec(server.stderr)?.[1]
    const { stdout, stderr } = await run(process.execPath, ['--no-warnings', 'cli.mjs'], {
      cwd: root,
      env: { ...env, npm_config_base: `http://127.0.0.1:${own}` },
      timeoutMs: TIMEOUT_MS,
    })
    if (!stdout.includes('{')) throw new Error(`the tests told nothing: ${stderr.slice(-500)}`)
    return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Results
  } finally {
    await server.stop()
    await origin.stop()
  }
}

async function cacheTests({ folder: given }: { readonly folder?: string }): Promise<void> {
  const folder = given ?? mkdtempSync(join(tmpdir(), 'cache-tests-'))
  const root = join(folder, 'node_modules', 'http-cache-tests')
  try {
    writeFileSync(join(folder, 'package.json'), '{}')
    const installed = await run(
      'npm',
      ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', PACKAGE],
      { timeoutMs: TIMEOUT_MS },
    )
    if (installed.code !== 0) throw new Error(`npm: ${installed.stderr.slice(-500)}`)
    const required = await requiredIn(root)
    const results = await resultsOf(root, folder)
    const failed = required.filter((id) => results[id] !== true)
    const known = tableOf(readFileSync('spec/cache.md', 'utf8'), 'Tests that fail').map(({ test }) => test)
    const passed = required.length - failed.length
    console.log(`${passed} of ${required.length} required tests of ${PACKAGE} pass`)
    for (const id of failed) console.log(`  ${id}${known.includes(id) ? '' : ': not in spec/cache.md'}`)
    for (const id of known.filter((each) => !failed.includes(each))) console.log(`  ${id} passes now`)
    if (passed < PASSED_MIN || failed.some((id) => !known.includes(id))) process.exitCode = 1
  } finally {
    if (given === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

await new Command('cache-tests')
  .description('run http-cache-tests against the cache of the built server')
  .option('--folder <dir>', 'an empty folder to install them into (default: a temporary one)')
  .action(cacheTests)
  .parseAsync()
