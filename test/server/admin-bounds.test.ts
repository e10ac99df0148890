// The edges of what the admin listener takes, over a Unix-domain socket: bodies and lists of the largest size,
// HEAD, requests of other sites, and its end with the server.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { serveText } from '../../tools/testbed/text-server.js'

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

async function serve(t: Test) {
  // The path of a socket may not be long.
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 's')
  const { server } = await serveText(
    t,
    `
version: 1
listeners: { main: { address: "127.0.0.1:0" } }
admin: { address: "unix:${socketPath}" }
routes: [{ name: all, answer: { status: 204 } }]
`,
  )
  const ask = (path: string, { method = 'GET', headers = {}, body = '' }: Asked = {}) =>
    new Promise<{ status: number; headers: IncomingMessage['headers']; text: string }>((resolve, reject) => {
      httpRequest({ socketPath, path, method, headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        )
      })
        .on('error', reject)
        .end(body)
    })
  return { server, socketPath, ask }
}

t.test('bodies and lists of the largest size are taken, and one more is refused', async (t) => {
  const { ask } = await serve(t)
  const posted = async (bytes: number) => {
    const body = `"${'x'.repeat(bytes - 2)}"`
    return (await ask('/reload', { method: 'POST', headers: { 'content-type': 'application/json' }, body }))
      .status
  }
  t.equal(await posted(65_536), 202)
  t.equal(await posted(65_537), 413)
  t.equal((await ask('/exchanges?limit=10000')).status, 200)
  t.equal((await ask('/exchanges?limit=10001')).status, 400)
})

t.test('HEAD is answered as GET is, without the body', async (t) => {
  const { ask } = await serve(t)
  const [head, whole] = [await ask('/healthz', { method: 'HEAD' }), await ask('/healthz')]
  t.equal(head.status, 200)
  t.equal(head.text, '')
  t.equal(head.headers['content-length'], String(whole.text.length))
})

t.test('a page of any site is refused, its own too', async (t) => {
  const { ask } = await serve(t)
  for (const site of ['cross-site', 'same-site', 'same-origin'])
    t.equal((await ask('/healthz', { headers: { 'sec-fetch-site': site } })).status, 403, site)
  t.equal((await ask('/healthz', { headers: { 'sec-fetch-site': 'none' } })).status, 200)
})

t.test('an idle connection ends with the server', async (t) => {
  const { server, socketPath } = await serve(t)
  const socket = connect(socketPath).resume()
  socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'data')
  const ended = once(socket, 'end')
  server.command('drain')
  await ended
  t.ok(socket.readableEnded)
})
