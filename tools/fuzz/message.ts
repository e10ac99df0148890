// Arbitrary field lists through http2/request-message.ts and response-message.ts: each list that they accept
// is a message, and no other list is.

import fc from 'fast-check'
import { Field, FieldTable, Head } from '../../src/http/index.js'
import { readRequest, readRequestTrailers } from '../../src/http2/request-message.js'
import { readResponse, readResponseTrailers } from '../../src/http2/response-message.js'
import { type Line, mustBeWellFormed, requestList, responseList, trailerList } from './field-lists.js'
import { hold, type Target } from './target.js'

interface List {
  readonly kind: 'request' | 'response' | 'trailers'
  readonly lines: Line[]
}

const of = (kind: List['kind'], lists: fc.Arbitrary<Line[]>): fc.Arbitrary<List> =>
  lists.map((lines) => ({ kind, lines }))

const table = new FieldTable()

const linesOf = (fields: readonly Field[]): Line[] => fields.map(({ name, value }) => [name, value])

/**
 * Returns the lines of a response that its reader keeps: equal content-lengths become one, with
 * 1xx and 204 none.
 */
function oneLengthOf(lines: readonly Line[]): Line[] {
  const kept: Line[] = []
  const status = lines.find(([name]) => name === ':status')?.[1] ?? ''
  // 1xx and 204 have no content: a length beside them means nothing (RFC 9110 section 8.6).
  const withoutContent = /^(1\d\d|204)$/.test(status)
  for (const [name, value] of lines) {
    if (name !== 'content-length') kept.push([name, value])
    else if (withoutContent) continue
    else if (!kept.some((line) => line[0] === name))
      kept.push([name, value.includes(',') ? String(Number(value.split(',')[0])) : value])
  }
  return kept
}

function checkHead(head: Head, kind: 'request' | 'response', lines: readonly Line[]): void {
  const kept = linesOf(head.fields)
  hold(JSON.stringify(kept) === JSON.stringify(lines), 'a head that is not what was sent')
  mustBeWellFormed(kept, kind)
  const first = (name: string) => lines.find((line) => line[0] === name)?.[1]
  const length = first('content-length')
  hold(head.contentLength === (length === undefined ? -1 : Number(length)), 'another content-length')
  hold(
    head.pseudos === lines.filter(([name]) => name.startsWith(':')).length,
    'another count of pseudo-fields',
  )
  hold(head.method?.value === first(':method'), 'another method')
  hold(head.path?.value === first(':path'), 'another path')
  hold(head.authority?.value === first(':authority'), 'another authority')
  hold(head.scheme?.value === first(':scheme'), 'another scheme')
  hold(head.status === Number(first(':status') ?? 0), 'another status')
}

export const message: Target<List> = {
  about: 'arbitrary field lists never make a message that could be read as another (message.ts)',
  arbitrary: fc.oneof(
    of('request', requestList),
    of('response', responseList),
    of('trailers', trailerList),
    of('response', requestList),
    of('request', trailerList),
  ),
  check({ kind, lines }) {
    const fields = lines.map(([name, value]) => new Field(name, value))
    const size = fields.reduce((sum, field) => sum + field.size, 0)
    if (kind === 'trailers') {
      if (readRequestTrailers(fields) === null) mustBeWellFormed(lines, kind)
      if (readResponseTrailers(fields) === null) mustBeWellFormed(linesOf(fields), kind)
      return
    }
    const head = kind === 'request' ? readRequest(fields, size) : readResponse(fields, size, table)
    if (head instanceof Head) checkHead(head, kind, kind === 'response' ? oneLengthOf(lines) : lines)
    else hold(typeof head === 'string' && head !== '', 'a fault without a reason')
  },
}
