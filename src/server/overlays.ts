// The settings of an endpoint that operators make at run time: weight, drain, block, for a time or until the
// process ends (spec/balancing.md, Overlays). They are never written to the configuration.

import { type Overlay, type OverlayState, overlayState } from '../balancing/index.js'
import { DURATION_MAX_MS, readDuration } from '../config/index.js'
import { CommandError, isObject } from '../debugger/index.js'
import type { Backend, Endpoint } from '../proxy/index.js'
import type { Backends } from './backends.js'

/** A change of an overlay: settings that it does not name stay, and null removes one (RFC 7396). */
export interface OverlayChange {
  readonly weight?: number | null
  readonly drain?: boolean | null
  readonly block?: boolean | null
  /** ms from now on; null: time does not end it */
  readonly forMs?: number | null
}

const WEIGHT_MAX = 256
const KEYS = ['weight', 'drain', 'block', 'for']
const EXAMPLE = 'write as { "drain": true, "for": "10m" }'

/** Describes the body of a change, as JSON Schema. */
export const overlaySchema = {
  type: ['object', 'null'],
  description: 'null takes everything away. What is not named stays; null takes it away.',
  additionalProperties: false,
  properties: {
    weight: { type: ['integer', 'null'], minimum: 0, maximum: WEIGHT_MAX },
    drain: { type: ['boolean', 'null'], description: 'No new requests, but those of clients by affinity.' },
    block: { type: ['boolean', 'null'], description: 'No new requests at all.' },
    for: { type: ['string', 'null'], description: 'How long all of it holds: 30s, 10m, 1h.' },
  },
}

/** Reads the body of a change; null removes everything. Throws a CommandError. */
export function readChange(body: unknown): OverlayChange | null {
  if (body === null) return null
  if (!isObject(body)) throw new CommandError(`the body is not an object; ${EXAMPLE}`)
  const names = Object.keys(body)
  if (names.length === 0) throw new CommandError(`the body says nothing to change; ${EXAMPLE}`)
  for (const name of names)
    if (!KEYS.includes(name))
      throw new CommandError(
        `${JSON.stringify(name).slice(0, 80)} is not known; there are ${KEYS.join(', ')}`,
      )
  const { weight, drain, block, for: time } = body
  const isWeight =
    typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX
  if (weight !== undefined && weight !== null && !isWeight)
    throw new CommandError(`weight is a whole number from 0 to ${WEIGHT_MAX}, or null for the configured one`)
  return {
    ...(weight === undefined ? {} : { weight: isWeight ? weight : null }),
    ...(drain === undefined ? {} : { drain: flag('drain', drain) }),
    ...(block === undefined ? {} : { block: flag('block', block) }),
    ...(time === undefined ? {} : { forMs: time === null ? null : durationOf(time) }),
  }
}

function flag(name: string, value: unknown): boolean | null {
  if (value === null || typeof value === 'boolean') return value
  throw new CommandError(`${name} is true, false or null`)
}

function durationOf(value: unknown): number {
  if (typeof value !== 'string') throw new CommandError('for is a text with a unit, as "30s", "10m" or "1h"')
  const reading = readDuration(value, { least: 1, most: DURATION_MAX_MS })
  if ('wrong' in reading) throw new CommandError(`for: ${reading.wrong}`)
  return reading.value
}

/** Returns an overlay with this change; null if nothing is left of it. Throws a CommandError. */
function changed(before: Overlay | null, change: OverlayChange | null, now: number): Overlay | null {
  if (change === null) return null
  const weight = change.weight === undefined ? (before?.weight ?? null) : change.weight
  const drain = (change.drain === undefined ? before?.drain : change.drain) ?? false
  const block = (change.block === undefined ? before?.block : change.block) ?? false
  if (weight === null && !drain && !block) {
    if (typeof change.forMs === 'number')
      throw new CommandError('for says how long, but nothing is set: name weight, drain or block too')
    return null
  }
  const { forMs } = change
  const until =
    forMs === undefined
      ? (before?.until ?? Number.POSITIVE_INFINITY)
      : forMs === null
        ? Infinity
        : now + forMs
  return { weight, drain, block, until }
}

/** An overlay and its endpoint. */
export interface OverlayRow extends OverlayState {
  readonly backend: string
  readonly endpoint: string
}

/** Returns all overlays. */
export const overlaysOf = (backends: Backends, now: number): OverlayRow[] =>
  backends
    .all()
    .flatMap(({ name, balancer }) =>
      balancer
        .states(now)
        .flatMap((each) =>
          each.overlay === null ? [] : [{ backend: name, endpoint: each.name, ...each.overlay }],
        ),
    )

/** Returns an endpoint by its address or URL. Throws a CommandError. */
function endpointOf(backends: Backends, backend: string, address: string): [Backend, Endpoint] {
  const found = backends.all().find(({ name }) => name === backend)
  if (found === undefined)
    throw new CommandError(`there is no backend ${backend}; GET /backends lists them`, true)
  const endpoint = found.endpoints.find(({ name }) => name === address || name.endsWith(`://${address}`))
  if (endpoint === undefined)
    throw new CommandError(`backend ${backend} has no endpoint ${address}; GET /backends lists them`, true)
  return [found, endpoint]
}

/** The current overlay of an endpoint, after a change. */
export interface Overlaid {
  readonly backend: string
  readonly endpoint: string
  readonly overlay: OverlayState | null
}

/** Changes the overlay of an endpoint. Throws a CommandError. */
export function overlayEndpoint(
  backends: Backends,
  { backend, endpoint, change }: { backend: string; endpoint: string; change: OverlayChange | null },
  now: number,
): Overlaid {
  const [{ balancer }, { name, member }] = endpointOf(backends, backend, endpoint)
  // This removes an overlay whose time is over.
  balancer.states(now)
  const overlay = changed(member.overlay, change, now)
  balancer.overlay(member, overlay, now)
  return { backend, endpoint: name, overlay: overlay === null ? null : overlayState(overlay, now) }
}

/** Returns a text about the change, for the log. */
export function overlaidText({ backend, endpoint, overlay }: Overlaid): string {
  const at = `backend ${backend}: ${endpoint}`
  if (overlay === null) return `${at} is as configured again, by an operator`
  const { weight, drain, block, endsInMs } = overlay
  const parts = [
    ...(block ? ['is blocked'] : drain ? ['drains'] : []),
    ...(weight === null ? [] : [`has weight ${weight}`]),
  ]
  const time = endsInMs === null ? '' : `, for ${Math.ceil(endsInMs / 1000)} s`
  return `${at} ${parts.join(' and ')}, by an operator${time}`
}
