// A backend of node:http2, for tests of the built program.

import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type OnStream, once } from './proxy-world.js'

/** Starts one; gives its `h2c://` URL. It ends with the test. */
export async function backend(t: Test, onStream: OnStream): Promise<string> {
  const server = http2.createServer()
  server.on('session', (session) => {
    session.on('error', () => {})
    t.teardown(() => session.destroy())
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  return `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`
}
