// A seeded random generator: the same seed gives the same numbers on every machine. It is xoshiro128**
// (Blackman and Vigna, 2018), seeded by splitmix32. It is for simulation only and must not make secrets.

export class Prng {
  private a: number
  private b: number
  private c: number
  private d: number

  constructor(seed: number) {
    let state = seed | 0
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0
      let z = state ^ (state >>> 16)
      z = Math.imul(z, 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) | 0
    }
    this.a = next()
    this.b = next()
    this.c = next()
    this.d = next() | 1
  }

  /** Returns 32 random bits. */
  next(): number {
    const times5 = Math.imul(this.b, 5)
    const drawn = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const shifted = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= shifted
    this.d = (this.d << 11) | (this.d >>> 21)
    return drawn
  }

  /** Returns an integer from 0 to `n` - 1; 0 if `n` is below 1. */
  below(n: number): number {
    return n <= 1 ? 0 : Math.floor((this.next() / 0x1_0000_0000) * n)
  }

  /** Returns an integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** Returns true with this probability. 0 draws no number. */
  chance(percent: number): boolean {
    return percent > 0 && this.below(100) < percent
  }

  /** Makes another generator, independent from here on. */
  fork(): Prng {
    return new Prng(this.next())
  }
}
