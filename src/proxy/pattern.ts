// Regular expressions of routes, in RE2's syntax. A match costs one look-up a character.

import { type Automaton, automatonOf } from './automaton.js'

const SLASH = 0x2f
const ASTERISK = 0x2a

/** The characters of a path: visible ASCII without `?` and `#`. */
const PATH_CHARACTERS = Array.from({ length: 0x7f - 0x21 }, (_, at) => at + 0x21).filter(
  (code) => !'?#'.includes(String.fromCharCode(code)),
)

/** Returns true if a pattern matches no path: a path begins with `/`, or is `*`. */
export function matchesNoPath({ latin1, classCount, next, accepts }: Automaton): boolean {
  const after = (state: number, code: number): number => next[state * classCount + latin1[code]]
  if (accepts[after(1, ASTERISK)] === 1) return false
  const first = after(1, SLASH)
  // The set grows while it is read: each state is visited once.
  const states = new Set([first])
  for (const state of states) {
    if (accepts[state] === 1) return false
    if (state !== 0) for (const code of PATH_CHARACTERS) states.add(after(state, code))
  }
  return true
}

export class Pattern {
  readonly text: string
  private readonly automaton: Automaton

  /**
   * Throws a PatternError if the text is not a pattern, or needs too much memory.
   * @param automaton the automaton of this text, if it has been built already
   */
  constructor(text: string, automaton: Automaton = automatonOf(text)) {
    this.text = text
    this.automaton = automaton
  }

  /** Returns true if the pattern matches the whole text, or the whole of its first `length` code units. */
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
