// S3: credit sent = credit received + credit outstanding, for each stream and each connection. From the
// inside by the proxy's own books after every turn; against the actors' books whenever a connection is quiet.

import { ENDED } from '../../../src/pollset/index.js'
import type { ConnectionInside, ReceiveBufferInside, StreamInside } from '../inside.js'
import { Peer, type PeerStream } from '../peer.js'
import { type Checker, fail, type RunView } from './check.js'

export function s3(): Checker {
  return {
    turn(scene) {
      for (const each of scene.frontends) connection(each)
      for (const each of scene.sessions) connection(each)
    },
    quiet(scene) {
      for (const each of [...scene.frontends, ...scene.sessions]) credited(each, scene)
    },
  }
}

function connection(c: ConnectionInside): void {
  if (c.failure !== null || c.socket === null) return
  const { window, owed, due, size } = c.intake.received
  if (window + owed + due !== size) {
    fail('S3', `${c.id}: window ${window}, owed ${owed} and due ${due} are not ${size}`)
  }
  for (const stream of c.streams.all()) streamOf(stream, c.intake.stream === stream ? c.intake.padding : 0)
  const far = c.socket.peer
  if (
    far.idle &&
    c.output.controlBytes === 0 &&
    c.output.resetsWaiting === 0 &&
    c.output.credit === 0 &&
    far.owner instanceof Peer
  ) {
    bothEnds(c, far.owner as Peer<PeerStream>)
  }
}

/** @param coming The bytes of a DATA frame that has begun and not arrived whole. */
function streamOf(s: StreamInside, coming: number): void {
  // Its sender sends no more, so no credit is kept for it (F16).
  if (s.remoteEnded || s.closed) return
  // A stalled stream is about to be reset and gets no more credit.
  if (s.fault?.code === 'stall') return
  const held = coming + (s.receiveBuffer === null ? 0 : heldIn(s.receiveBuffer))
  if (s.recvWindow + s.uncredited + held !== s.windowSize) {
    fail(
      'S3',
      `${s.id}: window ${s.recvWindow}, ${s.uncredited} to be credited and ${held} held are not ${s.windowSize}`,
    )
  }
}

/** Bytes that wait, are kept for another attempt, or are on their way through transforms. */
const heldIn = ({ length, retainMax, retainedBytes, takenBytes }: ReceiveBufferInside): number =>
  length + (retainMax > 0 ? retainedBytes : takenBytes)

/** Compares the windows of the proxy and the actor while nothing is under way. */
function bothEnds(c: ConnectionInside, peer: Peer<PeerStream>): void {
  if (peer.gone || !peer.settled) return
  const ended = c.socket !== null && (c.socket.readiness & ENDED) !== 0
  // A peer that has ended sends no more: credit that became due with its last bytes is not sent.
  if (!ended && c.intake.received.window !== peer.sendWindow) {
    fail(
      'S3',
      `${c.id} lets its peer send ${c.intake.received.window}, and the peer knows of ${peer.sendWindow}`,
    )
  }
  // Nor does it send WINDOW_UPDATE any more, so it may allow us more than we know.
  const agree = (ours: number, theirs: number): boolean => ours === theirs || (ended && ours < theirs)
  if (!agree(c.output.sendWindow, peer.recvWindow)) {
    fail('S3', `${c.id} may send ${c.output.sendWindow}, and its peer lets it ${peer.recvWindow}`)
  }
  for (const s of c.streams.all()) {
    const theirs = peer.streams.get(s.streamId)
    if (theirs === undefined || theirs.resetByUs) continue
    if (!s.localEnded && !agree(s.sendWindow, theirs.recvWindow)) {
      fail('S3', `${s.id} may send ${s.sendWindow}, and its peer lets it ${theirs.recvWindow}`)
    }
    if (!ended && !s.remoteEnded && s.recvWindow !== theirs.sendWindow) {
      fail('S3', `${s.id} lets its peer send ${s.recvWindow}, and the peer knows of ${theirs.sendWindow}`)
    }
  }
}

/** Checks a quiet connection: the credit not yet sent must be too small for a frame. */
function credited(c: ConnectionInside, scene: RunView): void {
  if (c.failure !== null || c.socket === null) return
  const { owed, due, size } = c.intake.received
  if (due * 2 >= size) fail('S3', `${c.id} is quiet, and owes ${due} octets of credit`)
  if (owed > 0 && scene.world.memory.bytes === 0)
    fail('S3', `${c.id} withholds ${owed} octets, and nothing is held`)
}
