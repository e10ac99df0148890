// Whether each socket has an owner: 10,000 requests and 1,000 WebSockets through a proxy in a program of
// node:http, which end in every way, must leave nothing (owners/run.ts).
//
//   npm run owners [-- --requests N --sockets N]

import { Command } from 'commander'
import { positive } from './bench/options.js'
import { runOwners } from './owners/run.js'

const options = new Command('owners')
  .description('Ends requests and WebSockets in every way, and counts what is left.')
  .option('--requests <n>', 'requests', positive, 10_000)
  .option('--sockets <n>', 'WebSockets', positive, 1_000)
  .option('--at-once <n>', 'how many run at once', positive, 100)
  .parse()
  .opts<{ requests: number; sockets: number; atOnce: number }>()

const report = await runOwners(options)
console.log(report)
const { left, warnings, uncaught, unended } = report
const isClean =
  Object.keys(left).length === 0 && warnings.length === 0 && uncaught.length === 0 && unended === 0
console.log(isClean ? 'nothing is left' : 'SOMETHING IS LEFT')
process.exitCode = isClean ? 0 : 1
