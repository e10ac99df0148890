// A response that is whole before its request is: it reaches a client that is still sending, from every backend, which closes
// its connection or not, without reading the rest (RFC 9112 §9.6, RFC 9113 §8.1).

import { type Answering, type Case, isHttp2, matrix } from '../../world/matrix.js'

const TRIES = 4
const BODY = Buffer.alloc(2 * 1024 * 1024, 'fermata\n')
const TEXT = 'more than this server takes\n'

const answer: Answering = (_request, response) => {
  const close = response.stream === undefined ? { connection: 'close' } : {}
  response.writeHead(413, { 'content-length': TEXT.length, ...close })
  response.end(TEXT)
}

const cases: readonly Case[] = [
  {
    title: 'an early 413 reaches a client that sends all of its request first',
    where: (frontend) => !isHttp2(frontend),
    async run(t, { raw }) {
      for (let i = 0; i < TRIES; i++) {
        const { socket, until, ended } = await raw()
        const sent = new Promise((resolve) => socket.once('close', resolve))
        socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n`)
        socket.write(BODY, () => socket.end())
        await until(/^HTTP\/1\.1 413 .*\r\nconnection: close\r\n.*more than this server takes\n$/s)
        await ended
        await sent
        t.equal(socket.errored, null, 'no reset')
      }
    },
  },
  {
    title: 'an early 413 ends the stream, and the connection goes on',
    where: isHttp2,
    async run(t, { peer }) {
      const client = peer()
      for (let i = 0; i < TRIES; i++) {
        const got = await client.call({ method: 'POST', path: '/', body: BODY }).answer
        t.match({ ...got, body: got.body.toString() }, { status: 413, body: TEXT, whole: true })
      }
    },
  },
]

matrix(answer, cases)
