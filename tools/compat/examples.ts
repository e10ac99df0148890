// Runs the examples of http-proxy that need no outside service, each in a process of its own, and sends the
// requests that its comments describe.

import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Program } from '../testbed/programs.js'

interface Example {
  readonly file: string
  readonly port: number
  /** A text that its answer contains. */
  readonly expects: RegExp
  readonly status?: number
  readonly secure?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** True: its answer does not end. */
  readonly streams?: boolean
  readonly requests?: number
  /** A text of its output, in place of an answer. */
  readonly says?: RegExp
}

const PROXIED = /request successfully proxied to: \/asked/

const EXAMPLES: readonly Example[] = [
  { file: 'http/basic-proxy.js', port: 8003, expects: PROXIED },
  { file: 'http/concurrent-proxy.js', port: 8004, expects: PROXIED, requests: 111 },
  { file: 'http/custom-proxy-error.js', port: 8005, expects: /custom error message/, status: 500 },
  {
    file: 'http/error-handling.js',
    port: 8000,
    expects: /There was an error proxying your request/,
    status: 502,
  },
  {
    file: 'http/forward-and-target-proxy.js',
    port: 8006,
    expects: PROXIED,
    says: /Receiving forward for: \/asked/,
  },
  { file: 'http/forward-proxy.js', port: 8019, expects: /^$/, says: /Receiving forward for: \/asked/ },
  { file: 'http/latent-proxy.js', port: 8008, expects: PROXIED },
  { file: 'http/proxy-https-to-http.js', port: 8009, expects: /hello http over https/, secure: true },
  { file: 'http/proxy-https-to-https.js', port: 8010, expects: /hello https/, secure: true },
  { file: 'http/sse.js', port: 8003, expects: /message #0/, streams: true },
  { file: 'http/standalone-proxy.js', port: 8002, expects: PROXIED },
  {
    file: 'middleware/gzip-middleware.js',
    port: 8012,
    expects: PROXIED,
    headers: { 'accept-encoding': 'gzip' },
  },
  { file: 'middleware/modifyResponse-middleware.js', port: 8013, expects: /^Hello, I love http-/ },
  { file: 'websocket/latent-websocket-proxy.js', port: 8016, expects: /./, says: /Got message: from server/ },
  {
    file: 'websocket/standalone-websocket-proxy.js',
    port: 8015,
    expects: /./,
    says: /Got message: from server/,
  },
  { file: 'websocket/websocket-proxy.js', port: 8014, expects: /./, says: /Got message: from server/ },
]

/** Node has dropped functions that the examples call. */
const PRELOADED = `
const util = require('util')
util.puts = console.log
util.debug = console.log
`
const WAIT_MS = 30_000
const READY_MS = 60_000

interface Answer {
  readonly status: number
  readonly body: string
}

function ask({ port, secure = false, headers = {}, streams = false }: Example): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', path: streams ? '/' : '/asked', headers, agent: false }
    const asking = (secure ? httpsRequest : httpRequest)(
      { ...options, rejectUnauthorized: false },
      (reply) => {
        const chunks: Buffer[] = []
        const done = (): void => {
          const bytes = Buffer.concat(chunks)
          const isCoded = reply.headers['content-encoding'] === 'gzip'
          const body = String(isCoded ? gunzipSync(bytes) : bytes)
          resolve({ status: reply.statusCode ?? 0, body })
        }
        reply.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          if (streams && String(chunk).includes('message')) {
            done()
            asking.destroy()
          }
        })
        reply.on('close', done)
      },
    )
    asking.setTimeout(WAIT_MS, () => asking.destroy(new Error('no answer')))
    asking.on('error', reject)
    asking.end()
  })
}

async function wrongIn(example: Example, program: Program): Promise<string | null> {
  const { expects, status = 200, requests = 1, says } = example
  if (!example.file.startsWith('websocket/')) {
    const answers = await Promise.all(Array.from({ length: requests }, () => ask(example)))
    for (const each of answers) {
      if (each.status !== status) return `status ${each.status}: ${each.body}`
      if (!expects.test(each.body)) return `answered ${JSON.stringify(each.body.slice(0, 200))}`
    }
  }
  const until = Date.now() + WAIT_MS
  while (says !== undefined && !says.test(program.output)) {
    if (Date.now() > until) return `said ${JSON.stringify(program.output.slice(-300))}`
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return null
}

/** Runs all examples of the source in this folder. `wrong`: null for one that works. */
export async function examples(folder: string): Promise<{ name: string; wrong: string | null }[]> {
  const preload = join(folder, 'preload.js')
  writeFileSync(preload, PRELOADED)
  const found: { name: string; wrong: string | null }[] = []
  for (const example of EXAMPLES) {
    const program = new Program(process.execPath, ['-r', preload, join(folder, 'examples', example.file)])
    const wrong = await program
      .untilAccepting(example.port, READY_MS)
      .then(() => wrongIn(example, program))
      .catch((error: Error) => error.message)
    found.push({ name: example.file, wrong })
    await program.stop()
  }
  return found
}
