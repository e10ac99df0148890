// The queue of streams that send: a ring through the streams, so that adding, removing and taking turns are
// O(1) and allocate nothing. A stream is in one queue at most.

import { invariant } from '../pollset/index.js'
import type { Http2Stream } from './stream.js'

export class SendQueue {
  first: Http2Stream | null = null
  private last: Http2Stream | null = null

  push(stream: Http2Stream): void {
    invariant(stream.queue === null, 'a stream stands in one queue')
    stream.queue = this
    stream.queuePrev = this.last
    stream.queueNext = null
    if (this.last !== null) this.last.queueNext = stream
    else this.first = stream
    this.last = stream
  }

  remove(stream: Http2Stream): void {
    const { queuePrev, queueNext } = stream
    if (queuePrev !== null) queuePrev.queueNext = queueNext
    else this.first = queueNext
    if (queueNext !== null) queueNext.queuePrev = queuePrev
    else this.last = queuePrev
    stream.queue = null
    stream.queuePrev = null
    stream.queueNext = null
  }

  /** Appends all streams of another queue. */
  takeAll(other: SendQueue): void {
    for (let stream = other.first; stream !== null; stream = other.first) {
      other.remove(stream)
      this.push(stream)
    }
  }
}
