// A backend: endpoints that serve the same requests. A balancer chooses one for each attempt. The limit on
// requests and the budget of retries count over all endpoints (spec/balancing.md).

import {
  Balancer,
  type BalancerOptions,
  balancerOptions,
  type Member,
  RetryBudget,
} from '../balancing/index.js'
import type { World } from '../continuation/index.js'
import type { Engine } from '../engine/index.js'
import type { Client } from '../http/index.js'
import { Chance } from './chance.js'
import type { Discovery } from './discovery.js'
import type { Endpoint } from './endpoint.js'
import { type EndpointWait, USABLE } from './endpoint-wait.js'
import type { ExchangeSession } from './engine-set.js'

export interface BackendOptions {
  readonly balancer: BalancerOptions
  /** The number of requests that have chosen an endpoint, over all endpoints; 0 for no limit. */
  readonly requestsMax: number
  /** The number of requests that wait for an endpoint, while none is known yet or has passed a check. */
  readonly waitingMax: number
  /** The budget of retries; null for no bound. */
  readonly retryBudget: { readonly ratio: number; readonly perSecond: number } | null
}

export const backendOptions: BackendOptions = {
  balancer: balancerOptions(
    { policy: 'least-requests', key: null, bound: 0, slowStartMs: 0, affinity: null },
    { active: null, passive: null, panic: 0 },
    null,
  ),
  requestsMax: 0,
  waitingMax: 1_000,
  retryBudget: null,
}

export class Backend {
  readonly name: string
  readonly balancer: Balancer
  budget: RetryBudget | null
  options: BackendOptions
  readonly chance: Chance
  /** Finds its endpoints; null if they are fixed. */
  discovery: Discovery | null = null
  /** Requests that wait for an endpoint. */
  readonly waits = new Set<EndpointWait>()
  private readonly byMember = new Map<Member, Endpoint>()
  private current: readonly Endpoint[]
  /** The number of exchanges that have chosen an endpoint. */
  private requests = 0
  /** The number of exchanges that go to it. */
  private pins = 0
  /** True once it is no longer configured. */
  private retiring = false
  private readonly world: World

  constructor(
    world: World,
    name: string,
    endpoints: readonly Endpoint[],
    options: BackendOptions = backendOptions,
  ) {
    const { now } = world.pollset
    this.world = world
    this.name = name
    this.options = options
    this.chance = new Chance(world.pollset)
    this.balancer = new Balancer(options.balancer, now, this.chance.next)
    this.balancer.onUsable = () => this.wake()
    this.budget = options.retryBudget === null ? null : new RetryBudget(options.retryBudget, now)
    this.current = endpoints
    this.take(endpoints)
  }

  /** Its endpoints, without those that are only ending their last exchanges. */
  get endpoints(): readonly Endpoint[] {
    return this.current
  }

  /** Replaces its endpoints. Endpoints that are no longer in the list serve their exchanges, then close. */
  replace(endpoints: readonly Endpoint[]): void {
    const gone = this.current.filter((each) => !endpoints.includes(each))
    for (const each of gone) this.byMember.delete(each.member)
    this.current = endpoints
    this.take(endpoints)
    for (const each of gone) each.retire()
  }

  private take(endpoints: readonly Endpoint[]): void {
    for (const each of endpoints) {
      each.keep()
      this.byMember.set(each.member, each)
    }
    this.balancer.replace(
      endpoints.map((each) => each.member),
      this.world.pollset.now,
    )
  }

  /** True if it has as many requests as it may have. */
  get isFull(): boolean {
    const { requestsMax } = this.options
    return requestsMax > 0 && this.requests >= requestsMax
  }

  /**
   * Chooses an endpoint for an attempt; null if none is usable.
   * @param key the input of a hash; null for none
   * @param tried members that failed the request before: avoided while another is left
   */
  choose(key: string | null, tried: readonly Member[]): Endpoint | null {
    const member = this.balancer.choose(this.world.pollset.now, key, tried)
    return member === null ? null : (this.byMember.get(member) ?? null)
  }

  /**
   * Returns the time until which a request that finds no endpoint may wait for one, in ms of the pollset's
   * clock; 0 if none is expected soon.
   */
  awaitsUntil(): number {
    if (this.discovery?.pending === true) return this.discovery.lateAt
    return this.balancer.awaitsChecksUntil(this.world.pollset.now)
  }

  /** Makes the waiting requests choose again. */
  wake(): void {
    for (const each of this.waits) each.raise(USABLE)
  }

  /** Returns the endpoint that an affinity cookie names; null if it is unknown or not usable. */
  byAffinity(value: string): Endpoint | null {
    const member = this.balancer.byAffinity(value, this.world.pollset.now)
    return member === null ? null : (this.byMember.get(member) ?? null)
  }

  /**
   * Returns the endpoint that has authenticated this client's connection (NTLM, Negotiate), unless it is
   * blocked.
   */
  boundTo(client: Client): Endpoint | null {
    for (const each of this.current) if (!each.member.blocked && each.engines.isBoundTo(client)) return each
    return null
  }

  /** Notes that an exchange has chosen this endpoint. */
  begin(endpoint: Endpoint): void {
    this.requests++
    endpoint.chosen()
    this.balancer.began(endpoint.member)
  }

  /** Notes that an exchange that had chosen this endpoint has ended, or chooses again. */
  end(endpoint: Endpoint): void {
    this.requests--
    this.balancer.ended(endpoint.member)
    endpoint.left()
  }

  /** Changes its options, and keeps the health of its endpoints. */
  configure(options: BackendOptions): void {
    const { ratio, perSecond } = this.options.retryBudget ?? {}
    const next = options.retryBudget
    if (next?.ratio !== ratio || next?.perSecond !== perSecond)
      this.budget = next === null ? null : new RetryBudget(next, this.world.pollset.now)
    this.options = options
    this.balancer.configure(options.balancer)
  }

  /** Notes that an exchange goes to it, until {@link unpin}. */
  pin(): void {
    this.pins++
  }

  unpin(): void {
    this.pins--
    if (this.retiring && this.pins === 0) this.replace([])
  }

  /**
   * Ends it, since it is no longer configured: it serves its exchanges, including retries, then
   * closes its endpoints.
   */
  retire(): void {
    this.retiring = true
    this.discovery = null
    if (this.pins === 0) this.replace([])
    // The addresses that were looked up are found no more.
    else this.wake()
  }

  /** Returns true if an endpoint outside this list could be chosen now. */
  hasOther(tried: readonly Member[]): boolean {
    return this.balancer.hasOther(this.world.pollset.now, tried)
  }

  engines(): readonly Engine<ExchangeSession>[] {
    return this.current.flatMap((each) => each.engines.engines())
  }

  clientClosed(client: Client): void {
    for (const each of this.current) each.engines.clientClosed(client)
  }

  close(): void {
    for (const each of this.current) each.engines.close()
  }
}
