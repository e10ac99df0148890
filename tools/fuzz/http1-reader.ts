// Tests the HTTP/1.1 readers alone. For any input they never throw, keep no more than a line, report the same
// for all splits of the octets, and report it once and in order.

import fc from 'fast-check'
import { http1Limits } from '../../src/http1/index.js'
import { newDecoder, type Outcome, read } from '../testbed/http1-wire.js'
import { type Kind, shown, wires } from './http1-wires.js'
import { hold, type Target } from './target.js'

interface Fed {
  readonly wire: Buffer
  readonly to: string | null
  readonly points: readonly number[]
  readonly tight: boolean
  readonly fin: boolean
}

/** Small bounds, which few octets reach. */
const TIGHT = {
  startLineBytesMax: 60,
  fieldSectionBytesMax: 120,
  fieldsMax: 6,
  trailerSectionBytesMax: 40,
  chunkExtensionBytesMax: 10,
}
const LETTERS: Readonly<Record<string, string>> = {
  interim: 'i',
  head: 'h',
  body: 'b',
  trailers: 't',
  end: 'e',
  error: '!',
}

/** Checks that heads, bodies, trailers and ends come in their order, and nothing after an error. */
function mustBeOrderly({ sink }: Outcome): void {
  const text = sink.events
    .map((each) => LETTERS[each.kind === 'head' && each.head.isInterim ? 'interim' : each.kind])
    .join('')
  hold(/^(?:i*hb?t?e)*(?:i*(?:hb?t?)?)!?$/.test(text), () => `told in this order: ${text}`)
}

function check({ wire, to, points, tight, fin }: Fed): void {
  const options = { to, fin, pipelined: true, limits: tight ? TIGHT : {} }
  const whole = read(wire, options)
  const told = JSON.stringify(whole.sink.plain)
  const decoder = newDecoder()
  const cuts = points.map((each) => each % (wire.length + 1)).sort((a, b) => a - b)
  const most = tight ? 2 * TIGHT.fieldSectionBytesMax : http1Limits.fieldSectionBytesMax
  for (const each of [cuts, Array.from(wire, (_, at) => at)]) {
    const other = read(wire, { ...options, cuts: each, decoder })
    const says = JSON.stringify(other.sink.plain)
    hold(says === told, () => `whole ${told}\nsplit ${says}`)
    hold(other.reader.bufferedBytes <= most, () => `${other.reader.bufferedBytes} octets kept`)
  }
  mustBeOrderly(whole)
}

/** A bit of the first octet of an input, which chooses the rest; the wire follows. */
const TIGHT_BIT = 0x40
const FIN_BIT = 0x80
const POINTS = [7, 19, 53, 131]

const target = (kind: Kind, requests: readonly (string | null)[]): Target<Fed> => ({
  about: `octets into the HTTP/1.1 ${kind} reader, split anywhere (http1/${kind}-reader.ts)`,
  arbitrary: fc.record({
    wire: wires(kind),
    to: fc.constantFrom(...requests),
    points: fc.array(fc.nat(), { maxLength: 6 }),
    tight: fc.boolean(),
    fin: fc.boolean(),
  }),
  check,
  show: (fed) => `${shown(fed.wire)}\n${JSON.stringify({ ...fed, wire: undefined })}`,
  octets: {
    of: ({ wire, to, tight, fin }) =>
      Buffer.concat([
        Buffer.from([requests.indexOf(to) | (tight ? TIGHT_BIT : 0) | (fin ? FIN_BIT : 0)]),
        wire,
      ]),
    check([choice = 0, ...wire]) {
      check({
        wire: Buffer.from(wire),
        to: requests[(choice & ~TIGHT_BIT & ~FIN_BIT) % requests.length],
        points: POINTS,
        tight: (choice & TIGHT_BIT) !== 0,
        fin: (choice & FIN_BIT) !== 0,
      })
    },
  },
})

export const http1Request = target('request', [null])
export const http1Response = target('response', ['GET', 'HEAD', 'CONNECT', 'GET+upgrade', '-'])
