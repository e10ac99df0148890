// A stored response: its head as lines, its times, and its body, which may still grow.

import type { FieldLine, PreparedFields } from '../../proxy/index.js'
import type { CachedBody } from './body.js'
import type { Freshness } from './freshness.js'

/** A request field that Vary names, with its value in the request that was answered; '' without the field. */
export type VaryPair = readonly [name: string, value: string]

/**
 * Returns true if a request has these values. @param fieldOf the request's value of a field; '' without it
 */
export const fits = (vary: readonly VaryPair[], fieldOf: (name: string) => string): boolean =>
  vary.every(([name, value]) => fieldOf(name) === value)

/** Fields of one connection, and those that each answer gets separately. */
const NOT_STORED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'content-length',
  'cache-status',
])

/** Fields of the stored body, which a 304 cannot change (RFC 9111 §3.2). */
const OF_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'etag',
])

/** The fields of an answer with an entry. */
export interface ToldAnswer {
  /** In whole s. */
  readonly age: number
  /** For how long it is fresh, in whole s. */
  readonly ttl: number
  /** Of Cache-Status. */
  readonly status: string
  readonly prepared: PreparedFields
}

export class Entry {
  readonly key: string
  readonly status: number
  fields: readonly FieldLine[]
  /** {@link fields} in their sent form, checked; null before the first answer. */
  prepared: PreparedFields | null = null
  /** Its last answer: the next one is mostly the same. */
  told: ToldAnswer | null = null
  readonly vary: readonly VaryPair[]
  readonly body: CachedBody
  /** The announced length; -1 without one. */
  readonly length: number
  etag: string | null = null
  lastModified: string | null = null
  tags: readonly string[] = []
  private freshness: Freshness
  /** The time at which it came, or was last validated, in ms of the pollset's clock. */
  private cameAt: number
  /** The number of its purge generation: {@link CacheStore}. */
  readonly generation: number
  /** True if it must be validated before it is used again. */
  invalid = false

  constructor(
    key: string,
    status: number,
    fields: readonly FieldLine[],
    vary: readonly VaryPair[],
    body: CachedBody,
    length: number,
    freshness: Freshness,
    now: number,
    generation: number,
    tagField: string,
  ) {
    this.key = key
    this.status = status
    this.fields = fields
    this.vary = vary
    this.body = body
    this.length = length
    this.freshness = freshness
    this.cameAt = now
    this.generation = generation
    this.read(tagField)
  }

  private read(tagField: string): void {
    this.prepared = null
    this.told = null
    this.etag = valueIn(this.fields, 'etag')
    this.lastModified = valueIn(this.fields, 'last-modified')
    this.tags = (valueIn(this.fields, tagField) ?? '').split(/[\s,]+/).filter((tag) => tag !== '')
  }

  /** Its age in s. */
  age(now: number): number {
    return this.freshness.initialAge + (now - this.cameAt) / 1_000
  }
  /** The time for which it is still fresh, in s; negative if it is stale. */
  freshFor(now: number): number {
    return this.invalid ? -1 : this.freshness.lifetime - this.age(now)
  }
  get mustRevalidate(): boolean {
    return this.freshness.mustRevalidate || this.invalid
  }
  /**
   * Returns the time for which it may be used stale, in s past its freshness. @param told the
   * operator's setting
   */
  staleFor(which: 'whileRevalidate' | 'ifError', told: number): number {
    return this.mustRevalidate ? 0 : (this.freshness[which] ?? told)
  }
  /** True once the whole body has come, so that it can be cut into ranges. */
  get isWhole(): boolean {
    return this.body.complete
  }

  /** The approximate memory that it takes. */
  get size(): number {
    let size = this.body.allocated + 512 + this.key.length * 2
    for (const [name, value] of this.fields) size += (name.length + value.length) * 2 + 64
    return size
  }

  /** Takes the fields of a 304 (RFC 9111 §3.2, §4.3.4). */
  validated(fields: readonly FieldLine[], freshness: Freshness, now: number, tagField: string): void {
    const changed = fields.filter(([name]) => !OF_BODY.has(name))
    const names = new Set(changed.map(([name]) => name))
    this.fields = [...this.fields.filter(([name]) => !names.has(name)), ...changed]
    this.freshness = freshness
    this.cameAt = now
    this.invalid = false
    this.read(tagField)
  }
}

/** Returns the lines of a response that must be stored. */
export const storedLines = (each: (visit: (name: string, value: string) => void) => void): FieldLine[] => {
  const lines: FieldLine[] = []
  each((name, value) => {
    if (!NOT_STORED.has(name)) lines.push([name, value])
  })
  return lines
}

/** Returns the value of a field, its lines joined; null without it. */
export function valueIn(fields: readonly FieldLine[], name: string): string | null {
  let found: string | null = null
  for (const [each, value] of fields) if (each === name) found = found === null ? value : `${found}, ${value}`
  return found
}
