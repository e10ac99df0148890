// mirror: sends a copy of requests to another backend, and drops the answers. The copy is a separate request:
// it delays nothing, and only counts show its result.

import { z } from 'zod'
import {
  Chance,
  type Filter,
  PASS,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
} from '../proxy/index.js'
import { defineFilter, type FilterContext, type FilterState, type OptionTypes } from './define.js'

const KIB = 1_024
const BODY_BYTES = 64 * KIB
const RUNNING_MAX = 100

const mirrorOptions = (types: OptionTypes) =>
  z.strictObject({
    backend: types.text('The backend that gets the copies.', 'the name of a backend'),
    percent: types.share('The share of the requests. Default: 100%.').optional(),
    body: types
      .size(
        'Requests with a larger body are not copied, nor those with more than retry.replay keeps. Default: 64KiB.',
        { least: 0, most: 1_024 * KIB },
      )
      .optional(),
    most: types
      .count('The most copies in flight. Further requests are not copied. Default: 100.', 1, 100_000)
      .optional(),
  })

/** The copies in flight, and counts since the filter began. They are kept through reloads. */
export class Copies implements FilterState {
  readonly running = new Set<{ leave(): void }>()
  readonly counts = { answered: 0, failed: 0, passedOver: 0 }

  close(): void {
    for (const each of this.running) each.leave()
  }
}

/** The state of an exchange: whether it is to be copied. */
interface Drawn {
  wanted: boolean
}

class MirrorFilter implements Filter<Drawn> {
  private readonly backend: string
  private readonly percent: number
  private readonly bodyBytes: number
  private readonly most: number
  private readonly copies: Copies
  private readonly chance: Chance

  constructor(options: z.output<ReturnType<typeof mirrorOptions>>, context: FilterContext) {
    this.backend = options.backend
    this.percent = options.percent ?? 1
    this.bodyBytes = options.body ?? BODY_BYTES
    this.most = options.most ?? RUNNING_MAX
    this.copies = context.state('copies', () => new Copies())
    this.chance = new Chance(context.world.pollset)
  }

  begin(): Drawn {
    return { wanted: this.percent >= 1 || this.chance.next() < this.percent }
  }

  /** Copies a request whose body has come. */
  request(x: RequestPhase, s: Drawn): Verdict {
    if (x.request.asksTunnel) s.wanted = false
    if (s.wanted) this.copy(x, s)
    return PASS
  }

  /** Copies a request whose body has come meanwhile, before the body kept for retries is dropped. */
  response(x: ResponsePhase, s: Drawn): Verdict {
    if (s.wanted && !this.copy(x, s)) this.copies.counts.passedOver++
    return PASS
  }

  /** Returns true if the request was copied, or is not to be. */
  private copy(x: RequestPhase | ResponsePhase, s: Drawn): boolean {
    const { running, counts } = this.copies
    const body = x.requestBody(this.bodyBytes)
    if (body === null) return false
    s.wanted = false
    if (running.size >= this.most || !x.mayHold(body.length)) {
      counts.passedOver++
      return true
    }
    const made: { leave(): void } = x.subrequest({
      id: `${x.id}.${x.filter}`,
      method: x.request.method,
      body,
      backend: this.backend,
      without: (name) => name === 'expect',
      dropped: (status) => {
        running.delete(made)
        if (status === 0) counts.failed++
        else counts.answered++
      },
    })
    running.add(made)
    return true
  }

  describe() {
    return { ...this.copies.counts, running: this.copies.running.size }
  }
}

export const mirror = defineFilter({
  name: 'mirror',
  description: 'Sends a copy of requests to another backend, and drops what it answers.',
  options: mirrorOptions,
  onFailure: 'pass',
  check: ({ backend }, checks) => checks.backend(['backend'], backend),
  create: (options, context) => new MirrorFilter(options, context),
})
