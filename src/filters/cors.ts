// cors: tells browsers which origins may read responses (the CORS protocol of the Fetch Standard, §3.2). It
// answers preflights itself, and replaces the backend's fields by its own, even on refusals.

import { z } from 'zod'
import {
  DENIED,
  type FieldLine,
  type Filter,
  type FilterFields,
  PASS,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
} from '../proxy/index.js'
import { defineFilter, type OptionReading, type OptionTypes } from './define.js'
import { readFieldName } from './field-options.js'

const MANY = 200
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST']
const ANY = '*'
/** Fields of the protocol that a backend may have set itself. */
const OURS: readonly string[] = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
]
const PREFLIGHT_VARY = 'origin, access-control-request-method, access-control-request-headers'

/** Reads `*`, `null`, an origin, or one whose host begins with `*.`. */
function readOrigin(text: string): OptionReading<string> {
  if (text === ANY || text === 'null') return { value: text }
  const wrong = {
    wrong: `${JSON.stringify(text)} is not an origin; write one, as https://app.example.org, or https://*.example.org, or "*"`,
  }
  const [, scheme, star = '', rest] = /^([a-z][a-z0-9+.-]*):\/\/(\*\.)?([^/*?#@]+)$/i.exec(text) ?? []
  if (rest === undefined) return wrong
  try {
    const { host, protocol } = new URL(`${scheme}://${rest}`)
    return { value: `${protocol}//${star}${host}` }
  } catch {
    return wrong
  }
}

const readMethod = (text: string): OptionReading<string> =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(text)
    ? { value: text }
    : { wrong: `${JSON.stringify(text)} is not a method; write one, as GET` }

const corsOptions = (types: OptionTypes) => {
  const field = types.text('A field, or "*".', 'the name of a field, as x-a', readFieldName)
  return z.strictObject({
    origins: z
      .array(
        types.text('An origin; its host may begin with *.', 'an origin, as https://a.example', readOrigin),
      )
      .min(1)
      .max(MANY)
      .describe('Origins whose pages may read responses; "*" for all.'),
    methods: z
      .array(types.text('A method, or "*".', 'a method, as GET', readMethod))
      .min(1)
      .max(MANY)
      .optional()
      .describe('Methods that preflights allow. Default: GET, HEAD, POST.'),
    headers: z
      .array(field)
      .max(MANY)
      .optional()
      .describe('Request fields that preflights allow. Default: none.'),
    expose: z
      .array(field)
      .max(MANY)
      .optional()
      .describe('Response fields that pages may read. Default: none.'),
    credentials: types.flag('Requests may have cookies and other credentials. Default: false.').optional(),
    maxAge: types
      .duration('The time for which browsers remember a preflight. Default: as they like.', {
        least: 0,
        most: 86_400_000,
      })
      .optional(),
  })
}

type CorsOptions = z.output<ReturnType<typeof corsOptions>>

class CorsFilter implements Filter {
  private readonly all: boolean
  private readonly exact: ReadonlySet<string>
  /** The wildcard origins: the scheme with `//`, and the end of the host with its dot. */
  private readonly wild: readonly (readonly [scheme: string, end: string])[]
  private readonly credentials: boolean
  private readonly methods: readonly string[]
  private readonly headers: readonly string[]
  private readonly expose: string
  private readonly maxAge: string
  private readonly counts = { preflights: 0, denied: 0 }

  constructor(options: CorsOptions) {
    const { origins, methods = METHODS, headers = [], expose = [], maxAge } = options
    this.all = origins.includes(ANY)
    this.exact = new Set(origins.filter((each) => !each.includes('*')))
    this.wild = origins
      .filter((each) => each.includes('//*.'))
      .map((each) => [each.slice(0, each.indexOf('*')), each.slice(each.indexOf('*') + 1)] as const)
    this.credentials = options.credentials ?? false
    this.methods = methods
    this.headers = headers
    this.expose = expose.join(', ')
    this.maxAge = maxAge === undefined ? '' : String(Math.floor(maxAge / 1_000))
  }

  request(x: RequestPhase): Verdict {
    const { request } = x
    const method = request.fields.get('access-control-request-method')
    const origin = request.fields.get('origin')
    if (request.method !== 'OPTIONS' || method === null || origin === null) return PASS
    this.counts.preflights++
    const allowed = this.allowed(origin)
    if (allowed === null) {
      this.counts.denied++
      return x.refuse(DENIED, {
        text: 'the origin is not allowed',
        fields: [['vary', PREFLIGHT_VARY]],
      })
    }
    const fields: FieldLine[] = [['access-control-allow-methods', this.methodsFor(method)]]
    const headers = this.headersFor(request.fields.get('access-control-request-headers'))
    if (headers !== '') fields.push(['access-control-allow-headers', headers])
    if (this.maxAge !== '') fields.push(['access-control-max-age', this.maxAge])
    return x.answer({
      status: 204,
      fields: [...fields, ...this.originLines(allowed), ['vary', PREFLIGHT_VARY]],
    })
  }

  response(x: ResponsePhase): Verdict {
    const { fields } = x
    for (const name of OURS) fields.remove(name)
    const origin = x.request.fields.get('origin')
    const allowed = origin === null ? (this.all && !this.credentials ? ANY : null) : this.allowed(origin)
    if (allowed !== null) {
      for (const [name, value] of this.originLines(allowed)) fields.set(name, value)
      if (this.expose !== '') fields.set('access-control-expose-headers', this.expose)
    }
    // One answer for all origins does not vary.
    if (!this.all) addVary(fields, 'origin')
    return PASS
  }

  /** Returns the value of Access-Control-Allow-Origin for this origin; null if it may read nothing. */
  private allowed(origin: string): string | null {
    if (this.all) return ANY
    const lower = origin.toLowerCase()
    if (this.exact.has(lower)) return origin
    return this.wild.some(([scheme, end]) => fitsWild(lower, scheme, end)) ? origin : null
  }

  private originLines(allowed: string): FieldLine[] {
    const line: FieldLine = ['access-control-allow-origin', allowed]
    return this.credentials ? [line, ['access-control-allow-credentials', 'true']] : [line]
  }

  /**
   * Returns the allowed methods. With credentials `*` is a method of that name, so the requested
   * method replaces it.
   */
  private methodsFor(asked: string): string {
    if (!this.methods.includes(ANY)) return this.methods.join(', ')
    return this.credentials ? asked : ANY
  }

  private headersFor(asked: string | null): string {
    if (!this.headers.includes(ANY)) return this.headers.join(', ')
    // `*` does not stand for Authorization (Fetch §3.2.3).
    return asked ?? ''
  }

  events() {
    return this.counts
  }

  describe() {
    return this.counts
  }
}

/** Returns true if an origin has this scheme, and a host with one or more labels before this end. */
function fitsWild(origin: string, scheme: string, end: string): boolean {
  if (!origin.startsWith(scheme) || !origin.endsWith(end)) return false
  return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(origin.slice(scheme.length, -end.length))
}

function addVary(fields: FilterFields, name: string): void {
  const vary = (fields.get('vary') ?? '').toLowerCase().split(/[\s,]+/)
  if (!vary.includes(ANY) && !vary.includes(name)) fields.append('vary', name)
}

export const cors = defineFilter({
  name: 'cors',
  description: 'Tells browsers which origins may read responses, and answers preflights.',
  role: 'cors',
  options: corsOptions,
  check({ origins, credentials = false, expose = [] }, checks) {
    const all = origins.indexOf(ANY)
    if (all >= 0 && origins.length > 1)
      checks.error(['origins', all], '"*" stands for all origins; leave out the others')
    if (!credentials) return
    if (all >= 0)
      checks.error(
        ['credentials'],
        'with origins: ["*"] any page could read what its visitor is shown; list the origins',
      )
    const opaque = origins.indexOf('null')
    if (opaque >= 0)
      checks.error(
        ['origins', opaque],
        'any page can have the origin null, also one that is given credentials',
      )
    const exposed = expose.indexOf(ANY)
    if (exposed >= 0)
      checks.error(['expose', exposed], 'with credentials "*" is the name of a field; list the fields')
  },
  create: (options) => new CorsFilter(options),
})
