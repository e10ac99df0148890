// The server: the only room that knows the whole.

export { run } from './command-line.js'
export { type Limits, limitsByRoom } from './limits.js'
export { Server, type ServerEvents, type ServerOptions } from './server.js'
