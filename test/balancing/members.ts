// Shared by the tests of balancing: balancers with few options that differ from the defaults, and counts.

import {
  type ActiveHealthOptions,
  type BalanceOptions,
  Balancer,
  type BalancerOptions,
  balancerOptions,
  Member,
  type PassiveHealthOptions,
} from '../../src/balancing/index.js'
import { seeded } from '../world/random.js'

export const balance: BalanceOptions = {
  policy: 'least-requests',
  key: null,
  bound: 1.25,
  slowStartMs: 0,
  affinity: null,
}

export const active: ActiveHealthOptions = {
  kind: 'http',
  path: '/',
  host: null,
  status: [[200, 399]],
  service: '',
  intervalMs: 10_000,
  timeoutMs: 2000,
  healthy: 2,
  unhealthy: 3,
  initial: 'check',
}

export const passive: PassiveHealthOptions = {
  consecutive: 5,
  rate: 0.5,
  rateLeast: 20,
  rateMs: 10_000,
  ejectionMs: 30_000,
  ejectionMostMs: 300_000,
  ejectedMax: 0.5,
}

/** Numbers in [0, 1) that this seed names. */
export function chanceOf(seed: number): () => number {
  const next = seeded(seed)
  return () => next(0x1_0000_0000) / 0x1_0000_0000
}

export interface Given {
  readonly balance?: Partial<BalanceOptions>
  readonly active?: Partial<ActiveHealthOptions> | null
  readonly passive?: Partial<PassiveHealthOptions> | null
  readonly panic?: number
  readonly hmac?: (name: string) => string
}

/** Without checks of either kind, unless they are given. */
export function optionsOf(given: Given): BalancerOptions {
  return balancerOptions(
    { ...balance, ...given.balance },
    {
      active: given.active ? { ...active, ...given.active } : null,
      passive: given.passive ? { ...passive, ...given.passive } : null,
      panic: given.panic ?? 0.5,
    },
    given.hmac ?? null,
  )
}

/** A balancer of members a, b, c, … with these weights, that are there from the start at 0. */
export function balancerOf(weights: readonly number[], given: Given = {}, seed = 1) {
  const members = weights.map((weight, at) => new Member(nameOf(at), weight, 0))
  const balancer = new Balancer(optionsOf(given), 0, chanceOf(seed))
  const events: string[] = []
  balancer.onEvent = (event, member, now) => {
    events.push(`${now} ${event}${member === null ? '' : ` ${member.name}`}`)
  }
  balancer.replace(members, 0)
  return { balancer, members, events }
}

const nameOf = (at: number): string => `10.0.0.${at + 1}:80`

/** The names of those chosen in a row; `?` for none. Members are a, b, c, … in their order. */
export function chosen(balancer: Balancer, times: number, now = 0, tried: readonly Member[] = []): string {
  let names = ''
  for (let i = 0; i < times; i++) {
    const member = balancer.choose(now, null, tried)
    names += member === null ? '?' : letterOf(balancer, member)
  }
  return names
}

export const letterOf = (balancer: Balancer, member: Member): string =>
  String.fromCharCode(97 + balancer.members.indexOf(member))

/** Returns the number of times that each letter is in a row of choices, in the order of the members. */
export const counts = (names: string, members: number): number[] =>
  Array.from({ length: members }, (_, at) => names.split(String.fromCharCode(97 + at)).length - 1)

/** Which members are candidates now. */
export const usable = (balancer: Balancer, now: number): string => {
  balancer.isPanicking(now)
  return balancer.members
    .filter((each) => each.candidate)
    .map((each) => letterOf(balancer, each))
    .join('')
}
