// Passes the body of a response through a transform of the program, on its way to the client. Fields that a
// changed body makes wrong are dropped here, so that authors need not remember them.

import type { Transform } from 'node:stream'
import { Field, Head } from '../../http/index.js'
import type { Sink, SinkEvents } from '../../node/index.js'

/** Fields that belong to one body (RFC 9110 §8.6, §14.3; RFC 9530). */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-length',
  'content-md5',
  'digest',
  'repr-digest',
  'content-digest',
  'accept-ranges',
])

/** Returns true if a response has a body that may be changed (RFC 9110 §7.7). */
export function mayTransform(head: Head, method: string): boolean {
  const { status } = head
  if (method === 'HEAD' || status === 204 || status === 206 || status === 304) return false
  return !head.fields.some(
    (each) => each.name === 'cache-control' && /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(each.value),
  )
}

/** Returns the head of a response whose body is changed. */
export function transformedHead(head: Head): Head {
  const fields = head.fields
    .filter((each) => !OF_THE_BODY.has(each.name))
    .map((each) =>
      each.name === 'etag' && !each.value.startsWith('W/') ? new Field('etag', `W/${each.value}`) : each,
    )
  return Head.response(fields)
}

export class TransformSink implements Sink {
  isBlocked = false
  private isOver = false
  private readonly client: Sink
  private readonly transform: Transform

  /** @param failed is called with the error of the transform */
  constructor(client: Sink, transform: Transform, events: SinkEvents, failed: (error: Error) => void) {
    this.client = client
    this.transform = transform
    transform.on('data', (chunk: Buffer | string) => {
      client.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      if (client.isBlocked) transform.pause()
    })
    transform.on('end', () => {
      if (!this.isOver && client.end(null, null)) events.left()
      this.isOver = true
    })
    transform.on('drain', () => {
      this.isBlocked = false
      events.drained()
    })
    transform.on('error', (error: Error) => {
      if (!this.isOver) failed(error)
      this.isOver = true
    })
  }

  /** Goes on, since the client takes bytes again. */
  resume(): void {
    if (!this.isOver) this.transform.resume()
  }

  interim(head: Head): void {
    this.client.interim(head)
  }

  begin(head: Head): void {
    this.client.begin(head, false)
  }

  write(bytes: Buffer): void {
    if (!this.transform.write(bytes)) this.isBlocked = true
  }

  end(bytes: Buffer | null): boolean {
    if (bytes === null) this.transform.end()
    else this.transform.end(bytes)
    return false
  }

  cut(): void {
    this.isOver = true
    this.transform.destroy()
    this.client.cut()
  }
}
