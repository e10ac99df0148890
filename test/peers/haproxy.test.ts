// HAProxy in front: it ends TLS and writes X-Forwarded-*, or begins its connections with a PROXY header, or both.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingHttpHeaders } from 'node:http'
import { get as getSecure } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { localhost } from '../../tools/testbed/certificates/index.js'
import { freePort, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { serveText } from '../../tools/testbed/text-server.js'

const skip = unlessInstalled('haproxy')

/** A backend that answers with the fields that it got; its port. */
async function backend(t: Test): Promise<number> {
  const server = createServer((request, response) => response.end(JSON.stringify(request.headers)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

/** HAProxy before this port: one address in clear text, and one with TLS. */
async function haproxy(t: Test, mode: 'http' | 'tcp', to: string, more = ''): Promise<[number, number]> {
  const [plain, secure] = [await freePort(), await freePort()]
  const { cert, key } = localhost
  const front =
    mode === 'http'
      ? 'option forwardfor\n  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]'
      : ''
  const configuration = `
global
  maxconn 100
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend in
  bind 127.0.0.1:${plain}
  bind 127.0.0.1:${secure} ssl crt ./site.pem
  ${front}
  default_backend fermata
backend fermata
  server f ${to} ${more}
`
  const folder = t.testdir({ 'site.pem': `${cert}${key}`, 'haproxy.cfg': configuration })
  const program = await start('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], {
    port: plain,
    cwd: folder,
  })
  t.teardown(() => program.stop())
  return [plain, secure]
}

const CLIENT = '127.0.0.2'

interface Answer {
  readonly status: number | undefined
  readonly location: string | undefined
  readonly told: IncomingHttpHeaders
}

const ask = (port: number, secure: boolean, headers: Record<string, string> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = {
      port,
      host: '127.0.0.1',
      // From another address than the proxy's.
      localAddress: CLIENT,
      rejectUnauthorized: false,
      agent: false as const,
      headers: { host: 'site.example', ...headers },
    }
    const request = (secure ? getSecure : get)(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const told = response.statusCode === 200 ? JSON.parse(text) : {}
        resolve({ status: response.statusCode, location: response.headers.location, told })
      })
    })
    request.on('error', reject)
  })

const FORGED = {
  'x-forwarded-for': '203.0.113.66',
  'x-forwarded-proto': 'https',
  'x-real-ip': '203.0.113.66',
  forwarded: 'for=203.0.113.66',
  x_forwarded_for: '203.0.113.66',
}

/** A site whose requests by http are sent to https. */
const configuration = (address: string, to: number, trusted: string): string => `
version: 1
listeners: { plain: { address: "${address}" } }
trustedProxies: ${trusted}
backends: { app: { endpoints: ["127.0.0.1:${to}"] } }
routes:
  - { name: to-https, redirect: { scheme: https, status: 308 } }
  - { name: site, backend: app }
`

t.test(
  'N1, N9: haproxy ends TLS and writes X-Forwarded-For: no loop, no forged address',
  { skip },
  async (t) => {
    const trusted = '{ addresses: [127.0.0.1], fields: [x-forwarded-for, x-forwarded-proto] }'
    const { portOf } = await serveText(t, configuration('127.0.0.1:0', await backend(t), trusted))
    const [plain, secure] = await haproxy(t, 'http', `127.0.0.1:${portOf()}`)
    const redirected = await ask(plain, false, FORGED)
    t.strictSame([redirected.status, redirected.location], [308, 'https://site.example/'])
    const { status, told } = await ask(secure, true, FORGED)
    t.equal(status, 200)
    t.equal(told['x-forwarded-for'], `${CLIENT}, 127.0.0.1`)
    t.equal(told['x-forwarded-proto'], 'https')
    for (const name of ['x-real-ip', 'forwarded', 'x_forwarded_for']) t.equal(told[name], undefined, name)
    const own = await ask(portOf(), false, FORGED)
    t.equal(own.status, 308, 'without the proxy')
  },
)

t.test(
  'N10: haproxy sends a PROXY header: its source counts, whatever the client writes',
  { skip },
  async (t) => {
    const trusted =
      '{ addresses: [127.0.0.1], fields: [x-forwarded-for, x-forwarded-proto], proxyProtocol: true }'
    const { portOf } = await serveText(t, configuration('127.0.0.1:0', await backend(t), trusted))
    for (const version of ['send-proxy', 'send-proxy-v2']) {
      // Its checks send LOCAL, or UNKNOWN.
      const [plain, secure] = await haproxy(
        t,
        'http',
        `127.0.0.1:${portOf()}`,
        `${version} check inter 100ms`,
      )
      t.equal((await ask(plain, false)).status, 308, version)
      const { status, told } = await ask(secure, true)
      t.equal(status, 200, version)
      t.equal(told['x-forwarded-for'], CLIENT)
      t.equal(told['x-forwarded-proto'], 'https')
    }
  },
)

t.test('N10: a relay that passes bytes: a client cannot claim an address', { skip }, async (t) => {
  const trusted = '{ addresses: [127.0.0.1], fields: [x-forwarded-for], proxyProtocol: true }'
  const text = configuration('127.0.0.1:0', await backend(t), trusted).replace(/.*to-https.*\n/, '')
  const { portOf } = await serveText(t, text)
  const [plain] = await haproxy(t, 'tcp', `127.0.0.1:${portOf()}`, 'send-proxy-v2')
  const { told } = await ask(plain, false, FORGED)
  t.equal(told['x-forwarded-for'], CLIENT)
})

t.test('N11: haproxy by a Unix-domain socket', { skip }, async (t) => {
  // A path of a socket is short.
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'f.sock')
  const trusted = '{ addresses: [unix], fields: [x-forwarded-for, x-forwarded-proto] }'
  await serveText(t, configuration(`unix:${path}`, await backend(t), trusted))
  const [, secure] = await haproxy(t, 'http', path)
  const { status, told } = await ask(secure, true, { 'x-forwarded-for': '203.0.113.66' })
  t.equal(status, 200)
  t.equal(told['x-forwarded-for'], CLIENT, 'haproxy wrote it last')
})
