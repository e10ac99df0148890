// A backend of HTTP/2 that echoes what it is asked.

import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** Returns its URL. */
export async function h2cBackend(t: Test): Promise<string> {
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream) => {
    let body = ''
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end(`answer to ${body}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    for (const each of sessions) each.destroy()
  })
  return `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`
}
