// Remembers the written text of a run of fields: most lines have the same values, such as a route and its
// endpoint. The key is the last text of the run.

import { Ascii } from './ascii.js'
import type { LineValues } from './fields.js'

/** The values of a run in a line, and their written text; null until two lines had them. */
interface Remembered {
  readonly texts: string[]
  readonly numbers: number[]
  written: Ascii | null
}

/** The most remembered runs. After that it begins again. */
const REMEMBERED_MAX = 256

export class RunMemory {
  /** The places of the texts, without the last, which is the key. */
  private readonly texts: readonly number[]
  private readonly numbers: readonly number[]
  private readonly keyPlace: number
  private readonly byKey = new Map<string, Remembered>()
  private lastKey = ''
  private last: Remembered
  /** True if the values of the last look were remembered. */
  private same = false

  /** @param texts the places of the texts, in the order in which they are written @param numbers likewise */
  constructor(texts: readonly number[], numbers: readonly number[]) {
    this.texts = texts.slice(0, -1)
    this.numbers = numbers
    this.keyPlace = texts.at(-1) ?? 0
    this.last = this.remember('')
  }

  /** Returns the written text of these values; null if it is not known. */
  look(values: LineValues): Ascii | null {
    const key = values.texts[this.keyPlace]
    if (key !== this.lastKey) {
      this.last = this.byKey.get(key) ?? this.remember(key)
      this.lastKey = key
    }
    const { last } = this
    this.same = this.isAsBefore(values, last)
    if (!this.same) last.written = null
    return last.written
  }

  /** Compares the values with those of before, and notes them. */
  private isAsBefore(values: LineValues, before: Remembered): boolean {
    const { texts, numbers } = this
    let same = true
    for (let at = 0; at < texts.length; at++) {
      const text = values.texts[texts[at]]
      if (text === before.texts[at]) continue
      before.texts[at] = text
      same = false
    }
    for (let at = 0; at < numbers.length; at++) {
      const number = values.numbers[numbers[at]]
      if (Object.is(number, before.numbers[at])) continue
      before.numbers[at] = number
      same = false
    }
    return same
  }

  /** Keeps the written text of the values of the last look, if the line before had them too. */
  keep(text: () => string): void {
    if (this.same) this.last.written = new Ascii(text())
  }

  private remember(key: string): Remembered {
    const remembered = {
      texts: this.texts.map(() => ''),
      numbers: this.numbers.map(() => 0.5),
      written: null,
    }
    if (this.byKey.size >= REMEMBERED_MAX) this.byKey.clear()
    this.byKey.set(key, remembered)
    return remembered
  }
}
