// Who is in front: a client's connection, as an exchange and a backend need to know it, whichever HTTP
// version it speaks.

import { formatAddress, type Socket } from '../pollset/index.js'
import type { AddressPair } from '../transport/index.js'
import type { Field } from './field.js'
import type { FieldTable } from './field-table.js'

/**
 * What the requests of a client are marked with: how they came (RFC 9110 §7.6.3), from whom, and over what.
 */
export const forwardingFieldsOf = (
  fields: FieldTable,
  version: '1.1' | '2',
  ends: AddressPair,
  scheme: 'http' | 'https',
): readonly Field[] => [
  fields.field('via', `${version} fermata`),
  fields.field('x-forwarded-for', ends.from.host),
  fields.field('x-forwarded-proto', scheme),
]

/**
 * A request that names no host is for the address it came to: HTTP/1.0 need not name one (RFC 9112 §3.3), nor
 * HTTP/2 where its request was made from one of those (RFC 9113 §8.3.1).
 */
export const ownHost = (fields: FieldTable, { local }: Socket): Field =>
  fields.field('host', local.host === '' ? 'localhost' : formatAddress(local))

/** A client's connection that only waits for the client to read our last word. */
export interface LingeringClient extends Client {
  /** Close now: its place is needed. */
  evict(): void
}

/** Who is in front: one a frontend connection. */
export interface Client {
  readonly id: string
  /** {@link forwardingFieldsOf} it; made once. */
  readonly forwardingFields: readonly Field[]
  /** Between whom its connection was made: what tells a backend of it. */
  readonly addresses: AddressPair
}
