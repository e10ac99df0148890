// The value of a field that may have several lines.

import type { Head } from '../http/index.js'

/**
 * Returns the value of the field with this name, which is in lower case; null without one. The values of
 * several lines are joined by `, ` (RFC 9110 §5.3), those of cookies by `; ` (RFC 9113 §8.2.3).
 */
export function fieldValue(head: Head, name: string): string | null {
  const { fields } = head
  let value: string | null = null
  for (let i = head.pseudos; i < fields.length; i++) {
    const field = fields[i]
    if (field.name !== name) continue
    value = value === null ? field.value : `${value}${name === 'cookie' ? '; ' : ', '}${field.value}`
  }
  return value
}
