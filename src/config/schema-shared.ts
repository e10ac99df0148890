// The part of the schema that routes, backends and defaults share.

import { z } from 'zod'
import { nearest } from './nearest.js'
import { type Reading, read, wrong } from './quantities.js'
import type { Scalars } from './scalars.js'

const MIB = 1024 * 1024
const quoted = (text: string): string => JSON.stringify(text)

/** The words of `retry.on` besides status codes. */
export const RETRY_WORDS = ['connect-failure', 'refused-stream', 'closed-before-head'] as const

/** Settings that routes, backends and defaults share. */
export function shared(s: Scalars) {
  const timeout = (description: string) => s.duration(`${description} 0: no limit.`).optional()
  const timeouts = z
    .strictObject({
      connect: timeout('The longest wait for a connection to an endpoint, while none is open.'),
      lease: timeout('The longest wait for a stream on an open connection.'),
      head: timeout('The longest wait for the response head.'),
      idle: timeout('The longest silence in a body.'),
      tunnel: timeout('The longest silence in a tunnel: WebSocket, CONNECT.'),
      request: timeout('The longest time of the whole request, whatever moves.'),
    })
    .describe('The longest waits of a request.')
  const condition = s.number<number | (typeof RETRY_WORDS)[number], number | (typeof RETRY_WORDS)[number]>(
    'The reasons to send a request again: a word, or a status code from 500 to 599.',
    `one of ${RETRY_WORDS.join(', ')}, or a status code from 500 to 599`,
    { anyOf: [{ enum: RETRY_WORDS }, { type: 'integer', minimum: 500, maximum: 599 }] },
    readRetryCondition,
  )
  const retry = z
    .strictObject({
      attempts: s
        .count('The most attempts of a request. An endpoint that is not reached counts. 1: no retry.', 1, 20)
        .optional(),
      on: z.array(condition).max(20).describe('The reasons to send a request again.').optional(),
      replay: s
        .size('The bytes of a request body that are kept for a retry. A longer body is sent once.', {
          least: 0,
          most: 16 * MIB,
        })
        .optional(),
      backoff: z
        .strictObject({
          first: s
            .duration('The longest wait before the first retry. It doubles with each further one.')
            .optional(),
          most: s.duration('The longest wait before any retry.').optional(),
        })
        .describe(
          'Waits before a retry that follows a status; each is drawn at random, up to its bound. Other retries are sent at once.',
        )
        .optional(),
    })
    .describe('The rules for sending a request again.')
  return { timeouts, retry }
}

function readRetryCondition(text: string): Reading<number | (typeof RETRY_WORDS)[number]> {
  const word = RETRY_WORDS.find((each) => each === text)
  if (word !== undefined) return read(word)
  if (/^\d+$/.test(text))
    return /^5\d\d$/.test(text)
      ? read(Number(text))
      : wrong(`${text} is out of range; write a status from 500 to 599`)
  const near = nearest(text, RETRY_WORDS)
  const right = near === null ? `write ${RETRY_WORDS.join(', ')} or a status as 503` : `did you mean ${near}?`
  return wrong(`${quoted(text)} is unknown; ${right}`)
}

/** Protocols in which a client could send requests that no route sees. */
const HTTP_ITSELF = /^(?:h2c?|h3|http(?:\/[\d.]+)?|tls(?:\/[\d.]+)?)$/

const readUpgrade = (text: string): Reading<string> =>
  HTTP_ITSELF.test(text)
    ? wrong(`${quoted(text)} would let requests pass that no route sees; leave it out`)
    : read(text)

export function routing(s: Scalars) {
  return {
    path: z
      .strictObject({
        ambiguous: s
          .word(
            'The treatment of a path that a backend might read as another one: refuse it if a route of its host depends on the path, or pass it.',
            ['refuse', 'pass'],
          )
          .optional(),
        forward: s
          .word("The spelling that a backend gets: the client's own, or the normalised one.", [
            'client',
            'normalised',
          ])
          .optional(),
      })
      .describe('The treatment of the path of a request.'),
    upgrades: z
      .array(
        s.text('A protocol of Upgrade.', 'a protocol, as tcp or spdy/3.1', (text) =>
          text.length <= 64 && /^[!#$%&'*+.^_`|~\w-]+(?:\/[!#$%&'*+.^_`|~\w-]+)?$/.test(text)
            ? readUpgrade(text.toLowerCase())
            : wrong(`${quoted(text)} is not a protocol; write a word, as tcp or spdy/3.1`),
        ),
      )
      .max(20)
      .describe(
        'Protocols that a request may switch to besides websocket: by an Upgrade of HTTP/1.1, to HTTP/1.1 backends, or by extended CONNECT.',
      ),
    errors: s.word(
      'The bodies of our own errors: plain, with the code; detailed, with the setting and its route too.',
      ['plain', 'detailed'],
    ),
  }
}
