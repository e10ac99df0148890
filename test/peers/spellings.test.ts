// Spellings of a protected path through a running Fermata, which answers /admin with 403: none of them gets
// what nginx or Node serve there. Over both HTTP versions; the backend gets the client's spelling, or the
// normalised one (M11 to M13 of routing.md).

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { nginx } from '../../tools/testbed/nginx.js'
import { unlessInstalled } from '../../tools/testbed/programs.js'
import { ADMIN_SPELLINGS, READERS, SPELLING_PARTS } from '../../tools/testbed/spellings.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { seeded } from '../world/random.js'

const SECRET = 'SECRET'
const FORWARDS = ['client', 'normalised'] as const
const isAdmin = (path: string): boolean => path === '/admin' || path.startsWith('/admin/')

/** Random ones begin in each way in which a path may begin. */
function targets(): string[] {
  const random = seeded(2026)
  const made = Array.from({ length: 250 }, () => {
    const parts = Array.from({ length: 1 + random(6) }, () => SPELLING_PARTS[random(SPELLING_PARTS.length)])
    return `/${parts.join('')}`
  })
  return [...new Set([...ADMIN_SPELLINGS, ...made, '/public', '/adminx', '/a/admin'])]
}

/** A Node server that reads targets in all ways in which programs do; its port. */
async function nodeBackend(t: Test): Promise<number> {
  const server = createServer((request, response) => {
    const target = request.url ?? ''
    const reader = Object.keys(READERS).find((name) => isAdmin(READERS[name](target)))
    response.end(reader === undefined ? 'public' : `${SECRET} to a backend that reads ${reader}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A folder with a protected file for each name that a spelling may end in. */
function site(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const each of ['admin', 'x', 'x/y', 'public']) mkdirSync(join(folder, each), { recursive: true })
  for (const each of ['index.html', 'x']) writeFileSync(join(folder, 'admin', each), SECRET)
  writeFileSync(join(folder, 'public/index.html'), 'public')
  return folder
}

/** Returns the whole answer over HTTP/1.1. */
const overHttp1 = (port: number, host: string, target: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (data) => {
      text += String(data)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.write(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  })

/** Returns the answer over HTTP/2: a status line, and the body. */
function overHttp2(t: Test, port: number): (host: string, target: string) => Promise<string> {
  const client = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => client.destroy())
  return (host, target) =>
    new Promise((resolve) => {
      const stream = client.request({ ':path': target, ':authority': host })
      let text = ''
      stream.setEncoding('latin1')
      stream.on('response', (headers) => {
        text = `HTTP/2 ${headers[':status']} `
      })
      stream.on('data', (data) => {
        text += String(data)
      })
      stream.on('error', () => {})
      stream.on('close', () => resolve(text))
    })
}

/** Asks for each target, some at a time. */
async function each(list: readonly string[], ask: (target: string) => Promise<string>): Promise<string[]> {
  const answers: string[] = []
  for (let at = 0; at < list.length; at += 40)
    answers.push(...(await Promise.all(list.slice(at, at + 40).map(ask))))
  return answers
}

t.test(
  'M11, M12, M13: no spelling gets what nginx or Node serve under /admin',
  { skip: unlessInstalled('nginx') },
  async (t) => {
    const all = targets()
    const node = await nodeBackend(t)
    const folder = site(t)
    const backends = {
      node,
      locations: await nginx(t, {
        server: `location = /admin { return 200 ${SECRET}; } location ^~ /admin/ { return 200 ${SECRET}; } location / { return 200 public; }`,
      }),
      files: await nginx(t, { server: `location / { alias ${folder}/; index index.html; }` }),
      'own-proxy': await nginx(t, { server: `location / { proxy_pass http://127.0.0.1:${node}/; }` }),
      rewritten: await nginx(t, {
        server: `location / { rewrite ^/(.*)$ /inner/$1 last; } location /inner/ { alias ${folder}/; index index.html; }`,
      }),
    }
    const names = Object.keys(backends) as (keyof typeof backends)[]
    const routes = names.flatMap((name) =>
      FORWARDS.flatMap((forward) => {
        const match = `hosts: [${forward}.${name}.example]`
        return [
          `  - { name: ${name}-${forward}-admin, match: { ${match}, path: { prefix: /admin } }, answer: { status: 403, body: guarded } }`,
          `  - { name: ${name}-${forward}, match: { ${match} }, path: { forward: ${forward} }, backend: ${name} }`,
        ]
      }),
    )
    const text = [
      'version: 1',
      'listeners: { plain: { address: "127.0.0.1:0" } }',
      'backends:',
      ...names.map((name) => `  ${name}: { endpoints: ["127.0.0.1:${backends[name]}"] }`),
      'routes:',
      ...routes,
    ]
    const { portOf } = await serveText(t, text.join('\n'))
    const port = portOf()
    const h2 = overHttp2(t, port)
    for (const name of names) {
      const direct = await each(all, (target) => overHttp1(backends[name], 'a', target))
      const read = direct.filter((answer) => answer.includes(SECRET)).length
      t.ok(read >= 10, `${name} itself reads ${read} of ${all.length} as /admin`)
      for (const forward of FORWARDS) {
        const host = `${forward}.${name}.example`
        const ways = {
          'HTTP/1.1': (target: string) => overHttp1(port, host, target),
          'HTTP/2': (target: string) => h2(host, target),
        }
        for (const [version, ask] of Object.entries(ways)) {
          const what = `${version}, ${name}, ${forward}`
          const answers = await each(all, ask)
          for (const [at, answer] of answers.entries())
            if (answer.includes(SECRET)) t.fail(`${what}: ${all[at]}: ${answer.slice(-80)}`)
          const refused = answers.filter((answer) => answer.startsWith(`${version} 400`)).length
          const guarded = answers.filter((answer) => answer.endsWith('guarded')).length
          t.ok(guarded >= 5, `${what}: ${guarded} by the route of /admin`)
          t.ok(refused > 50, `${what}: ${refused} refused`)
          const passed = answers.length - guarded - refused
          t.ok(passed >= 3, `${what}: ${passed} pass`)
        }
      }
    }
  },
)
