// Clients that make one request each: a connection, the request, its response, close. It prints the results
// as JSON.
//
//   connect-client.js PORT h1|h2c CONNECTIONS

import { connect } from 'node:net'

export interface ConnectReport {
  readonly total: number
  readonly errors: number
  readonly requestsPerSecond: number
  /** ms from the beginning of a connection to the end of its response, in the middle */
  readonly medianMs: number
}

/** connections at once */
const AT_ONCE = 8
const BODY = 'twelve bytes'
/** The longest wait: a connection without an answer by then counts as an error. */
const TIMEOUT_MS = 10_000

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

const literal = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
/** RFC 7541: GET and http are indexed, :path and :authority literals with an indexed name. */
const block = Buffer.concat([
  Buffer.from([0x82, 0x86, 0x04]),
  literal('/small'),
  Buffer.from([0x01]),
  literal('localhost'),
])
const requests = {
  h1: Buffer.from('GET /small HTTP/1.1\r\nhost: localhost\r\n\r\n'),
  h2c: Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 5, 1, block),
  ]),
}

const [port, protocol, connections] = process.argv.slice(2) as [string, 'h1' | 'h2c', string]
const total = Number(connections)
const times: number[] = []
let begun = 0
let over = 0
let errors = 0
const start = performance.now()

function one(): void {
  if (begun === total) return
  begun++
  const at = performance.now()
  let text = ''
  let whole = false
  const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true, timeout: TIMEOUT_MS })
  socket.setEncoding('latin1')
  socket.on('connect', () => socket.write(requests[protocol]))
  socket.on('data', (chunk: string) => {
    text += chunk
    if (whole || !text.includes(BODY)) return
    whole = true
    times.push(performance.now() - at)
    socket.end()
  })
  socket.on('timeout', () => socket.destroy())
  // A reset after the response is not an error.
  socket.on('error', () => {})
  socket.on('close', () => {
    over++
    if (!whole) errors++
    if (over === total) report()
    else one()
  })
}

function report(): void {
  const seconds = (performance.now() - start) / 1000
  const medianMs = times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN
  console.log(JSON.stringify({ total, errors, requestsPerSecond: total / seconds, medianMs }))
}

for (let at = 0; at < AT_ONCE; at++) one()
