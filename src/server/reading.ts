// The request and the answer of a reading of a configuration. The answer is cut into parts, which the
// thread that reads (config-thread.ts) sends one by one: cloning the whole at once would take longer
// than a turn may.

import {
  type Configuration,
  diagnosticText,
  fromObject,
  type ReadOptions,
  readConfiguration,
} from '../config/index.js'
import { keyedDigest } from '../pollset/index.js'
import { type CheckedResult, checked, NOTHING_FOUND_OUT } from './check-configuration.js'

/** The source of a reading: a file, or a document from code. */
export type ReadSource = { readonly file: string } | { readonly document: unknown }

export interface ReadRequest {
  readonly source: ReadSource
  readonly options: ReadOptions
  /** The key of the digest. */
  readonly digestKey: string
}

/** Asks for the next part. */
export const NEXT_PART = 'next'

/** The answer of a reading, and a digest of the configuration: equal configurations have equal digests. */
export interface ReadAnswer extends CheckedResult {
  readonly digest: string
}

/** A part of an answer: the first without its long lists, then some entries of a list each. */
export type AnswerPart =
  | { readonly first: ReadAnswer; readonly isLast: boolean }
  | { readonly list: LongList; readonly entries: readonly unknown[]; readonly isLast: boolean }

type LongList = 'routes' | 'backends' | 'automata' | 'identities'

/** The most entries of a part: 100 routes are 200 KB, and take about a ms. */
const ENTRIES_MAX = 100

/** Reads a configuration. */
export function readFrom({ source, options, digestKey }: ReadRequest): ReadAnswer {
  const result =
    'file' in source ? readConfiguration(source.file, options) : fromObject(source.document, options)
  return { ...checked(result), digest: digestOf(result.configuration, digestKey) }
}

/** Returns the digest of a configuration. */
export const digestOf = (configuration: Configuration | null, key: string): string =>
  configuration === null ? '' : keyedDigest(key)(JSON.stringify(configuration))

/** Cuts an answer into parts. */
export function* partsOf(answer: ReadAnswer): Generator<AnswerPart, void> {
  const { configuration, foundOut } = answer
  const lists: [LongList, readonly unknown[]][] = [
    ['routes', configuration?.routes ?? []],
    ['backends', configuration?.backends ?? []],
    ['automata', configuration === null ? [] : [...foundOut.automata]],
    ['identities', configuration === null ? [] : foundOut.identities],
  ]
  let left = lists.reduce((parts, [, { length }]) => parts + Math.ceil(length / ENTRIES_MAX), 0)
  const first: ReadAnswer = {
    ...answer,
    configuration: configuration && { ...configuration, routes: [], backends: [] },
    foundOut: NOTHING_FOUND_OUT,
  }
  yield { first, isLast: left === 0 }
  for (const [list, all] of lists)
    for (let at = 0; at < all.length; at += ENTRIES_MAX)
      yield { list, entries: all.slice(at, at + ENTRIES_MAX), isLast: --left === 0 }
}

/** Puts the parts of an answer together again. */
export class Joining {
  private readonly lists: Record<LongList, unknown[]> = {
    routes: [],
    backends: [],
    automata: [],
    identities: [],
  }
  private first: ReadAnswer | null = null

  /** Takes the next part. Returns the answer after the last. */
  take(part: AnswerPart): ReadAnswer | null {
    if ('first' in part) this.first = part.first
    else this.lists[part.list].push(...part.entries)
    return part.isLast ? this.whole() : null
  }

  private whole(): ReadAnswer {
    const { routes, backends, automata, identities } = this.lists
    const { configuration, ...rest } = this.first as ReadAnswer
    return {
      ...rest,
      configuration: configuration && ({ ...configuration, routes, backends } as Configuration),
      foundOut: { automata: new Map(automata as []), identities: identities as [] },
    }
  }
}

/** Returns the mistakes, one a line. */
export const mistakesIn = ({ errors }: CheckedResult): string => errors.map(diagnosticText).join('\n')
