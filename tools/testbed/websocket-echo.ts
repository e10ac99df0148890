// A WebSocket server that echoes bytes, frames or not: for tests of tunnels.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { webSocketAccept } from '../../src/http1/websocket.js'

/** Answers each upgrade of this server, and sends back what comes. */
export function echoUpgrades(server: Server): void {
  server.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => {})
    const accept = webSocketAccept(String(request.headers['sec-websocket-key']))
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n')
    socket.write(`sec-websocket-accept: ${accept}\r\n\r\n`)
    socket.pipe(socket)
  })
}
