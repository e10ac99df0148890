// What the house tests read of spec/: its numbered rules; and the titles of tests.

import { rulesOfScenario } from '../world/scenario.js'

/** `E12`: a rule that a page numbers. */
const RULE = /^[A-Z][0-9]+$/
/** A title begins with the rules that it shows: `E5, E6: sessions up to the limit, then a queue`. */
const TITLE = /(['"`])([A-Z][0-9]+(?:, [A-Z][0-9]+)*): /g

export interface Page {
  readonly file: string
  readonly text: string
}

/** The rules that this page numbers: first cells of its tables. */
export function rulesOf(page: Page): string[] {
  const found: string[] = []
  for (const line of page.text.split('\n')) {
    const [, first] = /^\|([^|]+)\|/.exec(line) ?? []
    if (first === undefined) continue
    for (const each of first.trim().split(', ')) if (RULE.test(each)) found.push(each)
  }
  return found
}

/** The rules that titles of tests in this text begin with. */
export function rulesInTitles(text: string): string[] {
  return [...text.matchAll(TITLE)].flatMap((match) => match[2].split(', '))
}

/** The rules of these pages that no title of these tests names, and those that two pages number. */
export function ruleFindings(pages: readonly Page[], tests: readonly Page[]): string[] {
  const named = new Set(tests.flatMap((each) => rulesInTitles(each.text)))
  for (const page of pages)
    if (page.file.startsWith('spec/scenarios/'))
      for (const rule of rulesOfScenario(page.text)) named.add(rule)
  const findings: string[] = []
  const owners = new Map<string, string>()
  for (const page of pages) {
    for (const rule of rulesOf(page)) {
      if (!named.has(rule)) findings.push(`${page.file}: no test's title names ${rule}`)
      // The simulator's checkers are named after the properties and rules of other pages.
      if (page.file === 'spec/simulator.md') continue
      const owner = owners.get(rule)
      if (owner !== undefined) findings.push(`${page.file}: ${rule} stands in ${owner} too`)
      owners.set(rule, page.file)
    }
  }
  const known = new Set(pages.flatMap(rulesOf))
  for (const each of tests)
    for (const rule of rulesInTitles(each.text))
      if (!known.has(rule)) findings.push(`${each.file}: no page has ${rule}`)
  return findings
}
