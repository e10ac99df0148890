// A backend that takes every request and never answers one: HTTP/2 on node:net, just enough to satisfy a
// proxy. It acknowledges SETTINGS and PING and counts the open streams. It reports its port; over IPC it
// reports its counts when asked.

import { createServer, type Socket } from 'node:net'

export interface SilentCounts {
  /** Streams begun and not reset. */
  readonly open: number
  readonly resets: number
  readonly connections: number
}

/** Frame types, RFC 9113 §6. */
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const ACK = 1

const headerLength = 9
const prefaceLength = 24 // "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", RFC 9113 §3.4

function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headerLength)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  return Buffer.concat([head, payload])
}

/** SETTINGS_MAX_CONCURRENT_STREAMS (3) = 1,000,000 */
const settings = Buffer.from([0, 3, 0, 0x0f, 0x42, 0x40])

const counts = { open: 0, resets: 0, connections: 0 }

/** A connection: the octets of an unfinished frame, and the open streams. */
class Connection {
  private readonly socket: Socket
  private readonly streams = new Set<number>()
  private rest: Buffer = Buffer.alloc(0)
  private preface = prefaceLength

  constructor(socket: Socket) {
    this.socket = socket
    counts.connections++
    socket.write(frame(SETTINGS, 0, settings))
    socket.on('data', (bytes) => this.take(bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      counts.connections--
      counts.open -= this.streams.size
    })
  }

  private take(bytes: Buffer): void {
    let all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes])
    const skipped = Math.min(this.preface, all.length)
    this.preface -= skipped
    all = all.subarray(skipped)
    while (all.length >= headerLength) {
      const end = headerLength + all.readUIntBE(0, 3)
      if (all.length < end) break
      this.act(all[3] as number, all[4] as number, all.readUInt32BE(5), all.subarray(headerLength, end))
      all = all.subarray(end)
    }
    this.rest = Buffer.from(all)
  }

  private act(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.socket.write(frame(SETTINGS, ACK, Buffer.alloc(0)))
    else if (type === PING && (flags & ACK) === 0) this.socket.write(frame(PING, ACK, payload))
    else if (type === HEADERS && !this.streams.has(stream)) {
      this.streams.add(stream)
      counts.open++
    } else if (type === RST_STREAM && this.streams.delete(stream)) {
      counts.open--
      counts.resets++
    }
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  new Connection(socket)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.send?.(address.port)
})
process.on('message', () => process.send?.({ ...counts } satisfies SilentCounts))
process.on('disconnect', () => process.exit(0))
