// The request for a backend, as listeners of `proxyReq` see and change it before it is sent. It has the
// methods of an http.ClientRequest that concern its head.

import type { ReadTarget } from './target-url.js'

export type HeaderValue = string | readonly string[]

export class OutgoingRequest {
  method: string
  path: string
  readonly protocol: string
  readonly host: string
  /** The body in place of the client's, set by {@link write}. */
  readonly written: Buffer[] = []
  /** The fields by name in lower case. */
  private readonly fields: Record<string, HeaderValue | undefined>

  constructor(
    method: string,
    path: string,
    target: ReadTarget,
    fields: Record<string, HeaderValue | undefined>,
  ) {
    this.method = method
    this.path = path
    this.protocol = target.secure ? 'https:' : 'http:'
    this.host = target.hostname
    this.fields = fields
  }

  getHeader(name: string): HeaderValue | undefined {
    return this.fields[name.toLowerCase()]
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined
  }

  setHeader(name: string, value: number | HeaderValue): this {
    this.fields[name.toLowerCase()] = typeof value === 'number' ? String(value) : value
    return this
  }

  appendHeader(name: string, value: HeaderValue): this {
    const before = this.getHeader(name) ?? []
    return this.setHeader(name, [before, value].flat())
  }

  removeHeader(name: string): void {
    delete this.fields[name.toLowerCase()]
  }

  getHeaderNames(): string[] {
    return Object.keys(this.fields)
  }

  getHeaders(): Record<string, HeaderValue | undefined> {
    return { ...this.fields }
  }

  /** Gives the request this body, in place of the client's. */
  write(chunk: string | Uint8Array): boolean {
    this.written.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk))
    return true
  }

  end(chunk?: string | Uint8Array): this {
    if (chunk !== undefined) this.write(chunk)
    return this
  }
}
