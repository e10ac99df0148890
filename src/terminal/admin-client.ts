// A client of a server's admin listener, over HTTP/1.1 on TCP or a Unix-domain socket. Each question is a
// request; they share a connection while the server keeps it.

import { Agent, type IncomingMessage, request } from 'node:http'
import type { DapObject } from '../debugger/index.js'
import type { Asker, ListQuestion } from './asker.js'
import {
  ADMIN_TOKEN_VARIABLE,
  addressOf,
  codeOf,
  RefusedError,
  TerminalError,
  type TerminalOptions,
  tokenOf,
} from './connecting.js'
import { terminalLimits } from './limits.js'

const UNAUTHORIZED = 401

/** An answer of the server. */
interface Told {
  readonly status: number
  readonly text: string
}

export class AdminClient implements Asker {
  /** Is never called: each question connects if it must. */
  onClosed: (error: TerminalError) => void = () => {}
  private readonly address: string
  private readonly to: ReturnType<typeof addressOf>
  private readonly token: string | undefined
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 })

  /** @param address `HOST:PORT` or `unix:PATH`; either may follow `http://` */
  constructor(address: string, options: TerminalOptions) {
    this.address = address.replace(/^http:\/\//, '').replace(/\/$/, '')
    this.to = addressOf(this.address)
    this.token = tokenOf(options, ADMIN_TOKEN_VARIABLE)
  }

  list({ filter, sort, descending, limit, overview }: ListQuestion): Promise<DapObject> {
    const query = new URLSearchParams({
      sort,
      ...(filter === '' ? {} : { if: filter }),
      ...(descending ? { reversed: 'true' } : {}),
      ...(limit === undefined ? {} : { limit: String(limit) }),
      ...(overview ? { overview: 'true' } : {}),
    })
    return this.ask('GET', `/exchanges?${query}`)
  }

  why(id: string): Promise<DapObject> {
    return this.ask('GET', `/exchanges/${encodeURIComponent(id)}`)
  }

  endRequest(id: string): Promise<DapObject> {
    return this.ask('DELETE', `/exchanges/${encodeURIComponent(id)}`)
  }

  /** Sets the overlay of an endpoint; null removes it. */
  overlay(backend: string, endpoint: string, change: DapObject | null): Promise<DapObject> {
    const path = `/backends/${encodeURIComponent(backend)}/endpoints/${encodeURIComponent(endpoint)}`
    return this.ask('PATCH', path, JSON.stringify(change))
  }

  /** Removes stored responses from a cache. */
  purge(cache: string, what: DapObject): Promise<DapObject> {
    return this.ask('POST', `/caches/${encodeURIComponent(cache)}/purge`, JSON.stringify(what))
  }

  leave(): void {
    this.agent.destroy()
  }

  private async ask(method: string, path: string, body?: string): Promise<DapObject> {
    const { status, text } = await this.send(method, path, body)
    const value = jsonOf(text)
    if (value === null)
      throw new TerminalError(
        `what answers at ${this.address} is not an admin listener of Fermata: status ${status}, and no JSON`,
      )
    if (status < 300) return value
    if (status === UNAUTHORIZED) throw new TerminalError(this.unauthorized())
    throw new RefusedError(typeof value.error === 'string' ? value.error : `the server answers ${status}`)
  }

  private unauthorized(): string {
    const { address, token } = this
    return token === undefined
      ? `the admin listener at ${address} wants a token: give --token-file FILE, or set ${ADMIN_TOKEN_VARIABLE}`
      : `the token is wrong: that of ${address} is admin.token in its configuration`
  }

  private send(method: string, path: string, body?: string): Promise<Told> {
    const { to, token, agent, address } = this
    const { answerMs } = terminalLimits
    const where = 'path' in to ? { socketPath: to.path, host: 'localhost' } : to
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    return new Promise((resolve, reject) => {
      const asked = request({ ...where, method, path, headers, agent }, (response) =>
        readWhole(response, resolve, reject),
      )
      const timer = setTimeout(
        () => asked.destroy(new TerminalError(`the server has not answered in ${answerMs / 1000} s`)),
        answerMs,
      )
      asked.on('close', () => clearTimeout(timer))
      asked.on('error', (error) => reject(error instanceof TerminalError ? error : lost(address, error)))
      asked.end(body)
    })
  }
}

function readWhole(
  response: IncomingMessage,
  resolve: (told: Told) => void,
  reject: (error: Error) => void,
): void {
  const { answerBytesMax } = terminalLimits
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > answerBytesMax)
      response.destroy(new TerminalError(`the answer has more than ${answerBytesMax} bytes: list fewer rows`))
  })
  response.on('error', reject)
  response.on('end', () =>
    resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
  )
}

function jsonOf(text: string): DapObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as DapObject) : null
  } catch {
    return null
  }
}

const lost = (address: string, error: Error): TerminalError =>
  new TerminalError(
    `no admin listener answers at ${address} (${codeOf(error)}): give its configuration admin: { address: … }`,
  )
