// Conditional and range requests, answered from a stored response (RFC 9110 §13, §14; RFC 9111 §4.3.2).

import type { ReadFields } from '../../proxy/index.js'
import type { Entry } from './entry.js'

/** A range of a body: from the first byte up to, but not including, `end`. */
export interface ByteRange {
  readonly from: number
  readonly end: number
}

/**
 * Returns true if the client has this response already: it is answered 304. If-None-Match wins over the date.
 */
export function isUnchanged(request: ReadFields, entry: Entry): boolean {
  const tags = request.get('if-none-match')
  if (tags !== null) {
    if (tags.trim() === '*') return true
    const own = weak(entry.etag)
    return own !== null && listed(tags).some((each) => weak(each) === own)
  }
  const date = request.get('if-modified-since')
  if (date === null) return false
  const since = Date.parse(date)
  if (Number.isNaN(since)) return false
  const modified = Date.parse(entry.lastModified ?? '')
  return !Number.isNaN(modified) && modified <= since
}

/**
 * Returns the requested range; null for the whole body, and `unsatisfiable` for a range outside of it.
 * Several ranges are answered with the whole body, which RFC 9110 §14.2 allows.
 */
export function rangeOf(request: ReadFields, entry: Entry): ByteRange | 'unsatisfiable' | null {
  const asked = request.get('range')
  if (asked === null || entry.status !== 200 || !entry.isWhole) return null
  const condition = request.get('if-range')
  // Only a strong validator proves that the parts fit (RFC 9110 §13.1.5).
  if (condition !== null && (condition.startsWith('W/') || condition !== entry.etag)) return null
  const match = /^bytes=(\d*)-(\d*)$/i.exec(asked.replaceAll(/\s/g, ''))
  if (match === null || (match[1] === '' && match[2] === '')) return null
  const { bytes } = entry.body
  if (match[1] === '') {
    const last = Math.min(Number(match[2]), bytes)
    return last === 0 ? 'unsatisfiable' : { from: bytes - last, end: bytes }
  }
  const from = Number(match[1])
  const end = match[2] === '' ? bytes : Math.min(Number(match[2]) + 1, bytes)
  if (match[2] !== '' && Number(match[2]) < from) return null
  return from >= bytes ? 'unsatisfiable' : { from, end }
}

const weak = (tag: string | null): string | null => (tag === null ? null : tag.trim().replace(/^W\//, ''))

/** Returns the entity tags of a list: a comma may stand inside one. */
const listed = (value: string): readonly string[] => value.match(/(?:W\/)?"[^"]*"/g) ?? []
