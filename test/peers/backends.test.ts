// Real backends: nginx, Apache httpd and nghttpd, in clear text and over TLS, by HTTP/1.1 and HTTP/2. Each
// serves the same files; what comes through Fermata is what it says itself.

import { createHash, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { authority, localhost, pathOf } from '../../tools/testbed/certificates/index.js'
import { nginx } from '../../tools/testbed/nginx.js'
import { freePort, start, unlessInstalled } from '../../tools/testbed/programs.js'
import type { ShortServerOptions } from '../../tools/testbed/short-server.js'
import { get, setUp } from '../world/proxy-world.js'
import { apache } from './apache.js'

const large = randomBytes(1024 * 1024)
const FILES = { small: 'twelve bytes', large }
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Checks what all of them have in common, over HTTP/2 and over HTTP/1.1. */
async function serves(t: Test, url: string, more: { ranges: boolean }): Promise<void> {
  const options: Partial<ShortServerOptions> = {
    routes: [{ host: '', prefix: '/', url }],
    backendTls: { ca: authority, serverName: 'localhost' },
  }
  const setting = await setUp(() => t.fail('this backend is not asked'), {}, options)
  const client = setting.client()
  const small = await get(client, '/small')
  t.same([small.status, String(small.body), small.ended], [200, 'twelve bytes', true], url)
  const all = await Promise.all(Array.from({ length: 8 }, () => get(client, '/large')))
  for (const each of all) t.equal(sha(each.body), sha(large))
  const head = await get(client, '/large', { ':method': 'HEAD' })
  t.same([head.status, head.headers['content-length'], head.body.length], [200, String(large.length), 0])
  t.equal((await get(client, '/none')).status, 404)
  const date = String(small.headers['last-modified'])
  t.equal((await get(client, '/small', { 'if-modified-since': date })).status, 304)
  if (more.ranges) {
    const part = await get(client, '/large', { range: 'bytes=1000-1999' })
    t.same([part.status, sha(part.body)], [206, sha(large.subarray(1000, 2000))])
  }

  const dispatcher = new Agent({ connections: 1, pipelining: 4 })
  const bodies = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const { body } = await request(`${setting.url}/large`, { dispatcher })
      return sha(Buffer.from(await body.arrayBuffer()))
    }),
  )
  t.same(new Set(bodies), new Set([sha(large)]), 'by HTTP/1.1, pipelined')
  await dispatcher.close()

  const [engine] = setting.server.proxy.backends.flatMap((each) => each.engines())
  t.ok(engine !== undefined && engine.opens <= 8, `connections are used again: ${engine?.opens}`)
  await setting.close()
}

t.test('nginx', { skip: unlessInstalled('nginx') }, async (t) => {
  const tls = `ssl_certificate ${pathOf('localhost.pem')}; ssl_certificate_key ${pathOf('localhost.key')};`
  const clear = await nginx(t, { server: '', files: FILES })
  await serves(t, `http://127.0.0.1:${clear}`, { ranges: true })
  t.test('over TLS', async (t) => {
    const both = await nginx(t, { listen: 'ssl http2', server: tls, files: FILES })
    await serves(t, `https://127.0.0.1:${both}`, { ranges: true })
    await serves(t, `h2://127.0.0.1:${both}`, { ranges: true })
  })
  t.test('over TLS without HTTP/2', async (t) => {
    const older = await nginx(t, { listen: 'ssl', server: tls, files: FILES })
    await serves(t, `https://127.0.0.1:${older}`, { ranges: true })
  })
})

t.test('Apache httpd', { skip: unlessInstalled('apache2') }, async (t) => {
  const { port, securePort } = await apache(t, FILES)
  await serves(t, `http://127.0.0.1:${port}`, { ranges: true })
  await serves(t, `h2c://127.0.0.1:${port}`, { ranges: true })
  await serves(t, `https://127.0.0.1:${securePort}`, { ranges: true })
})

t.test('nghttpd over TLS', { skip: unlessInstalled('nghttpd') }, async (t) => {
  const port = await freePort()
  const folder = t.testdir({ ...FILES, 'localhost.pem': localhost.cert, 'localhost.key': localhost.key })
  const pair = [`${folder}/localhost.key`, `${folder}/localhost.pem`]
  const program = await start('nghttpd', ['-a', '127.0.0.1', '-d', folder, `${port}`, ...pair], { port })
  t.teardown(() => program.stop())
  await serves(t, `https://127.0.0.1:${port}`, { ranges: false })
  await serves(t, `h2://127.0.0.1:${port}`, { ranges: false })
})
