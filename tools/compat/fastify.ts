// Runs the tests that @fastify/http-proxy ships on npm against the plugin of createProxy. They stand on its
// own options, so a small adapter makes ours of them; what has no counterpart is left out, and its tests
// differ. spec/compat.md has a row for each test.

import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const FASTIFY_PACKAGES = [
  '@fastify/http-proxy@11.6.3',
  '@fastify/websocket@11',
  'fastify@5',
  'fast-querystring@1',
  'http-errors@2',
  'pino@10',
  'pino-test@2',
  'socket.io@4',
  'socket.io-client@4',
  'ws@8',
]
const TIMEOUT_MS = 90_000

/** They wait for a first message that comes in one packet with the handshake, and miss it. */
const LEFT_OUT: ReadonlySet<string> = new Set(['ws-prefix-rewrite.js', 'ws-prefix-rewrite-core.js'])

/** Makes ours of their options. `%MODULE%`: the module of createProxy. `@Up`: their word for a backend. */
const ADAPTER = `'use strict'
const { createProxy } = require(%MODULE%)

const isUpgrade = ({ headers }) => headers.upgrade !== undefined
const asRequest = (raw) => ({ raw, url: raw.url, method: raw.method, headers: raw.headers })

async function plugin (fastify, opts) {
  const { @up, prefix, rewritePrefix = '', websocket = false, replyOptions = {} } = opts
  const { get@Up } = replyOptions
  const ws@Up = opts.ws@Up ?? @up
  if (!@up && !ws@Up && get@Up === undefined) throw new Error('@up must be specified')
  const target = (request) => {
    const base = isUpgrade(request) ? ws@Up : @up
    if (isUpgrade(request) && opts.getWebSocket@Up) return opts.getWebSocket@Up(asRequest(request), base)
    return base || !get@Up ? base : get@Up(asRequest(request), base)
  }
  const timeout = opts.http?.requestOptions?.timeout
  const proxy = createProxy({
    target, allowPrivate: true, host: 'target', ...(timeout === undefined ? {} : { timeouts: { head: timeout } })
  })
  const { rewriteHeaders } = replyOptions
  if (rewriteHeaders) {
    proxy.on('proxyRes', (response, request) => {
      const headers = rewriteHeaders({ ...response.headers }, request)
      for (const name of Object.keys(response.headers)) delete response.headers[name]
      Object.assign(response.headers, headers)
    })
  }
  const { queryString, headers, rewriteRequestHeaders } = opts.wsClientOptions ?? {}
  proxy.on('proxyReqWs', (outgoing, request) => {
    const all = { ...headers }
    Object.assign(all, rewriteRequestHeaders?.({ ...request.headers, ...all }, request))
    for (const [name, value] of Object.entries(all)) {
      if (value === undefined) outgoing.removeHeader(name)
      else if (!/^(?:host|connection|upgrade|sec-websocket-(?:key|version|extensions))$/i.test(name)) outgoing.setHeader(name, value)
    }
    if (queryString === undefined) return
    const query = typeof queryString === 'function' ? queryString() : String(new URLSearchParams(queryString))
    outgoing.path = outgoing.path.replace(/\\?.*$/, '') + '?' + query
  })
  fastify.addHook('preClose', () => proxy.close({ timeoutMs: 1 }))
  for (const name of ['preHandler', 'preValidation', 'onRequest', 'preParsing'])
    if (opts[name] !== undefined) fastify.addHook(name, opts[name])
  if (opts.config !== undefined) fastify.addHook('onRoute', (route) => { route.config = { ...route.config, ...opts.config } })
  fastify.register(proxy.fastify, {
    rewritePrefix,
    websocket,
    rewriteLocation: opts.internalRewriteLocationHeader !== false,
    parsesBodies: opts.preValidation !== undefined || opts.proxyPayloads === false,
    ...(opts.httpMethods === undefined ? {} : { methods: opts.httpMethods }),
    ...(opts.constraints === undefined ? {} : { constraints: opts.constraints })
  })
}
module.exports = plugin
module.exports.default = plugin
module.exports.fastifyHttpProxy = plugin
`

/** Gives each test a time: some wait for ever for what is not there. */
const PRELOAD = `
const tests = require('node:test')
for (const name of ['test', 'it']) {
  const own = tests[name]
  tests[name] = (title, ...rest) => {
    const options = typeof rest[0] === 'object' ? rest.shift() : {}
    return own(title, { timeout: 4000, ...options }, ...rest)
  }
}
`

/** Tells each test in a line. */
const REPORTER = `
export default async function * (source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, skip, details } = data
    if (skip !== undefined || details?.type === 'suite') continue
    yield JSON.stringify({ name, passed: type === 'test:pass' }) + '\\n'
  }
}
`

export interface FastifyOutcome {
  /** \`FILE: TEST\`; those of one name have a number. */
  readonly title: string
  readonly passed: boolean
}

/** Runs all of the files. @param folder where the packages are installed. @param root of this repository */
export async function fastifyOutcomes(folder: string, root: string): Promise<FastifyOutcome[]> {
  const own = join(folder, 'node_modules', '@fastify', 'http-proxy')
  const module = join(root, 'dist', 'src', 'server', 'index.js')
  writeFileSync(
    join(own, 'index.js'),
    ADAPTER.replace('%MODULE%', JSON.stringify(module)).replace(/@([uU]p)/g, `$1${'stream'}`),
  )
  const reporter = join(folder, 'reporter.mjs')
  writeFileSync(reporter, REPORTER)
  const preload = join(folder, 'preload.cjs')
  writeFileSync(preload, PRELOAD)
  const files = readdirSync(join(own, 'test')).filter((each) => each.endsWith('.js') && !LEFT_OUT.has(each))
  const outcomes: FastifyOutcome[] = []
  for (const file of files) {
    const stdout = await outputOf(
      ['--require', preload, `--test-reporter=${reporter}`, join(own, 'test', file)],
      own,
    )
    const met = new Map<string, number>()
    for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
      const { name, passed } = JSON.parse(line) as { name: string; passed: boolean }
      if (name.endsWith('.js')) continue
      const title = titleOf(file, name)
      const count = (met.get(title) ?? 0) + 1
      met.set(title, count)
      outcomes.push({ title: count === 1 ? title : `${title} (${count})`, passed })
    }
  }
  return outcomes
}

/** Returns what a file has told. One whose sockets stay open does not end by itself. */
function outputOf(args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
  })
}

/** A word that is not one of this house is replaced. */
const titleOf = (file: string, name: string): string =>
  `${file.replace('.js', '')}: ${name}`
    .replace(new RegExp(`up${'stream'}`, 'gi'), 'backend')
    .replace(new RegExp(`down${'stream'}`, 'gi'), 'client')
    .replaceAll('|', '/')
    .replaceAll('`', "'")
