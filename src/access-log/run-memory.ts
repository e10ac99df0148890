// Remembers how a run of texts was written: most lines have the same, such as those of a route and an
// endpoint. They are remembered by the last text of the run.

import { Ascii } from './ascii.js'

/** The texts of a run in a line, and how they were written; null until two lines had them. */
interface Remembered {
  readonly texts: string[]
  written: Ascii | null
}

/** How many it remembers; then it begins again. */
const REMEMBERED_MAX = 256

export class RunMemory {
  /** The places of the texts, without the last: that is the key. */
  private readonly places: readonly number[]
  private readonly keyPlace: number
  private readonly byKey = new Map<string, Remembered>()
  private lastKey = ''
  private last: Remembered
  /** The texts of the last look were remembered. */
  private same = false

  /** @param places of the texts, in the order in which they are written */
  constructor(places: readonly number[]) {
    this.places = places.slice(0, -1)
    this.keyPlace = places.at(-1) ?? 0
    this.last = this.remember('')
  }

  /** Returns how these texts were written; null if that is not known. */
  look(texts: readonly string[]): Ascii | null {
    const key = texts[this.keyPlace]
    if (key !== this.lastKey) {
      this.last = this.byKey.get(key) ?? this.remember(key)
      this.lastKey = key
    }
    const { places, last } = this
    const before = last.texts
    let same = true
    for (let place = 0; place < places.length; place++) {
      const text = texts[places[place]]
      if (text === before[place]) continue
      before[place] = text
      same = false
    }
    this.same = same
    if (!same) last.written = null
    return last.written
  }

  /** Notes how the texts of the last look were written, if the line before had them too. */
  keep(text: () => string): void {
    if (this.same) this.last.written = new Ascii(text())
  }

  private remember(key: string): Remembered {
    const remembered = { texts: this.places.map(() => ''), written: null }
    if (this.byKey.size >= REMEMBERED_MAX) this.byKey.clear()
    this.byKey.set(key, remembered)
    return remembered
  }
}
