// Who is in front: a client's connection, as an exchange and a backend need to know it, whichever HTTP
// version it speaks.

import { formatAddress, type Socket } from '../pollset/index.js'
import type { Ends } from '../transport/index.js'
import type { Field } from './field.js'
import type { FieldTable } from './field-table.js'

/**
 * What the requests of a client are marked with: how they came (RFC 9110 §7.6.3), from whom, and over what.
 */
export const marksOf = (
  fields: FieldTable,
  version: '1.1' | '2',
  ends: Ends,
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
  giveWay(): void
}

/** Who is in front: one a frontend connection. */
export interface Client {
  readonly id: string
  /** {@link marksOf} it; made once. */
  readonly marks: readonly Field[]
  /** Between whom its connection was made: what tells a backend of it. */
  readonly ends: Ends
}
