// A sink that writes down what a frame reader tells it, one line an event, the pieces of a DATA frame joined.

import { ErrorCode } from '../../src/http2/codes.js'
import type { EveryFrame } from '../../tools/testbed/frame-sinks.js'

const CODES = Object.keys(ErrorCode)

export class FrameLog implements EveryFrame {
  readonly events: string[] = []
  /** Octets the reader kept at the end. */
  rest = 0
  /** Calls so far; after `stopAt` events {@link stop} is called, within the event. */
  calls = 0
  callsAtStop = Number.POSITIVE_INFINITY
  stopAt = 0
  stop: () => void = () => {}

  private tell(event: string): void {
    this.calls++
    this.events.push(event)
    if (this.events.length !== this.stopAt) return
    this.stop()
    this.callsAtStop = this.calls
  }

  data(id: number, size: number, endStream: boolean): void {
    this.tell(`data ${id}${endStream ? ' end' : ''} size=${size} `)
  }
  dataBytes(_id: number, buffer: Buffer, start: number, end: number): void {
    this.calls++
    this.events[this.events.length - 1] += buffer.toString('latin1', start, end)
  }
  dataEnd(): void {
    this.calls++
  }
  headers(id: number, block: Buffer, start: number, end: number, endStream: boolean): void {
    this.tell(`headers ${id} ${endStream ? 'end ' : ''}${block.toString('hex', start, end)}`)
  }
  headersPiece(block: Buffer, start: number, end: number): void {
    this.tell(`piece ${block.toString('hex', start, end)}`)
  }
  headersTooLarge(id: number, endStream: boolean): void {
    this.tell(`too large ${id}${endStream ? ' end' : ''}`)
  }
  priority(id: number): void {
    this.tell(`priority ${id}`)
  }
  rstStream(id: number, code: number): void {
    this.tell(`reset ${id} ${code}`)
  }
  setting(id: number, value: number): void {
    this.tell(`setting ${id}=${value}`)
  }
  settingsEnd(): void {
    this.tell('settings')
  }
  settingsAck(): void {
    this.tell('settings ack')
  }
  pushPromise(id: number): void {
    this.tell(`push ${id}`)
  }
  ping(payload: Buffer, start: number, ack: boolean): void {
    this.tell(`ping ${ack ? 'ack ' : ''}${payload.toString('latin1', start, start + 8)}`)
  }
  goaway(last: number, code: number, debug: string): void {
    this.tell(`goaway ${last} ${code} ${debug}`)
  }
  windowUpdate(id: number, increment: number): void {
    this.tell(`window ${id} ${increment}`)
  }
  connectionError(code: number): void {
    this.tell(`connection error ${CODES[code]}`)
  }
  streamError(id: number, code: number): void {
    this.tell(`stream error ${id} ${CODES[code]}`)
  }
  idleFrame(): void {
    this.tell('idle')
  }
}
