// bodyLimit: refuses requests with a large body. A request that announces its length is refused before its
// body is read; other bodies are counted as they come.

import { z } from 'zod'
import { BODY_TOO_LARGE, PASS } from '../proxy/index.js'
import { defineFilter } from './define.js'

export const bodyLimit = defineFilter({
  name: 'bodyLimit',
  description: 'Refuses requests with a body of more bytes: 413.',
  role: 'body-limit',
  options: (types) =>
    z.strictObject({
      bytes: types.size('The most bytes of a body.', { least: 0, most: 1024 ** 4 }),
    }),
  create: ({ bytes }) => ({
    request(x) {
      // The bytes of a tunnel are not a body.
      if (x.request.asksTunnel) return PASS
      if (x.request.contentLength > bytes) return x.refuse(BODY_TOO_LARGE)
      x.limitBody(bytes)
      return PASS
    },
  }),
})
