// Stored entries, made by hand.

import { CachedBody } from '../../../src/filters/cache/body.js'
import { Entry, type VaryPair } from '../../../src/filters/cache/entry.js'
import type { FieldLine } from '../../../src/proxy/index.js'

/** Fresh for a minute. */
export const MINUTE = {
  unstorable: null,
  lifetime: 60,
  initialAge: 0,
  whileRevalidate: null,
  ifError: null,
  mustRevalidate: false,
}

export interface EntryParts {
  readonly key?: string
  readonly fields?: readonly FieldLine[]
  readonly vary?: readonly VaryPair[]
  readonly bytes?: number
  readonly isWhole?: boolean
  readonly generation?: number
}

export function entryOf(parts: EntryParts): Entry {
  const { key = 'k', fields = [], vary = [], bytes = 100, isWhole = true, generation = 0 } = parts
  const body = new CachedBody('c1/f1')
  body.space(bytes)
  body.filled(bytes)
  if (isWhole) body.end()
  return new Entry(key, 200, fields, vary, body, bytes, MINUTE, 0, generation, 'cache-tag')
}
