// A fault that a write meets, held back until all that has arrived is read. A backend may answer, close
// without having read the request, and so reset the connection: the next write fails, while the answer waits
// in the kernel's receive queue, which Linux still hands out. Node destroys a socket as soon as a write has
// failed, and that queue with it. So the fault waits for the end of reading.
//
// What follows the queue is end-of-file, whether the peer sent FIN or not: the failed write has taken the
// error away. The error tells: EPIPE is that of a socket whose FIN had come before the reset (tcp_reset in
// Linux), ECONNRESET of any other.

import type { Socket as NetSocket } from 'node:net'

type Done = (error?: NodeJS.ErrnoException | null) => void

const SILENT_RESETS: ReadonlySet<string> = new Set(['EPIPE', 'ECONNRESET'])

export class WriteFault {
  private readonly net: NetSocket
  /** Node's, for the write that is under way; one at a time is. */
  private done: Done | null = null
  private held: NodeJS.ErrnoException | null = null
  private readonly onDone: Done

  /** From here on the socket's writes come through this. */
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
   * All that had arrived is read. Returns whether its end is the peer's FIN; a fault that was held destroys
   * the socket now.
   */
  readingEnded(): boolean {
    const { held } = this
    if (held === null) return true
    this.held = null
    this.pass(held)
    return held.code === 'EPIPE' && process.platform === 'linux'
  }
}
