// access: admits or refuses requests by the client's address and certificate, by methods and fields. Denied
// requests are refused even if they are allowed too; with `allow` all other requests are refused as well.

import { z } from 'zod'
import { Networks } from '../pollset/index.js'
import { DENIED, PASS, type RequestPhase } from '../proxy/index.js'
import { defineFilter, type OptionReading, type OptionTypes } from './define.js'

const RULES_MAX = 1_000
const METHOD = /^[A-Z][A-Z-]{0,31}$/
const FIELD = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/

function readNetwork(text: string): OptionReading<string> {
  if (/^::ffff:/i.test(text))
    return { wrong: `${JSON.stringify(text)} is IPv4 in the form of IPv6; write it as IPv4, as 10.0.0.0/8` }
  try {
    new Networks([text])
    return { value: text }
  } catch {
    return {
      wrong: `${JSON.stringify(text)} is not a network; write ADDRESS/BITS, as 10.0.0.0/8, an address, or unix`,
    }
  }
}

const readMethod = (text: string): OptionReading<string> =>
  METHOD.test(text)
    ? { value: text }
    : { wrong: `${JSON.stringify(text)} is not a method; write it in capitals, as POST` }

const ruleSchema = (types: OptionTypes) => {
  const network = types.text(
    'A network, an address, or unix for clients on Unix-domain sockets.',
    'a network, as 10.0.0.0/8',
    readNetwork,
  )
  return z.union([
    network,
    z
      .strictObject({
        addresses: z
          .array(network)
          .min(1)
          .describe("Networks of the client's address, as trusted proxies tell it.")
          .optional(),
        methods: z
          .array(types.text('A method.', 'a method, as POST', readMethod))
          .min(1)
          .describe('Methods of the request.')
          .optional(),
        fields: z
          .record(
            z.string().superRefine((name, context) => {
              if (FIELD.test(name.toLowerCase())) return
              context.addIssue({
                code: 'custom',
                message: `${JSON.stringify(name)} is not the name of a field`,
              })
            }),
            z.union([
              types.secret('The value that the field has.', 'text'),
              z.array(types.secret('A value that the field may have.', 'text')).min(1),
            ]),
          )
          .describe('Fields of the request, each with its value, or several that it may have.')
          .optional(),
        certificates: z
          .array(
            types.text(
              "The SHA-256 fingerprint of the client's certificate.",
              'a fingerprint, as AB:CD:…',
              readFingerprint,
            ),
          )
          .min(1)
          .describe('Certificates of clients, which the listener has verified.')
          .optional(),
      })
      .describe('All that is written must be so.'),
  ])
}

/** Reads a fingerprint as Node spells it. */
function readFingerprint(text: string): OptionReading<string> {
  const digits = text.replaceAll(':', '').toUpperCase()
  if (!/^[\dA-F]{64}$/.test(digits))
    return { wrong: `${JSON.stringify(text)} is not a SHA-256 fingerprint; write its 64 hexadecimal digits` }
  return { value: (digits.match(/../g) as string[]).join(':') }
}

type RuleOptions = z.output<ReturnType<typeof ruleSchema>>

const spelling = (name: string): string => name.toLowerCase().replaceAll('_', '-')

/** Returns the method for rules. A WebSocket counts as GET, as it does for routes. */
const methodOf = ({ request }: RequestPhase): string => (request.asksTunnel ? 'GET' : request.method)

/** A rule, compiled. */
class Rule {
  private readonly networks: Networks | null
  private readonly methods: ReadonlySet<string> | null
  private readonly certificates: ReadonlySet<string> | null
  private readonly fields: readonly (readonly [name: string, values: ReadonlySet<string>])[]
  private readonly denies: boolean

  constructor(options: RuleOptions, denies: boolean) {
    const {
      addresses,
      methods,
      certificates,
      fields = {},
    } = typeof options === 'string' ? { addresses: [options] } : options
    this.networks = addresses === undefined ? null : new Networks(addresses)
    this.methods = methods === undefined ? null : new Set(methods)
    this.certificates = certificates === undefined ? null : new Set(certificates)
    this.denies = denies
    this.fields = Object.entries(fields).map(([name, value]) => [
      denies ? spelling(name) : name.toLowerCase(),
      new Set([value].flat().map(({ text }) => text)),
    ])
  }

  fits(x: RequestPhase): boolean {
    const { networks, methods, certificates, fields } = this
    if (networks !== null && !networks.has(addressOf(x))) return false
    if (methods !== null && !methods.has(methodOf(x))) return false
    if (certificates !== null && !certificates.has(x.clientCertificate?.fingerprint ?? '')) return false
    for (const [name, values] of fields) if (!this.hasField(x, name, values)) return false
    return true
  }

  /**
   * Returns true if a request has this field. For admission it must have exactly one line of the field. For
   * denial one of several is enough, in any spelling: the backend may read that one.
   */
  private hasField({ request }: RequestPhase, name: string, values: ReadonlySet<string>): boolean {
    if (!this.denies) {
      const lines = request.fields.lines(name)
      return lines.length === 1 && values.has(lines[0])
    }
    let found = false
    request.fields.each((each, value) => {
      if (spelling(each) === name && values.has(value)) found = true
    })
    return found
  }
}

/** Returns the rules; those that are networks and nothing else as one. */
function compiled(rules: readonly RuleOptions[], denies: boolean): readonly Rule[] {
  const networks = rules.filter((each) => typeof each === 'string')
  const others = rules.filter((each) => typeof each !== 'string').map((each) => new Rule(each, denies))
  return networks.length === 0 ? others : [new Rule({ addresses: networks }, denies), ...others]
}

function fitsOne(rules: readonly Rule[], x: RequestPhase): boolean {
  for (const each of rules) if (each.fits(x)) return true
  return false
}

/** The client's address without its zone; '' on a Unix-domain socket. */
function addressOf({ clientAddress }: RequestPhase): string {
  const zone = clientAddress.indexOf('%')
  return zone < 0 ? clientAddress : clientAddress.slice(0, zone)
}

export const access = defineFilter({
  name: 'access',
  description:
    "Lets requests in by the client's address, certificate, methods and fields, or refuses them: 403.",
  role: 'access',
  options: (types) => {
    const rules = z.array(ruleSchema(types)).max(RULES_MAX)
    return z.strictObject({
      deny: rules.describe('Requests that are refused, whatever allow says.').optional(),
      allow: rules.describe('Requests that are let in. With it all others are refused.').optional(),
      status: types
        .number<number>(
          'The status of a refusal: 403 or 404. Default: 403.',
          '403 or 404',
          { enum: [403, 404] },
          (text) =>
            text === '403' || text === '404'
              ? { value: Number(text) }
              : { wrong: `${text} is not the status of a refusal here; write 403 or 404` },
        )
        .optional(),
    })
  },
  check({ allow, deny }, checks) {
    if (allow === undefined && deny === undefined)
      checks.error([], 'it refuses nothing; write allow, deny, or both')
    if (allow?.length === 0) checks.warn(['allow'], 'it is empty: every request is refused')
    for (const [key, rules] of [
      ['allow', allow],
      ['deny', deny],
    ] as const)
      for (const [at, rule] of (rules ?? []).entries())
        if (typeof rule !== 'string' && Object.values(rule).every((each) => each === undefined))
          checks.error([key, at], 'it has no condition; write addresses, methods, fields or certificates')
  },
  create({ allow = null, deny = [], status = 403 }) {
    const denied = compiled(deny, true)
    const allowed = allow === null ? null : compiled(allow, false)
    let refused = 0
    return {
      request(x) {
        if (!fitsOne(denied, x) && (allowed === null || fitsOne(allowed, x))) return PASS
        refused++
        return x.refuse(DENIED, { status })
      },
      describe: () => ({ refused }),
    }
  },
})
