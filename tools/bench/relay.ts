// The least that a proxy of HTTP/1.1 in Node can do: it passes bytes from each client's connection to one of
// its own to the backend, and back, unread. It knows no messages; it shows the cost of everything else.
//
//   relay.js PORT BACKEND_PORT

import { connect, createServer } from 'node:net'

const [port, backendPort] = process.argv.slice(2).map(Number)

createServer({ noDelay: true }, (client) => {
  const backend = connect({ host: '127.0.0.1', port: backendPort, noDelay: true })
  for (const [from, to] of [
    [client, backend],
    [backend, client],
  ]) {
    from.on('data', (chunk) => to.write(chunk))
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
  }
}).listen(port, '127.0.0.1')
