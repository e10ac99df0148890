// A program for one end of a network namespace. It prints each event on a line.
//
//   namespace-peer.js serve HOST PORT | quiet URL | upload URL | read HOST PORT BYTES

import * as http2 from 'node:http2'
import { connect as connectTcp } from 'node:net'

const say = (line: string) => void process.stdout.write(`${line}\n`)
const [what = '', ...args] = process.argv.slice(2)

/** Answers /quiet with a head and silence, /upload when all has come, /bytes/N with N bytes. */
function serve(host: string, port: number): void {
  const server = http2.createServer()
  server.on('session', (session) => session.on('error', () => {}))
  server.on('stream', (stream, { ':path': path = '/' }) => {
    stream.on('error', () => {})
    if (path === '/quiet') {
      stream.respond({ ':status': 200 })
      stream.write('quiet')
    } else if (path === '/upload') {
      let taken = 0
      stream.on('data', (chunk: Buffer) => {
        if (taken < 1_000_000 && taken + chunk.length >= 1_000_000) say('a million taken')
        taken += chunk.length
      })
    } else {
      stream.respond({ ':status': 200, 'content-length': path.slice('/bytes/'.length) })
      stream.end(Buffer.alloc(Number(path.slice('/bytes/'.length)), 'x'))
    }
  })
  server.listen(port, host, () => say('serving'))
}

/** A request that says how it ends; `upload` sends without end. */
function ask(url: string, path: string): void {
  const client = http2.connect(url)
  client.on('error', () => {})
  const upload = path === '/upload'
  const stream = client.request({ ':path': path, ':method': upload ? 'POST' : 'GET' })
  const chunk = Buffer.alloc(16_384)
  const send = (): void => {
    if (!stream.destroyed && !stream.writableEnded) stream.write(chunk, send)
  }
  if (upload) send()
  stream.on('response', (headers) => {
    say(`status ${headers[':status']} ${headers['x-fermata'] ?? ''}`)
    if (upload) stream.end()
  })
  stream.on('data', () => say('data'))
  stream.on('error', () => {})
  stream.on('close', () => {
    say(`closed ${stream.rstCode}`)
    client.destroy()
  })
}

/** Reads a response of HTTP/1.1, which ends with its connection, 200 KB a second at most; says how many bytes of content came. */
function read(host: string, port: number, bytes: number): void {
  const socket = connectTcp(port, host, () =>
    socket.write(`GET /bytes/${bytes} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`),
  )
  let taken = 0
  let head = ''
  socket.on('data', (chunk: Buffer) => {
    taken += chunk.length
    if (!head.includes('\r\n\r\n')) head += chunk.toString('latin1')
    socket.pause()
    setTimeout(() => socket.resume(), chunk.length / 200)
  })
  socket.on('error', (error) => say(`error ${error.message}`))
  socket.on('close', () => {
    say(`content ${taken - head.indexOf('\r\n\r\n') - 4}`)
    process.exit()
  })
}

if (what === 'serve') serve(args[0] ?? '', Number(args[1]))
else if (what === 'read') read(args[0] ?? '', Number(args[1]), Number(args[2]))
else ask(args[0] ?? '', `/${what}`)
