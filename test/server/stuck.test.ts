// Why is it stuck: a backend withholds WINDOW_UPDATE, so that requests behind another wait for the window of
// the connection. `why` names the one that has it, and ending that one frees the others.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { asking } from '../../src/terminal/asker.js'
import { PREFACE } from '../../tools/testbed/frames.js'
import { serve, text } from './admin-server.js'

const BODY = Buffer.alloc(200_000, 'x')

const [DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE] = [0, 1, 3, 4, 8]
const END_STREAM = 1
const ACK = 1

/** A backend of HTTP/2 that gives no credit on its connection before a stream was reset. It answers whole requests. */
class Withholding {
  private readonly socket: Socket
  private received = Buffer.alloc(0)
  private begun = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    // Each stream may send 1 MiB, but the connection 65,535 octets, as it begins.
    this.send(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0x10, 0, 0]))
    socket.on('data', (chunk) => this.take(chunk))
  }

  private send(type: number, flags: number, stream: number, payload: Buffer): void {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    this.socket.write(Buffer.concat([head, payload]))
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk])
    if (!this.begun && this.received.length >= PREFACE.length) {
      this.received = this.received.subarray(PREFACE.length)
      this.begun = true
    }
    while (this.begun && this.received.length >= 9) {
      const length = this.received.readUIntBE(0, 3)
      if (this.received.length < 9 + length) return
      this.frame(this.received[3], this.received[4], this.received.readUInt32BE(5))
      this.received = this.received.subarray(9 + length)
    }
  }

  private frame(type: number, flags: number, stream: number): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.send(SETTINGS, ACK, 0, Buffer.alloc(0))
    if (type === RST_STREAM) this.send(WINDOW_UPDATE, 0, 0, Buffer.from([0, 0x10, 0, 0]))
    // 0x88 is `:status: 200` of the static table.
    if (type === DATA && (flags & END_STREAM) !== 0) this.send(HEADERS, 5, stream, Buffer.from([0x88]))
  }
}

t.test('why names the stream that has the window, and DELETE of its request frees the others', async (t) => {
  const backend = createServer((socket) => new Withholding(socket)).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.teardown(() => void backend.close())
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const admin = `unix:${join(folder, 'a')}`
  const { at, server } = await serve(
    t,
    text(
      `admin: { address: "${admin}" }
backends:
  app: { protocol: h2c, limits: { sessions: 1 }, endpoints: ["127.0.0.1:${(backend.address() as AddressInfo).port}"] }`,
      'routes: [{ name: api, backend: app }]',
    ),
  )
  const post = (path: string) => {
    const client = request({ ...at('main'), method: 'POST', path, agent: false })
    client.on('error', () => {})
    client.end(BODY)
    return client
  }
  const first = post('/first')
  const lost = new Promise((resolve) => first.on('close', resolve))
  await asking(admin, {}, async (asker) => {
    /** Waits for the request whose row has this. */
    const idWith = async (name: string, value: string): Promise<string> => {
      for (;;) {
        const { rows } = await asker.list({
          filter: '',
          sort: 'age',
          descending: false,
          limit: 10,
          overview: false,
        })
        const row = (rows as Record<string, string>[]).find((each) => each[name] === value)
        if (row !== undefined) return row.id
      }
    }
    const holder = await idWith('path', '/first')
    while (!/has shut the window/.test(String((await asker.why(holder)).text)));
    const second = post('/second')
    const answered = once(second, 'response')
    const waiting = await idWith('path', '/second')
    let why = ''
    do why = String((await asker.why(waiting)).text)
    while (!/that window/.test(why))
    const stream = /(\S+): has 65535 bytes of that window/.exec(why)?.[1] ?? ''
    t.equal(await idWith(`backend`, stream), holder, `it names the stream that has the window: ${stream}`)
    t.match(await asker.endRequest(holder), { ended: true })
    const [response] = (await answered) as [{ statusCode: number; resume(): void }]
    t.equal(response.statusCode, 200)
    response.resume()
    await lost
  })
  t.equal(server.proxy.begun, 2)
})
