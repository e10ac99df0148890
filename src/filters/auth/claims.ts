// The claims of a token: the demands on them, and the fields that report them to a backend.

import type { JWTPayload } from 'jose'
import type { FieldLine } from '../../proxy/index.js'
import { readWrittenValue } from '../field-options.js'

/** Returns a claim by its name, or by a path of names with dots; undefined without it. */
export function claimOf(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let at: unknown = claims
  for (const part of name.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, part))
      return undefined
    at = (at as Readonly<Record<string, unknown>>)[part]
  }
  return at
}

/** Returns the text of a claim that is a text, a number or a boolean; null for others. */
const textOf = (claim: unknown): string | null =>
  typeof claim === 'string' || typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : null

/**
 * Returns the value of the field that reports a claim: a list has commas. Null for a missing claim, or for
 * one that a field could report only in part: an element with a comma would be read as two.
 */
export function fieldOf(claim: unknown): string | null {
  const texts = Array.isArray(claim) ? claim.map(textOf) : [textOf(claim)]
  if (texts.length === 0 || texts.some((each) => each === null || (texts.length > 1 && each.includes(','))))
    return null
  const value = texts.join(', ')
  return 'wrong' in readWrittenValue(value) ? null : value
}

/** Returns the scopes of a token: `scope` (RFC 8693 §4.2), or `scp`. */
export function scopesOf({ scope, scp }: JWTPayload): ReadonlySet<string> {
  const found = scope ?? scp
  if (Array.isArray(found)) return new Set(found.filter((each) => typeof each === 'string'))
  return new Set(typeof found === 'string' ? found.split(' ') : [])
}

export interface Demands {
  readonly scopes: readonly string[]
  /** The demanded claims, each with the values of which it must have one. */
  readonly claims: readonly (readonly [name: string, values: ReadonlySet<string>])[]
}

/** Returns true if a token meets all demands. */
export function meets(claims: JWTPayload, demands: Demands): boolean {
  const scopes = scopesOf(claims)
  if (!demands.scopes.every((each) => scopes.has(each))) return false
  return demands.claims.every(([name, values]) =>
    [claimOf(claims, name)].flat().some((each) => values.has(textOf(each) ?? '')),
  )
}

/** Returns the fields that report these claims. */
export const linesOf = (claims: JWTPayload, fields: readonly FieldLine[]): FieldLine[] =>
  fields.flatMap(([field, claim]): FieldLine[] => {
    const value = fieldOf(claimOf(claims, claim))
    return value === null ? [] : [[field, value]]
  })
