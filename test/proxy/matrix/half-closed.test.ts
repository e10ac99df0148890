// Clients of HTTP/1.1 that send FIN (over TLS, close_notify) behind their requests, to every backend: they are answered in
// order and in full, then the connection closes.

import { type Answering, isHttp2, matrix, type Protocol } from '../../world/matrix.js'

/** More than is sent at once. */
const LARGE = 'large '.repeat(50_000)

/** Answers that wait until the test says that FIN has left. */
let waiting: (() => void)[] = []
let came = () => {}

const answer: Answering = (request, response) => {
  let octets = ''
  request.on('data', (chunk: Buffer) => {
    octets += chunk.toString()
  })
  request.on('end', () => {
    const body = request.url === '/large' ? LARGE : `${request.method} ${request.url} ${octets}.`
    waiting.push(() => {
      response.writeHead(200, { 'content-length': body.length })
      response.end(body)
    })
    came()
  })
}

const where = (frontend: Protocol) => !isHttp2(frontend)
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`
const WAYS: readonly (readonly [string, string, readonly string[]])[] = [
  ['FIN behind a GET', get('/1'), ['GET /1 .']],
  ['FIN behind a POST', post('/1'), ['POST /1 hello.']],
  ['FIN behind a request of HTTP/1.0', 'GET /1 HTTP/1.0\r\n\r\n', ['GET /1 .']],
  ['FIN behind two requests', get('/1') + post('/2'), ['GET /1 .', 'POST /2 hello.']],
  ['FIN behind a request for much', get('/large'), [LARGE]],
]

matrix(
  answer,
  WAYS.map(([title, requests, bodies]) => ({
    title,
    where,
    async run(t, { raw }) {
      waiting = []
      const client = await raw()
      for (let i = 0; i < bodies.length; i++) {
        const here = new Promise<void>((resolve) => {
          came = resolve
        })
        if (i === 0) await new Promise<void>((resolve) => client.socket.end(requests, resolve))
        await here
        waiting.shift()?.()
      }
      await client.ended
      const answers = client.text.split('HTTP/1.1 200 OK\r\n').slice(1)
      t.strictSame(
        answers.map((each) => each.slice(each.indexOf('\r\n\r\n') + 4) === bodies[answers.indexOf(each)]),
        bodies.map(() => true),
        'each is answered, whole and in order',
      )
      t.match(answers.at(-1)?.split('\r\n\r\n')[0], 'connection: close')
    },
  })),
)
