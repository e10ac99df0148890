// The state of one exchange in the cache, and the Cache-Status that reports it (RFC 9211).

import type { Entry } from './entry.js'
import type { FillReader } from './fill-reader.js'

/** The reason why a request went on to the backend (RFC 9211 §2.2). */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'stale' | 'request'

export interface CacheState {
  key: string
  url: string
  /** The wait for the head of a fill, or its decision. */
  reader: FillReader | null
  /** The stale stored entry that is being validated. */
  before: Entry | null
  forwarded: Forwarded
  /** True if it waited for the fill of another request. */
  collapsed: boolean
  /** True if it did not wait for another fill, although there was one. */
  alone: boolean
  /** True if its method is not safe: stored responses of its URL become invalid if it succeeds. */
  invalidates: boolean
  /** True if responses of its key could not be stored: its own may be. */
  watches: boolean
  /** The number of times that it has begun to wait for a fill. */
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

/** Returns the Cache-Status of an answer from a stored response. */
export const hitStatus = (ttl: number): string => `fermata; hit; ttl=${Math.trunc(ttl)}`

/** Returns the Cache-Status of a fetched response. @param status the backend's status; 0 for unknown */
export function forwardStatus(s: CacheState, status: number, stored: boolean): string {
  let text = `fermata; fwd=${s.forwarded}`
  if (status > 0) text += `; fwd-status=${status}`
  if (stored) text += '; stored'
  if (s.collapsed) text += '; collapsed'
  else if (s.alone) text += '; collapsed=?0'
  return text
}
