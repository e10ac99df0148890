// The pollset of Node: TCP, DNS, timers and randomness, which only the files of this folder may import. It
// runs one turn in each iteration of Node's loop, in the check phase (setImmediate) right after the poll
// phase in which the callbacks marked.

import { randomFillSync } from 'node:crypto'
import { lookup } from 'node:dns'
import { connect, isIP, type NetConnectOpts, type Socket as NetSocket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { TLSSocket } from 'node:tls'
import {
  type Address,
  COMMANDED,
  Commands,
  type Listener,
  type ListenOptions,
  type Pollset,
  RESOLVED,
  Resolution,
  type Socket,
  type SocketFault,
} from '../door.js'
import type { Query, Question } from '../query.js'
import type { Task, TaskWork } from '../task.js'
import type { TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from '../tls.js'
import { type TurnLimits, Turns, turnLimits } from '../turn.js'
import { KnownCertificates } from './certificates.js'
import { FileWatch } from './file-watch.js'
import { type TcpKeepAlive, tcpKeepAlive } from './keep-alive.js'
import { LentListener, type ListenerLender } from './lent-listener.js'
import { faultOf, NodeListener, type NodeListenerLimits } from './listener.js'
import { NodeLogFile } from './log-file.js'
import { numericHost } from './networks.js'
import { type RawConnection, WorkerProcess } from './process-link.js'
import { NodeQuery } from './query.js'
import { reaches } from './reaches.js'
import { ReadBuffers, Reading } from './reading.js'
import { type Marked, type Marks, NodeSocket } from './socket.js'
import { NodeTask } from './task.js'
import { Thread } from './thread.js'
import { TicketKeys } from './ticket-keys.js'
import { NodeTlsClient, NodeTlsServer, securedBy } from './tls.js'

export interface NodePollsetLimits extends TurnLimits, NodeListenerLimits {
  /** The number of commands that wait for the next turn. One more is dropped. */
  readonly commandsMax: number
  /** The time of silence after which TCP probes a backend's host, in ms; see frontendTcpKeepAliveMs. */
  readonly backendTcpKeepAliveMs: number
}

export const nodePollsetLimits: NodePollsetLimits = {
  ...turnLimits,
  readAheadBytesMax: 512 * 1024,
  lookAheadBytesMax: 16 * 1024,
  acceptQueueMax: 4096,
  commandsMax: 64,
  backlog: 4096,
  // Clients' networks pause now and then, so they are probed later. A connection in use is not probed.
  frontendTcpKeepAliveMs: 120_000,
  backendTcpKeepAliveMs: 60_000,
}

/** The longest time of a Node timer, in ms. A longer one would fire at once. */
const TIMER_MS_MAX = 0x7fffffff

class NodeResolution extends Resolution implements Marked {
  readonly id: string
  marked = 0
  addresses: readonly string[] = []
  fault: SocketFault | null = null

  constructor(number: number, host: string, marks: Marks) {
    super()
    this.id = `resolve${number}(${host})`
    if (isIP(host) !== 0) {
      this.addresses = [host]
      this.readiness = RESOLVED
      return
    }
    // IPv4 first: a local server listens on 127.0.0.1 alone more often than on ::1 alone.
    lookup(host, { all: true, verbatim: false }, (error, found) => {
      if (error !== null) this.fault = faultOf(error)
      else this.addresses = found.map((each) => each.address)
      marks.mark(this, RESOLVED)
    })
  }
}

class NodeCommands extends Commands implements Marked {
  readonly id = 'commands'
  marked = 0
  private readonly orders: string[] = []
  private readonly marks: Marks
  private readonly commandsMax: number

  constructor(marks: Marks, commandsMax: number) {
    super()
    this.marks = marks
    this.commandsMax = commandsMax
  }

  give(command: string): void {
    if (this.orders.length >= this.commandsMax) return
    this.orders.push(command)
    this.marks.mark(this, COMMANDED)
  }

  take(): string | null {
    const order = this.orders.shift() ?? null
    if (this.orders.length === 0) this.lower(COMMANDED)
    return order
  }
}

/** The parts that a worker's pollset gets from the primary process. */
export interface LentParts {
  /** Lends listeners. */
  readonly lender: ListenerLender
  readonly ticketKeys: Uint8Array
  /** Addresses of the primary at which nothing may be dialled; see {@link Pollset.isPrivate}. */
  readonly privateAddresses: readonly Address[]
}

export class NodePollset extends Turns implements Pollset, Marks {
  readonly commands: NodeCommands
  private readonly bounds: NodePollsetLimits
  private marks: Marked[] = []
  /** The wall clock, read at most once a turn; 0 until it is asked for. */
  private wall = 0
  private resolutions = 0
  private asks = 0
  private readonly queries = new Set<NodeQuery>()
  /** The second of two arrays that change places; it is empty between turns. */
  private stolen: Marked[] = []
  private asked = false
  private closed = false
  private timer: NodeJS.Timeout | null = null
  private timerAt = Number.POSITIVE_INFINITY
  private readonly readBuffers = new ReadBuffers((error) => this.broken(error))
  private readonly listeners = new Set<NodeListener | LentListener>()
  private readonly sockets = new Set<NodeSocket>()
  /** Threads and watches. */
  private readonly helpers = new Set<{ end(): void }>()
  private readonly backendKeepAlive: TcpKeepAlive
  private readonly background: boolean
  /** Keeps the process alive while it is busy in the background. */
  private holding: NodeJS.Timeout | null = null
  readonly certificates = new KnownCertificates()
  private readonly ticketKeys: TicketKeys
  private readonly lent: LentParts | null
  private readonly onImmediate: () => void
  private readonly onTimer: () => void

  /**
   * @param background true: its timers and idle connections do not keep the process alive (P40)
   * @param lent what the primary lends to a worker; null: this process is no worker
   */
  constructor(limits: Partial<NodePollsetLimits> = {}, background = false, lent: LentParts | null = null) {
    const bounds = { ...nodePollsetLimits, ...limits }
    super(bounds)
    this.lent = lent
    this.ticketKeys = new TicketKeys(lent?.ticketKeys ?? null)
    this.bounds = bounds
    this.background = background
    this.backendKeepAlive = tcpKeepAlive(bounds.backendTcpKeepAliveMs)
    this.commands = new NodeCommands(this, bounds.commandsMax)
    this.onImmediate = () => {
      this.asked = false
      if (this.closed) return
      this.turn()
      if (!this.closed) this.setTimer()
    }
    this.onTimer = () => {
      this.timer = null
      this.timerAt = Number.POSITIVE_INFINITY
      this.askForTurn()
    }
    this.deadlines.now = this.readClock()
  }

  listen(address: Address, id: string, options: ListenOptions = {}): Listener {
    const { bounds, lent } = this
    // A listener that is not for clients belongs to the worker alone.
    const listener =
      lent === null || options.isPrivate === true
        ? new NodeListener(this, address, id, bounds, options)
        : new LentListener(this, address, id, bounds, options, lent.lender)
    this.listeners.add(listener)
    return listener
  }

  /** Listens for workers. @param dealt is given each accepted connection */
  listenFor(address: Address, id: string, dealt: (connection: RawConnection) => void): Listener {
    const listener = new NodeListener(this, address, id, this.bounds, {}, dealt)
    this.listeners.add(listener)
    return listener
  }

  isPrivate(address: Address): boolean {
    for (const own of this.lent?.privateAddresses ?? []) if (reaches(address, own)) return true
    for (const { address: own, isPrivate } of this.listeners)
      if (isPrivate && reaches(address, own)) return true
    return false
  }

  connect(address: Address, id: string, tls?: TlsClient, preamble?: Buffer): Socket {
    const { host, port, path, local } = address
    if (local !== undefined)
      return this.note(new NodeSocket(local.connect() as NetSocket, address, id, this, this.bounds))
    // Node would resolve a name itself, past the pollset (P26).
    if (path === undefined && isIP(host) === 0) throw new TypeError(`${id}: not a numeric address: ${host}`)
    const options = {
      ...(path === undefined ? { host, port } : { path }),
      allowHalfOpen: true,
      noDelay: true,
      autoSelectFamily: false,
      ...this.backendKeepAlive,
    }
    if (tls === undefined && preamble === undefined) {
      const reading = new Reading(this.readBuffers)
      const net = connect({ ...options, onread: reading } as NetConnectOpts)
      if (this.background) net.unref()
      return this.note(new NodeSocket(net, address, id, this, this.bounds, reading))
    }
    const clear = tls === undefined || preamble !== undefined ? connect(options as NetConnectOpts) : null
    if (preamble !== undefined) clear?.write(preamble)
    const net =
      tls === undefined
        ? (clear as NetSocket)
        : (tls as NodeTlsClient).connect(clear === null ? options : { socket: clear }, this.backendKeepAlive)
    if (this.background) net.unref()
    return this.note(new NodeSocket(net, address, id, this, this.bounds))
  }

  tlsServer(options: TlsServerOptions): TlsServer {
    return new NodeTlsServer(options, () => this.ticketKeys.at(this.now), this.certificates)
  }

  /** Sets the keys of session tickets that the primary has made. */
  setTicketKeys(keys: Uint8Array): void {
    this.ticketKeys.give(keys)
  }

  tlsClient(options: TlsClientOptions): TlsClient {
    return new NodeTlsClient(options)
  }

  /**
   * Makes a thread, which starts with its first message.
   * @param heapMiBMax its heap, in MiB
   */
  thread(id: string, module: URL, heapMiBMax: number): Thread {
    const thread = new Thread(id, module, heapMiBMax, this)
    this.helpers.add(thread)
    return thread
  }

  /** Starts a worker. @param module the module that it runs @param args its arguments */
  worker(id: string, module: URL, args: readonly string[]): WorkerProcess {
    return new WorkerProcess(id, module, args, this)
  }

  fileWatch(id: string): FileWatch {
    const made = new FileWatch(id, this)
    this.helpers.add({ end: () => made.close() })
    return made
  }

  /**
   * Makes a file of lines, which is not open yet.
   * @param path `-` for standard output
   * @param slabBytes the bytes of each of the two slabs in which lines wait
   */
  logFile(id: string, path: string, slabBytes: number): NodeLogFile {
    return new NodeLogFile(id, path, slabBytes, this)
  }

  resolve(host: string): Resolution {
    return new NodeResolution(++this.resolutions, host, this)
  }

  query(question: Question): Query {
    const query = new NodeQuery(++this.asks, question, this, (over) => this.queries.delete(over))
    if (!query.ended) this.queries.add(query)
    return query
  }

  task<T>(id: string, work: TaskWork<T>): Task<T> {
    return new NodeTask(id, work, this)
  }

  wallTime(): number {
    return (this.wall ||= Date.now())
  }

  random(target: Uint8Array): void {
    randomFillSync(target)
  }

  close(): void {
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
    if (this.holding !== null) clearInterval(this.holding)
    for (const listener of [...this.listeners]) listener.close()
    for (const socket of this.sockets) socket.destroy()
    for (const each of this.helpers) each.end()
    for (const query of [...this.queries]) query.cancel()
  }

  mark(target: Marked, bits: number): void {
    if (target.marked === 0) this.marks.push(target)
    target.marked |= bits
    this.askForTurn()
  }

  newReading(): Reading {
    return new Reading(this.readBuffers)
  }

  /** Notes a socket, so that {@link close} can destroy it. */
  note(socket: NodeSocket): NodeSocket {
    this.sockets.add(socket)
    return socket
  }

  /**
   * Takes over an open socket of the program that embeds us, from its next byte on (P39). From now on only
   * this pollset uses it.
   * @param head bytes that the program has read of it and that belong to us
   */
  adopt(net: NetSocket, head: Uint8Array, id: string): Socket {
    const remote = { host: numericHost(net.remoteAddress ?? ''), port: net.remotePort ?? 0 }
    net.setTimeout?.(0)
    net.setNoDelay?.(true)
    const socket = this.note(new NodeSocket(net, remote, id, this, this.bounds))
    if (net instanceof TLSSocket) socket.secured = securedBy(net)
    if (head.length > 0) socket.bytesRead(Buffer.from(head), null)
    if (net.destroyed) socket.netClosed()
    return socket
  }

  /** Notes whether requests of the embedding program run: the process does not end while they do (P40). */
  busy(isBusy: boolean): void {
    if (!this.background || this.closed) return
    if (isBusy) this.holding ??= setInterval(() => {}, TIMER_MS_MAX)
    if (isBusy) this.holding?.ref()
    else this.holding?.unref()
  }

  drop(listener: Listener): void {
    this.listeners.delete(listener as NodeListener | LentListener)
  }

  forget(socket: NodeSocket): void {
    this.sockets.delete(socket)
  }

  protected override readClock(): number {
    this.wall = 0
    return performance.now()
  }

  protected override steal(): void {
    const marks = this.marks
    this.marks = this.stolen
    for (let i = 0; i < marks.length; i++) {
      const target = marks[i]
      const bits = target.marked
      target.marked = 0
      target.raise(bits)
    }
    marks.length = 0
    this.stolen = marks
  }

  protected override turnOver(): void {
    this.wall = 0
    this.readBuffers.turnOver()
  }

  protected override askForTurn(): void {
    if (this.asked) return
    this.asked = true
    setImmediate(this.onImmediate)
  }

  /**
   * Sets the one Node timer for the earliest deadline. A timer that fires too early costs only an empty turn.
   */
  private setTimer(): void {
    const at = this.deadlines.earliest()
    if (at >= this.timerAt && at !== Number.POSITIVE_INFINITY) return
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.timerAt = Number.POSITIVE_INFINITY
    if (at === Number.POSITIVE_INFINITY) return
    this.timerAt = at
    this.timer = setTimeout(this.onTimer, Math.min(TIMER_MS_MAX, Math.max(1, Math.ceil(at - this.now))))
    if (this.background) this.timer.unref()
  }
}
