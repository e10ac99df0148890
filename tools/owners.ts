// Checks that each socket has an owner: 10,000 requests and 1,000 WebSockets, which end in every way, must leave
// nothing (owners/run.ts). They go through a proxy in a program of node:http, through a server, and through a
// server with an app of the program behind it; each is opened and closed ten times meanwhile.
//
//   npm run owners [-- --requests N --sockets N]

import { Command } from 'commander'
import { positive } from './bench/options.js'
import { MOUNTS } from './owners/mounts.js'
import { isClean, type OwnersOptions, runOwners } from './owners/run.js'

const { mount, ...options } = new Command('owners')
  .description('Ends requests and WebSockets in every way, and counts what is left.')
  .option('--requests <n>', 'requests', positive, 10_000)
  .option('--sockets <n>', 'WebSockets', positive, 1_000)
  .option('--at-once <n>', 'how many run at once', positive, 100)
  .option('--rounds <n>', 'how often the proxy is opened and closed', positive, 10)
  .option('--mount <name>', `only this: ${Object.keys(MOUNTS).join(', ')}`)
  .parse()
  .opts<Omit<OwnersOptions, 'mount'> & { mount?: string }>()

let failed = 0
for (const each of mount === undefined ? Object.keys(MOUNTS) : [mount]) {
  const report = await runOwners({ ...options, mount: each })
  console.log(each, report)
  const clean = isClean(report)
  console.log(clean ? `${each}: nothing is left` : `${each}: SOMETHING IS LEFT`)
  if (!clean) failed++
}
process.exitCode = failed === 0 ? 0 : 1
