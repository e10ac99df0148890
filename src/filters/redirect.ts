// redirect: sends the client elsewhere, like a route with `redirect`.

import { z } from 'zod'
import { leadsToItself, locationOf, NO_HOST, PASS, type RedirectAction } from '../proxy/index.js'
import { defineFilter } from './define.js'
import { readHostName, readTarget } from './url-options.js'

const REDIRECTS = [301, 302, 303, 307, 308] as const

type RedirectStatus = (typeof REDIRECTS)[number]

export const redirect = defineFilter({
  name: 'redirect',
  description: 'Sends the client elsewhere, unless it is there already.',
  options: (types) =>
    z.strictObject({
      scheme: types.word('The scheme. Default: that of the request.', ['http', 'https']).optional(),
      host: types.text('The host. Default: that of the request.', 'a host name', readHostName).optional(),
      port: types
        .count('The port. Default: that of the scheme if it is given, else that of the request.', 1, 65_535)
        .optional(),
      path: types
        .text(
          'The whole path, with a query if you like; the query of the request follows. Default: that of the request.',
          'a path, as /new',
          readTarget,
        )
        .optional(),
      status: types
        .number<RedirectStatus, RedirectStatus>(
          '301, 302, 303, 307 or 308. Default: 302.',
          REDIRECTS.join(', '),
          { enum: REDIRECTS },
          (text) => {
            const status = REDIRECTS.find((each) => String(each) === text)
            return status === undefined
              ? { wrong: `${text} is not a redirect; write ${REDIRECTS.join(', ')}` }
              : { value: status }
          },
        )
        .optional(),
    }),
  check({ scheme, host, port, path }, checks) {
    if (scheme === undefined && host === undefined && port === undefined && path === undefined)
      checks.error([], 'it leads to the same place; write scheme, host, port or path')
  },
  create({ scheme = null, host = null, port = null, path = null, status = 302 }) {
    const action: RedirectAction = {
      kind: 'redirect',
      scheme,
      host,
      port,
      path,
      status,
    }
    return {
      request(x) {
        const { request } = x
        if (leadsToItself(action, request)) return PASS
        const location = locationOf(action, request)
        if (location === null) return x.refuse(NO_HOST)
        return x.answer({ status: action.status, fields: [['location', location]], outcome: 'redirected' })
      },
    }
  },
})
