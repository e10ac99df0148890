// Regular expressions of routes, in RE2's syntax. Matching takes time linear in the text.

import { RE2JS } from 're2js'

export class Pattern {
  readonly text: string
  private readonly program: RE2JS

  /** Throws if the text is not a pattern, or its program is too large. */
  constructor(text: string) {
    this.text = text
    this.program = RE2JS.compile(text)
  }

  /** Tells whether the pattern matches the whole text. */
  matches(text: string): boolean {
    return this.program.testExact(text)
  }
}
