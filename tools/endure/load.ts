// A load that counts exactly: clients of HTTP/1.1 and HTTP/2 that send one GET after the other. Each request
// is answered whole with 200, or its failure is recorded. A response that was cut after its head is
// distinguished from a request without a response.

import { Agent, get } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent as SecureAgent } from 'node:https'
import type { Socket } from 'node:net'

/** The longest wait for a request, in ms: far longer than any wait of the server. */
const ANSWER_MS_MAX = 30_000

export interface LoadOptions {
  readonly port: number
  /** True: over TLS, with any certificate. */
  readonly secure?: boolean
  /** The connections of HTTP/1.1, with one request at a time on each. */
  readonly http1: number
  /** The connections of HTTP/2, and the requests at once on each. */
  readonly http2: { readonly connections: number; readonly streams: number }
  /** The requested paths, in turn. */
  readonly paths: readonly string[]
  /** The pause of each client after each response, in ms. Default: none. */
  readonly pauseMs?: number
}

/** A request that was answered. Times are ms of the wall clock. */
export interface Answered {
  readonly sentAt: number
  /** The time at which the response head had come. */
  readonly headAt: number
  /** The name of the endpoint that has answered, from its response. */
  readonly from: string
}

export interface Tally {
  readonly sent: number
  /** The requests answered whole with 200. */
  readonly answered: number
  /** The requests answered whole with another status, by status and the proxy's code. */
  readonly others: ReadonlyMap<string, number>
  /** The responses cut after their heads, by reason. */
  readonly cut: ReadonlyMap<string, number>
  /** The requests without a response head, by reason. */
  readonly lost: ReadonlyMap<string, number>
  /** The connections that were closed on the client. */
  readonly closed: number
}

const sumOf = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, each) => sum + each, 0)

/** The sum of several tallies. */
export function together(tallies: readonly Tally[]): Tally {
  const merged = (of: (each: Tally) => ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>()
    for (const each of tallies)
      for (const [why, times] of of(each)) counts.set(why, (counts.get(why) ?? 0) + times)
    return counts
  }
  const sum = (of: (each: Tally) => number): number => tallies.reduce((all, each) => all + of(each), 0)
  return {
    sent: sum((each) => each.sent),
    answered: sum((each) => each.answered),
    others: merged((each) => each.others),
    cut: merged((each) => each.cut),
    lost: merged((each) => each.lost),
    closed: sum((each) => each.closed),
  }
}

/** Returns the number of requests without a 200 that had no response head. */
export const lostOf = ({ others, lost }: Tally): number => sumOf(others) + sumOf(lost)
export const cutOf = ({ cut }: Tally): number => sumOf(cut)

/** Returns `12 × 502 no-connection, 1 × ECONNRESET`, or `none`. */
export const told = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([why, times]) => `${times} × ${why}`).join(', ') || 'none'

/** One connection of a client. It is replaced when it was closed. */
interface Line {
  ask(path: string): Promise<void>
  end(): void
}

export class Load {
  /** Every request that was answered with 200. */
  readonly samples: Answered[] = []
  /** The requests that were sent, by second of the wall clock. */
  readonly sentIn: Record<number, number> = {}
  private readonly options: LoadOptions
  private readonly lines: Line[] = []
  private readonly running: Promise<void>[] = []
  private readonly others = new Map<string, number>()
  private readonly cut = new Map<string, number>()
  private readonly lost = new Map<string, number>()
  private sent = 0
  private answered = 0
  private ended = 0
  private closed = 0
  private stopping = false
  private asked = 0
  private readonly waiters = new Set<() => void>()

  /** Begins. */
  constructor(options: LoadOptions) {
    this.options = options
    for (let i = 0; i < options.http1; i++) this.add(this.http1Line(), 1)
    for (let i = 0; i < options.http2.connections; i++) this.add(this.http2Line(), options.http2.streams)
  }

  /** Settles when this many more requests have ended. */
  ends(count: number): Promise<void> {
    const until = this.ended + count
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.ended < until) return
        this.waiters.delete(look)
        resolve()
      }
      this.waiters.add(look)
    })
  }

  /** Lets the running requests end, and sends no more. */
  async stop(): Promise<Tally> {
    this.stopping = true
    await Promise.all(this.running)
    for (const line of this.lines) line.end()
    const { sent, answered, others, cut, lost, closed } = this
    return { sent, answered, others, cut, lost, closed }
  }

  private add(line: Line, abreast: number): void {
    this.lines.push(line)
    for (let i = 0; i < abreast; i++) this.running.push(this.askOn(line))
  }

  private async askOn(line: Line): Promise<void> {
    const { paths, pauseMs = 0 } = this.options
    while (!this.stopping) {
      await line.ask(paths[this.asked++ % paths.length] as string)
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  private sends(): number {
    const now = Date.now()
    const second = Math.floor(now / 1_000)
    this.sent++
    this.sentIn[second] = (this.sentIn[second] ?? 0) + 1
    return now
  }

  private whole(status: number, code: unknown, answered: Answered): void {
    if (status === 200) {
      this.answered++
      this.samples.push(answered)
    } else {
      const why = code === undefined ? String(status) : `${status} ${code}`
      this.others.set(why, (this.others.get(why) ?? 0) + 1)
    }
    this.wake()
  }

  private failed(headAt: number, why: string): void {
    const counts = headAt > 0 ? this.cut : this.lost
    counts.set(why, (counts.get(why) ?? 0) + 1)
    this.wake()
  }

  private wake(): void {
    this.ended++
    for (const look of [...this.waiters]) look()
  }

  private http1Line(): Line {
    const { port, secure = false } = this.options
    const agent = secure
      ? new SecureAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
      : new Agent({ keepAlive: true, maxSockets: 1 })
    const known = new WeakSet<Socket>()
    const watch = (socket: Socket): void => {
      if (known.has(socket)) return
      known.add(socket)
      socket.on('close', () => {
        if (!this.stopping) this.closed++
      })
    }
    const protocol = secure ? 'https:' : 'http:'
    const ask = (path: string): Promise<void> =>
      new Promise((resolve) => {
        const sentAt = this.sends()
        let headAt = 0
        let over = false
        const fail = (why: string): void => {
          if (over) return
          over = true
          this.failed(headAt, why)
          resolve()
        }
        const request = get({ agent, protocol, port, path, host: '127.0.0.1' }, (response) => {
          headAt = Date.now()
          const { statusCode = 0, headers } = response
          response.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
          response.on('end', () => {
            if (over) return
            over = true
            this.whole(statusCode, headers['x-fermata'], {
              sentAt,
              headAt,
              from: String(headers['x-endpoint']),
            })
            // Its socket is free only now.
            setImmediate(resolve)
          })
          response.resume()
        })
        request.on('socket', watch)
        request.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
        request.setTimeout(ANSWER_MS_MAX, () => request.destroy(new Error('no answer')))
      })
    return { ask, end: () => agent.destroy() }
  }

  private http2Line(): Line {
    const { port, secure = false } = this.options
    let session: ClientHttp2Session | null = null
    const opened = (): ClientHttp2Session => {
      if (session !== null) return session
      const made = connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false })
      const gone = (): void => {
        if (session !== made) return
        session = null
        if (!this.stopping) this.closed++
      }
      made.on('error', () => {})
      made.on('goaway', gone)
      made.on('close', gone)
      session = made
      return made
    }
    const ask = (path: string): Promise<void> =>
      new Promise((resolve) => {
        const sentAt = this.sends()
        let headAt = 0
        let status = 0
        let code: unknown
        let from = ''
        let isWhole = false
        let why = ''
        const stream = opened().request({ ':path': path })
        stream.on('response', (headers) => {
          headAt = Date.now()
          status = Number(headers[':status'])
          code = headers['x-fermata']
          from = String(headers['x-endpoint'])
        })
        stream.on('end', () => {
          isWhole = true
        })
        stream.on('error', (error: NodeJS.ErrnoException) => {
          why = error.message
        })
        stream.on('close', () => {
          if (isWhole && why === '' && headAt > 0) this.whole(status, code, { sentAt, headAt, from })
          else this.failed(headAt, why || `closed with ${stream.rstCode}`)
          resolve()
        })
        stream.setTimeout(ANSWER_MS_MAX, () => stream.destroy(new Error('no answer')))
        stream.resume()
      })
    return { ask, end: () => session?.destroy() }
  }
}
