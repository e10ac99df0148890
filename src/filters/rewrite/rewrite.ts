// rewrite: changes the path, the host and the query of a request on its way down. The route stays: a request
// is routed once, by what its client has sent.

import { z } from 'zod'
import {
  AMBIGUOUS_PATH,
  ambiguityOf,
  type Filter,
  normalised,
  PASS,
  type RequestPhase,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type OptionReading, type OptionTypes } from '../define.js'
import { readHostName, readPath } from '../url-options.js'
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

/** Reads HOST or HOST:PORT. */
function readAuthority(text: string): OptionReading<string> {
  const [, name = text, port = ''] = /^(.*?)(:\d{1,5})?$/.exec(text) ?? []
  const reading = readHostName(name)
  if ('wrong' in reading) return reading
  if (port !== '' && (Number(port.slice(1)) < 1 || Number(port.slice(1)) > 65_535))
    return { wrong: `${port.slice(1)} is not a port; write 1 to 65535` }
  return { value: reading.value + port }
}

/** Reads a path that backends read in one way. */
function readPlainPath(text: string): OptionReading<string> {
  const reading = readPath(text)
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
        to: path('What takes their place.'),
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
  private readonly host: string | null
  private readonly query: ((query: string) => string) | null
  private readonly counts = { rewritten: 0, refused: 0 }

  constructor(options: RewriteOptions) {
    this.rule = ruleOf(options)
    this.host = options.host ?? null
    this.query = options.query === undefined ? null : queryRule(options.query)
  }

  request(x: RequestPhase): Verdict {
    const { request } = x
    // A plain CONNECT and OPTIONS * have no path.
    if (!request.target.startsWith('/')) return PASS
    const sent = request.path
    const path = this.rule?.(normalised(sent)) ?? null
    if (path !== null && ambiguityOf(path) !== null) {
      this.counts.refused++
      return x.refuse(AMBIGUOUS_PATH)
    }
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

export const rewrite = defineFilter({
  name: 'rewrite',
  description: 'Changes the path, the host and the query of requests.',
  options: rewriteOptions,
  check({ path, prefix, pattern, host, query }, checks) {
    const [first, second] = Object.entries({ path, prefix, pattern }).filter(
      ([, value]) => value !== undefined,
    )
    if (second !== undefined) checks.error([second[0]], `${first[0]} is written too; write an entry for each`)
    if (first === undefined && host === undefined && query === undefined)
      checks.error([], 'it changes nothing; write path, prefix, pattern, host or query')
    if (query !== undefined && query.set === undefined && query.remove === undefined)
      checks.error(['query'], 'it changes nothing; write set or remove')
    if (pattern === undefined) return
    const missing = missingGroup(pattern.match, pattern.to)
    if (missing !== null)
      checks.error(
        ['pattern', 'to'],
        `the pattern has no group ${missing}; write one in brackets, or (?P<NAME>…)`,
      )
  },
  create: (options) => new RewriteFilter(options),
})
