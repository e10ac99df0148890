// Reads spec/ for the house tests: its numbered rules, its bounds, its citations of the design; and the
// titles of tests.

import { tableOf } from '../../tools/testbed/frames.js'
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
      if (!named.has(rule))
        findings.push(
          `${page.file}: no test's title names ${rule}: begin that of the test that shows it with '${rule}: '`,
        )
      // The simulator's checkers are named after the properties and rules of other pages.
      if (page.file === 'spec/simulator.md') continue
      const owner = owners.get(rule)
      if (owner !== undefined)
        findings.push(`${page.file}: ${rule} stands in ${owner} too: take the next free number`)
      owners.set(rule, page.file)
    }
  }
  const known = new Set(pages.flatMap(rulesOf))
  for (const each of tests)
    for (const rule of rulesInTitles(each.text))
      if (!known.has(rule))
        findings.push(`${each.file}: no page has ${rule}: number the rule there, or take the right number`)
  return findings
}

/** The place of a bound: the first column of a table whose header is `bound`. */
export function boundsOf(page: Page): { readonly name: string; readonly value: string }[] {
  return page.text
    .split(/^## /m)
    .filter((part) => /^\| *bound *\|/m.test(part))
    .flatMap((part) => tableOf(`## ${part}`, part.split('\n')[0]))
    .map((row) => ({ name: row.bound, value: row.default }))
}

/** `http2.lingerMs`, or `lingerMs` of any room: the name by itself. */
export const bare = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

/** Words that look like a bound: units stand last. */
const BOUND = /\b[a-z]+(?:[A-Z0-9][a-z0-9]*)*(?:Ms|Max|Min|Burst|PerSecond|Soft|Reserve|Window)\b/g

/** Bounds that this page speaks of. */
export function boundsNamed(page: Page): string[] {
  const text = page.text.replace(/```[\s\S]*?```/g, '')
  return [...new Set([...text.matchAll(BOUND)].map((match) => match[0]))]
}

/** A name with or without a room; and titles of tests, which may say anything. */
const NAME = /[^|`]* › [^|]*|(?<![\w.])(?:([A-Za-z][A-Za-z0-9]*)\.)?([a-z][A-Za-z0-9]+)(?![\w(])/g

/** The rooms that a name such as `httpN.lingerMs` speaks of. */
const roomsOf = (written: string): readonly string[] => (written === 'httpN' ? ['http1', 'http2'] : [written])

/** Limits that this page names without their room, or with another. `rooms`: by name. */
export function bareFindings(page: Page, rooms: ReadonlyMap<string, readonly string[]>): string[] {
  const findings: string[] = []
  const text = page.text.replace(/```[\s\S]*?```/g, '')
  for (const [whole, room, name] of text.matchAll(NAME)) {
    const owners = name === undefined ? undefined : rooms.get(name)
    // `backlog` is a word too.
    if (owners === undefined || (room === undefined && !/[A-Z]/.test(name))) continue
    if (room !== undefined && roomsOf(room).every((each) => owners.includes(each))) continue
    const forms = owners.map((each) => `${each}.${name}`)
    if (forms.length > 1) forms.push(`httpN.${name}`)
    const last = forms.pop()
    const right = forms.length === 0 ? last : `${forms.join(', ')} or ${last}`
    findings.push(`${page.file}: write ${right}, not ${whole}`)
  }
  return findings
}

/** Limits without a row, rows without a limit, and names of bounds that do not exist. */
export function boundFindings(
  pages: readonly Page[],
  limits: ReadonlyMap<string, readonly number[]>,
  others: ReadonlySet<string>,
): string[] {
  const findings: string[] = []
  const rows = new Set<string>()
  for (const page of pages) {
    for (const { name, value } of boundsOf(page)) {
      rows.add(bare(name))
      const values = limits.get(bare(name))
      if (values === undefined)
        findings.push(`${page.file}: ${name} is not a limit; 'fermata limits' lists them`)
      else if (value !== 'limits' && !values.includes(Number(value)))
        findings.push(`${page.file}: ${name} is ${values}, not ${value}: correct it, or write 'limits'`)
    }
    for (const name of boundsNamed(page))
      if (!limits.has(name) && !others.has(name))
        findings.push(`${page.file}: ${name} is not a limit; 'fermata limits' lists them`)
  }
  for (const name of limits.keys())
    if (!rows.has(name))
      findings.push(
        `no table of limits has ${name}: add a row (bound, default, what) to the page of its room`,
      )
  return findings
}

/** The form of a citation of the design: a heading of spec/design.md. */
const CITATION = /\bdesign: ([A-Z][a-z]+(?: [a-z]+)?)/g
const BY_NUMBER = /\bdesign(?:, section| §|\.md §| section) ?[0-9]/g

/** Citations of the design that lead nowhere. `headings` are those of spec/design.md. */
export function citationFindings(page: Page, headings: ReadonlySet<string>): string[] {
  const findings: string[] = []
  for (const [cited] of page.text.matchAll(BY_NUMBER))
    findings.push(`${page.file}: '${cited}': cite a heading`)
  for (const [, words] of page.text.matchAll(CITATION)) {
    const [first] = words.split(' ')
    if (!headings.has(words) && !headings.has(first))
      findings.push(`${page.file}: spec/design.md has no heading '${words}'`)
  }
  return findings
}
