// rewrite: changes the path, the host and the query of a request on its way down. The route stays: a request
// is routed once, by the request of its client. With `reverse` it changes the response on its way up.

import { z } from 'zod'
import {
  AMBIGUOUS_PATH,
  ambiguityOf,
  type ExchangeView,
  type Filter,
  normalised,
  PASS,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type OptionReading, type OptionTypes } from '../define.js'
import { readHostName, readWrittenPath } from '../url-options.js'
import {
  missingGroup,
  type PathRule,
  patternRule,
  prefixRule,
  readPattern,
  readTemplate,
  wholeRule,
} from './path-rules.js'
import { queryRule } from './query-rule.js'
import { type Asked, Reverse } from './reverse.js'

/** Reads HOST or HOST:PORT. */
function readAuthority(text: string): OptionReading<string> {
  const [, name = text, port = ''] = /^(.*?)(:\d{1,5})?$/.exec(text) ?? []
  const reading = readHostName(name)
  if ('wrong' in reading) return reading
  if (port !== '' && (Number(port.slice(1)) < 1 || Number(port.slice(1)) > 65_535))
    return { wrong: `${port.slice(1)} is not a port; write 1 to 65535` }
  return { value: reading.value + port }
}

/** Reads a path that backends read in only one way. */
function readPlainPath(text: string): OptionReading<string> {
  const reading = readWrittenPath(text)
  if ('wrong' in reading) return reading
  const why = ambiguityOf(reading.value)
  return why === null
    ? reading
    : { wrong: `a backend could read ${JSON.stringify(text)} as another path: ${why}` }
}

const rewriteOptions = (types: OptionTypes) => {
  const path = (description: string) => types.text(description, 'a path, as /v1', readPlainPath)
  const parameter = (description: string) => types.text(description, 'text')
  return z.strictObject({
    path: path('The whole path, in place of that of the request.').optional(),
    prefix: z
      .strictObject({
        from: path('The path or the segments that it begins with. Others stay as they are.'),
        to: path('The segments in their place.'),
      })
      .optional()
      .describe('Replaces the first segments of the path.'),
    pattern: z
      .strictObject({
        match: types.text(
          'A pattern that the whole path matches. Others stay as they are.',
          'a regular expression of RE2',
          readPattern,
        ),
        to: types.text(
          'The path, with $1 for a group, its name in braces behind $, and $$ for $.',
          'a path, as /items/$1',
          readTemplate,
        ),
      })
      .optional()
      .describe('Replaces paths that match a pattern.'),
    host: types
      .text('The host, in :authority and Host.', 'a host, as app.internal:8080', readAuthority)
      .optional(),
    query: z
      .strictObject({
        set: z
          .record(z.string(), parameter('The value of a parameter.'))
          .optional()
          .describe('Parameters in place of those of the same name.'),
        remove: z
          .array(parameter('The name of a parameter.'))
          .min(1)
          .optional()
          .describe('Parameters that are removed.'),
      })
      .optional()
      .describe('Changes parameters of the query. Others stay as they were sent.'),
    reverse: z
      .union([
        types.flag('Maps back what `prefix` and `host` have changed. Default: false.'),
        z.strictObject({
          prefix: z
            .strictObject({
              from: path('The path of the backend, or the segments that it begins with.'),
              to: path('The segments that clients write in their place.'),
            })
            .optional()
            .describe('From paths of the backend to those of clients. Default: `prefix`, turned round.'),
          hosts: z
            .array(types.text('A host.', 'a host, as app.internal:8080', readAuthority))
            .min(1)
            .optional()
            .describe('Hosts that the backend calls itself, besides the one that it is asked by.'),
        }),
      ])
      .optional()
      .describe(
        'Maps Location, Content-Location, and Path and Domain of cookies back to what clients ask for.',
      ),
  })
}

type RewriteOptions = z.output<ReturnType<typeof rewriteOptions>>

function ruleOf({ path, prefix, pattern }: RewriteOptions): PathRule | null {
  if (path !== undefined) return wholeRule(path)
  if (prefix !== undefined) return prefixRule(prefix.from, prefix.to)
  return pattern === undefined ? null : patternRule(pattern.match, pattern.to)
}

class RewriteFilter implements Filter {
  private readonly rule: PathRule | null
  protected readonly host: string | null
  private readonly query: ((query: string) => string) | null
  protected readonly counts = { rewritten: 0, refused: 0 }

  constructor(options: RewriteOptions) {
    this.rule = ruleOf(options)
    this.host = options.host ?? null
    this.query = options.query === undefined ? null : queryRule(options.query)
  }

  request(x: RequestPhase, asked?: Asked): Verdict {
    const { request } = x
    // A plain CONNECT and OPTIONS * have no path.
    if (!request.target.startsWith('/')) return PASS
    const sent = request.path
    const path = this.rule?.(normalised(sent)) ?? null
    if (path !== null && ambiguityOf(path) !== null) {
      this.counts.refused++
      return x.refuse(AMBIGUOUS_PATH)
    }
    if (asked !== undefined) asked.path = this.rule === null || path !== null
    const query = this.query === null ? request.query : this.query(request.query)
    const target = (path ?? sent) + query
    if (target !== request.target) {
      this.counts.rewritten++
      x.setTarget(target)
    }
    if (this.host !== null) x.setAuthority(this.host)
    return PASS
  }

  describe() {
    return this.counts
  }
}

/** Changes responses too, so that they name what clients ask for. */
class ReversingFilter extends RewriteFilter implements Filter<Asked> {
  private readonly reverse: Reverse

  constructor(options: RewriteOptions, reverse: Reverse) {
    super(options)
    this.reverse = reverse
  }

  begin({ request: { scheme, authority } }: ExchangeView): Asked {
    return { scheme, authority, backend: this.host ?? authority, path: false }
  }

  response({ fields }: ResponsePhase, asked: Asked): Verdict {
    this.reverse.apply(fields, asked)
    return PASS
  }
}

/** Returns the way back of a rewrite; null if responses stay unchanged. */
function reverseOf({ reverse, prefix }: Pick<RewriteOptions, 'prefix' | 'reverse'>): Reverse | null {
  if (reverse === undefined || reverse === false) return null
  const written = reverse === true ? {} : reverse
  const turned = prefix === undefined ? null : { from: prefix.to, to: prefix.from }
  return new Reverse(written.prefix ?? turned, written.hosts ?? [])
}

export const rewrite = defineFilter({
  name: 'rewrite',
  description: 'Changes the path, the host and the query of requests.',
  options: rewriteOptions,
  check({ path, prefix, pattern, host, query, reverse }, checks) {
    const [first, second] = Object.entries({ path, prefix, pattern }).filter(
      ([, value]) => value !== undefined,
    )
    if (second !== undefined) checks.error([second[0]], `${first[0]} is written too; write an entry for each`)
    if (first === undefined && host === undefined && query === undefined)
      checks.error([], 'it changes nothing; write path, prefix, pattern, host or query')
    if (query !== undefined && query.set === undefined && query.remove === undefined)
      checks.error(['query'], 'it changes nothing; write set or remove')
    const isTurned = prefix !== undefined || host !== undefined
    if (reverse === true && !isTurned)
      checks.error(
        ['reverse'],
        'only prefix and host have a way back; write reverse: { prefix: { from, to } }',
      )
    if (
      typeof reverse === 'object' &&
      !isTurned &&
      reverse.prefix === undefined &&
      reverse.hosts === undefined
    )
      checks.error(['reverse'], 'it changes nothing; write prefix or hosts')
    if (pattern === undefined) return
    const missing = missingGroup(pattern.match, pattern.to)
    if (missing !== null)
      checks.error(
        ['pattern', 'to'],
        `the pattern has no group ${missing}; write one in brackets, or (?P<NAME>…)`,
      )
  },
  create(options): Filter<Asked | undefined> {
    const reverse = reverseOf(options)
    return reverse === null ? new RewriteFilter(options) : new ReversingFilter(options, reverse)
  },
})
