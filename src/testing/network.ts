// A proxy with filters on the simulated network, one client connection for each request, and a backend, all
// in memory. The test chooses the messages. The clock is simulated, and jumps to the next event; only tasks
// that work outside of this thread take real time.

import { type Continuation, createWorld, type Outcome, SUSPEND, type Tracer } from '../continuation/index.js'
import { engineLimits } from '../engine/index.js'
import type { FieldLine } from '../filters/filter.js'
import { createHttpWorld, type HttpWorld } from '../http/index.js'
import { createHttp1, http1Sessions, serveHttp1 } from '../http1/index.js'
import { noFaults, type SimPeerSocket, SimPollset, type Task, type TaskWork } from '../pollset/index.js'
import {
  Backend,
  Endpoint,
  EngineSet,
  type FilterUse,
  isSubrequest,
  proxyLimits,
  ReverseProxy,
  Route,
  Router,
  type RouterRoute,
  settingsOf,
  Weighted,
} from '../proxy/index.js'
import { Listening } from '../transport/index.js'
import { type ReadMessage, readMessage, written } from './messages.js'

const FRONT = { host: '192.0.2.1', port: 80 }
const BACK = { host: '192.0.2.9', port: 9 }

/** A request of the test's client. */
export interface TestRequest {
  /** The method. Default: GET. */
  readonly method?: string
  /** Path and query. Default: `/`. */
  readonly target?: string
  /** Fields in addition to Host. */
  readonly fields?: readonly FieldLine[]
  readonly body?: string | Uint8Array
}

/** A response of the test's backend. */
export interface TestResponse {
  /** The status. Default: 200. */
  readonly status?: number
  readonly fields?: readonly FieldLine[]
  readonly body?: string | Uint8Array
}

/** A request as received by the backend. */
export interface AskedRequest {
  readonly method: string
  readonly target: string
  readonly fields: readonly FieldLine[]
  readonly body: string
}

/** A response as received by a client, without Date and the fields of its connection. */
export interface GotResponse {
  /** The status; 0: no response has come. */
  readonly status: number
  readonly fields: readonly FieldLine[]
  readonly body: string
  readonly trailers: readonly FieldLine[]
  /** True if its connection has ended before the response was whole. */
  readonly isCut: boolean
}

/** The differences of the network and the run from the plain ones. */
export interface Way {
  /** The side whose messages are sent in two parts; the first has `splitAt` bytes. */
  readonly split?: 'requests' | 'responses'
  readonly splitAt?: number
  /** True: all messages are sent byte by byte. */
  readonly byByte?: boolean
  /** The number, from 1, of a filter's wait that ends as `waitEnds` says. */
  readonly wait?: number
  readonly waitEnds?: 'late' | 'cancelled'
  /** The number of the task that fails. */
  readonly failingTask?: number
}

/** Counts and fails tasks. */
class TestPollset extends SimPollset {
  tasks = 0
  readonly unsettled = new Set<Task<unknown>>()
  private readonly failing: number

  constructor(failing: number) {
    super(1, { ...noFaults, latencyMs: 1 })
    this.failing = failing
  }

  override task<T>(id: string, work: TaskWork<T>): Task<T> {
    const fails = ++this.tasks === this.failing
    const task = super.task<T>(
      id,
      fails ? (settle) => settle(new Error('the task failed, as the test has it'), null) : work,
    )
    if (task.fault === null && task.value === null) this.unsettled.add(task)
    return task
  }

  /** Forgets settled tasks. Returns true if others work outside of this thread. */
  waitsForTasks(): boolean {
    for (const each of this.unsettled)
      if (each.fault !== null || each.value !== null) this.unsettled.delete(each)
    return this.unsettled.size > 0
  }
}

/** Sends in one part, in two, or byte by byte: each part arrives in a turn of its own. */
function* partsOf(bytes: Buffer, side: Way['split'], way: Way): Generator<Buffer> {
  if (way.byByte === true) for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1)
  else if (way.split === side && way.splitAt !== undefined && way.splitAt < bytes.length) {
    yield bytes.subarray(0, way.splitAt)
    yield bytes.subarray(way.splitAt)
  } else yield bytes
}

const START = /^(\S+) (\S+)/

export class FilterNetwork implements Tracer {
  readonly pollset: TestPollset
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly asked: AskedRequest[] = []
  readonly problems: string[] = []
  readonly failures: string[] = []
  /** The number of waits that filters have begun. */
  waits = 0
  /** The lengths of the messages that each side has sent. */
  readonly sent = { requests: 0, responses: 0 }
  private readonly waiting = new Map<Continuation, string>()
  private chosen: Continuation | null = null
  private readonly way: Way
  private readonly respond: (request: AskedRequest) => TestResponse
  private readonly clients = new Map<number, SimPeerSocket>()
  /** The requests, by their clients. */
  private readonly open = new Map<SimPeerSocket, { isOver: boolean }>()
  private readonly listening: Listening
  private readonly backend: Backend
  private dials = 0

  constructor(way: Way, respond: (request: AskedRequest) => TestResponse) {
    this.way = way
    this.respond = respond
    this.pollset = new TestPollset(way.failingTask ?? 0)
    const world = createWorld(this.pollset)
    world.scheduler.tracer = this
    this.world = createHttpWorld(world)
    const http1 = createHttp1(this.world)
    const sessions = http1Sessions(http1, BACK)
    const engines = new EngineSet(this.world, 'backend', () => sessions, engineLimits, 'process', null)
    this.backend = new Backend(this.world, 'backend', [new Endpoint(this.world, engines)])
    this.proxy = new ReverseProxy(this.world, new Router<Route>([]), proxyLimits)
    this.proxy.backends = [this.backend]
    this.proxy.watch({
      filterFailed: (_x, filter, error) =>
        this.failures.push(`${filter}: ${error instanceof Error ? error.message : String(error)}`),
    })
    this.listening = new Listening(this.world, FRONT, {
      accepted: (socket) => void serveHttp1(http1, socket, this.proxy),
    })
    this.pollset.serve(BACK, (far) => this.connected(far))
  }

  /** Makes all requests pass these filters. */
  serve(filters: readonly FilterUse[]): void {
    const settings = settingsOf('all', proxyLimits)
    const to = new Route(
      this.pollset,
      proxyLimits,
      settings,
      { kind: 'backend', to: new Weighted([{ to: this.backend, weight: 1 }]) },
      filters,
    )
    const route: RouterRoute<Route> = {
      name: 'all',
      match: { listeners: [], hosts: [], path: null, methods: [], headers: [], query: [] },
      path: settings.path,
      to,
    }
    this.proxy.routes = new Router([route])
  }

  /** Sends a request, and runs until its response has come or its connection has ended. */
  async ask(request: TestRequest): Promise<GotResponse> {
    const sent = this.send(request)
    await this.runUntil(() => sent.isOver)
    return sent.got
  }

  /** Sends requests at once. */
  async askAll(requests: readonly TestRequest[]): Promise<GotResponse[]> {
    const all = requests.map((each) => this.send(each))
    await this.runUntil(() => all.every(({ isOver }) => isOver))
    return all.map(({ got }) => got)
  }

  private send({ method = 'GET', target = '/', fields = [], body }: TestRequest) {
    const number = ++this.dials
    const far = this.pollset.dial(FRONT, { host: '198.51.100.1', port: 40_000 + number })
    if (far === null) throw new Error('the proxy does not listen')
    this.clients.set(number, far)
    const exchange = { isOver: false, got: NOTHING }
    this.open.set(far, exchange)
    let bytes = Buffer.alloc(0)
    const look = (ended: boolean): void => {
      if (exchange.isOver) return
      const message = readFinal(bytes, method === 'HEAD', ended)
      exchange.isOver = message !== null || ended
      if (message !== null) exchange.got = gotOf(message, false)
      else if (ended) exchange.got = gotOf(readHead(bytes), true)
      if (exchange.isOver) far.end()
    }
    far.owner = {
      received: (part) => {
        bytes = Buffer.concat([bytes, part])
        look(false)
      },
      ended: () => look(true),
      closed: () => look(true),
    }
    const own = body === undefined ? null : Buffer.from(body as string)
    const text = written(`${method} ${target} HTTP/1.1`, [['host', 'example.test'], ...fields], own)
    this.sent.requests = Math.max(this.sent.requests, text.length)
    this.put(far, text, 'requests')
    return exchange
  }

  private put(far: SimPeerSocket, bytes: Buffer, side: NonNullable<Way['split']>): void {
    let at = 0
    for (const part of partsOf(bytes, side, this.way)) this.pollset.after(at++ * 3, () => far.send(part))
  }

  /** Plays the backend. */
  private connected(far: SimPeerSocket): void {
    let bytes = Buffer.alloc(0)
    far.owner = {
      received: (part) => {
        bytes = Buffer.concat([bytes, part])
        for (let message = readMessage(bytes, false, false); message !== null; ) {
          bytes = bytes.subarray(message.bytes)
          this.answer(far, message)
          message = readMessage(bytes, false, false)
        }
      },
      ended: () => far.end(),
      closed: () => {},
    }
  }

  private answer(far: SimPeerSocket, message: ReadMessage): void {
    const [, method = '', target = ''] = START.exec(message.start) ?? []
    const asked = { method, target, fields: message.fields, body: message.body.toString('latin1') }
    this.asked.push(asked)
    const { status = 200, fields = [], body = '' } = this.respond(asked)
    const bodiless = status === 204 || status === 304
    const own = Buffer.from(body as string)
    const text = written(`HTTP/1.1 ${status} X`, fields, bodiless ? null : own)
    const whole = method === 'HEAD' ? text.subarray(0, text.length - own.length) : text
    this.sent.responses = Math.max(this.sent.responses, whole.length)
    this.put(far, whole, 'responses')
  }

  // Waits

  transition(c: Continuation, at: number, out: Outcome<string>): void {
    if (c.kind !== 'exchange') return
    const step = c.program.names[at]
    this.waiting.delete(c)
    if (out.kind !== SUSPEND || !step.startsWith('filter')) return
    this.waits++
    this.waiting.set(c, step)
    if (this.waits === this.way.wait) this.chosen = c
  }

  diverted(c: Continuation): void {
    this.waiting.delete(c)
  }

  /** Ends the chosen wait in its way, unless it has ended in the turn in which it began. */
  private steer(): void {
    const { chosen, way, world } = this
    if (chosen === null || chosen.suspended === null) return
    this.chosen = null
    if (way.waitEnds === 'late') world.scheduler.makeLate(chosen)
    else this.leave(this.clientOf(chosen))
  }

  private leave(client: SimPeerSocket | null): void {
    if (client === null) return
    client.reset()
    // Nothing more comes to it, while other parts of the run, such as a store, may go on without end.
    const exchange = this.open.get(client)
    if (exchange !== undefined) exchange.isOver = true
  }

  /** Returns the client of an exchange; null for a request that a filter has made: that is then cancelled. */
  private clientOf(c: Continuation): SimPeerSocket | null {
    const number = Number(/^m(\d+)\//.exec(c.id)?.[1] ?? 0)
    if (isSubrequest(c as never)) c.cancel()
    return this.clients.get(number) ?? null
  }

  // The run

  /** Runs until `over` returns true, or until nothing can happen any more. */
  async runUntil(over: () => boolean): Promise<void> {
    const { pollset } = this
    for (let steps = 0; !over(); steps++) {
      if (steps > STEPS_MAX) throw new Error(`not over after ${STEPS_MAX} steps`)
      // A task that works outside of this thread takes real time, while the simulated clock stands.
      for (let ms = 0; pollset.waitsForTasks() && ms < TASK_MS; ms++) {
        await new Promise((resolve) => setTimeout(resolve, ms === 0 ? 0 : 1))
      }
      if (!pollset.step()) return
      this.steer()
    }
  }

  /** Ends everything, and reports what is left. @param over is called when all exchanges have ended */
  async end(over: () => void): Promise<void> {
    const { world, proxy, problems } = this
    await this.runUntil(() => proxy.begun === proxy.logged)
    over()
    if (proxy.begun !== proxy.logged) problems.push(`X1: ${proxy.begun - proxy.logged} exchanges do not end`)
    for (const [c, step] of this.waiting) problems.push(`X1: the wait of ${c.id} in ${step} has not ended`)
    this.listening.cancel()
    for (const each of this.clients.values()) each.end()
    await this.runUntil(() => world.scheduler.living === 0)
    for (const each of world.scheduler.alive()) problems.push(`X1: ${each.id} (${each.kind}) has not ended`)
    if (world.memory.bytes !== 0) problems.push(`X4: ${world.memory.bytes} bytes are held at the end`)
    if (world.memory.charged !== 0)
      problems.push(`X4: ${world.memory.charged} bytes of filters are held at the end`)
    if (world.slabs.lent !== 0) problems.push(`X4: ${world.slabs.lent} slabs are lent at the end`)
  }
}

const STEPS_MAX = 1_000_000
/** ms of the real clock that tasks may take */
const TASK_MS = 200
/** Fields that depend on the clock and the connection. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding'])
const NOTHING: GotResponse = { status: 0, fields: [], body: '', trailers: [], isCut: true }

/** Reads the final response, and skips interim ones. */
function readFinal(bytes: Buffer, bodiless: boolean, ended: boolean): ReadMessage | null {
  for (let rest = bytes; ; ) {
    const message = readMessage(rest, bodiless, ended)
    if (message === null || !/^HTTP\/1\.1 1\d\d/.test(message.start)) return message
    rest = rest.subarray(message.bytes)
  }
}

/** Returns the head of a response that was cut, if it is whole. */
const readHead = (bytes: Buffer): ReadMessage | null => readMessage(bytes, true, true)

const gotOf = (message: ReadMessage | null, isCut: boolean): GotResponse =>
  message === null
    ? NOTHING
    : {
        status: Number(/ (\d+)/.exec(message.start)?.[1] ?? 0),
        fields: message.fields.filter(([name]) => !OF_CONNECTION.has(name)),
        body: message.body.toString('latin1'),
        trailers: message.trailers,
        isCut,
      }
