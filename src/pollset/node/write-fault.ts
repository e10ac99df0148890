// Holds back a write error until everything that has arrived is read. A backend may respond and close without
// reading the whole request, which resets the connection. The next write then fails while the response waits
// in the kernel's receive queue, which Linux can still read. Node destroys a socket, and this queue, as soon
// as a write fails. So the error waits for the end of reading.
//
// End-of-file follows the queue, even if the peer sent no FIN, because the failed write has cleared the
// error. The error code tells them apart: EPIPE if FIN came before the reset (tcp_reset in Linux),
// ECONNRESET otherwise.

import type { Socket as NetSocket } from 'node:net'

type Done = (error?: NodeJS.ErrnoException | null) => void

const SILENT_RESETS: ReadonlySet<string> = new Set(['EPIPE', 'ECONNRESET'])

export class WriteFault {
  private readonly net: NetSocket
  /** Node's callback of the current write. Node makes one write at a time. */
  private done: Done | null = null
  private held: NodeJS.ErrnoException | null = null
  private readonly onDone: Done

  /** Intercepts all further writes of this socket. */
  constructor(net: NetSocket) {
    this.net = net
    this.onDone = (error) => {
      if (error && this.mayWait(error)) this.held = error
      else this.pass(error)
    }
    const { _write: write, _writev: writeAll } = net
    net._write = (chunk, encoding, done) => {
      this.done = done
      write.call(net, chunk, encoding, this.onDone)
    }
    if (writeAll === undefined) return
    net._writev = (chunks, done) => {
      this.done = done
      writeAll.call(net, chunks, this.onDone)
    }
  }

  private mayWait(error: NodeJS.ErrnoException): boolean {
    return SILENT_RESETS.has(error.code ?? '') && !this.net.destroyed && !this.net.readableEnded
  }

  private pass(error: NodeJS.ErrnoException | null | undefined): void {
    const { done } = this
    this.done = null
    done?.(error)
  }

  /**
   * Is called when everything that has arrived is read. A held error now destroys the socket. Returns whether
   * the end was the peer's FIN.
   */
  readingEnded(): boolean {
    const { held } = this
    if (held === null) return true
    this.held = null
    this.pass(held)
    return held.code === 'EPIPE' && process.platform === 'linux'
  }
}
