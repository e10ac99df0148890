// A connection within this process: two duplex streams, each of which reads the output of the other. Bytes
// are copied, and are delivered outside of the turn: a program's code never runs within our steps.

import { Duplex } from 'node:stream'

const LOOPBACK = '127.0.0.1'

const broken = (code: string): Error => Object.assign(new Error(code), { code })

type Done = (error?: Error | null) => void

/** One side of the connection, with the parts of a net.Socket that Node's servers use. */
export class LocalSide extends Duplex {
  // Programs recognise trusted proxies by this address, and the proxy is in their own process.
  readonly remoteAddress = LOOPBACK
  readonly remoteFamily = 'IPv4'
  readonly remotePort = 0
  readonly localAddress = LOOPBACK
  readonly localPort = 0
  readonly connecting = false
  private other: LocalSide | null = null
  /** Is called when the other side may write again. */
  private taken: Done | null = null

  constructor() {
    super({ allowHalfOpen: true, emitClose: true })
  }

  /** Returns both sides of a new connection. */
  static pair(): readonly [LocalSide, LocalSide] {
    const [one, other] = [new LocalSide(), new LocalSide()]
    one.other = other
    other.other = one
    return [one, other]
  }

  override _read(): void {
    const { taken } = this
    this.taken = null
    taken?.()
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    if (chunk.length === 0) {
      done()
      return
    }
    const bytes = Buffer.from(chunk)
    process.nextTick(() => {
      if (this.other === null || this.other.destroyed) done(broken('EPIPE'))
      else this.other.deliver(bytes, done)
    })
  }

  /** Delivers these bytes to the reader. @param done is called when more may come */
  private deliver(bytes: Buffer, done: Done): void {
    if (this.push(bytes)) done()
    else this.taken = done
  }

  override _final(done: Done): void {
    process.nextTick(() => {
      if (this.other?.destroyed === false) this.other.push(null)
      done()
    })
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other, taken } = this
    this.other = null
    this.taken = null
    taken?.(broken('EPIPE'))
    const isWhole = this.writableFinished
    process.nextTick(() => {
      // A side that closes without its end has cut its output.
      if (other?.destroyed === false && !isWhole) other.destroy(broken('ECONNRESET'))
    })
    done(error)
  }

  /** Ends, and then closes. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Closes as if the connection had failed. */
  resetAndDestroy(): this {
    return this.destroy(broken('ECONNRESET'))
  }

  address(): { readonly address: string; readonly family: string; readonly port: number } {
    return { address: this.localAddress, family: 'IPv4', port: this.localPort }
  }

  setTimeout(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
