// The backend that the attack is not about: `/quiet` is never answered, `/large` at length, all else with 12 bytes at
// once. Tells its port over IPC.

import { createServer } from 'node:http2'

const LARGE = Buffer.alloc(4 * 1024 * 1024, 97)

// Memory without bound (MB): past Node's default it would reset any stream, which is not tested here.
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
