// What a peer may send that carries nothing itself, measured against the work that goes with it. PING,
// WINDOW_UPDATE and RST_STREAM(NO_ERROR) come with ordinary work: grpc-go sends a PING and a WINDOW_UPDATE
// with each message, Go's servers update two windows with each read of a handler, nginx ends each upload that
// it has not read, and its client then resets or ends it too. Any absolute rate is a flood for one peer and
// lets another one flood us. So a connection has one frame budget, in octets, and each such frame takes 256
// of them out of it.
//
// Time fills the frame budget, and so does work: an answer (a stream that reached its final head), DATA that
// came, DATA that left. A stream that is reset before its answer earns nothing; a flood of single octets
// earns single octets. What does not fit is lost: one large download pays for no flood after it. Time comes
// first, and takes the place of work; so the frames that may draw on time alone (SETTINGS, PRIORITY, GOAWAY,
// unknown and empty frames, HEADERS for streams that are gone) find it there after any amount of work.
//
// WINDOW_UPDATE that gives back 256 octets and more of DATA that we sent does what flow control is for, and
// takes nothing. A receiver may have a whole window of DATA before it reads the first octet, and then give it
// back in small pieces. The frame budget cannot hold that much, so octets that are not given back are
// counted for themselves, up to a bound (a window's worth, by the connection and by the stream).

import type { Http2Limits } from './limits.js'

/** octets that a frame takes out of the frame budget */
export const FRAME_PRICE = 256
/**
 * octets that an answer earns: a window opened, a PING, a window given back, a reset of an upload that is not
 * wanted
 */
const ANSWER = 4 * FRAME_PRICE
/**
 * octets that a frame of DATA earns at least which holds all there was: its receiver may PING, and update two
 * windows
 */
const MESSAGE = 3 * FRAME_PRICE

export class FrameBudget {
  /** octets that time has filled in, and octets that work has: together at most `size` */
  private time: number
  private work: number
  /**
   * octets of DATA that we sent and WINDOW_UPDATE has not given back: each counts for its stream and for the
   * connection
   */
  private unreturned: number
  /** ms of the pollset's clock: until when time is filled in */
  private at: number
  private readonly size: number
  private readonly perMs: number
  private readonly unreturnedMax: number

  constructor(limits: Http2Limits, now: number) {
    this.size = limits.idleFramesBurst * FRAME_PRICE
    this.perMs = (limits.idleFramesPerSecond * FRAME_PRICE) / 1000
    this.unreturnedMax = limits.unreturnedBytesMax
    this.time = this.size
    this.work = 0
    this.unreturned = 0
    this.at = now
  }

  /**
   * Pays for a frame that no work explains. `weight`: the number of ordinary frames it costs us. False when
   * it cannot.
   */
  payFromTime(now: number, weight: number): boolean {
    this.fill(now)
    const price = weight * FRAME_PRICE
    if (this.time < price) return false
    this.time -= price
    return true
  }

  /** Pays for a frame that comes with work, from work first. False when it cannot. */
  pay(now: number, price = FRAME_PRICE): boolean {
    this.fill(now)
    if (this.time + this.work < price) return false
    const fromWork = Math.min(this.work, price)
    this.work -= fromWork
    this.time -= price - fromWork
    return true
  }

  /** Pays for a WINDOW_UPDATE: less by what it gives back of DATA that we sent. False when it cannot. */
  payUpdate(now: number, increment: number): boolean {
    const returned = Math.min(increment, this.unreturned)
    this.unreturned -= returned
    return returned >= FRAME_PRICE || this.pay(now, FRAME_PRICE - returned)
  }

  /** A stream has reached its final head. */
  answered(): void {
    this.earn(ANSWER)
  }

  /** Body bytes came, on a stream that somebody waits for. */
  received(bytes: number): void {
    this.earn(bytes)
  }

  /**
   * A frame of DATA has left. `whole`: it holds all there was, so no small window of the peer's has cut it
   * short.
   */
  sent(bytes: number, whole: boolean): void {
    this.unreturned = Math.min(this.unreturned + 2 * bytes, this.unreturnedMax)
    this.earn(whole && bytes < MESSAGE ? MESSAGE : bytes)
  }

  /** How much of it is spent, as a part of all. */
  spent(now: number): number {
    this.fill(now)
    return 1 - (this.time + this.work) / this.size
  }

  private earn(bytes: number): void {
    this.work = Math.min(this.work + bytes, this.size - this.time)
  }

  private fill(now: number): void {
    const { time } = this
    if (time < this.size && now !== this.at) {
      this.time = Math.min(this.size, time + (now - this.at) * this.perMs)
      if (this.work > this.size - this.time) this.work = this.size - this.time
    }
    this.at = now
  }
}
