// A proxy for memcached's text protocol, on transport, continuation and engine alone: the second example of
// spec/writing-a-protocol.md.
//
//   client ── request ──┬── part ── engine ── connections to one server
//                       └── part ── engine ── connections to another
//
// A key belongs to one server. A request whose keys are on several servers has a part for each, and waits in
// a gather for all of them. Clients share a few connections to each server; answers leave in the order of
// their client's requests. A value is kept until it is whole, so that a slow client never stops a shared
// connection.

import { Continuation, defineLife } from '../../src/continuation/index.js'
import { ALL_ENDED, Engine, Gather, sessionsOn } from '../../src/engine/index.js'
import type { Address, Socket } from '../../src/pollset/index.js'
import {
  ByteConnection,
  type ByteOutput,
  Connections,
  type Dial,
  type DialTarget,
  dial,
  KeptBytes,
  type Listening,
  Pipeline,
  type TransportWorld,
} from '../../src/transport/index.js'
import {
  type Asking,
  type MemcachedOptions,
  MemcachedSession,
  memcachedDefaults,
  Part,
} from './memcached-backend.js'
import { type MemcachedCommand, RequestReader, valuesOf } from './memcached-text.js'

const NOTHING = Buffer.alloc(0)
const END = Buffer.from('END\r\n')

const requestLife = defineLife({
  name: 'memcached.request',
  source: import.meta.url,
  edges: { divide: ['tell'], tell: ['done'] },
})
const waitForParts = requestLife.suspend({ then: 'tell', cancelled: 'tell' })

const requestSteps = requestLife.steps<Request>({
  divide(r) {
    r.divide()
    r.waitOn(0, r.gather, ALL_ENDED)
    return waitForParts
  },
  tell(r) {
    r.tell()
    return requestLife.done
  },
})

/** A request of a client, which waits for its parts and sends the answer to its client. */
class Request extends Continuation implements Asking {
  readonly id: string
  readonly kind = 'memcached-request'
  readonly client: MemcachedFrontend
  readonly command: MemcachedCommand
  readonly value: KeptBytes
  readonly gather: Gather<Part>
  readonly parts: Part[] = []
  isTold = false

  constructor(client: MemcachedFrontend, command: MemcachedCommand, value: KeptBytes) {
    const { world } = client.proxy
    super(world)
    this.client = client
    this.command = command
    this.value = value
    this.id = world.nextId(`${client.id}/r`)
    this.gather = new Gather(`${this.id}.gather`)
    requestSteps.start(world, this, 'divide')
  }

  divide(): void {
    const { proxy } = this.client
    for (const [engine, keys] of proxy.enginesOf(this.command)) {
      const part = new Part(proxy.world, proxy.options, this, engine, keys)
      this.parts.push(part)
      this.gather.add(part)
    }
  }

  ended(part: Part): void {
    this.gather.ended(part, part.error !== null)
  }

  tell(): void {
    // If some of them have not ended, the client has gone.
    for (const part of this.gather) part.cancel()
    if (this.gather.size > 0) this.discard()
    this.value.clear()
    this.isTold = true
    this.client.sendAnswers()
  }

  /** Sends its answer: that of its only part unchanged, or the values of several in the order of its keys. */
  leave(output: ByteOutput): void {
    const { command, parts } = this
    if (command.isQuiet) return
    const failed = parts.find((part) => part.error !== null)
    const answers = parts.map(({ bytes }) => bytes.bytes.subarray(0, bytes.length))
    const refused = answers.find((each) => !/(END|OK)\r\n$/.test(each.toString('latin1', each.length - 5)))
    if (failed !== undefined) output.write(Buffer.from(`${failed.error}\r\n`, 'latin1'))
    else if (refused !== undefined || command.keys.length === 0 || parts.length === 1)
      output.write(refused ?? answers[0])
    else {
      const values = new Map(answers.flatMap((each) => [...valuesOf(each)]))
      for (const key of command.keys) output.write(values.get(key) ?? NOTHING)
      output.write(END)
    }
  }

  discard(): void {
    for (const part of this.parts) part.discard()
  }

  crashed(): void {
    this.tell()
  }
}

/** Makes an answer of the proxy's own, which waits for its turn among the others. */
const own = (text: string) => ({
  isTold: true,
  leave: (output: ByteOutput) => output.write(Buffer.from(`${text}\r\n`, 'latin1')),
  discard() {},
  cancel() {},
})

/** A connection from a client. */
class MemcachedFrontend extends ByteConnection {
  readonly kind = 'memcached-frontend'
  readonly proxy: MemcachedProxy
  private readonly requests = new Pipeline<Request | ReturnType<typeof own>>()
  private reader: RequestReader
  private value: KeptBytes

  constructor(proxy: MemcachedProxy, socket: Socket) {
    super(proxy.world, proxy.world.nextId('m'), socket)
    this.proxy = proxy
    this.value = new KeptBytes(proxy.world.pollset, proxy.world.memory)
    this.reader = new RequestReader(this.value, proxy.options.valueBytesMax)
  }

  get mayRead(): boolean {
    const { requestsMax, unreadBytesMax } = this.proxy.options
    return this.requests.size < requestsMax && this.output.waiting < unreadBytesMax
  }

  get owes(): boolean {
    return this.requests.size > 0
  }

  protected takeBytes(chunk: Buffer, at: number): number {
    const { end, found } = this.reader.read(chunk, at)
    if (found === 'request') this.request(this.reader.command as MemcachedCommand)
    else if (found !== 'more') this.requests.push(own(this.reader.error))
    if (found === 'unreadable') this.ending = true
    if (found !== 'more') this.sendAnswers()
    return end
  }

  private request(command: MemcachedCommand): void {
    if (command.name === 'quit') this.ending = true
    else if (command.name === 'mn') this.requests.push(own('MN'))
    else {
      this.requests.push(new Request(this, command, this.value))
      // The request has the value from now on.
      this.value = new KeptBytes(this.proxy.world.pollset, this.proxy.world.memory)
      this.reader = new RequestReader(this.value, this.proxy.options.valueBytesMax)
    }
  }

  /** Sends answers in the order of their requests. */
  sendAnswers(): void {
    for (let first = this.requests.first; first?.isTold; first = this.requests.first) {
      this.requests.shift()
      first.leave(this.output)
      first.discard()
    }
    this.changed()
  }

  closed(): void {
    this.value.clear()
    for (const request of this.requests) request.cancel()
    this.proxy.clients.delete(this)
  }
}

/** Listens, and shares the connections to some servers among all its clients. */
export class MemcachedProxy {
  readonly world: TransportWorld
  readonly options: MemcachedOptions
  readonly engines: readonly Engine<MemcachedSession>[]
  readonly clients: Connections
  readonly listening: Listening

  constructor(
    world: TransportWorld,
    at: Address,
    servers: readonly DialTarget[],
    options: Partial<MemcachedOptions> = {},
  ) {
    this.world = world
    this.options = { ...memcachedDefaults, ...options }
    this.engines = servers.map((server, which) => {
      const sessions = sessionsOn<MemcachedSession, Socket, Dial>(
        (told) => dial(world, world.nextId('b'), server, this.options, told),
        (socket, reports, { name }) => new MemcachedSession(world, this.options.depth, name, socket, reports),
      )
      return new Engine(world, `memcached-${which}`, sessions, this.options)
    })
    this.clients = new Connections('clients', this.options.clientsMax)
    this.listening = this.clients.serve(world, at, (socket) => new MemcachedFrontend(this, socket))
  }

  /**
   * Returns the engines that a command goes to, with its keys on each: without keys, the first one or all.
   */
  enginesOf({ verb, keys }: MemcachedCommand): Map<Engine<MemcachedSession>, string[]> {
    const { engines } = this
    const found = new Map<Engine<MemcachedSession>, string[]>()
    for (const engine of keys.length > 0 ? [] : verb === 'version' ? engines.slice(0, 1) : engines)
      found.set(engine, [])
    for (const key of keys) {
      const engine = engines[hashOf(key) % engines.length]
      found.get(engine)?.push(key) ?? found.set(engine, [key])
    }
    return found
  }

  /** Stops accepting. Requests that were read are answered, then all connections close. */
  drain(): void {
    this.clients.drain(() => {
      for (const engine of this.engines) engine.close()
    })
  }
}

/** FNV-1a, 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
