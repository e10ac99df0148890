// Proxies inside programs of node:http, under clients of HTTP/1.1: CPU time a request of createProxy in front
// of a service over HTTP/2 in clear text and over HTTP/1.1; of http-proxy and of @fastify/http-proxy in front
// of the same service over HTTP/1.1; and of a program that answers by itself, which is the cost of node:http
// alone. They take turns within each round; a copy of the first shows the error of a ratio.
//
//   npm run bench:mounted -- --help

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { findProgram, freePort, type Program, start } from '../testbed/programs.js'
import { wrk } from '../testbed/wrk.js'
import { startBackend } from './backends.js'
import { figure, median, middle, table } from './figures.js'
import { cpuMicroseconds, processTree } from './measure.js'
import { positive } from './options.js'

const { rounds, seconds, connections, warmUp } = new Command('bench:mounted')
  .description(
    'Compares proxies that are mounted in node:http. Needs wrk and nghttpd; nginx where there is one.',
  )
  .option('--rounds <n>', 'rounds; each proxy is measured once in each', positive, 7)
  .option('--seconds <n>', 'seconds of load for each proxy in a round', positive, 2)
  .option('--connections <n>', 'clients', positive, 64)
  .option('--warm-up <n>', 'seconds of unmeasured load for each proxy', positive, 4)
  .parse()
  .opts<{ rounds: number; seconds: number; connections: number; warmUp: number }>()

for (const each of ['wrk', 'nghttpd'])
  if (findProgram(each) === null) throw new Error(`${each} is not installed`)

const folder = mkdtempSync(join(tmpdir(), 'fermata-mounted-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'small'), 'twelve bytes')
const [h2c, h1] = await Promise.all([startBackend('h2c', folder, 100), startBackend('h1', folder, 100)])
const http1 = `http://127.0.0.1:${h1}`
const http2 = `h2c://127.0.0.1:${h2c}`

/** The proxies of which createProxy to h2c may take at most RATIO_MAX, of their CPU time a request. */
const RIVALS = ['http-proxy, keep-alive', '@fastify/http-proxy']
const RATIO_MAX = 0.6

const file = (name: string): string => join(import.meta.dirname, name)
/** By name, the arguments of node; PORT stands for its port. */
const commands: Readonly<Record<string, readonly string[]>> = {
  'createProxy to h2c': [file('mounted-proxy.js'), 'fermata', 'PORT', http2],
  'the same again': [file('mounted-proxy.js'), 'fermata', 'PORT', http2],
  'createProxy to HTTP/1.1': [file('mounted-proxy.js'), 'fermata', 'PORT', http1],
  'http-proxy, keep-alive': [file('mounted-proxy.js'), 'http-proxy', 'PORT', http1],
  'http-proxy, as it is': [file('mounted-proxy.js'), 'http-proxy-plain', 'PORT', http1],
  '@fastify/http-proxy': [file('fastify-proxy.js'), 'PORT', String(h1)],
  'node:http alone': [
    '-e',
    "require('http').createServer((q, r) => { r.setHeader('content-length', 12); r.end('twelve bytes') }).listen(PORT, '127.0.0.1')",
  ],
}

interface Started {
  readonly name: string
  readonly program: Program
  readonly port: number
  readonly cpuUs: number[]
  errors: number
}

const started: Started[] = []
for (const [name, args] of Object.entries(commands)) {
  const port = await freePort()
  const own = args.map((each) => each.replace('PORT', String(port)))
  started.push({ name, program: await start(process.execPath, own, { port }), port, cpuUs: [], errors: 0 })
}

async function measure({ program, port, cpuUs }: Started, time: number): Promise<number> {
  const pids = processTree(program.pid)
  const before = cpuMicroseconds(pids)
  const report = await wrk({ url: `http://127.0.0.1:${port}/small`, connections, seconds: time })
  cpuUs.push((cpuMicroseconds(pids) - before) / report.requests)
  return report.errors
}

for (const each of started) {
  await measure(each, warmUp)
  each.cpuUs.length = 0
}
for (let round = 0; round < rounds; round++)
  for (const each of started) each.errors += await measure(each, seconds)

const first = started[0] as Started
console.log(
  table(
    ['proxy', 'CPU µs a request', 'of that one, createProxy to h2c takes', 'errors'],
    started.map(({ name, cpuUs, errors }) => [
      name,
      middle(cpuUs),
      name === first.name ? '' : middle(first.cpuUs.map((own, at) => own / (cpuUs[at] as number))),
      String(errors),
    ]),
  ),
)
const alone = median((started.at(-1) as Started).cpuUs)
console.log(`\nwithout what node:http alone takes (${figure(alone)} µs), createProxy to h2c takes`)
for (const { name, cpuUs } of started.slice(2, -1))
  console.log(`  ${figure((median(first.cpuUs) - alone) / (median(cpuUs) - alone))} of ${name}`)
console.log('')
for (const { name, cpuUs } of started) {
  if (!RIVALS.includes(name)) continue
  const reached = median(first.cpuUs.map((own, at) => own / (cpuUs[at] as number)))
  const verdict = reached <= RATIO_MAX ? 'reached' : 'missed'
  console.log(`to ${name}: ${figure(reached)}, at most ${figure(RATIO_MAX)} is allowed: ${verdict}`)
}
for (const { program } of started) program.stop()
process.exit()
