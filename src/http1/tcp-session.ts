// A connection to the target of a CONNECT (RFC 9110 §9.3.6): what is left of HTTP/1.1 when its heads are
// taken away. It is a session of one tunnel, open with its connection; its bytes are not interpreted.

import { fault } from '../continuation/index.js'
import type { SessionFactory } from '../engine/index.js'
import { type Client, dialledSessions, Head, type SessionOn } from '../http/index.js'
import { CLOSED } from '../pollset/index.js'
import type { DialTarget } from '../transport/index.js'
import { CHANGED } from './connection.js'
import type { Http1Context } from './context.js'
import { TUNNEL } from './framing.js'
import { type BackendSession, Http1Session } from './session.js'
import { sessionSteps } from './session-life.js'
import type { Http1Stream } from './stream.js'

class TcpSession extends Http1Session {
  /** Raw TCP has no upgrade mechanism. */
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
export function tcpSessions(context: Http1Context, target: DialTarget): SessionFactory<BackendSession> {
  const { world } = context
  const sessionOn: SessionOn<BackendSession> = (socket, reports, id) => {
    const session = new TcpSession(context, target, reports, socket, id)
    sessionSteps.start(world, session, 'greet')
    return session
  }
  return dialledSessions(world, target, world.transportLimits, sessionOn, LATE)
}
