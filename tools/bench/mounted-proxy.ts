// A program of node:http with a proxy in it, as in the README of each: createProxy, or http-proxy with an
// agent that keeps connections, or as it is without one.
//
//   mounted-proxy.js KIND PORT BACKEND_URL

import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { createProxy } from '../../src/server/index.js'

interface HttpProxyServer {
  web(request: IncomingMessage, response: ServerResponse): void
  on(event: 'error', told: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void
}
const { createProxyServer } = createRequire(import.meta.url)('http-proxy') as {
  createProxyServer(options: { target: string; agent?: Agent }): HttpProxyServer
}

const [kind, port, target = ''] = process.argv.slice(2)

function proxyOf(): Pick<HttpProxyServer, 'web'> {
  if (kind === 'fermata') return createProxy({ target })
  const agent = kind === 'http-proxy' ? { agent: new Agent({ keepAlive: true }) } : {}
  const proxy = createProxyServer({ target, ...agent })
  proxy.on('error', (_error, _request, response) => response.destroy())
  return proxy
}

const proxy = proxyOf()
createServer((request, response) => proxy.web(request, response)).listen(Number(port), '127.0.0.1')
