// Regular expressions of routes, in RE2's syntax. A match costs one look-up a character.

import { type Automaton, automatonOf } from './automaton.js'

export class Pattern {
  readonly text: string
  private readonly automaton: Automaton

  /**
   * Throws a PatternError if the text is not a pattern, or needs too much memory.
   *
   * @param automaton that of this text, if it has been built already
   */
  constructor(text: string, automaton: Automaton = automatonOf(text)) {
    this.text = text
    this.automaton = automaton
  }

  /**
   * Tells whether the pattern matches the whole text, or of a longer one the whole of its first `length` code
   * units.
   */
  matches(text: string, length = text.length): boolean {
    const { latin1, classCount, next, accepts } = this.automaton
    let state = 1
    for (let i = 0; i < length; i++) {
      let code = text.charCodeAt(i)
      if (code > 0xff) {
        code = text.codePointAt(i) as number
        if (code > 0xffff) i++
        state = next[state * classCount + this.classOf(code)]
      } else state = next[state * classCount + latin1[code]]
      if (state === 0) return false
    }
    return accepts[state] === 1
  }

  private classOf(code: number): number {
    const { bounds, classes } = this.automaton
    let low = 0
    let high = bounds.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (bounds[middle] <= code) low = middle
      else high = middle
    }
    return classes[low]
  }
}
