// A connection to the target of a CONNECT (RFC 9110 §9.3.6): what is left of HTTP/1.1 when its heads are
// taken away. A session of one tunnel, open with the connection; its octets are none of ours to read.

import { fault } from '../continuation/index.js'
import { type SessionFactory, sessionsOn } from '../engine/index.js'
import { type Client, Head } from '../http/index.js'
import { CLOSED, type Socket } from '../pollset/index.js'
import { type DialTarget, dial } from '../transport/index.js'
import { Backend, type BackendSession } from './backend.js'
import { backendSteps } from './backend-life.js'
import { CHANGED } from './connection.js'
import type { Http1Context } from './context.js'
import { TUNNEL } from './framing.js'
import type { Http1Stream } from './stream.js'

class TcpSession extends Backend {
  /** Of no protocol: there is none to ask for another in. */
  override readonly features = 0
  protected override readonly readsOn = false

  override openStream(request: Head, client: Client): Http1Stream {
    const stream = super.openStream(request, client)
    // Nothing is asked of the target: that it was reached is its answer.
    this.last = true
    this.reader.answered(true)
    stream.headWritten = true
    stream.framing = TUNNEL
    stream.head = Head.response([this.context.world.fields.field(':status', '200')])
    this.reports.surrendered(this)
    this.changed()
    return stream
  }

  /** Until somebody has it, what comes waits in the socket, its end too: a target may speak first. */
  override read(): void {
    if (this.isUnclaimed) this.pollable.lower(CHANGED)
    else super.read()
  }

  override awaitMore(): void {
    if (!this.isUnclaimed) {
      super.awaitMore()
      return
    }
    this.waitOn(0, this.socket, CLOSED)
    this.waitOn(1, this.pollable, CHANGED)
  }

  /** Until somebody has it, what comes waits in the socket, its end too: a target may speak first. */
  private get isUnclaimed(): boolean {
    return this.count === 0 && this.failure === null && (this.socket.readiness & CLOSED) === 0
  }

  override writeHead(stream: Http1Stream, _head: Head, _ended: boolean, _slab: Buffer, at: number): number {
    stream.framing = TUNNEL
    return at
  }
}

const LATE = fault('connect-late', 'backend', 'connection', 'never', 'the target did not answer in time')

/** Opens a connection to this target for each tunnel. */
export const tcpSessions =
  (context: Http1Context, target: DialTarget): SessionFactory<BackendSession> =>
  (reports) => {
    const { world } = context
    const id = world.nextId('b')
    return sessionsOn<BackendSession, Socket>(
      (told) =>
        dial(world, id, target, world.transportLimits, {
          connected: (socket) => told.connected(socket),
          failed: (why, late) => told.failed(late ? LATE : why),
        }),
      (socket, to) => {
        const session = new TcpSession(context, target, to, socket, id)
        backendSteps.start(world, session, 'greet')
        return session
      },
    )(reports)
  }
