// Finds the end of a large command whose beginning has been read, without keeping any of it.

const CR = 13
const LF = 10
const DOLLAR = 0x24
const ZERO = 0x30

/** Within the line of a length: its `$` is next, then digits, then LF. */
const AT_DOLLAR = 0
const AT_DIGITS = 1
const AT_LF = 2

export class LargeScan {
  /** The mistake; null as long as there is none. */
  fault: string | null = null
  private readonly bulkBytesMax: number
  /** Arguments that have not begun. */
  private left: number
  /** Bytes that are left of an argument and its CR LF. */
  private body: number
  private state: number = AT_DOLLAR
  private length = 0
  private digits = 0

  /**
   * @param left the number of arguments that have not begun
   * @param body the number of bytes left of the one that has begun, with its CR LF
   */
  constructor(left: number, body: number, bulkBytesMax: number) {
    this.left = left
    this.body = body
    this.bulkBytesMax = bulkBytesMax
  }

  /** The command is complete. */
  get isOver(): boolean {
    return this.left === 0 && this.body === 0
  }

  /** Returns the offset after what belongs to the command. */
  read(chunk: Buffer, from: number, end: number): number {
    let at = from
    while (at < end && !this.isOver && this.fault === null) {
      if (this.body > 0) {
        const size = Math.min(this.body, end - at)
        this.body -= size
        at += size
      } else this.header(chunk[at++])
    }
    return at
  }

  private header(byte: number): void {
    if (this.state === AT_DOLLAR) {
      if (byte !== DOLLAR) this.fault = "expected '$'"
      this.state = AT_DIGITS
      this.length = 0
      this.digits = 0
    } else if (this.state === AT_DIGITS) {
      if (byte >= ZERO && byte <= ZERO + 9) {
        this.length = this.length * 10 + byte - ZERO
        this.digits++
        if (this.length > this.bulkBytesMax) this.fault = 'invalid bulk length'
      } else if (byte === CR && this.digits > 0) this.state = AT_LF
      else this.fault = 'invalid bulk length'
    } else {
      if (byte !== LF) this.fault = 'invalid bulk length'
      this.state = AT_DOLLAR
      this.left--
      this.body = this.length + 2
    }
  }
}
