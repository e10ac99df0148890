// Many responses at once that are coded as they come: all clients ask, the origin answers when all
// have asked, and each body is read and decoded. Filters may hold a bounded amount, so most bodies
// go out unchanged.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as ask } from 'node:http'
import { constants, createServer, connect as openSession, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { put, serve } from './served.js'

const BODY_BYTES = 64 * 1_024
/** The streams of a client's connection. */
const STREAMS = 100
const PART_BYTES = 8 * 1_024

export interface CodingFigures {
  readonly requests: number
  /**
   * The numbers of responses whose decoded bytes were those of the origin: coded ones, and unchanged ones.
   */
  readonly coded: number
  readonly plain: number
  /** The streams that were reset, by the code; bodies that were wrong; connections that failed. */
  readonly resets: number
  readonly wrong: number
  readonly failed: number
  /** The largest number in flight at once. */
  readonly atOnce: number
  /** The largest memory of the server's process, in bytes. */
  readonly peakBytes: number
  /** The server's own count. */
  readonly busy: number
}

const BODY = Buffer.from(
  Array.from({ length: BODY_BYTES / 16 }, (_, at) =>
    `${(at * 2_654_435_761) % 1_000_003}`.padEnd(16, '.'),
  ).join(''),
)

/** Returns the peak of the resident memory of a process of Linux. */
function peakOf(pid: number): number {
  const kib = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib ?? Number.NaN) * 1_024
}

const metricsOf = (socketPath: string): Promise<string> =>
  new Promise((resolve, reject) => {
    ask({ socketPath, path: '/metrics', headers: { host: 'localhost' } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })

export async function code({ requests }: { readonly requests: number }): Promise<CodingFigures> {
  let waiting: ServerHttp2Stream[] = []
  let atOnce = 0
  let begun = 0
  const origin = createServer({ settings: { maxConcurrentStreams: 100_000 } })
  /** Sends a body in parts, like one that is being made. */
  const answer = (stream: ServerHttp2Stream, at = 0): void => {
    if (stream.destroyed) return
    const end = at + PART_BYTES
    if (end >= BODY.length) stream.end(BODY.subarray(at))
    else stream.write(BODY.subarray(at, end), () => setImmediate(answer, stream, end))
  }
  origin.on('stream', (stream) => {
    stream.on('error', () => {})
    waiting.push(stream)
    atOnce = Math.max(atOnce, waiting.length)
    if (++begun < requests) return
    const all = waiting
    waiting = []
    for (const each of all) {
      each.respond({ ':status': 200, 'content-type': 'text/plain' })
      answer(each)
    }
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const { port } = origin.address() as AddressInfo
  const folder = mkdtempSync(join(tmpdir(), 'endure-'))
  const file = join(folder, 'fermata.yaml')
  put(
    file,
    `version: 1
listeners: { a: { address: 127.0.0.1:0 } }
admin: { address: "unix:${join(folder, 'admin')}" }
defaults: { timeouts: { head: 10m, lease: 10m, idle: 10m } }
backends:
  app: { protocol: h2c, endpoints: [127.0.0.1:${port}], limits: { sessions: 100, requests: ${requests + 1}, pending: ${requests} } }
routes: [{ backend: app, filters: [{ compress: { encodings: [gzip] } }] }]
`,
  )
  const server = await serve(file)
  const own = /listening on 127\.0\.0\.1:(\d+)/.exec(server.stderr)?.[1]
  const figures = { coded: 0, plain: 0, resets: 0, wrong: 0, failed: 0 }
  const asked = (session: ReturnType<typeof openSession>): Promise<void> =>
    new Promise((resolve) => {
      const stream = session.request({ ':path': '/', 'accept-encoding': 'gzip' })
      const parts: Buffer[] = []
      let coding = ''
      stream.on('response', (head) => {
        coding = String(head['content-encoding'] ?? '')
      })
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('error', () => {})
      stream.on('close', () => {
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) figures.resets++
        else {
          const body = Buffer.concat(parts)
          const isWhole = (coding === 'gzip' ? gunzipSync(body) : body).equals(BODY)
          if (!isWhole) figures.wrong++
          else if (coding === 'gzip') figures.coded++
          else figures.plain++
        }
        resolve()
      })
    })
  try {
    const sessions = Array.from({ length: Math.ceil(requests / STREAMS) }, () => {
      const session = openSession(`http://127.0.0.1:${own}`)
      session.on('error', () => figures.failed++)
      return session
    })
    await Promise.all(
      Array.from({ length: requests }, (_, at) =>
        asked(sessions[Math.floor(at / STREAMS)] as (typeof sessions)[0]),
      ),
    )
    for (const session of sessions) session.close()
    const told = await metricsOf(join(folder, 'admin'))
    const busy = Number(/fermata_filter_events_total\{filter="compress",event="busy"\} (\d+)/.exec(told)?.[1])
    return { requests, ...figures, atOnce, peakBytes: peakOf(server.pid), busy }
  } finally {
    await server.stop()
    origin.close()
    rmSync(folder, { recursive: true })
  }
}
