// The pollset of a simulated network in memory, without an operating system. Everything is drawn from one
// seed, so a seed identifies a run. The clock stands still during a turn and then jumps to the next event or
// deadline. Peers listen (serve) and dial from outside the turn.
//
//   const pollset = new SimPollset(seed, { ...noFaults, latencyMs: 5 })
//   pollset.serve({ host: '192.0.2.9', port: 9 }, (far) => { far.owner = … })
//   const world = createWorld(pollset)
//   …
//   pollset.runUntil(() => over)

import {
  ACCEPTABLE,
  type Address,
  COMMANDED,
  Commands,
  formatAddress,
  LISTEN_FAILED,
  LISTENING,
  Listener,
  type Pollset,
  RESOLVED,
  Resolution,
  type Socket,
  type SocketFault,
} from '../door.js'
import type { Pollable } from '../pollable.js'
import { ANSWERED, type Query, type Question } from '../query.js'
import { SETTLED, type Task, type TaskWork } from '../task.js'
import type { TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from '../tls.js'
import { Turns } from '../turn.js'
import { Agenda } from './agenda.js'
import { SIMULATED_TLS, type SimPeerSocket, SimSocket } from './link.js'
import { noFaults, type SimFaults, type SimNet } from './pipe.js'
import { Prng } from './prng.js'
import { type SimAnswer, SimAnswers, SimQuery } from './query.js'
import { SimTask } from './task.js'

class SimListener extends Listener {
  readonly id: string
  readonly address: Address
  open = true
  private readonly accepted: SimSocket[] = []
  private readonly net: SimNet
  private accepts = 0

  constructor(net: SimNet, address: Address, id: string) {
    super()
    this.net = net
    this.address = address
    this.id = id
  }

  /** Accepts a connection from this address. */
  arrive(from: Address): SimSocket {
    const socket = new SimSocket(this.net, from, this.address, `${this.id}.${++this.accepts}`, true)
    this.accepted.push(socket)
    this.net.mark(this, ACCEPTABLE)
    return socket
  }

  accept(): Socket | null {
    const socket = this.accepted.shift() ?? null
    if (this.accepted.length === 0) this.lower(ACCEPTABLE)
    return socket
  }

  close(): void {
    this.open = false
    for (const socket of this.accepted) socket.destroy()
    this.accepted.length = 0
  }
}

class SimResolution extends Resolution {
  readonly id: string
  addresses: readonly string[] = []
  fault: SocketFault | null = null
  constructor(number: number, host: string) {
    super()
    this.id = `resolve${number}(${host})`
  }
}

/** A served address, and the treatment of connects to it. */
interface Serving {
  readonly connected: (far: SimPeerSocket) => void
  readonly waits: boolean
}

class SimCommands extends Commands {
  readonly id = 'commands'
  private readonly orders: string[] = []
  private readonly net: SimNet
  constructor(net: SimNet) {
    super()
    this.net = net
  }
  give(command: string): void {
    this.orders.push(command)
    this.net.mark(this, COMMANDED)
  }
  take(): string | null {
    const order = this.orders.shift() ?? null
    if (this.orders.length === 0) this.lower(COMMANDED)
    return order
  }
}

/** The most steps while the clock stands still; more of them are an endless loop. */
const STEPS_AT_ONCE_MAX = 100_000

/** The start of every run: Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 §5.6.7. */
const WALL_TIME = 784_111_777_000

export class SimPollset extends Turns implements Pollset, SimNet {
  readonly commands: SimCommands
  readonly chance: Prng
  faults: SimFaults
  readonly done: Record<string, number> = {}
  writes = 0
  clock = 0
  private asked = false
  private shut = false
  private stepsAtOnce = 0
  private readonly agenda = new Agenda()
  private marked: Pollable[] = []
  private markedBits: number[] = []
  private readonly spoilt: Buffer[] = []
  private resolutions = 0
  private readonly names = new Map<string, readonly string[] | null>()
  private readonly answers = new SimAnswers()
  private readonly listeners = new Map<string, SimListener>()
  private readonly served = new Map<string, Serving>()

  constructor(seed: number, faults: SimFaults = noFaults, chance = new Prng(seed)) {
    super()
    this.chance = chance
    this.faults = faults
    this.commands = new SimCommands(this)
  }

  // For the World

  /** No listener of a simulation is private. */
  isPrivate(_address: Address): boolean {
    return false
  }

  listen(address: Address, id: string): Listener {
    const listener = new SimListener(this, address, id)
    const name = formatAddress(address)
    const taken = this.listeners.get(name)?.open === true
    if (taken) listener.fault = { code: 'EADDRINUSE', message: `${name} is taken` }
    else this.listeners.set(name, listener)
    this.mark(listener, taken ? LISTEN_FAILED : LISTENING)
    return listener
  }

  connect(address: Address, id: string, tls?: TlsClient): Socket {
    const socket = new SimSocket(this, address, { host: '192.0.2.254', port: 1 }, id, false)
    if (tls !== undefined) socket.secured = { ...SIMULATED_TLS, protocol: tls.options.alpn[0] ?? '' }
    const { chance, faults } = this
    if (chance.chance(faults.hangPercent)) {
      this.tally('hanging connect')
      return socket
    }
    const refused = chance.chance(faults.refusePercent)
    if (refused) this.tally('refused connect')
    this.soon(() => {
      const serving = this.served.get(formatAddress(address))
      if (refused || serving === undefined) socket.failed('ECONNREFUSED')
      else {
        if (!serving.waits) socket.connected(true)
        serving.connected(socket.peer)
      }
    })
    return socket
  }

  resolve(host: string): Resolution {
    const resolution = new SimResolution(++this.resolutions, host)
    const fails = this.chance.chance(this.faults.unresolvedPercent)
    if (fails) this.tally('unresolved name')
    const named = this.names.get(host)
    if (named === null) return resolution
    const found = named ?? (/^[\d.]+$|:/.test(host) ? [host] : [])
    this.soon(() => {
      if (fails || found.length === 0)
        resolution.fault = { code: 'ENOTFOUND', message: `no address of ${host}` }
      else resolution.addresses = found
      this.mark(resolution, RESOLVED)
    })
    return resolution
  }

  query(question: Question): Query {
    const query = new SimQuery(++this.resolutions, question.name)
    const fails = this.chance.chance(this.faults.unresolvedPercent)
    if (fails) this.tally('unresolved name')
    const answer = this.answers.to(question, this.names)
    if (answer === null) return query
    this.soon(() => {
      query.answer(fails ? { fault: 'ENOTFOUND' } : answer)
      if (!query.cancelled) this.mark(query, ANSWERED)
    })
    return query
  }

  task<T>(id: string, work: TaskWork<T>): Task<T> {
    const { taskFailPercent = 0 } = this.faults
    const fails = taskFailPercent > 0 && this.chance.chance(taskFailPercent)
    if (fails) this.tally('failed task')
    const failure = fails ? new Error('the task failed, as the simulation has it') : null
    return new SimTask(id, work, failure, (task) => this.soon(() => this.mark(task, SETTLED)))
  }

  tlsServer(options: TlsServerOptions): TlsServer {
    return { options }
  }
  tlsClient(options: TlsClientOptions): TlsClient {
    return { options }
  }

  wallTime(): number {
    return WALL_TIME + Math.floor(this.now)
  }

  random(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.chance.below(256)
  }

  close(): void {
    this.shut = true
    this.agenda.clear()
  }

  // For the peers

  /**
   * Calls `connected` for each connect of the World to this address.
   * @param waits true: each connect waits for {@link SimPeerSocket.accept}
   */
  serve(address: Address, connected: (far: SimPeerSocket) => void, waits = false): void {
    this.served.set(formatAddress(address), { connected, waits })
  }

  /** Refuses further connects to this address. */
  unserve(address: Address): void {
    this.served.delete(formatAddress(address))
  }

  /** Sets the addresses of a name; null: its look-ups never end. */
  name(host: string, addresses: readonly string[] | null): void {
    this.names.set(host, addresses)
  }

  /** Sets the answer to questions of this kind and name, from now on; null: silence. */
  answer(kind: Question['kind'], name: string, answer: SimAnswer | null): void {
    this.answers.set(kind, name, answer)
  }

  /** Returns true if {@link name} has set the addresses of this name. */
  protected isNamed(host: string): boolean {
    return this.names.has(host)
  }

  /** Connects to a listener of the World, from outside a turn. Returns null if none listens there. */
  dial(address: Address, from: Address): SimPeerSocket | null {
    const listener = this.listeners.get(formatAddress(address))
    return listener === undefined || !listener.open ? null : listener.arrive(from).peer
  }

  /** Calls `act` after this many ms. */
  after(ms: number, act: () => void): void {
    this.at(this.clock + ms, act)
  }

  /** Stops all faults of the network. Lost bytes stay lost. */
  heal(): void {
    this.faults = { ...noFaults, latencyMs: this.faults.latencyMs }
  }

  // Running

  /**
   * Moves to the next event, and runs one turn if one is needed. Returns false if nothing will ever happen.
   */
  step(): boolean {
    if (this.shut) return false
    const at = this.asked ? this.clock : Math.min(this.agenda.earliest, this.deadlines.earliest())
    if (at === Number.POSITIVE_INFINITY) return false
    if (at > this.clock) {
      this.clock = at
      this.stepsAtOnce = 0
    } else if (++this.stepsAtOnce > STEPS_AT_ONCE_MAX) throw new Error('the World loops without end')
    this.due()
    if (this.asked || this.deadlines.earliest() <= this.clock) this.one()
    return true
  }

  /** Steps until `over` returns true. Returns false if nothing will ever happen, or not within `ms`. */
  runUntil(over: () => boolean, ms = Number.POSITIVE_INFINITY): boolean {
    const last = this.clock + ms
    while (!over()) {
      if (!this.asked && Math.min(this.agenda.earliest, this.deadlines.earliest()) > last) return false
      if (!this.step()) return false
    }
    return true
  }

  /** Runs the events that are due. */
  protected due(): void {
    for (let left = STEPS_AT_ONCE_MAX; this.agenda.earliest <= this.clock && left > 0; left--) {
      this.agenda.shift().act()
    }
  }

  /** Runs one turn. */
  protected one(): void {
    this.asked = false
    this.turn()
    // A slice of a read buffer is invalid after the turn (spec/pollset.md, P21).
    for (const chunk of this.spoilt) chunk.fill(0xdd)
    this.spoilt.length = 0
  }

  private soon(act: () => void): void {
    this.at(this.clock + this.chance.below(this.faults.latencyMs + 1), act)
  }

  private tally(kind: string): void {
    this.done[kind] = (this.done[kind] ?? 0) + 1
  }

  // For sockets and listeners

  at(time: number, act: () => void): void {
    this.agenda.add(time, act)
  }

  mark(target: Pollable, bits: number): void {
    this.marked.push(target)
    this.markedBits.push(bits)
    this.askForTurn()
  }

  taken(chunk: Buffer): void {
    this.spoilt.push(chunk)
  }

  protected override readClock(): number {
    return this.clock
  }

  protected override steal(): void {
    const { marked, markedBits } = this
    this.marked = []
    this.markedBits = []
    for (let i = 0; i < marked.length; i++) marked[i].raise(markedBits[i])
  }

  protected override askForTurn(): void {
    this.asked = true
  }
}
