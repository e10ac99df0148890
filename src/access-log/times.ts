// Writes points in time. Most lines of a second share their beginning, so it is remembered.

import { Ascii } from './ascii.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (number: number): string => String(number).padStart(2, '0')

/** Writes a second as `2026-11-27T08:50:00.`; its milliseconds and `Z` follow. */
export const isoText = (second: number): string => new Date(second * 1_000).toISOString().slice(0, -4)

/** Writes a second in the common log format: `27/Nov/2026:08:50:00 +0000`. */
export function clfText(second: number): string {
  const at = new Date(second * 1_000)
  const day = `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}`
  return `${day}:${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`
}

/** The number of remembered seconds: requests that began in different seconds end together. */
const KEPT = 16

/** The texts of the last seconds. */
export class Seconds {
  private readonly textOf: (second: number) => string
  private readonly seconds = new Float64Array(KEPT).fill(Number.NaN)
  private readonly texts: Ascii[] = Array.from({ length: KEPT }, () => new Ascii(''))
  private last = Number.NaN
  private lastText = new Ascii('')

  constructor(textOf: (second: number) => string) {
    this.textOf = textOf
  }

  of(second: number): Ascii {
    if (second === this.last) return this.lastText
    const place = second % KEPT
    if (this.seconds[place] !== second) {
      this.seconds[place] = second
      this.texts[place] = new Ascii(this.textOf(second))
    }
    this.last = second
    this.lastText = this.texts[place]
    return this.lastText
  }
}
