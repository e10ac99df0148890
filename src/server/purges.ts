// Purges of caches, as operators ask for them.

import { CommandError, isObject } from '../debugger/index.js'
import type { Purge, SharedPurging } from '../proxy/index.js'

const TEXT_BYTES_MAX = 8_192
const KEYS = ['url', 'prefix', 'tag', 'all'] as const
const EXAMPLE = 'write one of { "url": URL }, { "prefix": URL }, { "tag": TAG } and { "all": true }'

/** Describes the body of a purge, as JSON Schema. */
export const purgeSchema = {
  type: 'object',
  description: 'One of these.',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    url: { type: 'string', description: 'A whole URL, with its query: https://example.org/a?b' },
    prefix: { type: 'string', description: 'The beginning of URLs, at least scheme and host.' },
    tag: { type: 'string', description: 'A tag of Cache-Tag, or of the field that `tags` names.' },
    all: { const: true },
  },
}

/** Reads the body of a purge. Throws a CommandError. */
export function readPurge(body: unknown): Purge {
  if (!isObject(body)) throw new CommandError(`the body is not an object; ${EXAMPLE}`)
  const [name, other] = Object.keys(body)
  if (name === undefined) throw new CommandError(`the body says nothing to purge; ${EXAMPLE}`)
  if (other !== undefined) throw new CommandError(`${name} and ${other} are written; ${EXAMPLE}`)
  const key = KEYS.find((each) => each === name)
  if (key === undefined)
    throw new CommandError(`${JSON.stringify(name).slice(0, 80)} is not known; ${EXAMPLE}`)
  const value = body[key]
  if (key === 'all') {
    if (value !== true) throw new CommandError('all is true, or is not written')
    return { all: true }
  }
  if (typeof value !== 'string' || value === '' || value.length > TEXT_BYTES_MAX)
    throw new CommandError(`${key} is a text of 1 to ${TEXT_BYTES_MAX} characters`)
  if (key === 'tag') {
    if (/[\s,]/.test(value)) throw new CommandError('a tag has no blanks and no commas; purge one at a time')
    return { tag: value }
  }
  if (!/^https?:\/\/[^/?#\s]+(?:[/?][!-~]*)?$/i.test(value))
    throw new CommandError(
      `${key} is a URL with its scheme and host, as https://example.org/a, not ${shown(value)}`,
    )
  return key === 'url' ? { url: value } : { prefix: value }
}

const shown = (text: string): string => JSON.stringify(text).slice(0, 80)

/** Returns a text about the purged responses. */
export function purgeText(what: Purge): string {
  if ('url' in what) return what.url
  if ('prefix' in what) return `all that begins with ${what.prefix}`
  return 'tag' in what ? `the tag ${what.tag}` : 'everything'
}

/** Returns the error for an unknown cache. */
export const noCacheText = (name: string, known: readonly string[]): string =>
  `there is no cache ${shown(name)}; ${known.length === 0 ? 'there is none' : `there is ${known.join(', ')}`}`

/** Tells if a purge has reached the other processes; nothing if it need not. */
export interface SpreadOutcome {
  readonly spread?: boolean
  /** The reason why it has not. */
  readonly why?: string
}

/** Tells other processes of a purge. @param done is called once, at once or later */
export function spread(
  what: Purge,
  ways: readonly SharedPurging[],
  done: (outcome: SpreadOutcome) => void,
): void {
  let left = ways.length
  let untold: string | null = null
  if (left === 0) done({})
  for (const way of ways)
    way.spread(what, (why) => {
      untold ??= why
      if (--left === 0) done(untold === null ? { spread: true } : { spread: false, why: untold })
    })
}

/** Puts the outcomes of workers together: each has told all processes. */
export const joinedSpread = (outcomes: readonly SpreadOutcome[]): SpreadOutcome =>
  outcomes.find((each) => each.spread === true) ?? outcomes.find((each) => each.spread === false) ?? {}
