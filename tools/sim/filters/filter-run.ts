// A run of filters that suspend: clients that ask and leave, an origin, a cache with its fills, a network
// with faults, and reloads that make the filters again. The checkers of X1 to X6 look after every step
// (spec/filters.md). Then the network heals: all must end, and nothing may remain.

import {
  type Continuation,
  createWorld,
  type Outcome,
  SUSPEND,
  type Tracer,
} from '../../../src/continuation/index.js'
import { engineLimits } from '../../../src/engine/index.js'
import type { Fill } from '../../../src/filters/cache/fill.js'
import type { ExchangeView } from '../../../src/filters/filter.js'
import { filterLimits } from '../../../src/filters/index.js'
import { createHttpWorld, type HttpWorld } from '../../../src/http/index.js'
import { createHttp1, http1Sessions, serveHttp1 } from '../../../src/http1/index.js'
import { noFaults, Prng, type SimPeerSocket, SimPollset } from '../../../src/pollset/index.js'
import { ReverseProxy, type Route, Router } from '../../../src/proxy/index.js'
import { Filters } from '../../../src/server/filters.js'
import { readMessage, written } from '../../../src/testing/messages.js'
import { Listening } from '../../../src/transport/index.js'
import { backendOf, routerTo } from '../../testbed/short-server.js'
import { fail } from '../checks/check.js'
import { Violation } from '../ledger.js'
import { kindsOf, type Watch } from './kinds.js'

const FRONT = { host: '192.0.2.1', port: 80 }
const BACK = { host: '192.0.2.9', port: 9 }
const KEYS = 4
/** The options of the cache, as its schema returns them. */
const CACHE = { memory: 1_048_576, collapse: 200, stale: { whileRevalidate: 1_000, ifError: 1_000 } }
/** More than the outputs of all transforms of a run (proxy/filter/body-path.ts). */
const PATHS_BYTES_MAX = 64 * 1024 * 1024
const STEPS_MAX = 300_000
const RUN_MS = 2_000
const HEALED_MS = 300_000

export interface FilterResult {
  readonly seed: number
  readonly violation: Violation | null
  readonly exchanges: number
  readonly waits: Readonly<Record<string, number>>
}

/** The body of the nth response of the origin. */
const bodyOf = (key: string, number: number, bytes: number): string =>
  `[${key}#${number}]`.repeat(Math.ceil(bytes / 6)).slice(0, bytes)

/** The fill of a cache. */
interface FillInside {
  readonly listedAs: Fill['listedAs']
  readonly identified: Fill['identified']
}

class FilterRun implements Tracer, Watch {
  readonly pollset: SimPollset
  readonly chance: Prng
  readonly waits: Record<string, number> = { ready: 0, late: 0, cancelled: 0 }
  declared = 0
  private readonly world: HttpWorld
  readonly proxy: ReverseProxy
  private readonly filters: Filters
  private readonly backend
  private readonly waiting = new Map<Continuation, string>()
  private readonly versions = new Map<string, number>()
  private readonly responses: { readonly key: string; readonly body: string }[] = []
  private readonly clients: SimPeerSocket[] = []
  private readonly listening: Listening
  private broken: Violation | null = null
  private begun = 0
  private releases = 0
  private version = 0
  private over = 0
  private asked = 0
  private healed = false

  constructor(seed: number) {
    const chance = new Prng(seed)
    this.chance = chance
    const often = (most: number): number => (chance.chance(50) ? 0 : chance.between(1, most))
    this.pollset = new SimPollset(seed, {
      ...noFaults,
      latencyMs: [0, 1, 5, 30][chance.below(4)],
      splitPercent: often(60),
      coalescePercent: often(100),
      stallPercent: often(10),
      stallMs: 100,
      resetPercent: often(20),
      faultWithinMs: 500,
      taskFailPercent: often(30),
    })
    const world = createWorld(this.pollset)
    world.scheduler.tracer = this
    this.world = createHttpWorld(world)
    const http1 = createHttp1(this.world)
    this.backend = backendOf(this.world, 'backend', () => http1Sessions(http1, BACK), engineLimits)
    const limits = { headTimeoutMs: 3_000, bodyTimeoutMs: 3_000 }
    this.proxy = new ReverseProxy(this.world, new Router<Route>([]), limits)
    this.proxy.backends = [this.backend]
    this.filters = new Filters(this.proxy, { repeated: () => true }, filterLimits, kindsOf(this))
    this.listening = new Listening(this.world, FRONT, {
      accepted: (socket) => void serveHttp1(http1, socket, this.proxy),
    })
    this.pollset.serve(BACK, (far) => this.origin(far))
  }

  // What filters tell

  met({ id }: ExchangeView, version: number): void {
    const known = this.versions.get(id) ?? version
    this.versions.set(id, known)
    if (known !== version)
      this.breaks('X5', `${id} meets filters of the configurations ${known} and ${version}`)
  }
  breaks(property: string, message: string): void {
    this.broken ??= new Violation(property, message)
  }
  began(): void {
    this.begun++
  }
  released(): void {
    this.releases++
  }

  // Waits

  transition(c: Continuation, at: number, out: Outcome<string>): void {
    if (c.kind !== 'exchange') return
    this.endWait(c, 'ready')
    const step = c.program.names[at]
    if (out.kind === SUSPEND && step.startsWith('filter')) this.waiting.set(c, step)
  }
  diverted(c: Continuation, _step: number, cause: 'late' | 'cancelled'): void {
    this.endWait(c, cause)
  }
  private endWait(c: Continuation, how: string): void {
    if (this.waiting.delete(c)) this.waits[how]++
  }

  // Clients and the origin

  private ask(): void {
    const { chance, pollset } = this
    this.asked++
    const far = pollset.dial(FRONT, { host: '198.51.100.1', port: 10_000 + this.asked })
    if (far === null) return void this.over++
    this.clients.push(far)
    const key = `/c/${chance.below(KEYS)}`
    const isHead = chance.chance(10)
    let bytes = Buffer.alloc(0)
    let isOver = false
    const end = (ended: boolean): void => {
      if (isOver) return
      const message = readMessage(bytes, isHead, ended)
      if (message !== null && !isHead) this.check(key, message.start, message.body, true)
      else if (ended) this.prefix(key, bytes)
      if (message === null && !ended) return
      isOver = true
      this.over++
      far.end()
    }
    far.owner = {
      received: (part) => {
        bytes = Buffer.concat([bytes, part])
        end(false)
      },
      ended: () => end(true),
      closed: () => end(true),
    }
    far.send(written(`${isHead ? 'HEAD' : 'GET'} ${key} HTTP/1.1`, [['host', 'sim']], null))
    if (!this.healed && chance.chance(25))
      pollset.after(chance.below(100), () => {
        if (isOver) return
        isOver = true
        this.over++
        far.reset()
      })
  }

  /** A body that was cut is a prefix. */
  private prefix(key: string, bytes: Buffer): void {
    const at = bytes.indexOf('\r\n\r\n')
    const head = bytes.toString('latin1', 0, Math.max(0, at))
    if (at < 0 || !/content-length/i.test(head)) return
    this.check(key, head.slice(0, head.indexOf('\r\n')), bytes.subarray(at + 4), false)
  }

  /** X3, X6: what a client gets is one response of the origin to this key, whole or a prefix. */
  private check(key: string, start: string, body: Buffer, whole: boolean): void {
    if (!start.startsWith('HTTP/1.1 200') || body.length < 20) return
    const text = body.toString('latin1')
    const number = Number(/#(\d+)\]/.exec(text)?.[1] ?? Number.NaN)
    const sent = this.responses[number]
    const isOurs = sent?.key === key && (whole ? sent.body === text : sent.body.startsWith(text))
    if (!isOurs) fail('X3', `${key} got ${text.length} bytes that are not those of response ${number}`)
  }

  private origin(far: SimPeerSocket): void {
    const { chance, pollset } = this
    let bytes = Buffer.alloc(0)
    far.owner = {
      received: (part) => {
        bytes = Buffer.concat([bytes, part])
        for (let each = readMessage(bytes, false, false); each !== null; ) {
          bytes = bytes.subarray(each.bytes)
          const [method, key] = each.start.split(' ')
          const delay = chance.below(60)
          pollset.after(delay, () => this.answer(far, method, key))
          each = readMessage(bytes, false, false)
        }
      },
      ended: () => far.end(),
      closed() {},
    }
  }

  private answer(far: SimPeerSocket, method: string, key: string): void {
    const { chance, pollset } = this
    const body = bodyOf(key, this.responses.length, 20 + chance.below(chance.chance(20) ? 60_000 : 300))
    this.responses.push({ key, body })
    const control = chance.chance(70) ? `max-age=${chance.below(2)}` : 'private'
    const whole = written('HTTP/1.1 200 OK', [['cache-control', control]], Buffer.from(body))
    const text = method === 'HEAD' ? whole.subarray(0, whole.length - body.length) : whole
    if (!this.healed && chance.chance(10)) {
      far.send(text.subarray(0, chance.below(text.length)))
      far.end()
      return
    }
    const cut = chance.below(text.length)
    far.send(text.subarray(0, cut))
    pollset.after(chance.below(20), () => far.send(text.subarray(cut)))
  }

  // The configuration

  /** Makes the filters again, and serves them. */
  reload(): void {
    const version = ++this.version
    const prepared = this.filters.prepare()
    const all: readonly (readonly [string, object])[] = [
      ['gate', { version }],
      ['calls', { version }],
      ['cache', CACHE],
      ['asks', { version }],
      ['twist', { version }],
    ]
    const uses = all.map(([kind, options]) =>
      prepared.use({
        name: kind,
        kind,
        identity: kind,
        options,
        onFailure: kind === 'gate' || kind === 'asks' ? 'refuse' : 'pass',
        source: { file: '', line: 0, column: 0 },
      }),
    )
    this.proxy.routes = routerTo(
      this.world,
      [{ host: '', prefix: '/', backend: this.backend }],
      { headTimeoutMs: 3_000, bodyTimeoutMs: 3_000 },
      {},
      uses,
    )
    prepared.commit()
  }

  // The run

  go(): void {
    const { chance, pollset, world, proxy } = this
    this.reload()
    const requests = chance.between(5, 40)
    for (let each = 0; each < requests; each++) pollset.after(chance.below(RUN_MS / 2), () => this.ask())
    for (let each = chance.below(5); each > 0; each--)
      pollset.after(chance.below(RUN_MS), () => pollset.queue({ wake() {}, resume: () => this.reload() }))
    this.until(() => this.over >= requests, RUN_MS)
    this.healed = true
    pollset.heal()
    this.until(() => this.over >= requests && proxy.begun === proxy.logged && !this.fills().length, HEALED_MS)
    if (proxy.begun !== proxy.logged) fail('X1', `${proxy.begun - proxy.logged} exchanges do not end`)
    for (const [c, step] of this.waiting) fail('X1', `the wait of ${c.id} in ${step} has not ended`)
    if (this.begun !== this.releases)
      fail('X2', `${this.begun} states have begun, and ${this.releases} are released`)
    this.listening.cancel()
    for (const each of this.clients) each.end()
    this.backend.close()
    this.until(() => world.scheduler.living === 0, HEALED_MS)
    for (const { id, kind } of world.scheduler.alive()) fail('X1', `${id} (${kind}) has not ended`)
    if (world.memory.charged !== 0) fail('X4', `${world.memory.charged} bytes of filters are held at the end`)
    if (this.declared !== 0) fail('X2', `transforms that hold ${this.declared} bytes have not ended`)
    this.filters.close()
  }

  private fills(): FillInside[] {
    return [...this.world.scheduler.alive()].filter(({ kind }) => kind === 'fill') as unknown as FillInside[]
  }

  private until(over: () => boolean, ms: number): void {
    const { pollset } = this
    const last = pollset.clock + ms
    for (let left = STEPS_MAX; !over() && pollset.clock <= last; left--) {
      if (left === 0) fail('X1', `not over after ${STEPS_MAX} steps`)
      if (!pollset.step()) return
      this.look()
    }
  }

  /** After a step. */
  private look(): void {
    const { world, declared, broken } = this
    if (broken !== null) throw broken
    for (const [c] of this.waiting) {
      if (c.suspended === null || c.queued) continue
      if (!c.deadlineArmed) fail('X1', `${c.id} waits at ${c.stepName} without its deadline`)
      if (c.slot0 !== null && (c.slot0.waiter !== c || (c.slot0.readiness & c.bits0) !== 0))
        fail('X1', `${c.id} waits at ${c.stepName} for ${c.slot0.id}, and is not woken`)
    }
    if (world.memory.charged < declared || world.memory.charged > PATHS_BYTES_MAX)
      fail('X4', `${world.memory.charged} bytes are charged, and ${declared} declared`)
    const keys = this.fills().flatMap(({ listedAs, identified }) => (identified ? [] : [listedAs]))
    if (new Set(keys).size < keys.length) fail('X6', `two fills run for one of ${keys.join(', ')}`)
  }
}

/** Runs the filters of a seed. An error that our code throws counts as a violation too. */
export function simulateFilters(seed: number): FilterResult {
  const run = new FilterRun(seed)
  let violation: Violation | null = null
  try {
    run.go()
  } catch (error) {
    violation =
      error instanceof Violation ? error : new Violation('crash', (error as Error).stack ?? String(error))
  }
  return { seed, violation, exchanges: run.proxy.begun, waits: run.waits }
}
