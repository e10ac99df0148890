// `http-proxy`, as in its README, with an agent that keeps connections to the backend.
//
//   http-proxy.js PORT BACKEND_PORT

import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'

interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse): void
  on(event: 'error', told: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void
}
// It has no types of its own.
const { createProxyServer } = createRequire(import.meta.url)('http-proxy') as {
  createProxyServer(options: { target: string; agent: Agent }): HttpProxy
}

const [port, backendPort] = process.argv.slice(2).map(Number)
const target = `http://127.0.0.1:${backendPort}`
const proxy = createProxyServer({ target, agent: new Agent({ keepAlive: true }) })
proxy.on('error', (_error, _request, response) => response.destroy())
createServer((request, response) => proxy.web(request, response)).listen(port, '127.0.0.1')
