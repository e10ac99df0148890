// All test files, two processes at a time. They run as plain Node: what tap's runner loads into the processes it starts itself (for
// TypeScript, mocks and coverage, none of which is used here) takes longer than most files do. The files of a folder share a process
// (one-process.ts), but for those that take long, or measure memory, or end their process. A file runs because it lies in a folder
// beside this one, so that none is forgotten; any of them runs alone too: npx tap dist/test/http1/reader.test.js.

import { readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import t from 'tap'

/** Files with a process of their own, the longest first. */
const alone: readonly string[] = [
  'server/command-line',
  'peers/backends',
  'proxy/matrix/flows',
  'house/rooms',
  'tools/attack',
  'peers/chromium',
  'peers/clients',
  'peers/stalled',
  'peers/programs',
  'sim/seeds',
  'sim/defects',
  'pollset/node-pollset',
]

/** As long as .taprc gives one file that runs alone. */
const fileTimeoutMs = 120_000
const allTimeoutMs = 1_200_000

const ending = '.test.js'
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .map((each) => each.replaceAll(sep, '/'))
  .filter((each) => each.includes('/') && each.endsWith(ending))
  .sort()

/** What runs in one process: a name and its files. */
const processes = new Map<string, string[]>()
for (const name of alone) processes.set(name, [])
for (const file of files) {
  const name = file.slice(0, -ending.length)
  const own = processes.has(name) ? name : name.slice(0, name.indexOf('/'))
  const shared = processes.get(own)
  if (shared === undefined) processes.set(own, [file])
  else shared.push(file)
}

t.jobs = 2
t.setTimeout(allTimeoutMs)
for (const [name, own] of processes) {
  // The runner has each child load its hook by NODE_OPTIONS, which `env` takes out again.
  const script = own.length === 1 ? own : ['one-process.js', ...own]
  const [first, ...rest] = script
  t.spawn(
    'env',
    [
      '-u',
      'NODE_OPTIONS',
      process.execPath,
      '--enable-source-maps',
      join(import.meta.dirname, first),
      ...rest,
    ],
    {
      buffered: true,
      timeout: fileTimeoutMs * own.length,
      env: { ...process.env, TAP_TIMEOUT: String((fileTimeoutMs * own.length) / 1000) },
    },
    own.length === 1 ? own[0] : `${name}: ${own.length} files`,
  )
}
