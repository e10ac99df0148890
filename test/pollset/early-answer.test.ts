// Bytes that a backend sent before it reset the connection are read before the reset is told
// (spec/pollset.md, P32): in clear text and over TLS. The peer runs in a thread of its own, so that it has
// answered and is gone before this one looks.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { CLOSED, CONNECTED, ENDED, NodePollset, type TlsClient } from '../../src/pollset/index.js'
import { localhost } from '../../tools/testbed/certificates/index.js'
import { HERE, takeAll, until } from '../world/node-sockets.js'

const TEXT = 'HTTP/1.1 413 Content Too Large\r\n\r\n'

/**
 * Answers the first bytes that it gets; then resets the connection, with or without FIN before, and notes
 * that in `flag`.
 */
const PEER = `
const { parentPort, workerData } = require('node:worker_threads')
const { flag, tls, fin, text } = workerData
const answer = (socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('close', () => {
    Atomics.store(flag, 0, 1)
    Atomics.notify(flag, 0)
  })
  socket.once('data', () => {
    socket.pause()
    if (fin) socket.end(text, () => socket.destroy())
    else socket.write(text, () => socket.resetAndDestroy())
  })
}
const server = tls === null
  ? require('node:net').createServer(answer)
  : require('node:tls').createServer(tls, answer)
server.listen(0, '${HERE}', () => parentPort.postMessage(server.address().port))
`

for (const secure of [false, true]) {
  for (const fin of [true, false]) {
    // OpenSSL's close_notify comes before FIN, and a TLS socket of Node's cannot be reset.
    if (secure && !fin) continue
    const way = `${secure ? 'over TLS' : 'in clear text'}, ${fin ? 'FIN and then a reset' : 'a reset alone'}`
    t.test(`P32: what came before a reset is read, though a write has failed: ${way}`, async (t) => {
      const flag = new Int32Array(new SharedArrayBuffer(4))
      const tls = secure ? { cert: localhost.cert, key: localhost.key } : null
      const worker = new Worker(PEER, { eval: true, workerData: { flag, tls, fin, text: TEXT } })
      t.teardown(() => worker.terminate())
      const [port] = (await once(worker, 'message')) as [number]
      const pollset = new NodePollset()
      t.teardown(() => pollset.close())
      const client: TlsClient | undefined = secure
        ? pollset.tlsClient({ serverName: 'localhost', alpn: [], verify: false })
        : undefined
      const socket = pollset.connect({ host: HERE, port }, 'b1.socket', client)
      await until(socket, CONNECTED | CLOSED)
      socket.write(Buffer.alloc(500_000))
      // Nothing of this thread runs until the peer is gone: what it has said waits in the kernel.
      Atomics.wait(flag, 0, 0)
      socket.write(Buffer.alloc(100_000))
      await until(socket, CLOSED)
      t.equal(takeAll(socket).toString(), TEXT)
      t.not(socket.fault, null, 'and it is told as reset')
      if (!secure) t.equal((socket.readiness & ENDED) !== 0, fin, 'its end counts as one where there was FIN')
    })
  }
}
