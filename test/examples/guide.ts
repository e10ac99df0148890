// The listings of spec/writing-a-protocol.md: regions of the examples, and programs of their own.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../house/source-rules.js'

export interface Region {
  readonly file: string
  readonly text: string
}
/** A program in a file of this name, and what it prints. */
export interface Listing {
  readonly file: string
  readonly prints: string
  readonly text: string
}

const page = readFileSync(join(root, 'spec/writing-a-protocol.md'), 'utf8')
const found = (before: string): string[][] =>
  [...page.matchAll(new RegExp(`<!-- ${before} -->\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``, 'g'))].map((each) =>
    each.slice(1),
  )

export const regions: readonly Region[] = found('region: (\\S+)').map(([file, text]) => ({ file, text }))
export const listings: readonly Listing[] = found('run: (\\S+) prints: (.+?)').map(
  ([name, prints, text]) => ({
    file: `${name}.ts`,
    prints,
    text,
  }),
)
/** The number of listings of any kind on the page. */
export const blocks = (page.match(/^```\w/gm) ?? []).length
