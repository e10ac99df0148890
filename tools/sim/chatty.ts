// Peers that send a PING with the end of each message that they get, as grpc-go does for its estimate of
// bandwidth: ordinary work, and not a flood in any amount (spec/http2/idle-frames.md).

import type { Prng } from '../../src/pollset/index.js'
import type { PeerContext } from './peer.js'
import { type FrameOut, PING } from './wire.js'

/** Sends it, where this run's peers are so. It leaves with what the peer sends next. */
export function pingWith(stage: PeerContext, chance: Prng, out: FrameOut): void {
  const { chattyPercent } = stage.plan
  if (chattyPercent === 0 || !chance.chance(chattyPercent)) return
  stage.tally('ping with a message')
  out.numbers(PING, 0, 0, 3, 4)
}
