// A client's connection of either HTTP version, as exchanges and sessions to backends see it.

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
 * Makes the Host field of a request that names no host: the address it came to. HTTP/1.0 need not name one
 * (RFC 9112 §3.3), nor HTTP/2 if its request was translated from HTTP/1.0 (RFC 9113 §8.3.1).
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
  /** Made once by {@link forwardingFieldsOf}. */
  readonly forwardingFields: readonly Field[]
  /** The protocol that it speaks, as its requests name it: `HTTP/2`. */
  readonly protocol: string
  /** The result of its TLS handshake; null in clear text. */
  readonly secured: Secured | null
  /** The original source and destination of its connection, even behind a trusted relay. */
  readonly addresses: AddressPair
  /** How many requests have come behind the current one, in whose order they wait. For debuggers. */
  readonly pipelined?: number
  /** It has as many streams open as it may. For debuggers. */
  readonly isFull?: boolean
  /** Where its connection comes from: a relay's own address. */
  readonly neighbour: Address
}
