// A backend that answers every request at once with 12 bytes. It sends its port over IPC.

import { createServer } from 'node:http2'

const server = createServer()
server.on('stream', (stream) => {
  stream.on('error', () => {})
  stream.respond({ ':status': 200, 'content-type': 'text/plain' })
  stream.end('twelve bytes')
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.send?.(address.port)
})
process.on('disconnect', () => process.exit(0))
