// The fair load that an attack is compared with: well-behaved clients that send answered requests as fast as
// they can. It is a separate process that receives the port over IPC and ends with its parent. Loopback only,
// from a separate address.

import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Order } from './attacker.js'
import { stepBack } from './niceness.js'

const FROM = '127.0.0.3'
/** The concurrent requests of one connection: about the number of parts of a page. */
const ABREAST = 8

function ask(session: ClientHttp2Session): void {
  if (session.closed || session.destroyed) return
  const stream = session.request({ ':path': '/fair' })
  stream.on('error', () => {})
  stream.on('close', () => ask(session))
  stream.resume()
}

stepBack()
process.on('message', (order: Order) => {
  if (order.order !== 'begin') return
  for (let i = 0; i < order.connections; i++) {
    const createConnection = () =>
      connectTcp({ port: order.port, host: '127.0.0.1', localAddress: FROM, noDelay: true })
    const session = connect(`http://127.0.0.1:${order.port}`, { createConnection })
    session.on('error', () => {})
    for (let j = 0; j < ABREAST; j++) ask(session)
  }
})
process.on('disconnect', () => process.exit(0))
