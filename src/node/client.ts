// A client's connection that belongs to a program of node:http or node:http2: Node reads and writes it. This
// object is the part of a client that exchanges and sessions need, and that its streams share.

import {
  type AddressPair,
  type Client,
  type Field,
  forwardingFieldsOf,
  type HttpWorld,
} from '../http/index.js'
import { type Address, formatAddress, numericHost, type Secured, Signal } from '../pollset/index.js'
import { ConnectionBudget } from '../transport/index.js'
import type { NodeConnection } from './messages.js'

const NOWHERE: Address = { host: '', port: 0 }

const addressOf = (host: string | undefined, port: number | undefined): Address =>
  host === undefined ? NOWHERE : { host: numericHost(host), port: port ?? 0 }

export class NodeClient implements Client {
  readonly id: string
  readonly protocol: string
  readonly forwardingFields: readonly Field[]
  readonly addresses: AddressPair
  readonly secured: Secured | null
  readonly neighbour: Address
  /** The connection as a pollable. Node has its bits. */
  readonly pollable: Signal
  readonly budget = new ConnectionBudget()
  /** The number of requests that have come on it. */
  count = 0

  /** @param secured the result of its TLS handshake; null in clear text */
  constructor(world: HttpWorld, connection: NodeConnection, isHttp2: boolean, secured: Secured | null) {
    this.id = world.nextId('m')
    this.protocol = isHttp2 ? 'HTTP/2' : 'HTTP/1.1'
    this.addresses = {
      from: addressOf(connection.remoteAddress, connection.remotePort),
      to: addressOf(connection.localAddress, connection.localPort),
    }
    this.neighbour = this.addresses.from
    this.secured = secured
    this.forwardingFields = forwardingFieldsOf(
      world.fields,
      isHttp2 ? '2' : '1.1',
      this.addresses,
      secured === null ? 'http' : 'https',
    )
    this.pollable = new Signal(this.id, 'connection', [])
  }

  get peerName(): string {
    return `the client ${formatAddress(this.addresses.from)}`
  }
}
