// buffer: collects a whole request before the backend is asked, and a whole response before the client
// gets any of it. So a slow client holds no lease, and a response that breaks off becomes a 502
// instead of half a page.

import { z } from 'zod'
import {
  FILTER_LATE,
  type Filter,
  PASS,
  REQUEST_LATE,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
  WAIT,
} from '../proxy/index.js'
import { defineFilter, type OptionTypes } from './define.js'

const WAIT_MS = 60_000
const BYTES_MAX = 1024 ** 3

const bufferOptions = (types: OptionTypes) =>
  z.strictObject({
    request: types
      .size('The most bytes of a request that are held. One with more is refused: 413.', {
        least: 1,
        most: BYTES_MAX,
      })
      .optional(),
    response: types
      .size('The most bytes of a response that are held. For one with more the client gets 502.', {
        least: 1,
        most: BYTES_MAX,
      })
      .optional(),
    wait: types
      .duration(
        'The time in which a body must come. After it a request gets 408, and a response becomes a 504. Default: 60s.',
        {
          least: 1,
          most: 3_600_000,
        },
      )
      .optional(),
  })

/** The state of an exchange. */
interface Collecting {
  phase: 'request' | 'response'
}

class BufferFilter implements Filter<Collecting> {
  private readonly requestBytes: number
  private readonly responseBytes: number
  private readonly within: number

  constructor({ request = 0, response = 0, wait = WAIT_MS }: z.output<ReturnType<typeof bufferOptions>>) {
    this.requestBytes = request
    this.responseBytes = response
    this.within = wait
  }

  begin(): Collecting {
    return { phase: 'request' }
  }

  request(x: RequestPhase): Verdict {
    if (this.requestBytes === 0 || x.request.asksTunnel) return PASS
    return x.wholeBody(this.requestBytes, { within: this.within }) === null ? WAIT : PASS
  }

  response(x: ResponsePhase, s: Collecting): Verdict {
    s.phase = 'response'
    if (this.responseBytes === 0 || x.from !== 'backend' || !x.hasBody || isEndless(x)) return PASS
    return x.wholeBody(this.responseBytes, { within: this.within }) === null ? WAIT : PASS
  }

  late(x: RequestPhase | ResponsePhase, s: Collecting): Verdict {
    return x.refuse(s.phase === 'request' ? REQUEST_LATE : FILTER_LATE)
  }
}

/** Returns true for an event stream, which must be read as it comes. */
const isEndless = (x: ResponsePhase): boolean =>
  /^text\/event-stream\b/i.test(x.fields.get('content-type') ?? '')

export const buffer = defineFilter({
  name: 'buffer',
  description: 'Holds whole requests before a backend is asked, and whole responses before they are sent.',
  options: bufferOptions,
  holds: true,
  check({ request, response }, checks) {
    if (request === undefined && response === undefined)
      checks.error([], 'it holds nothing; write request or response')
  },
  create: (options) => new BufferFilter(options),
})
