// All test files, four processes at a time, as a test often waits for a program that it has started. They run
// as plain Node: what tap's runner loads into the processes it starts itself (for TypeScript, mocks and
// coverage, none of which is used here) takes longer than most files do. The files of a folder share a process
// (one-process.ts), but for those that take long, or measure memory, or end their process. A file runs because
// its source lies in a folder beside this one: none is forgotten, and none runs that is gone. Any of them runs
// alone too: npx tap dist/test/http1/reader.test.js.

import { readdirSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import t from 'tap'

/** Begins with the longest: files with a process of their own, and folders. The others follow. */
const first: readonly string[] = [
  'server',
  'redis',
  'peers',
  'tools/password-flood',
  'terminal',
  'sim/defects',
  'server/workers',
  'embedding',
  'http2',
  'package',
  'proxy',
  'server/command-line',
  'tools/endure',
  'workers',
  'server/debugger',
  'filters',
  'proxy/matrix',
  'sim',
  'sim/seeds',
  'server/serve-file',
  'http1',
  'attacks',
  'house',
  'house/rooms',
  'proxy/tunnel',
  'peers/chromium',
  'peers/clients',
  'proxy/matrix/flows',
  'peers/backends',
  'tools/attack',
  'http2/fuzz',
  'peers/stalled',
  'peers/programs',
  'pollset/node-pollset',
]

/** The time that .taprc gives one file that runs alone. */
const fileTimeoutMs = 120_000
const allTimeoutMs = 1_200_000

const ending = '.test.ts'
const sources = join(import.meta.dirname, '..', '..', 'test')
const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .map((each) => each.replaceAll(sep, '/'))
  .filter((each) => each.includes('/') && each.endsWith(ending))
  .map((each) => each.replace(/ts$/, 'js'))
  .sort()

/** Files that run in one process, with a name. */
const processes = new Map<string, string[]>()
for (const name of first) processes.set(name, [])
for (const file of files) {
  const name = file.slice(0, -ending.length)
  const own = processes.has(name) ? name : posix.dirname(name)
  const shared = processes.get(own)
  if (shared === undefined) processes.set(own, [file])
  else shared.push(file)
}

t.jobs = 4
t.setTimeout(allTimeoutMs)
for (const [name, own] of processes) {
  const script = own.length === 1 ? own[0] : 'one-process.js'
  const timeout = fileTimeoutMs * own.length
  const node = [process.execPath, '--enable-source-maps', join(import.meta.dirname, script)]
  // The runner has each child load its hook by NODE_OPTIONS, which `env` takes out again.
  const told = own.length === 1 ? [] : [`TEST_FILES=${own.join(',')}`]
  const args = ['-u', 'NODE_OPTIONS', `TAP_TIMEOUT=${timeout / 1000}`, ...told, ...node]
  t.spawn(
    'env',
    args,
    { buffered: true, timeout },
    own.length === 1 ? own[0] : `${name}: ${own.length} files`,
  )
}
