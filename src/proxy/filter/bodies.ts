// Whole bodies and transforms for the phases of filters, and the consequences of a changed body
// (spec/filters.md, K14 to K17).

import { BODY, type BodySource, Head, RESET, type Stream, Token } from '../../http/index.js'
import { Signal } from '../../pollset/index.js'
import type { Exchange } from '../exchange.js'
import { BODY_TOO_LARGE, badGateway, RESPONSE_TOO_LARGE, type Refusal, STALLED } from '../refusal.js'
import type { AnswerSource } from './answer-source.js'
import { BodyPath } from './body-path.js'
import type { BodyTransform, WaitOptions } from './contract.js'
import type { FilterRun } from './run.js'

export const UP = 1
export const DOWN = 2

/** The next act of a phase for a body: it waits, or refuses. */
interface BodyCall {
  waitFor(stream: Stream | AnswerSource, bits: number, options: WaitOptions): unknown
  refuseBody(refusal: Refusal): unknown
}

/** Digests of the bytes of a body (RFC 9530), and of its predecessors. */
const DIGESTS: ReadonlySet<string> = new Set(['content-md5', 'digest', 'content-digest', 'repr-digest'])

const CONTINUE = '100'
const NOTHING = Buffer.alloc(0)

/** An object, so that the simulator can plant defects in it. */
export const bodies = {
  pathOf(x: Exchange, run: FilterRun, of: 'request' | 'response'): BodyPath {
    const { memory } = x.proxy.world
    run.moves ??= new Signal(`${x.id}.bodies`, 'bodies', ['UP', 'DOWN'])
    const { moves } = run
    const made = (source: BodySource | null, bit: number): BodyPath =>
      new BodyPath(source, memory, () => x.now, moves, bit)
    if (of === 'request') {
      run.up ??= made(x.frontend, UP)
      return run.up
    }
    if (run.down !== null) return run.down
    const { draft } = x
    run.down = made(draft === null ? x.stream : draft.source, DOWN)
    if (draft !== null && draft.source === null) run.down.hold(draft.body ?? Buffer.alloc(0))
    return run.down
  },

  transform(
    x: Exchange,
    run: FilterRun,
    of: 'request' | 'response',
    filter: string,
    make: () => BodyTransform,
  ): void {
    bodies.pathOf(x, run, of).add({ filter, make })
  },

  /** Returns the bytes of the response's whole body, if all has come and nothing transforms it; else -1. */
  arrived(x: Exchange, run: FilterRun): number {
    const { draft } = x
    if (run.down !== null) return run.down.isPlain ? (run.down.held?.length ?? -1) : -1
    if (draft !== null && draft.source === null) return draft.body?.length ?? 0
    const source = draft?.source ?? x.stream
    return source.remoteEnded && source.trailers === null && source.fault === null ? source.waitingBytes : -1
  },

  /** Returns true if filters may hold this many bytes more: they have a quarter of the soft bound. */
  mayHold(x: Exchange, bytes: number): boolean {
    const { memory } = x.proxy.world
    const { heldBytesMax, heldBytesSoft } = memory.limits
    return memory.charged + bytes <= heldBytesSoft / 4 && memory.bytes + bytes <= heldBytesMax
  },

  /** Collects a whole body. Returns it, or null: then the phase waits, or the request is refused. */
  whole(
    x: Exchange,
    run: FilterRun,
    of: 'request' | 'response',
    bytesMax: number,
    options: WaitOptions,
    call: BodyCall,
  ): Buffer | null {
    const path = bodies.pathOf(x, run, of)
    if (path.held !== null) return path.held
    const stream = of === 'request' ? x.frontend : (x.draft?.source ?? x.stream)
    const tooLarge = of === 'request' ? BODY_TOO_LARGE : RESPONSE_TOO_LARGE
    const announced =
      of === 'request' ? x.request.contentLength : ((x.draft?.head ?? x.stream.head)?.contentLength ?? -1)
    const refused = (why: Refusal): null => {
      call.refuseBody(why)
      return null
    }
    if (of === 'request' && run.collecting === null) bodies.invite(x)
    run.collecting ??= []
    const { collecting } = run
    const bytes = stream.waitingBytes
    const sum = collecting.reduce((all, { length }) => all + length, bytes)
    if (sum > bytesMax || announced > bytesMax) return refused(tooLarge)
    if (bytes > 0) {
      if (!bodies.mayHold(x, bytes)) return refused(STALLED)
      const part = Buffer.allocUnsafeSlow(bytes)
      stream.receiveBuffer?.pull(part, 0, bytes, x.now)
      collecting.push(part)
      path.charge(bytes)
    }
    stream.lower(BODY)
    if (!stream.remoteEnded) {
      // Its RESET stays up, so a wait for it would be over at once, again and again.
      const { fault } = stream
      if (fault !== null)
        return refused(fault.code === 'stall' ? STALLED : badGateway(fault.code, fault.message))
      call.waitFor(stream, BODY | RESET, options)
      return null
    }
    const whole = collecting.length === 1 ? collecting[0] : Buffer.concat(collecting)
    run.collecting = null
    path.hold(whole)
    return whole
  },

  /** Returns the whole body of the request, if it is held, or kept for another attempt; else null. */
  atHand({ frontend }: Exchange, { up }: FilterRun, bytesMax: number): Buffer | null {
    const held = up?.held ?? null
    if (held !== null) return held.length <= bytesMax ? held : null
    const { receiveBuffer, receivedBytes, remoteEnded } = frontend
    if (!remoteEnded || receivedBytes > bytesMax) return null
    return receivedBytes === 0 ? NOTHING : (receiveBuffer?.copy(receivedBytes) ?? null)
  },

  /** Asks a client for a body that waits for 100 (RFC 9110 §10.1.1). The backend then gets no Expect. */
  invite(x: Exchange): void {
    if (x.request.find(Token.EXPECT) === null || x.frontend.remoteEnded) return
    const { fields } = x.proxy.world
    if (x.frontend.receivedBytes === 0)
      x.frontend.sendInterim(Head.response([fields.field(':status', CONTINUE)]))
    x.request = x.request.copy()
    x.request.removeNamed((name) => name === 'expect')
  },

  /**
   * Returns a head without the fields that described the body before its change. @param length null: unknown
   */
  changed(x: Exchange, head: Head, length: number | null): Head {
    const { fields } = x.proxy.world
    const made = head.withLength(length === null ? null : fields.make('content-length', String(length)))
    made.removeNamed((name) => DIGESTS.has(name))
    if (head.status === 0) return made
    made.removeNamed((name) => name === 'accept-ranges')
    const etag = made.find(Token.ETAG)
    if (etag !== null && etag.value.startsWith('"'))
      made.replace(etag, fields.make('etag', `W/${etag.value}`))
    return made
  },

  /** Returns the body that cannot go on. Tells of a transform that has failed. */
  wrong(x: Exchange, run: FilterRun): 'up' | 'down' | null {
    for (const side of ['up', 'down'] as const) {
      const path = run[side]
      if (path === null) continue
      if (path.failure !== null) {
        x.proxy.filterFailed(x, path.failure.filter, path.failure.error)
        run.answeredBy = path.failure.filter
        return side
      }
      if (path.isStuck) return side
    }
    return null
  },
}
