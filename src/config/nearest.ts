// Finds the name that a misspelt name may mean.

import { distance } from 'fastest-levenshtein'

/**
 * Returns the nearest of the names: at most two edits away, or a third of the longer name's length; names of
 * up to three letters one edit. Null if no name is near enough.
 */
export function nearest(name: string, names: Iterable<string>): string | null {
  // It is longer than any real name, so it is not a misspelling.
  if (name.length > 100) return null
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  const written = name.toLowerCase()
  for (const each of names) {
    const edits = distance(written, each.toLowerCase())
    const longest = Math.max(name.length, each.length)
    // Two edits turn a name of three letters into one that shares a single letter with it.
    const most = longest < 4 ? 1 : Math.max(2, Math.floor(longest / 3))
    if (edits <= most && edits < longest && edits < least) {
      best = each
      least = edits
    }
  }
  return best
}

/** Returns `; did you mean NAME?`, or '' if no name is near. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const found = nearest(name, names)
  return found === null ? '' : `; did you mean ${found}?`
}

/** Returns `a, b or c`. */
export function orList(words: readonly string[]): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
