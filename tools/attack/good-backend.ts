// The well-behaved backend. It never answers `/quiet`, sends 4 MiB for `/large`, and sends 12 bytes at once
// for everything else. It reports its port over IPC.

import { createServer } from 'node:http2'

const LARGE = Buffer.alloc(4 * 1024 * 1024, 97)

// The value, in MB, is so large that it is never reached: at Node's default the backend would reset streams.
const server = createServer({ maxSessionMemory: 4_096 })
server.on('session', (session) => session.on('error', () => {}))
server.on('stream', (stream, headers) => {
  stream.on('error', () => {})
  stream.resume()
  if (headers[':path'] === '/quiet') return
  stream.respond({ ':status': 200 })
  stream.end(headers[':path'] === '/large' ? LARGE : 'twelve bytes')
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.send?.(address.port)
})
process.on('disconnect', () => process.exit(0))
