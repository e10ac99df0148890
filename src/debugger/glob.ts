// Patterns of `*` (any text) and `?` (one character). A match takes time in proportion to the text, for any
// pattern: it follows all ways through the pattern at once, as the bits of a row of words.

const WORD_BITS = 32

export class Glob {
  /** The symbols of the pattern, without `*`. */
  private readonly size: number
  /** The masks by character: bit `n + 1` is set if the symbol `n` is the character or `?`. */
  private readonly masks: ReadonlyMap<string, Int32Array>
  /** The mask of all characters that the pattern does not have. */
  private readonly others: Int32Array
  /** Bit `n` is set if `*` stands before the symbol `n`. */
  private readonly stars: Int32Array
  /** Bit `n` is set if the text up to here can be the first `n` symbols. */
  private readonly state: Int32Array

  constructor(pattern: string) {
    const symbols = [...pattern].filter((each) => each !== '*')
    const words = Math.floor(symbols.length / WORD_BITS) + 1
    const masks = new Map<string, Int32Array>()
    this.size = symbols.length
    this.masks = masks
    this.others = new Int32Array(words)
    this.stars = new Int32Array(words)
    this.state = new Int32Array(words)
    symbols.forEach((symbol, n) => {
      if (symbol === '?') setBit(this.others, n + 1)
    })
    for (const symbol of symbols) if (!masks.has(symbol)) masks.set(symbol, this.others.slice())
    symbols.forEach((symbol, n) => {
      const mask = masks.get(symbol)
      if (mask !== undefined) setBit(mask, n + 1)
    })
    let before = 0
    for (const each of pattern) {
      if (each === '*') setBit(this.stars, before)
      else before++
    }
  }

  /** Returns true if the pattern matches the whole text. */
  matches(text: string): boolean {
    const { state, stars } = this
    state.fill(0)
    state[0] = 1
    for (const character of text) {
      const mask = this.masks.get(character) ?? this.others
      let carry = 0
      let alive = 0
      for (let n = 0; n < state.length; n++) {
        const word = state[n]
        state[n] = (((word << 1) | carry) & mask[n]) | (word & stars[n])
        carry = word >>> (WORD_BITS - 1)
        alive |= state[n]
      }
      if (alive === 0) return false
    }
    return ((state[Math.floor(this.size / WORD_BITS)] >>> (this.size % WORD_BITS)) & 1) === 1
  }
}

function setBit(words: Int32Array, bit: number): void {
  words[Math.floor(bit / WORD_BITS)] |= 1 << (bit % WORD_BITS)
}
