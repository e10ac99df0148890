// The rules that change a path: the whole path, a prefix by segments, or a pattern. A path is read in its
// normalised spelling, as in routes, so `/%61pi` is `/api` here too.

import { RE2JS } from 're2js'
import { automatonOf, Pattern, PatternError, routePath } from '../../proxy/index.js'
import type { OptionReading } from '../define.js'

/** Returns the new path; null if the rule does not apply. */
export type PathRule = (path: string) => string | null

/** Replaces all paths by this one. */
export function wholeRule(to: string): PathRule {
  const made = routePath(to)
  return () => made
}

const withoutSlash = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path)

/** Replaces the segments of a prefix, like the Gateway API's ReplacePrefixMatch. */
export function prefixRule(from: string, to: string): PathRule {
  const prefix = withoutSlash(routePath(from))
  const base = withoutSlash(routePath(to))
  return (path) => {
    if (!path.startsWith(prefix)) return null
    const rest = path.slice(prefix.length)
    if (rest !== '' && !rest.startsWith('/')) return null
    return base + rest || '/'
  }
}

/** A part of a template: text, or the number or name of a group. */
export type TemplatePart = string | { readonly group: number | string }

const PART = /\$(?:(\$)|(\d)|\{(\w+)\})|([^$]+)|(\$)/g

/** Reads `/items/$1`, with `${name}` and `$$` too. */
export function readTemplate(text: string): OptionReading<readonly TemplatePart[]> {
  const wrong = (why: string) => ({ wrong: `${JSON.stringify(text)} ${why}` })
  if (!text.startsWith('/')) return wrong('is not a path; begin it with /')
  const parts: TemplatePart[] = []
  for (const [, dollar, digit, name, plain, other] of text.matchAll(PART)) {
    if (other !== undefined)
      return wrong('has a $ without a group; write $1, $NAME in braces, or $$ for the character')
    if (dollar !== undefined) parts.push('$')
    else if (digit !== undefined) parts.push({ group: Number(digit) })
    else if (name !== undefined) parts.push({ group: /^\d+$/.test(name) ? Number(name) : name })
    else if (/[?#]/.test(plain)) return wrong('has ? or #, which end a path; write query for parameters')
    else parts.push(/[^!-~]/.test(plain) ? encodeURI(plain) : plain)
  }
  return { value: parts }
}

/** Reads a regular expression of RE2, as in routes. */
export function readPattern(text: string): OptionReading<string> {
  try {
    automatonOf(text)
    return { value: text }
  } catch (error) {
    if (error instanceof PatternError) return { wrong: error.message }
    throw error
  }
}

/** Returns the first group of a template that its pattern does not have; null if it has all. */
export function missingGroup(pattern: string, template: readonly TemplatePart[]): number | string | null {
  const compiled = RE2JS.compile(pattern)
  const names = compiled.namedGroups()
  for (const part of template) {
    if (typeof part === 'string') continue
    const { group } = part
    const has = typeof group === 'number' ? group <= compiled.groupCount() : Object.hasOwn(names, group)
    if (!has) return group
  }
  return null
}

/**
 * Replaces paths that the pattern matches as a whole by the template. The automaton finds them, at one
 * look-up a character. Groups are searched only in those, in time linear in the path.
 */
export function patternRule(text: string, template: readonly TemplatePart[]): PathRule {
  const pattern = new Pattern(text)
  const plain = template.every((each) => typeof each === 'string')
  if (plain) {
    const made = template.join('')
    return (path) => (pattern.matches(path) ? made : null)
  }
  const groups = RE2JS.compile(text)
  return (path) => {
    if (!pattern.matches(path)) return null
    const matcher = groups.matcher(path)
    if (!matcher.matches()) return null
    return template
      .map((each) => (typeof each === 'string' ? each : (matcher.group(each.group) ?? '')))
      .join('')
  }
}
