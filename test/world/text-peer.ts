// A peer on the simulated network whose bytes are text.

import type { SimPeerSocket } from '../../src/pollset/index.js'

/** A peer that keeps what it receives. */
export class Peer {
  text = ''
  ended = false
  closed = false
  /** The number of times that bytes came. */
  reads = 0
  readonly far: SimPeerSocket
  private readonly heard: (peer: Peer) => void
  constructor(far: SimPeerSocket, heard: (peer: Peer) => void = () => {}) {
    this.far = far
    this.heard = heard
    far.owner = {
      received: (bytes) => {
        this.reads++
        this.text += Buffer.from(bytes).toString('latin1')
        this.heard(this)
      },
      ended: () => {
        this.ended = true
        far.end()
      },
      closed: () => {
        this.closed = true
      },
    }
  }
  say(text: string): void {
    this.far.send(Buffer.from(text, 'latin1'))
  }
  /** Input that has come and was not taken. */
  take(): string {
    const { text } = this
    this.text = ''
    return text
  }
}
