// Discovery of a backend's endpoints by DNS (spec/discovery.md): a continuation that asks repeatedly, and
// reports changes. Only requests that come before the end of its first look-up wait for it.
//
//   ask → answer ─(srv)→ targets → tell → sleep → ask …
//            └────────→ failed → sleep: earlier endpoints stay

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { ANSWERED, formatAddress, type NameRecord, type Query, type Question } from '../pollset/index.js'
import type { ProxyLimits } from './limits.js'

export interface DiscoveryOptions {
  /** `dns`: A and AAAA records; `srv`: SRV records, and the addresses of their targets. */
  readonly kind: 'dns' | 'srv'
  readonly name: string
  /** The port, for `dns`. */
  readonly port: number
  /**
   * The bounds of the time between two look-ups, in ms: a TTL outside of them is changed to the nearer one.
   */
  readonly leastMs: number
  readonly mostMs: number
  readonly servers: readonly string[]
  readonly search: readonly string[] | null
}

export interface FoundEndpoint {
  /** A numeric address with its port. */
  readonly address: string
  /** 1 to 256 */
  readonly weight: number
  /** The name with this address, for certificates. */
  readonly name: string
}

export interface DiscoveryEvents {
  /**
   * Is told the endpoints when they are the first or have changed, or when the number left out has changed.
   * @param leftOut the number of further endpoints, past the limit
   */
  found(endpoints: readonly FoundEndpoint[], leftOut: number): void
  /**
   * Is told of a failed look-up if it is the first, or follows a successful one.
   * @param why a code, or a clause for a person
   */
  failed(why: string): void
  /** Is told of a look-up that has found endpoints after failed ones. */
  returned(): void
}

/** The pause after the first failed look-up, in ms. It doubles with each further one. */
const AGAIN_MS = 1_000

/** The largest weight of the balancer. */
const WEIGHT_MAX = 256

export const discoveryLife = defineLife({
  name: 'discovery',
  source: import.meta.url,
  edges: {
    ask: ['answer'],
    answer: ['answer', 'targets', 'tell', 'failed', 'late', 'end'],
    targets: ['targets', 'tell', 'failed', 'late', 'end'],
    late: ['tell', 'failed'],
    tell: ['sleep'],
    failed: ['sleep'],
    sleep: ['ask', 'end'],
    end: ['done'],
  },
})

/** A target of SRV records, while its address is asked for. */
interface Target {
  readonly record: NameRecord
  readonly query: Query
}

export class Discovery extends Continuation {
  readonly id: string
  readonly kind = 'discovery'
  readonly options: DiscoveryOptions
  readonly world: World
  /** The endpoints found last; null before the first. */
  found: readonly FoundEndpoint[] | null
  /** The endpoints that the running look-up has found, by address. */
  readonly next: Map<string, FoundEndpoint>
  /** The number of failed look-ups in a row. */
  failures: number
  /** The reason why the running look-up has failed; null if it has not. */
  why: string | null
  query: Query | null
  targets: readonly Target[]
  /** Targets past the limit: their addresses are not asked for. */
  past: readonly NameRecord[]
  /** The number of these that have the priority of the taken targets. */
  unasked: number
  /** The number of endpoints left out of the last result. */
  leftOut: number
  /** The address of each target found last. */
  readonly known: Map<string, string>
  /** The time for which the result is valid, in ms; null if unknown. */
  ttlMs: number | null
  /** The time at which the running look-up is late, in ms of the pollset's clock. */
  lateAt: number
  private readonly limits: ProxyLimits
  private readonly events: DiscoveryEvents
  private readonly chance: () => number

  /** @param chance returns a number in [0, 1), from the pollset's randomness */
  constructor(
    world: World,
    options: DiscoveryOptions,
    limits: ProxyLimits,
    events: DiscoveryEvents,
    chance: () => number,
  ) {
    super(world)
    this.id = world.nextId('n')
    this.world = world
    this.options = options
    this.found = null
    this.next = new Map()
    this.failures = 0
    this.why = null
    this.query = null
    this.targets = []
    this.past = []
    this.unasked = 0
    this.leftOut = 0
    this.known = new Map()
    this.ttlMs = null
    this.lateAt = 0
    this.limits = limits
    this.events = events
    this.chance = chance
  }

  /** Begins the first look-up. */
  start(): void {
    discoverySteps.start(this.world, this, 'ask')
  }

  close(): void {
    this.cancel()
  }

  /** True while its first look-up runs: its result is worth waiting for. */
  get pending(): boolean {
    return this.found === null && this.failures === 0 && !this.finished
  }

  ask(kind: Question['kind'], name: string): Query {
    const { servers, search } = this.options
    return this.world.pollset.query({ kind, name, servers, search })
  }

  begin(): void {
    const { kind, name } = this.options
    this.why = null
    this.unasked = 0
    this.next.clear()
    this.ttlMs = null
    this.lateAt = this.world.pollset.now + this.limits.discoveryTimeoutMs
    this.query = this.ask(kind === 'srv' ? 'services' : 'addresses', name)
  }

  /** Takes the addresses of the name. */
  takeAddresses({ records, ttlMs }: Query): void {
    const { name, port } = this.options
    this.ttlMs = ttlMs
    for (const { host } of records) this.add(host, port, 1, name)
  }

  /**
   * Asks for the addresses of all targets at once. A target `.` means that there is no such
   * service (RFC 2782).
   */
  askTargets({ records }: Query): void {
    const asked = new Map<string, Query>()
    const { discoveredEndpointsMax } = this.limits
    const all = records
      .filter(({ host }) => plain(host) !== '')
      .sort((a, b) => a.priority - b.priority || compare(a.host, b.host) || a.port - b.port)
    this.past = all.slice(discoveredEndpointsMax)
    this.targets = all.slice(0, discoveredEndpointsMax).map((record) => {
      // The name of a target is complete.
      const query = asked.get(record.host) ?? this.ask('addresses', `${plain(record.host)}.`)
      asked.set(record.host, query)
      return { record, query }
    })
  }

  /** Returns a target that has no answer yet. */
  unanswered(): Query | null {
    return this.targets.find(({ query }) => !isAnswered(query))?.query ?? null
  }

  /** Takes the targets of the lowest priority that has an address. */
  takeTargets(): void {
    const known = new Map<string, string>()
    const chosen: { readonly record: NameRecord; readonly address: string }[] = []
    for (const { record, query } of this.targets) {
      const address = this.addressOf(record.host, query)
      if (address === null) continue
      known.set(record.host, address)
      if (query.ttlMs !== null) this.ttlMs = Math.min(this.ttlMs ?? query.ttlMs, query.ttlMs)
      if (record.priority === (chosen[0]?.record ?? record).priority) chosen.push({ record, address })
    }
    const heaviest = Math.max(...chosen.map(({ record }) => record.weight))
    const scale = Math.min(1, WEIGHT_MAX / heaviest)
    for (const { record, address } of chosen) {
      const { host, port, weight } = record
      this.add(address, port, Math.max(1, Math.round(weight * scale)), host)
    }
    const [first] = chosen
    this.unasked = this.past.filter(({ priority }) => priority === first?.record.priority).length
    this.known.clear()
    for (const [host, address] of known) this.known.set(host, address)
  }

  /**
   * Returns the one address of a target, or null. It keeps the last address while the target has it, and
   * while nothing is heard of the target.
   */
  private addressOf(host: string, query: Query): string | null {
    const before = this.known.get(host) ?? null
    if (before !== null && (!isAnswered(query) || isUnclear(query))) return before
    const addresses = query.records.map((each) => each.host).sort(compare)
    return before !== null && addresses.includes(before) ? before : (addresses[0] ?? null)
  }

  private add(host: string, port: number, weight: number, name: string): void {
    const address = formatAddress({ host, port })
    if (!this.next.has(address)) this.next.set(address, { address, weight, name: plain(name) })
  }

  /** Reports the result. The order of an answer has no meaning. */
  tell(): void {
    const { events, found } = this
    const all = [...this.next.values()].sort((a, b) => compare(a.address, b.address))
    const next = all.slice(0, this.limits.discoveredEndpointsMax)
    this.giveUp()
    if (this.failures > 0) events.returned()
    this.failures = 0
    const leftOut = all.length - next.length + this.unasked
    const isSame = found !== null && JSON.stringify(found) === JSON.stringify(next)
    if (isSame && leftOut === this.leftOut) return
    this.found = next
    this.leftOut = leftOut
    events.found(next, leftOut)
  }

  /** Returns the reason why a service has no endpoint, as a clause for a person. */
  whyNoTarget(): string {
    if (this.targets.length === 0) return 'there is no such service'
    return this.past.length === 0
      ? 'no target of the service has an address'
      : `none of the first ${this.targets.length} targets of the service has an address`
  }

  failed(): void {
    this.giveUp()
    if (this.failures++ === 0) this.events.failed(this.why ?? '')
  }

  /** The longest time of a look-up, in ms. */
  get lateMs(): number {
    return this.limits.discoveryTimeoutMs
  }

  /** Returns the time at which to ask again. */
  nextAt(): number {
    const { leastMs, mostMs } = this.options
    const { now } = this.world.pollset
    if (this.failures === 0) return now + Math.max(leastMs, Math.min(mostMs, this.ttlMs ?? mostMs))
    const pause = Math.min(mostMs, AGAIN_MS * 2 ** Math.min(16, this.failures - 1))
    return now + pause * (1 - this.chance() / 4)
  }

  /** Cancels its questions. */
  giveUp(): void {
    this.query?.cancel()
    this.query = null
    for (const { query } of this.targets) query.cancel()
    this.targets = []
    this.past = []
  }

  crashed(): void {
    this.giveUp()
  }

  override describe() {
    const { options, found, failures, why } = this
    return {
      name: options.name,
      records: options.kind === 'srv' ? 'SRV' : 'A, AAAA',
      endpoints: found?.map((each) => each.address) ?? [],
      failures,
      why,
    }
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const plain = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name)

const isAnswered = (query: Query): boolean => (query.readiness & ANSWERED) !== 0

/** Returns true if the answer says neither where the target is nor that it is nowhere. */
const isUnclear = ({ fault }: Query): boolean =>
  fault !== null && fault.code !== 'ENOTFOUND' && fault.code !== 'ENODATA'

const { goto, done, suspend } = discoveryLife
const waitForAnswer = suspend({ then: 'answer', late: 'late', cancelled: 'end' })
const waitForTargets = suspend({ then: 'targets', late: 'late', cancelled: 'end' })
/** Only its deadline ends it. */
const untilNext = suspend({ then: 'ask', late: 'ask', cancelled: 'end' })

const discoverySteps = discoveryLife.steps<Discovery>({
  ask(d) {
    d.begin()
    return goto.answer
  },

  answer(d) {
    const query = d.query as Query
    if (!isAnswered(query)) {
      d.waitOn(0, query, ANSWERED)
      d.waitUntil(d.lateAt)
      return waitForAnswer
    }
    d.why = query.fault?.code ?? null
    if (d.why !== null) return goto.failed
    if (d.options.kind === 'srv') {
      d.askTargets(query)
      return goto.targets
    }
    d.takeAddresses(query)
    return goto.tell
  },

  /** srv: waits for the addresses of all targets. */
  targets(d) {
    const query = d.unanswered()
    if (query !== null) {
      d.waitOn(0, query, ANSWERED)
      d.waitUntil(d.lateAt)
      return waitForTargets
    }
    d.takeTargets()
    if (d.next.size > 0) return goto.tell
    d.why = d.whyNoTarget()
    return goto.failed
  },

  /** Takes the results that have come in time. */
  late(d) {
    d.takeTargets()
    if (d.next.size > 0) return goto.tell
    d.why = `no answer within proxy.discoveryTimeoutMs=${d.lateMs}`
    return goto.failed
  },

  tell(d) {
    if (!d.cancelAsked) d.tell()
    return goto.sleep
  },

  failed(d) {
    if (!d.cancelAsked) d.failed()
    return goto.sleep
  },

  sleep(d) {
    d.waitUntil(d.nextAt())
    return untilNext
  },

  /** Ends, since the backend has gone or is found in another way. */
  end(d) {
    d.giveUp()
    return done
  },
})
