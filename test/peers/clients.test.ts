// Real clients, by every protocol they know: curl, undici, node:http, node:https and node:http2, in front of one
// Fermata that listens in clear text and one over TLS. Behind it node:http2 sends back what it gets.

import { createHash, randomBytes } from 'node:crypto'
import http, { type RequestOptions } from 'node:http'
import * as http2 from 'node:http2'
import https from 'node:https'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { authority, localhost, pathOf } from '../../tools/testbed/certificates/index.js'
import { h2load, unsuccessful } from '../../tools/testbed/h2load.js'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { wrk } from '../../tools/testbed/wrk.js'
import { answerOf, type OnStream, once, setUp } from '../world/proxy-world.js'

const BODY = randomBytes(1024 * 1024)
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Sends back what it gets; `via` says by which version the client's request came. */
const origin: OnStream = (stream, headers) => {
  stream.respond({ ':status': 200, 'x-via': String(headers['via']) })
  stream.pipe(stream)
}

async function fronts(t: Test) {
  const settings = []
  for (const secure of [false, true]) {
    const setting = await setUp(
      origin,
      {},
      {
        listen: [{ host: '127.0.0.1', port: 0, secure }],
        ...(secure ? { certificates: () => ({ certificates: [localhost] }) } : {}),
      },
    )
    t.teardown(setting.close)
    settings.push(setting)
  }
  const [clear, secure] = settings.map((each) => Number(new URL(each.url).port))
  return { clear, secure }
}

t.test('curl', { skip: unlessInstalled('curl') }, async (t) => {
  const { clear, secure } = await fronts(t)
  const folder = t.testdir({ body: BODY })
  const ways = [
    { option: '--http1.1', url: `http://localhost:${clear}/`, version: '1.1' },
    // An Upgrade to h2c, which RFC 9113 has given up and Fermata does not take.
    { option: '--http2', url: `http://localhost:${clear}/`, version: '1.1' },
    { option: '--http2-prior-knowledge', url: `http://localhost:${clear}/`, version: '2' },
    { option: '--http1.0', url: `http://localhost:${clear}/`, version: '1.1' },
    { option: '--http1.1', url: `https://localhost:${secure}/`, version: '1.1' },
    { option: '--http2', url: `https://localhost:${secure}/`, version: '2' },
    { option: '--http2-prior-knowledge', url: `https://localhost:${secure}/`, version: '2' },
  ]
  await Promise.all(
    ways.map(async ({ option, url, version }, at) => {
      const back = join(folder, `back-${at}`)
      const options = ['--silent', '--show-error', '--max-time', '60', '--cacert', pathOf('authority.pem')]
      const here = ['--resolve', `localhost:${new URL(url).port}:127.0.0.1`, '-D', '-', '-o', back]
      const body = ['--data-binary', `@${join(folder, 'body')}`]
      const result = await run('curl', [...options, ...here, option, ...body, url])
      t.equal(result.code, 0, `${option} ${url} ${result.stderr}`)
      t.match(result.stdout, new RegExp(`x-via: ${version.replace('.', '\\.')} fermata`), option)
      const { stdout } = await run('sha256sum', [back])
      t.ok(stdout.startsWith(sha(BODY)), `${option}: the body came back`)
    }),
  )
})

/** Posts the body by node:http or node:https, on the agent's one connection. */
function post(module: typeof http | typeof https, options: RequestOptions): Promise<[string, string]> {
  return new Promise((resolve, reject) => {
    const sent = module.request({ host: '127.0.0.1', method: 'POST', path: '/', ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve([String(response.headers['x-via']), sha(Buffer.concat(chunks))]))
    })
    sent.on('error', reject)
    sent.end(BODY)
  })
}

t.test('node:http and node:https, kept alive', async (t) => {
  const { clear, secure } = await fronts(t)
  for (const [module, port] of [
    [http, clear],
    [https, secure],
  ] as const) {
    const tls = { ca: authority, servername: 'localhost' }
    const agent = new module.Agent({ keepAlive: true, maxSockets: 1, ...(module === https ? tls : {}) })
    for (let i = 0; i < 3; i++) {
      t.same(await post(module, { port, agent }), ['1.1 fermata', sha(BODY)])
    }
    agent.destroy()
  }
})

t.test('node:http2', async (t) => {
  const { clear, secure } = await fronts(t)
  for (const url of [`http://127.0.0.1:${clear}`, `https://127.0.0.1:${secure}`]) {
    const session = http2.connect(url, { ca: authority, servername: 'localhost' })
    t.teardown(() => session.destroy())
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => {
        const stream = session.request({ ':method': 'POST' })
        const answer = answerOf(stream)
        stream.end(BODY)
        return answer
      }),
    )
    for (const { headers, body } of answers) t.same([headers['x-via'], sha(body)], ['2 fermata', sha(BODY)])
    session.close()
    await once(session, 'close')
  }
})

t.test('undici', async (t) => {
  const { clear, secure } = await fronts(t)
  const connect = { ca: authority, servername: 'localhost' }
  const ways = [
    { url: `http://127.0.0.1:${clear}`, options: { pipelining: 10, connections: 1 }, via: '1.1 fermata' },
    { url: `https://127.0.0.1:${secure}`, options: { connect }, via: '1.1 fermata' },
    { url: `https://127.0.0.1:${secure}`, options: { connect, allowH2: true }, via: '2 fermata' },
  ]
  for (const { url, options, via } of ways) {
    const dispatcher = new Agent(options)
    t.teardown(() => dispatcher.destroy())
    const bodies = Array.from({ length: 5 }, (_, i) => BODY.subarray(i))
    const answers = await Promise.all(
      bodies.map(async (body) => {
        const response = await request(url, { method: 'PUT', body, dispatcher })
        return [response.headers['x-via'], sha(Buffer.from(await response.body.arrayBuffer()))]
      }),
    )
    t.same(
      answers,
      bodies.map((body) => [via, sha(body)]),
      `${url} ${via}`,
    )
  }
})

t.test('wrk and h2load', { skip: unlessInstalled('wrk', 'h2load') }, async (t) => {
  const { clear, secure } = await fronts(t)
  const report = await wrk({ url: `http://127.0.0.1:${clear}/`, connections: 16, seconds: 1 })
  t.ok(report.requests > 2 * 16, `${report.requests} requests: each connection is used again`)
  t.equal(report.errors, 0)
  for (const [url, more] of [
    [`http://127.0.0.1:${clear}/`, ['--h1']],
    [`https://127.0.0.1:${secure}/`, ['--npn-list=http/1.1']],
    [`https://127.0.0.1:${secure}/`, []],
  ] as const) {
    const load = await h2load({ url, requests: 2_000, clients: 8, streams: more.length === 0 ? 10 : 1, more })
    t.equal(unsuccessful(load), 0, `${url} ${more}`)
  }
})
