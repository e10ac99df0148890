// Bounds idle frames, which carry no part of a message, by the work that goes with them. PING,
// WINDOW_UPDATE and RST_STREAM(NO_ERROR) come with ordinary work: grpc-go sends a PING and a WINDOW_UPDATE
// with each message, Go's servers update two windows with each read of a handler, nginx ends each upload
// that it has not read, and its client then resets or ends it too. Any fixed rate would be too low for one
// peer and let another one flood us. So a connection has one frame budget, in octets, and each idle frame
// takes 256 of them.
//
// Time fills the budget, and so does work: a response (a stream that reached its final head), DATA received,
// DATA sent. A stream that is reset before its response earns nothing; a flood of single octets earns single
// octets. The surplus is lost, so one large download pays for no later flood. Time is filled first, and
// displaces work. So the frames that draw on time alone (SETTINGS, PRIORITY, GOAWAY, unknown and empty
// frames, HEADERS for closed streams) can be paid for after any amount of work.
//
// A WINDOW_UPDATE that returns credit for 256 octets or more of sent DATA is ordinary flow control, and takes
// nothing. A receiver may hold a whole window of DATA before it reads the first octet, and then return credit
// in small pieces. The frame budget cannot hold that much, so octets without returned credit are counted
// separately, up to a bound (a window of the connection and one of the stream).

import type { Http2Limits } from './limits.js'

/** The octets that an idle frame takes out of the budget. */
export const FRAME_PRICE = 256
/** The octets that a response earns: for two WINDOW_UPDATEs, a PING and a reset of an unread upload. */
const ANSWER = 4 * FRAME_PRICE
/** The fewest octets that a DATA frame earns if no window cut it: for a PING and two WINDOW_UPDATEs. */
const MESSAGE = 3 * FRAME_PRICE

export class FrameBudget {
  /** The octets filled by time and by work; together at most `size`. */
  private time: number
  private work: number
  /**
   * The octets of sent DATA without returned credit. Each counts twice: for its stream and the connection.
   */
  private unreturned: number
  /** The time at which the budget was last filled by time: ms of the pollset's clock. */
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
   * Pays for a frame that no work explains, which costs `weight` times the price. Returns false if it cannot.
   */
  payFromTime(now: number, weight: number): boolean {
    this.fill(now)
    const price = weight * FRAME_PRICE
    if (this.time < price) return false
    this.time -= price
    return true
  }

  /** Pays for a frame that comes with work, from work first. Returns false if it cannot. */
  pay(now: number, price = FRAME_PRICE): boolean {
    this.fill(now)
    if (this.time + this.work < price) return false
    const fromWork = Math.min(this.work, price)
    this.work -= fromWork
    this.time -= price - fromWork
    return true
  }

  /** Pays for a WINDOW_UPDATE, minus the credit that it returns for sent DATA. Returns false if it cannot. */
  payUpdate(now: number, increment: number): boolean {
    const returned = Math.min(increment, this.unreturned)
    this.unreturned -= returned
    return returned >= FRAME_PRICE || this.pay(now, FRAME_PRICE - returned)
  }

  /** Earns for a stream that reached its final head. */
  answered(): void {
    this.earn(ANSWER)
  }

  /** Earns for received body bytes that an exchange waits for. */
  received(bytes: number): void {
    this.earn(bytes)
  }

  /** Earns for a sent DATA frame. `whole`: it holds all waiting bytes, so no window has cut it. */
  sent(bytes: number, whole: boolean): void {
    this.unreturned = Math.min(this.unreturned + 2 * bytes, this.unreturnedMax)
    this.earn(whole && bytes < MESSAGE ? MESSAGE : bytes)
  }

  /** The part of the budget that is spent, from 0 to 1. */
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
