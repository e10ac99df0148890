// A backend of HTTP/1.1 that answers each request at once with 12 bytes, for machines without a cheaper one.
// It reads only the end of a request: requests have no bodies here.
//
//   prompt-http1.js PORT

import { createServer } from 'node:net'

const RESPONSE = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12\r\n\r\ntwelve bytes'

createServer({ noDelay: true }, (socket) => {
  let kept = ''
  socket.setEncoding('latin1').on('error', () => {})
  socket.on('data', (text: string) => {
    const heads = (kept + text).split('\r\n\r\n')
    kept = heads.pop() ?? ''
    if (heads.length > 0) socket.write(RESPONSE.repeat(heads.length))
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
