// A peer of HTTP/1.1 on the simulated network that takes what it gets at a pace, and counts it.

import type { SimPeerSocket, SimPeerSocketOwner } from '../../src/pollset/index.js'
import type { PeerOptions } from './paced-peer.js'

export class PacedPeer1 implements SimPeerSocketOwner {
  readonly far: SimPeerSocket
  /** octets that have come behind the first head */
  got = 0
  /** The first head that has come, and what came with it. */
  head = ''
  gone = false
  /** Is called when the head has come. */
  onHead: () => void = () => {}

  constructor(far: SimPeerSocket, options: PeerOptions = {}) {
    this.far = far
    far.owner = this
    far.pace(options.bytesPerSecond ?? 0)
  }

  /** A head of these lines. */
  say(...lines: readonly string[]): void {
    this.far.send(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`))
  }

  body(bytes: number): void {
    for (let left = bytes; left > 0; left -= 65_536) this.far.send(Buffer.alloc(Math.min(left, 65_536)))
  }

  received(bytes: Uint8Array): void {
    if (this.head.includes('\r\n\r\n')) {
      this.got += bytes.length
      return
    }
    this.head += Buffer.from(bytes).toString('latin1')
    const end = this.head.indexOf('\r\n\r\n')
    if (end < 0) return
    this.got = this.head.length - end - 4
    this.onHead()
  }

  ended(): void {
    this.far.end()
  }
  closed(): void {
    this.gone = true
  }
}
