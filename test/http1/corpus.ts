// Wires to compare parsers by: every row of spec/http1, and those that come of putting an octet where it may matter.

import { readFileSync } from 'node:fs'
import { tableOf } from '../../tools/testbed/frames.js'
import { wireOf } from '../../tools/testbed/http1-wire.js'

export interface Case {
  readonly name: string
  readonly bytes: Buffer
  /** For responses: the method answered. */
  readonly to: string
}

const strictness = readFileSync('spec/http1/strictness.md', 'utf8')
const framing = readFileSync('spec/http1/framing.md', 'utf8')
const translation = readFileSync('spec/http1/translation.md', 'utf8')

const PARTS = ['lines', 'the start line', 'target and Host', 'framing fields', 'bodies', 'upgrades']

function rowsOf(side: 'request' | 'response'): Case[] {
  const rows =
    side === 'request'
      ? [
          ...PARTS.flatMap((each) => tableOf(strictness, `Requests: ${each}`)),
          ...tableOf(framing, 'Read').filter((each) => each.side === side),
          ...tableOf(translation, 'Requests read'),
        ]
      : [
          ...tableOf(strictness, 'Responses').filter((each) => each.to !== '-'),
          ...tableOf(framing, 'Read').filter((each) => each.side === side),
          ...tableOf(translation, 'Responses read'),
        ]
  return rows.map((row) => ({ name: row.rule, bytes: wireOf(row.wire).bytes, to: row.to ?? 'GET' }))
}

/** `^` marks where octets are put, one at a time. */
const REQUEST_PLACES = [
  'G^ET^ ^/^a^ ^HTTP^/1.1^\r\n^Host: a\r\n\r\n',
  'GET / HTTP/1.1\r\nHo^st^:^ a^\r\nX: 1\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nX^-Y^:^ b^c^\r\n^\r\n^',
  'POST / HTTP/1.1\r\nHost: a\r\nContent^-Length^:^ ^5^\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer^-Encoding^:^ ^chunked^\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n^1^0^\r\n0123456789abcdef^\r\n^0^\r\n^X: y\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a^=^b^\r\nx\r\n0\r\n^\r\n',
]
const RESPONSE_PLACES = [
  'HTTP^/1^.1^ ^2^00^ ^O^K^\r\n^Content-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nX^-Y^:^ b^c^\r\n^Content-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent^-Length^:^ ^5^\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer^-Encoding^:^ ^chunked^\r\n\r\n1\r\na\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n^1^0^\r\n0123456789abcdef^\r\n^0^\r\n^\r\n',
]
const OCTETS = '\0\x01\t\n\x0b\x0c\r "(),:;=\x7f\x80\x85\xa0\xff'

function placed(templates: readonly string[]): Case[] {
  const found: Case[] = []
  for (const [n, template] of templates.entries()) {
    const parts = template.split('^')
    for (let at = 1; at < parts.length; at++) {
      for (const octet of OCTETS) {
        const text = parts.slice(0, at).join('') + octet + parts.slice(at).join('')
        found.push({
          name: `${n}/${at}/${octet.charCodeAt(0).toString(16)}`,
          bytes: Buffer.from(text, 'latin1'),
          to: 'GET',
        })
      }
    }
  }
  return found
}

/** Behind a good request stands another: where a parser thinks the first ends is seen by what it makes of the second. */
const NEXT = Buffer.from('GET /next HTTP/1.1\r\nHost: a\r\n\r\n', 'latin1')

export const followed = (each: Case): Case => ({ ...each, bytes: Buffer.concat([each.bytes, NEXT]) })

export const requests: readonly Case[] = [...rowsOf('request'), ...placed(REQUEST_PLACES)].map(followed)
export const responses: readonly Case[] = [...rowsOf('response'), ...placed(RESPONSE_PLACES)]
