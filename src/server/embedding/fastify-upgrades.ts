// The WebSockets of plugins of Fastify. One below a prefix is given to Fastify's router, as a request is, so
// that its hooks and constraints decide on it too; the handler of its route then takes the socket.

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Prefix } from './fastify-prefix.js'
import type { UpgradeSocket } from './options.js'

/** The used part of a Fastify instance. */
export interface Routing {
  readonly server: unknown
  routing(request: IncomingMessage, reply: ServerResponse): void
  addHook(name: 'preClose', hook: (done: () => void) => void): unknown
}

/** The arguments of `upgrade`. */
interface Upgrade {
  readonly socket: UpgradeSocket
  readonly head: Buffer
  isTaken: boolean
}

/** The property of a request that has its upgrade. */
const UPGRADE = Symbol('fermata.upgrade')
type WithUpgrade = IncomingMessage & { [UPGRADE]?: Upgrade }

/** The prefixes of one server whose WebSockets are taken, and the sockets that are open. */
class Upgrades {
  private readonly prefixes: Prefix[] = []
  private readonly sockets = new Set<UpgradeSocket>()
  private isClosing = false
  private readonly instance: Routing

  constructor(instance: Routing) {
    this.instance = instance
    const server = instance.server as NodeJS.EventEmitter
    // It knows of each first: others, as @fastify/websocket, give all upgrades to the router too.
    server.prependListener('upgrade', (request: IncomingMessage, socket: UpgradeSocket, head: Buffer) =>
      this.upgraded(request, socket, head),
    )
  }

  add(prefix: Prefix, instance: Routing): void {
    this.prefixes.push(prefix)
    // Fastify waits for all connections of its server.
    instance.addHook('preClose', (closed) => {
      this.isClosing = true
      for (const each of this.sockets) each.destroy()
      closed()
    })
  }

  private upgraded(request: IncomingMessage, socket: UpgradeSocket, head: Buffer): void {
    const path = request.url ?? '/'
    if (!this.prefixes.some((each) => each.read(path) !== null)) return
    socket.on('error', () => {})
    if (this.isClosing) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      return
    }
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    const upgrade = { socket, head, isTaken: false }
    ;(request as WithUpgrade)[UPGRADE] = upgrade
    process.nextTick(() => this.route(request, upgrade))
  }

  private route(request: IncomingMessage, upgrade: Upgrade): void {
    const { socket } = upgrade
    // Another listener has given it to the router.
    if (upgrade.isTaken || (socket as { _httpMessage?: unknown })._httpMessage != null) return
    const reply = new ServerResponse(request)
    reply.shouldKeepAlive = false
    reply.assignSocket(socket as Socket)
    reply.once('finish', () => {
      if (upgrade.isTaken) return
      reply.detachSocket(socket as Socket)
      socket.end()
    })
    this.instance.routing(request, reply)
  }
}

/** The property of a server that has its upgrades. */
const OF_SERVER = Symbol('fermata.upgrades')

/** Has the WebSockets below this prefix routed. */
export function takeUpgrades(instance: Routing, prefix: Prefix): void {
  const server = instance.server as { [OF_SERVER]?: Upgrades }
  server[OF_SERVER] ??= new Upgrades(instance)
  server[OF_SERVER].add(prefix, instance)
}

/** Returns what came with the `upgrade` of this request; null if it is none. */
export const upgradeOf = (request: unknown): Upgrade | null => (request as WithUpgrade)[UPGRADE] ?? null

/** Takes the socket from the response that Fastify has. */
export function takeSocket(upgrade: Upgrade, reply: unknown): void {
  upgrade.isTaken = true
  const { socket } = upgrade
  const raw = reply as ServerResponse
  if (raw.socket === (socket as unknown)) raw.detachSocket(socket as Socket)
}
