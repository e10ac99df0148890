// respond: answers in place of the backend.

import { z } from 'zod'
import { defineFilter } from './define.js'
import { fieldLines, fieldMap } from './field-options.js'

const BODY_BYTES_MAX = 64 * 1024

export const respond = defineFilter({
  name: 'respond',
  description: 'Answers the request with this status, these fields and this body.',
  options: (types) =>
    z.strictObject({
      status: types.count('The status code. Default: 200.', 200, 599).optional(),
      body: types
        .text('The body.', 'text', (text) =>
          Buffer.byteLength(text) <= BODY_BYTES_MAX
            ? { value: text }
            : { wrong: 'the body has more than 64 KiB; serve it from a backend' },
        )
        .optional(),
      fields: fieldMap(types, 'Fields of the answer.').optional(),
    }),
  check({ status = 200, body = '' }, checks) {
    if (body !== '' && (status === 204 || status === 205 || status === 304))
      checks.error(['body'], `a ${status} has no body; leave it out, or write another status`)
  },
  create({ status = 200, body = '', fields = {} }) {
    const answer = { status, body, fields: fieldLines(fields) }
    return { request: (x) => x.answer(answer) }
  },
})
