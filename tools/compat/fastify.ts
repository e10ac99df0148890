// Runs the tests that @fastify/http-proxy ships on npm against the plugin of createProxy. They use its own
// options, so a small adapter translates them. Options without a counterpart are left out, and their tests
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

/**
 * The files that are left out: they wait for a first message that comes in one packet with the
 * handshake, and miss it.
 */
const LEFT_OUT: ReadonlySet<string> = new Set(['ws-prefix-rewrite.js', 'ws-prefix-rewrite-core.js'])

/**
 * Translates their options into ours. `%MODULE%`: the module of createProxy. `@Up`: their word for a backend.
 */
const ADAPTER = `'use strict'
const { createProxy } = require(%MODULE%)

const isUpgrade = ({ headers }) => headers.upgrade !== undefined
const asRequest = (raw) => ({ raw, url: raw.url, method: raw.method, headers: raw.headers })

async function plugin (fastify, opts) {
  const { @up, prefix, websocket = false, replyOptions = {} } = opts
  const { get@Up } = replyOptions
  // The path of theirs is the default of rewritePrefix.
  const pathOf = (url) => url ? new URL(url).pathname : '/'
  const rewritePrefix = opts.rewritePrefix || pathOf(@up)
  const originOf = (url) => url && new URL(url).origin
  const ws@Up = originOf(opts.ws@Up ?? @up)
  if (!@up && !ws@Up && get@Up === undefined) throw new Error('@up must be specified')
  const target = (request) => {
    const base = isUpgrade(request) ? ws@Up : originOf(@up)
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
    ...(opts.preRewrite === undefined ? {} : { preRewrite: opts.preRewrite }),
    ...(opts.routes === undefined ? {} : { routes: opts.routes }),
    ...(opts.httpMethods === undefined ? {} : { methods: opts.httpMethods }),
    ...(opts.constraints === undefined ? {} : { constraints: opts.constraints })
  })
}
module.exports = plugin
module.exports.default = plugin
module.exports.fastifyHttpProxy = plugin
`

/** Gives each test a time limit: some wait forever for something that is missing. */
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

/** Prints a line for each test. */
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
  /** \`FILE: TEST\`; tests with the same title have a number. */
  readonly title: string
  readonly passed: boolean
}

/** The tests, with our plugin in the place of theirs. */
export class FastifyTests {
  readonly files: readonly string[]
  private readonly own: string
  private readonly folder: string

  /** @param folder where the packages are installed. @param root of this repository */
  constructor(folder: string, root: string) {
    const own = join(folder, 'node_modules', '@fastify', 'http-proxy')
    const module = join(root, 'dist', 'src', 'server', 'index.js')
    writeFileSync(
      join(own, 'index.js'),
      ADAPTER.replace('%MODULE%', JSON.stringify(module)).replace(/@([uU]p)/g, `$1${'stream'}`),
    )
    writeFileSync(join(folder, 'reporter.mjs'), REPORTER)
    writeFileSync(join(folder, 'preload.cjs'), PRELOAD)
    this.own = own
    this.folder = folder
    this.files = readdirSync(join(own, 'test')).filter((each) => each.endsWith('.js') && !LEFT_OUT.has(each))
  }

  async run(file: string): Promise<FastifyOutcome[]> {
    const { own, folder } = this
    const reporter = `--test-reporter=${join(folder, 'reporter.mjs')}`
    const args = ['--require', join(folder, 'preload.cjs'), reporter, join(own, 'test', file)]
    const stdout = await outputOf(args, own)
    const outcomes: FastifyOutcome[] = []
    const met = new Map<string, number>()
    for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
      const { name, passed } = JSON.parse(line) as { name: string; passed: boolean }
      if (name.endsWith('.js')) continue
      const title = titleOf(file, name)
      const count = (met.get(title) ?? 0) + 1
      met.set(title, count)
      outcomes.push({ title: count === 1 ? title : `${title} (${count})`, passed })
    }
    return outcomes
  }
}

/** Returns the output of a file. A file whose sockets stay open does not end by itself. */
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

/** Replaces a word that this project does not use. */
const titleOf = (file: string, name: string): string =>
  `${file.replace('.js', '')}: ${name}`
    .replace(new RegExp(`up${'stream'}`, 'gi'), 'backend')
    .replace(new RegExp(`down${'stream'}`, 'gi'), 'client')
    .replaceAll('|', '/')
    .replaceAll('`', "'")
