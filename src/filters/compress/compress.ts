// compress: codes bodies of responses with br, gzip or zstd, as the client accepts (RFC 9110 §12.5.3). A
// small body that is completely here is coded in the turn; others are coded as they come, by tasks. If
// filters hold much, a response goes out unchanged.

import compressible from 'compressible'
import { type Filter, PASS, type ResponsePhase, type Verdict } from '../../proxy/index.js'
import { defineFilter, type FilterContext } from '../define.js'
import { codingFor } from './accept-encoding.js'
import { CodedBody, heldAtMost } from './coded-body.js'
import { type Coders, type Coding, zlibCoders } from './coder.js'
import { type CompressSettings, compressOptions, settled } from './options.js'

/** bytes of the largest body that is coded in the turn, if it is completely here */
const WHOLE_BYTES_MAX = 16 * 1_024
/** The bytes that are coded in one turn: 64 KiB take about 0.3 ms. */
const TURN_BYTES_MAX = 64 * 1_024
/** Values of Accept-Encoding whose choice is remembered. */
const CHOICES_MAX = 256
/** bytes of a block, in which the output of a stage of a body's path waits */
const BLOCK_BYTES = 16 * 1_024

const EVENT_STREAM = 'text/event-stream'

type Surroundings = Pick<FilterContext, 'coding' | 'world'>

export class CompressFilter implements Filter {
  private readonly settings: CompressSettings
  private readonly context: Surroundings
  private readonly coders: Coders
  private readonly choices = new Map<string, Coding | null>()
  private turnAt = -1
  private turnBytes = 0
  private readonly counted = { whole: 0, streamed: 0, plain: 0, busy: 0 }

  constructor(settings: CompressSettings, context: Surroundings, coders = zlibCoders) {
    this.settings = settings
    this.context = context
    this.coders = coders
  }

  response(x: ResponsePhase): Verdict {
    if (!this.isEligible(x)) return PASS
    varyByCoding(x)
    const coding = this.choiceOf(x.request.fields.get('accept-encoding'))
    if (coding === null) {
      this.counted.plain++
      return PASS
    }
    if (x.status === 304) {
      weakenUnchanged(x)
      return PASS
    }
    const whole = x.hasBody ? x.bodyBytes : -1
    if (whole >= 0 && whole <= WHOLE_BYTES_MAX && this.takeTurn(x.now, whole)) this.codeWhole(x, coding)
    else this.codeStream(x, coding)
    return PASS
  }

  events() {
    return this.counted
  }

  describe() {
    return { ...this.counted }
  }

  /** Returns true if the response is coded for a client that accepts it. */
  private isEligible(x: ResponsePhase): boolean {
    const { status, fields, contentLength } = x
    if (x.from === 'refusal') return false
    // Most bodies that are not coded are small.
    if (status !== 304 && contentLength >= 0 && contentLength < this.settings.minimum) return false
    if (x.noTransform) return false
    if (status === 304) return true
    const isHead = x.request.method === 'HEAD'
    if (status < 200 || status === 206 || !(x.hasBody || (isHead && status !== 204))) return false
    const coded = fields.get('content-encoding')
    if (coded !== null && coded.toLowerCase() !== 'identity') return false
    if (x.bodyBytes >= 0 && !isHead && x.bodyBytes < this.settings.minimum) return false
    return this.isCodedType(typeOf(x))
  }

  private isCodedType(type: string): boolean {
    // gRPC codes its own messages, and its clients read no other coding.
    if (type === '' || type.startsWith('application/grpc')) return false
    const { types } = this.settings
    if (types === null) return compressible(type) === true
    return types.includes(type) || types.includes(`${type.slice(0, type.indexOf('/'))}/*`)
  }

  private choiceOf(accepted: string | null): Coding | null {
    if (accepted === null) return null
    const known = this.choices.get(accepted)
    if (known !== undefined) return known
    if (this.choices.size >= CHOICES_MAX) this.choices.clear()
    const coding = codingFor(accepted, this.settings.codings)
    this.choices.set(accepted, coding)
    return coding
  }

  /** Takes these bytes from the share of this turn. Returns false if the share is too small. */
  private takeTurn(now: number, bytes: number): boolean {
    if (now !== this.turnAt) {
      this.turnAt = now
      this.turnBytes = 0
    }
    if (this.turnBytes + bytes > TURN_BYTES_MAX) return false
    this.turnBytes += bytes
    return true
  }

  private codeWhole(x: ResponsePhase, coding: Coding): void {
    if (!x.mayHold(2 * WHOLE_BYTES_MAX)) {
      this.counted.busy++
      return
    }
    const body = x.wholeBody(WHOLE_BYTES_MAX, { within: 1 })
    if (body === null) return
    this.counted.whole++
    x.setBody(this.coders.whole(coding, this.settings.levels[coding], body))
    x.fields.set('content-encoding', coding)
  }

  private codeStream(x: ResponsePhase, coding: Coding): void {
    const { coders, settings, context } = this
    const level = settings.levels[coding]
    const flushesAll = typeOf(x) === EVENT_STREAM || x.fields.get('x-accel-buffering') === 'no'
    const isHead = x.request.method === 'HEAD'
    if (!isHead && !x.mayHold(heldAtMost(coders.facts(coding, level)) + BLOCK_BYTES)) {
      this.counted.busy++
      return
    }
    const pauseMs = flushesAll ? 0 : settings.flushMs
    const made = (): CodedBody =>
      new CodedBody(
        coders.coder(coding, level, flushesAll),
        context.coding,
        context.world.pollset.deadlines,
        pauseMs,
      )
    if (!x.transformBody(made)) return
    if (!isHead) this.counted.streamed++
    x.fields.set('content-encoding', coding)
  }
}

/** Returns the media type of a response, without its parameters; '' without one. */
function typeOf({ fields }: ResponsePhase): string {
  const value = fields.get('content-type') ?? ''
  const end = value.indexOf(';')
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase()
}

/** Tells caches that the response depends on what the client accepts (RFC 9110 §12.5.5). */
function varyByCoding({ fields }: ResponsePhase): void {
  const vary = fields.get('vary')
  if (vary !== null && /(?:^|[\s,])(?:\*|accept-encoding)(?:$|[\s,])/i.test(vary)) return
  fields.append('vary', 'accept-encoding')
}

/**
 * Weakens the ETag of a 304: a client that has the coded body knows it by its weak ETag (RFC 9110 §15.4.5).
 */
function weakenUnchanged({ request, fields }: ResponsePhase): void {
  const etag = fields.get('etag')
  if (etag?.startsWith('"') !== true) return
  const asked = request.fields.get('if-none-match') ?? ''
  if (asked.includes(`W/${etag}`)) fields.set('etag', `W/${etag}`)
}

export const compress = defineFilter({
  name: 'compress',
  description: 'Codes bodies of responses with br, gzip or zstd, as the client accepts.',
  options: compressOptions,
  role: 'compress',
  holds: false,
  onFailure: 'pass',
  check({ encodings = [] }, checks) {
    for (const [at, each] of encodings.entries()) {
      if (!zlibCoders.codings.includes(each))
        checks.warn(['encodings', at], `this Node has no ${each}: responses are coded without it`)
      if (encodings.indexOf(each) !== at)
        checks.error(['encodings', at], `${each} is named twice; leave one out`)
    }
  },
  create: (options, context) => new CompressFilter(settled(options), context),
})
