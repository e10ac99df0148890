// Copies of requests, for a mirror: the body goes two ways, at the pace of the slower one, and nobody reads
// the response to the copy.

import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { ProxyReply, ProxyRequest, RequestOptions } from './options.js'
import { hasBody, wasRead } from './read-body.js'

interface Bodies {
  readonly own: Pick<RequestOptions, 'body'>
  readonly mirror: Pick<RequestOptions, 'body'>
}

/** Returns the bodies of a request and of its copy, if both cannot read the request's own. */
export function copiesOf(request: ProxyRequest, { body }: RequestOptions): Bodies {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return { own: { body }, mirror: { body } }
  if (body === undefined && (!hasBody(request) || wasRead(request))) return { own: {}, mirror: {} }
  const source = body ?? request
  const [own, mirror] = [new PassThrough(), new PassThrough()]
  source.pipe(own)
  source.pipe(mirror)
  // A body that breaks breaks both copies.
  source.on('error', (error) => {
    own.destroy(error)
    mirror.destroy(error)
  })
  return { own: { body: own }, mirror: { body: mirror } }
}

/** Returns a response that nobody reads. */
export const nobody = (): ProxyReply => new Nobody() as unknown as ProxyReply

class Nobody extends EventEmitter {
  statusCode = 200
  headersSent = false
  writableEnded = false
  writableFinished = false
  readonly destroyed = false
  readonly socket = null

  getHeaderNames(): string[] {
    return []
  }
  setHeader(): void {}
  addTrailers(): void {}
  flushHeaders(): void {}
  writeContinue(): void {}
  destroy(): void {}
  writeHead(): void {
    this.headersSent = true
  }
  write(): boolean {
    return true
  }
  end(): void {
    this.headersSent = true
    this.writableEnded = true
    this.writableFinished = true
  }
}
