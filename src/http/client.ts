// A client's connection of either HTTP version, as seen by exchanges and by sessions to backends.

import { type Address, formatAddress, type Secured, type Socket } from '../pollset/index.js'
import type { AddressPair } from '../transport/index.js'
import type { Field } from './field.js'
import type { FieldTable } from './field-table.js'

/** Makes the forwarding fields of a client's requests: Via (RFC 9110 §7.6.3) and X-Forwarded-*. */
export const forwardingFieldsOf = (
  fields: FieldTable,
  version: '1.1' | '2',
  addresses: AddressPair,
  scheme: 'http' | 'https',
): readonly Field[] => [
  fields.field('via', `${version} fermata`),
  fields.field('x-forwarded-for', addresses.from.host),
  fields.field('x-forwarded-proto', scheme),
]

/**
 * Makes the Host field of a request that names no host, from the address that it came to. HTTP/1.0 need not
 * name a host (RFC 9112 §3.3), nor need HTTP/2 if its request was translated from HTTP/1.0 (RFC 9113 §8.3.1).
 */
export const ownHost = (fields: FieldTable, { local }: Socket): Field =>
  fields.field('host', local.host === '' ? 'localhost' : formatAddress(local))

/** A client's connection that waits only for the client to read our last bytes. */
export interface LingeringClient extends Client {
  /** Closes it now, because its place is needed. */
  evict(): void
}

/** A client; each frontend connection has one. */
export interface Client {
  readonly id: string
  /** The forwarding fields, made once by {@link forwardingFieldsOf}. */
  readonly forwardingFields: readonly Field[]
  /** The protocol of its requests: `HTTP/2`. */
  readonly protocol: string
  /** The result of its TLS handshake; null in clear text. */
  readonly secured: Secured | null
  /** The original source and destination of its connection, even behind a trusted relay. */
  readonly addresses: AddressPair
  /** The number of requests that have come behind the current one and wait for it. For debuggers. */
  readonly pipelined?: number
  /** True while as many streams are open as the limit allows. For debuggers. */
  readonly isFull?: boolean
  /** The address that its connection comes from: a relay's own address. */
  readonly neighbour: Address
}
