// The state of one exchange in the cache, and the Cache-Status that tells of it (RFC 9211).

import type { Entry } from './entry.js'
import type { FillReader } from './fill-reader.js'

/** Why a request went on to the backend (RFC 9211 §2.2). */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'stale' | 'request'

export interface CacheState {
  key: string
  url: string
  /** It waits for the head of a fill, or has its decision. */
  reader: FillReader | null
  /** The stored entry, stale, that is validated. */
  before: Entry | null
  forwarded: Forwarded
  /** It waited for the fill of another request. */
  collapsed: boolean
  /** It did not wait for another fill, though there was one. */
  alone: boolean
  /** Its method is not safe: what is stored of its URL is invalid if it succeeds. */
  invalidates: boolean
  /** Its key is one whose responses could not be stored: its own may be. */
  watches: boolean
  /** How often it has begun to wait for a fill. */
  tries: number
}

export const newState = (): CacheState => ({
  key: '',
  url: '',
  reader: null,
  before: null,
  forwarded: 'bypass',
  collapsed: false,
  alone: false,
  invalidates: false,
  watches: false,
  tries: 0,
})

/** The Cache-Status of an answer from what is stored. */
export const hitStatus = (ttl: number): string => `fermata; hit; ttl=${Math.trunc(ttl)}`

/** The Cache-Status of a response that was fetched. @param status the backend's; 0 for unknown */
export function forwardStatus(s: CacheState, status: number, stored: boolean): string {
  let text = `fermata; fwd=${s.forwarded}`
  if (status > 0) text += `; fwd-status=${status}`
  if (stored) text += '; stored'
  if (s.collapsed) text += '; collapsed'
  else if (s.alone) text += '; collapsed=?0'
  return text
}
